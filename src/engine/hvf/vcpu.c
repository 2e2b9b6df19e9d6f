/* SPDX-License-Identifier: ISC */
/*
 * vCPUs and their registers. System registers that the framework knows are its own; those that it
 * does not are views of others, or values that nothing but a trap can ask for (trap.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/hvf/private.h"

/* --- the framework's registers --- */

uint64_t hvf_get(struct vcpu *v, hv_reg_t reg)
{
    uint64_t value = 0;

    hv_vcpu_get_reg(v->id, reg, &value);
    return value;
}

void hvf_set(struct vcpu *v, hv_reg_t reg, uint64_t value)
{
    hv_vcpu_set_reg(v->id, reg, value);
}

uint64_t hvf_x(struct vcpu *v, unsigned n)
{
    return n < 31 ? hvf_get(v, HV_REG_X0 + n) : 0;
}

void hvf_set_x(struct vcpu *v, unsigned n, uint64_t value)
{
    if (n < 31)
        hvf_set(v, HV_REG_X0 + n, value);
}

static hv_sys_reg_t key_of(enum sysreg_id id)
{
    return (hv_sys_reg_t)sysreg_info(id)->key;
}

/* --- system registers --- */

static const struct {
    enum sysreg_id id;
    uint64_t mask; /* where it is in CPSR */
} pstate_views[] = {
    {SYSREG_PAN, PSTATE_PAN},   {SYSREG_UAO, PSTATE_UAO},
    {SYSREG_DAIF, PSTATE_DAIF}, {SYSREG_NZCV, PSTATE_N | PSTATE_Z | PSTATE_C | PSTATE_V},
    {SYSREG_SSBS, PSTATE_SSBS}, {SYSREG_CurrentEL, PSTATE_EL},
    {SYSREG_SPSel, 1},
};

static uint64_t pstate_mask(enum sysreg_id id)
{
    for (size_t i = 0; i < nitems(pstate_views); i++)
        if (pstate_views[i].id == id)
            return pstate_views[i].mask;
    return 0;
}

static uint64_t local_read(struct vcpu *v, enum sysreg_id id)
{
    const struct sysreg_info *info = sysreg_info(id);

    switch (id) {
    case SYSREG_FPCR: return hvf_get(v, HV_REG_FPCR);
    case SYSREG_FPSR: return hvf_get(v, HV_REG_FPSR);
    case SYSREG_CNTPCT_EL0:
    case SYSREG_CNTVCT_EL0: return hvf_counter(v->vm);
    case SYSREG_CNTV_TVAL_EL0:
        return (uint32_t)(hvf_sysreg(v, SYSREG_CNTV_CVAL_EL0) - hvf_counter(v->vm));
    case SYSREG_CNTP_CTL_EL0:
    case SYSREG_CNTP_CVAL_EL0:
    case SYSREG_CNTP_TVAL_EL0: return hvf_ptimer_read(v, id);
    case SYSREG_CNTFRQ_EL0: return hvf_counter_hz();
    case SYSREG_ISR_EL1: return (v->irq ? PSTATE_I : 0) | (v->fiq ? PSTATE_F : 0);
    case SYSREG_DBGCLAIMSET_EL1: return 0xff;
    default: break;
    }
    if (pstate_mask(id))
        return hvf_get(v, HV_REG_CPSR) & pstate_mask(id);
    return info->kind == SYSREG_CONSTANT ? v->vm->id[id] : v->local[id];
}

static void local_write(struct vcpu *v, enum sysreg_id id, uint64_t value)
{
    const struct sysreg_info *info = sysreg_info(id);

    value = (value & info->writable) | info->fixed;
    switch (id) {
    case SYSREG_FPCR: hvf_set(v, HV_REG_FPCR, value); return;
    case SYSREG_FPSR: hvf_set(v, HV_REG_FPSR, value); return;
    case SYSREG_CNTV_TVAL_EL0:
        hvf_set_sysreg(v, SYSREG_CNTV_CVAL_EL0,
                       hvf_counter(v->vm) + (uint64_t)sign_extend(value, 32));
        return;
    case SYSREG_CNTP_CTL_EL0:
    case SYSREG_CNTP_CVAL_EL0:
    case SYSREG_CNTP_TVAL_EL0: hvf_ptimer_write(v, id, value); return;
    case SYSREG_OSLAR_EL1:
        v->local[SYSREG_OSLSR_EL1] &= ~OSLSR_OSLK;
        v->local[SYSREG_OSLSR_EL1] |= value & 1 ? OSLSR_OSLK : 0;
        return;
    case SYSREG_DBGCLAIMSET_EL1: v->local[SYSREG_DBGCLAIMCLR_EL1] |= value; return;
    case SYSREG_DBGCLAIMCLR_EL1: v->local[SYSREG_DBGCLAIMCLR_EL1] &= ~value; return;
    default: break;
    }
    if (pstate_mask(id))
        hvf_set(v, HV_REG_CPSR, (hvf_get(v, HV_REG_CPSR) & ~pstate_mask(id)) | value);
    else
        v->local[id] = value;
}

