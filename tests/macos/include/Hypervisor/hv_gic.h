/* SPDX-License-Identifier: ISC */
/*
 * The framework's own GICv3, macOS 15 and later. See Hypervisor.h.
 */
#ifndef TESTS_HV_GIC_H
#define TESTS_HV_GIC_H

typedef struct hv_gic_config_s *hv_gic_config_t;
typedef struct hv_gic_state_s *hv_gic_state_t;

/* By its encoding, as hv_sys_reg_t. */
typedef uint16_t hv_gic_icc_reg_t;

HV_NEWER hv_gic_config_t hv_gic_config_create(void);
HV_NEWER hv_return_t hv_gic_config_set_distributor_base(hv_gic_config_t config, hv_ipa_t base);
HV_NEWER hv_return_t hv_gic_config_set_redistributor_base(hv_gic_config_t config, hv_ipa_t base);
HV_NEWER hv_return_t hv_gic_config_set_msi_region_base(hv_gic_config_t config, hv_ipa_t base);
HV_NEWER hv_return_t hv_gic_config_set_msi_interrupt_range(hv_gic_config_t config,
                                                           uint32_t intid_base,
                                                           uint32_t intid_count);
HV_NEWER hv_return_t hv_gic_get_distributor_base_alignment(size_t *alignment);
HV_NEWER hv_return_t hv_gic_get_redistributor_base_alignment(size_t *alignment);
HV_NEWER hv_return_t hv_gic_get_msi_region_base_alignment(size_t *alignment);
HV_NEWER hv_return_t hv_gic_create(hv_gic_config_t config);
HV_NEWER hv_return_t hv_gic_reset(void);
HV_NEWER hv_return_t hv_gic_set_spi(uint32_t intid, bool level);
HV_NEWER hv_return_t hv_gic_send_msi(hv_ipa_t address, uint32_t intid);
HV_NEWER hv_return_t hv_gic_get_icc_reg(hv_vcpu_t vcpu, hv_gic_icc_reg_t reg, uint64_t *value);
HV_NEWER hv_return_t hv_gic_set_icc_reg(hv_vcpu_t vcpu, hv_gic_icc_reg_t reg, uint64_t value);
HV_NEWER hv_gic_state_t hv_gic_state_create(void);
HV_NEWER hv_return_t hv_gic_state_get_size(hv_gic_state_t state, size_t *size);
HV_NEWER hv_return_t hv_gic_state_get_data(hv_gic_state_t state, void *data);
HV_NEWER hv_return_t hv_gic_set_state(const void *data, size_t size);

#endif
