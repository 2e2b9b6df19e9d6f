/* SPDX-License-Identifier: ISC */
/*
 * hv_gic, the framework's GICv3 with a frame for messages: macOS 15 and later. Its functions are
 * weak imports: on older systems they are NULL, and machine/ uses its own GIC. SDKs older than that
 * do not declare them.
 *
 * The framework then also serves the CPU interface's system registers and the timers' interrupts,
 * so that few exits are left.
 */
#include <errno.h>
#include <os/object.h>
#include <stdlib.h>

#include "engine/hvf/private.h"

#if __has_include(<Hypervisor/hv_gic.h>)

#ifdef __clang__
/* hvf_gic_offered() is the check that clang wants to see at each call. */
#pragma clang diagnostic ignored "-Wunguarded-availability-new"
#pragma clang diagnostic ignored "-Wtautological-pointer-compare"
#endif

#define FRAME_ALIGN 0x10000 /* of Apple's own addresses (docs/apple-machine.md) */

/* Of one frame, by the framework's rules for where it may be. */
static bool fits(hv_return_t (*alignment)(size_t *alignment))
{
    size_t bytes = 0;

    return alignment(&bytes) == HV_SUCCESS && bytes <= FRAME_ALIGN;
}

bool hvf_gic_offered(void)
{
    return hv_gic_create != NULL && fits(hv_gic_get_distributor_base_alignment) &&
           fits(hv_gic_get_redistributor_base_alignment) &&
           fits(hv_gic_get_msi_region_base_alignment);
}

static hv_return_t configure(hv_gic_config_t gic, const struct engine_gic_config *config)
{
    hv_return_t ret = hv_gic_config_set_distributor_base(gic, config->distributor);

    if (ret == HV_SUCCESS)
        ret = hv_gic_config_set_redistributor_base(gic, config->redistributors);
    if (ret == HV_SUCCESS)
        ret = hv_gic_config_set_msi_region_base(gic, config->msi_frame);
    if (ret == HV_SUCCESS)
        ret = hv_gic_config_set_msi_interrupt_range(gic, config->msi_first, config->msi_count);
    return ret == HV_SUCCESS ? hv_gic_create(gic) : ret;
}

int hvf_gic_create(struct engine_vm *vm, const struct engine_gic_config *config, struct error *err)
{
    hv_gic_config_t gic = hv_gic_config_create();
    int ret;

    if (!gic)
        return error_set(err, ENOMEM, "no memory for the interrupt controller");
    ret = hvf_check(configure(gic, config), "cannot create the interrupt controller", err);
    os_release(gic);
    vm->gic = !ret;
    vm->msi_frame = config->msi_frame;
    return ret;
}

int hvf_gic_spi(struct engine_vm *vm, unsigned intid, bool level)
{
    hv_return_t ret = hv_gic_set_spi(intid, level);

    if (level)
        hvf_wake(vm);
    return -hvf_errno(ret);
}

#define SETSPI 0x40 /* GICv2m's doorbell */

int hvf_gic_msi(struct engine_vm *vm, unsigned intid)
{
    hv_return_t ret = hv_gic_send_msi(vm->msi_frame + SETSPI, intid);

    hvf_wake(vm);
    return -hvf_errno(ret);
}

void hvf_gic_reset(struct engine_vm *vm)
{
    hv_gic_reset();
}

int hvf_gic_save(struct engine_vm *vm, struct state *state, const char *instance)
{
    hv_gic_state_t gic = hv_gic_state_create();
    void *bytes = NULL;
    size_t length = 0;
    int ret = -ENOMEM;

    if (!gic)
        return ret;
    if (hv_gic_state_get_size(gic, &length) == HV_SUCCESS)
        bytes = malloc(length);
    if (bytes)
        ret = -hvf_errno(hv_gic_state_get_data(gic, bytes));
    ret = ret ? ret : state_save_bytes(state, instance, bytes, length);
    free(bytes);
    os_release(gic);
    return ret;
}

int hvf_gic_load(struct engine_vm *vm, const struct state *state, const char *instance,
                 struct error *err)
{
    const void *bytes;
    size_t length;
    int ret = state_load_bytes(state, instance, &bytes, &length, err);

    return ret ? ret
               : hvf_check(hv_gic_set_state(bytes, length),
                           "the interrupt controller does not take the saved state", err);
}

/* Those with state, by their encoding; what the framework lacks of them it refuses. */
static const uint16_t icc_regs[HVF_ICC_REGS] = {
    SYSREG_KEY(3, 0, 4, 6, 0),   SYSREG_KEY(3, 0, 12, 8, 3),  SYSREG_KEY(3, 0, 12, 8, 4),
    SYSREG_KEY(3, 0, 12, 9, 0),  SYSREG_KEY(3, 0, 12, 12, 3), SYSREG_KEY(3, 0, 12, 12, 4),
    SYSREG_KEY(3, 0, 12, 12, 6), SYSREG_KEY(3, 0, 12, 12, 7),
};

void hvf_gic_cpu_get(struct vcpu *v, uint64_t value[HVF_ICC_REGS])
{
    for (unsigned i = 0; i < HVF_ICC_REGS; i++)
        if (!v->vm->gic || hv_gic_get_icc_reg(v->id, icc_regs[i], &value[i]) != HV_SUCCESS)
            value[i] = 0;
}

void hvf_gic_cpu_set(struct vcpu *v, const uint64_t value[HVF_ICC_REGS])
{
    for (unsigned i = 0; i < HVF_ICC_REGS && v->vm->gic; i++)
        hv_gic_set_icc_reg(v->id, icc_regs[i], value[i]);
}

void hvf_gic_cpu_reset(struct vcpu *v)
{
    hvf_gic_cpu_set(v, (const uint64_t[HVF_ICC_REGS]){0});
}

#else

bool hvf_gic_offered(void)
{
    return false;
}

int hvf_gic_create(struct engine_vm *vm, const struct engine_gic_config *config, struct error *err)
{
    return error_set(err, ENOTSUP, "this build's SDK does not know hv_gic: build with Xcode 16");
}

int hvf_gic_spi(struct engine_vm *vm, unsigned intid, bool level)
{
    return -ENOTSUP;
}

int hvf_gic_msi(struct engine_vm *vm, unsigned intid)
{
    return -ENOTSUP;
}

void hvf_gic_reset(struct engine_vm *vm)
{
}

int hvf_gic_save(struct engine_vm *vm, struct state *state, const char *instance)
{
    return -ENOTSUP;
}

int hvf_gic_load(struct engine_vm *vm, const struct state *state, const char *instance,
                 struct error *err)
{
    return -ENOTSUP;
}

void hvf_gic_cpu_get(struct vcpu *v, uint64_t value[HVF_ICC_REGS])
{
    for (unsigned i = 0; i < HVF_ICC_REGS; i++)
        value[i] = 0;
}

void hvf_gic_cpu_set(struct vcpu *v, const uint64_t value[HVF_ICC_REGS])
{
}

void hvf_gic_cpu_reset(struct vcpu *v)
{
}

#endif