uint64_t hvf_sysreg(struct vcpu *v, enum sysreg_id id)
{
    const uint64_t *shadow = hvf_debug_shadow(v, id);
    uint64_t value = 0;

    if (shadow)
        return *shadow;
    if (!v->native[id])
        return local_read(v, id);
    hv_vcpu_get_sys_reg(v->id, key_of(id), &value);
    return value;
}

void hvf_set_sysreg(struct vcpu *v, enum sysreg_id id, uint64_t value)
{
    uint64_t *shadow = hvf_debug_shadow(v, id);

    if (shadow)
        *shadow = value;
    else if (v->native[id])
        hv_vcpu_set_sys_reg(v->id, key_of(id), value);
    else
        local_write(v, id, value);
}

int hvf_vcpu_sysreg_get(struct vcpu *v, uint32_t key, uint64_t *value)
{
    const struct sysreg_info *info = sysreg_lookup(key);

    if (!info || info->kind == SYSREG_GIC)
        return -ENOENT;
    *value = hvf_sysreg(v, info->id);
    return 0;
}

int hvf_vcpu_sysreg_set(struct vcpu *v, uint32_t key, uint64_t value)
{
    const struct sysreg_info *info = sysreg_lookup(key);

    if (!info || info->kind == SYSREG_GIC)
        return -ENOENT;
    hvf_set_sysreg(v, info->id, value);
    return 0;
}

/* --- creation --- */

static void probe_registers(struct vcpu *v)
{
    uint64_t value;

    for (unsigned id = 0; id < SYSREG_COUNT; id++)
        v->native[id] = sysreg_info(id)->kind != SYSREG_GIC && id != SYSREG_ID_RESERVED &&
                        hv_vcpu_get_sys_reg(v->id, key_of(id), &value) == HV_SUCCESS;
}

static void publish(struct engine_vm *vm, unsigned index, struct vcpu *v)
{
    pthread_mutex_lock(&vm->alarm.lock);
    vm->cpu[index] = v;
    vm->alarm.at[index] = UINT64_MAX;
    pthread_mutex_unlock(&vm->alarm.lock);
}

int hvf_vcpu_create(struct engine_vm *vm, unsigned index, struct vcpu **out, struct error *err)
{
    struct vcpu *v;
    char what[48];
    int ret;

    if (index >= ENGINE_MAX_VCPUS || vm->cpu[index])
        return error_set(err, EINVAL, "engine: CPU %u is out of range or exists already", index);
    v = calloc(1, sizeof(*v));
    if (!v)
        return error_set(err, ENOMEM, "no memory for CPU %u", index);
    snprintf(what, sizeof(what), "cannot create CPU %u", index);
    ret = hvf_check(hv_vcpu_create(&v->id, &v->why, NULL), what, err);
    if (ret) {
        free(v);
        return ret;
    }
    v->vm = vm;
    v->index = index;
    probe_registers(v);
    hvf_id_apply(v);
    hvf_el2_created(v);
    hvf_vcpu_reset(v);
    publish(vm, index, v);
    *out = v;
    return 0;
}

void hvf_vcpu_destroy(struct vcpu *v)
{
    if (!v)
        return;
    publish(v->vm, v->index, NULL);
    hv_vcpu_destroy(v->id);
    free(v);
}

