/* SPDX-License-Identifier: ISC */
/*
 * What Atoll uses of Hypervisor.framework for arm64 (macOS 11 and later), as prototypes of the
 * project's own: enough to compile and link src/engine/hvf/ where there is no macOS SDK, and what
 * the double (tests/macos/double.h) implements. Names, numbers and layouts are the framework's
 * interface; what is newer than macOS 13 is a weak import, as it is with Apple's headers.
 */
#ifndef TESTS_HYPERVISOR_H
#define TESTS_HYPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __APPLE__
#define HV_NEWER __attribute__((weak_import))
#else
#define HV_NEWER __attribute__((weak))
#endif

typedef int32_t hv_return_t;

enum {
    HV_SUCCESS = 0,
    HV_ERROR = (int32_t)0xfae94001,
    HV_BUSY = (int32_t)0xfae94002,
    HV_BAD_ARGUMENT = (int32_t)0xfae94003,
    HV_ILLEGAL_GUEST_STATE = (int32_t)0xfae94004,
    HV_NO_RESOURCES = (int32_t)0xfae94005,
    HV_NO_DEVICE = (int32_t)0xfae94006,
    HV_DENIED = (int32_t)0xfae94007,
    HV_UNSUPPORTED = (int32_t)0xfae9400f,
};

typedef uint64_t hv_ipa_t;
typedef uint64_t hv_memory_flags_t;
typedef uint64_t hv_vcpu_t;
typedef uint32_t hv_exit_reason_t;

enum { HV_MEMORY_READ = 1, HV_MEMORY_WRITE = 2, HV_MEMORY_EXEC = 4 };

typedef struct hv_vm_config_s *hv_vm_config_t;
typedef struct hv_vcpu_config_s *hv_vcpu_config_t;

typedef struct {
    uint64_t syndrome;
    uint64_t virtual_address;
    hv_ipa_t physical_address;
} hv_vcpu_exit_exception_t;

typedef struct {
    hv_exit_reason_t reason;
    hv_vcpu_exit_exception_t exception;
} hv_vcpu_exit_t;

_Static_assert(offsetof(hv_vcpu_exit_t, exception) == 8 && sizeof(hv_vcpu_exit_t) == 32,
               "the framework's layout of an exit");

enum {
    HV_EXIT_REASON_CANCELED = 0,
    HV_EXIT_REASON_EXCEPTION = 1,
    HV_EXIT_REASON_VTIMER_ACTIVATED = 2,
    HV_EXIT_REASON_UNKNOWN = 3,
};

typedef uint32_t hv_reg_t;

enum {
    HV_REG_X0 = 0, /* ... X30 = 30 */
    HV_REG_PC = 31,
    HV_REG_FPCR = 32,
    HV_REG_FPSR = 33,
    HV_REG_CPSR = 34,
};

typedef uint32_t hv_simd_fp_reg_t; /* Q0 = 0 ... Q31 = 31 */
typedef __attribute__((vector_size(16))) uint8_t hv_simd_fp_uchar16_t;

/* By its encoding: op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2. */
typedef uint16_t hv_sys_reg_t;

typedef uint32_t hv_interrupt_type_t;

enum { HV_INTERRUPT_TYPE_IRQ = 0, HV_INTERRUPT_TYPE_FIQ = 1 };

typedef uint32_t hv_feature_reg_t;

enum {
    HV_FEATURE_REG_ID_AA64DFR0_EL1 = 0,
    HV_FEATURE_REG_ID_AA64DFR1_EL1 = 1,
    HV_FEATURE_REG_ID_AA64ISAR0_EL1 = 2,
    HV_FEATURE_REG_ID_AA64ISAR1_EL1 = 3,
    HV_FEATURE_REG_ID_AA64MMFR0_EL1 = 4,
    HV_FEATURE_REG_ID_AA64MMFR1_EL1 = 5,
    HV_FEATURE_REG_ID_AA64MMFR2_EL1 = 6,
    HV_FEATURE_REG_ID_AA64PFR0_EL1 = 7,
    HV_FEATURE_REG_ID_AA64PFR1_EL1 = 8,
    HV_FEATURE_REG_CTR_EL0 = 9,
    HV_FEATURE_REG_CLIDR_EL1 = 10,
    HV_FEATURE_REG_DCZID_EL0 = 11,
};

/* --- the VM --- */
hv_return_t hv_vm_create(hv_vm_config_t config);
hv_return_t hv_vm_destroy(void);
hv_return_t hv_vm_map(void *addr, hv_ipa_t ipa, size_t size, hv_memory_flags_t flags);
hv_return_t hv_vm_unmap(hv_ipa_t ipa, size_t size);
hv_return_t hv_vm_protect(hv_ipa_t ipa, size_t size, hv_memory_flags_t flags);
hv_return_t hv_vm_get_max_vcpu_count(uint32_t *max_vcpu_count);
hv_vm_config_t hv_vm_config_create(void);
hv_return_t hv_vm_config_get_max_ipa_size(uint32_t *ipa_bit_length);
hv_return_t hv_vm_config_set_ipa_size(hv_vm_config_t config, uint32_t ipa_bit_length);
/* macOS 15 */
HV_NEWER hv_return_t hv_vm_config_get_el2_supported(bool *el2_supported);
HV_NEWER hv_return_t hv_vm_config_set_el2_enabled(hv_vm_config_t config, bool el2_enabled);

/* --- vCPUs --- */
hv_vcpu_config_t hv_vcpu_config_create(void);
hv_return_t hv_vcpu_config_get_feature_reg(hv_vcpu_config_t config, hv_feature_reg_t feature_reg,
                                           uint64_t *value);
hv_return_t hv_vcpu_create(hv_vcpu_t *vcpu, hv_vcpu_exit_t **exit, hv_vcpu_config_t config);
hv_return_t hv_vcpu_destroy(hv_vcpu_t vcpu);
hv_return_t hv_vcpu_run(hv_vcpu_t vcpu);
hv_return_t hv_vcpus_exit(hv_vcpu_t *vcpus, uint32_t vcpu_count);
hv_return_t hv_vcpu_get_reg(hv_vcpu_t vcpu, hv_reg_t reg, uint64_t *value);
hv_return_t hv_vcpu_set_reg(hv_vcpu_t vcpu, hv_reg_t reg, uint64_t value);
hv_return_t hv_vcpu_get_simd_fp_reg(hv_vcpu_t vcpu, hv_simd_fp_reg_t reg,
                                    hv_simd_fp_uchar16_t *value);
hv_return_t hv_vcpu_set_simd_fp_reg(hv_vcpu_t vcpu, hv_simd_fp_reg_t reg,
                                    hv_simd_fp_uchar16_t value);
hv_return_t hv_vcpu_get_sys_reg(hv_vcpu_t vcpu, hv_sys_reg_t reg, uint64_t *value);
hv_return_t hv_vcpu_set_sys_reg(hv_vcpu_t vcpu, hv_sys_reg_t reg, uint64_t value);
hv_return_t hv_vcpu_set_pending_interrupt(hv_vcpu_t vcpu, hv_interrupt_type_t type, bool pending);
hv_return_t hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t vcpu, bool value);
hv_return_t hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t vcpu, bool value);
hv_return_t hv_vcpu_set_vtimer_mask(hv_vcpu_t vcpu, bool vtimer_is_masked);
hv_return_t hv_vcpu_set_vtimer_offset(hv_vcpu_t vcpu, uint64_t vtimer_offset);

#include <Hypervisor/hv_gic.h>

#endif