void hvf_vcpu_reset(struct vcpu *v)
{
    static const uint64_t zero[2];
    static const struct vcpu_debug no_debug;

    v->pending = HVF_PENDING_NONE;
    v->irq = v->fiq = v->serror = false;
    hvf_vcpu_debug(v, &no_debug);
    for (unsigned i = 0; i < 31; i++)
        hvf_set_x(v, i, 0);
    for (unsigned i = 0; i < 32; i++)
        hvf_vcpu_set_v(v, i, zero);
    for (unsigned id = 0; id < SYSREG_COUNT; id++)
        if (sysreg_info(id)->saved) {
            v->local[id] = sysreg_info(id)->reset;
            if (v->native[id])
                hvf_set_sysreg(v, id, sysreg_info(id)->reset);
        }
    hvf_set(v, HV_REG_CPSR, hvf_el2_reset(v));
    hvf_vcpu_set(v, VCPU_SP, 0);
    hvf_set_sysreg(v, SYSREG_SP_EL0, 0);
    hvf_set(v, HV_REG_PC, 0);
    hvf_set(v, HV_REG_FPCR, 0);
    hvf_set(v, HV_REG_FPSR, 0);
    hvf_timer_reset(v);
    if (v->vm->gic)
        hvf_gic_cpu_reset(v);
}

/* --- registers of the contract --- */

/* SP_EL1 is no register that EL1 can name, so that arm/sysregs.def does not have it. */
#define KEY_SP_EL1 SYSREG_KEY(3, 4, 4, 1, 0)
#define KEY_SP_EL2 SYSREG_KEY(3, 6, 4, 1, 0)

static hv_sys_reg_t stack_pointer(struct vcpu *v)
{
    const hv_sys_reg_t own[] = {0, KEY_SP_EL1, KEY_SP_EL2, 0};
    uint64_t pstate = hvf_get(v, HV_REG_CPSR);

    return pstate & 1 ? own[pstate >> 2 & 3] : key_of(SYSREG_SP_EL0);
}

int hvf_vcpu_get(struct vcpu *v, enum vcpu_reg reg, uint64_t *value)
{
    if (reg < VCPU_SP) {
        *value = hvf_x(v, reg);
        return 0;
    }
    switch (reg) {
    case VCPU_SP: return -hvf_errno(hv_vcpu_get_sys_reg(v->id, stack_pointer(v), value));
    case VCPU_PC: *value = hvf_get(v, HV_REG_PC); return 0;
    case VCPU_PSTATE: *value = hvf_get(v, HV_REG_CPSR); return 0;
    case VCPU_FPCR: *value = hvf_get(v, HV_REG_FPCR); return 0;
    case VCPU_FPSR: *value = hvf_get(v, HV_REG_FPSR); return 0;
    default: return -EINVAL;
    }
}

int hvf_vcpu_set(struct vcpu *v, enum vcpu_reg reg, uint64_t value)
{
    if (reg < VCPU_SP) {
        hvf_set_x(v, reg, value);
        return 0;
    }
    switch (reg) {
    case VCPU_SP: return -hvf_errno(hv_vcpu_set_sys_reg(v->id, stack_pointer(v), value));
    case VCPU_PC: hvf_set(v, HV_REG_PC, value); return 0;
    case VCPU_PSTATE: return -hvf_errno(hv_vcpu_set_reg(v->id, HV_REG_CPSR, value));
    case VCPU_FPCR: hvf_set(v, HV_REG_FPCR, value); return 0;
    case VCPU_FPSR: hvf_set(v, HV_REG_FPSR, value); return 0;
    default: return -EINVAL;
    }
}

int hvf_vcpu_get_v(struct vcpu *v, unsigned index, uint64_t value[2])
{
    hv_simd_fp_uchar16_t bytes = {0};

    if (index > 31)
        return -EINVAL;
    hv_vcpu_get_simd_fp_reg(v->id, index, &bytes);
    memcpy(value, &bytes, sizeof(bytes));
    return 0;
}

int hvf_vcpu_set_v(struct vcpu *v, unsigned index, const uint64_t value[2])
{
    hv_simd_fp_uchar16_t bytes;

    if (index > 31)
        return -EINVAL;
    memcpy(&bytes, value, sizeof(bytes));
    return -hvf_errno(hv_vcpu_set_simd_fp_reg(v->id, index, bytes));
}

/* --- translation --- */

static bool read_descriptor(void *ctx, uint64_t pa, uint64_t *value)
{
    const struct engine_vm *vm = ctx;

    return mem_load(vm->config.mem, pa, sizeof(*value), value) == 0;
}

int hvf_vcpu_translate(struct vcpu *v, uint64_t va, uint64_t *ipa)
{
    const struct arm_walk_memory memory = {read_descriptor, v->vm};
    struct arm_walk_regs regs;
    struct arm_walk walk;

    if (!hvf_walk_regs(v, &regs) || !arm_walk(&regs, &memory, va, ARM_WALK_READ, &walk))
        return -EFAULT;
    *ipa = walk.pa;
    return 0;
}
