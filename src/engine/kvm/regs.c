/* SPDX-License-Identifier: ISC */
/* Registers, one at a time (KVM 4.68). A system register's number is the low half of KVM's. */
#include <errno.h>
#include <string.h>

#include "arm/walk.h"
#include "engine/kvm/private.h"

#define CORE(size, member)                                                                         \
    (KVM_REG_ARM64 | KVM_REG_SIZE_##size | KVM_REG_ARM_CORE |                                      \
     offsetof(struct kvm_regs, member) / sizeof(uint32_t))
#define SYSREG_REG(key) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | (key))
#define KEY(name)       sysreg_info(SYSREG_##name)->key

int kvm_reg_get(struct vcpu *v, uint64_t id, void *value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_ioctl(v->fd, KVM_GET_ONE_REG, &reg);
}

int kvm_reg_set(struct vcpu *v, uint64_t id, const void *value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_ioctl(v->fd, KVM_SET_ONE_REG, &reg);
}

/* SP of the current exception level: SP_EL0 at EL0 and with SPSel 0. */
static uint64_t stack(struct vcpu *v)
{
    uint64_t pstate = 0;

    kvm_reg_get(v, CORE(U64, regs.pstate), &pstate);
    return (pstate & PSTATE_MODE) == PSTATE_EL1H ? CORE(U64, sp_el1) : CORE(U64, regs.sp);
}

static uint64_t id_of(struct vcpu *v, enum vcpu_reg reg)
{
    if (reg <= 30)
        return CORE(U64, regs.regs[0]) + 2u * (unsigned)reg;
    switch (reg) {
    case VCPU_SP: return stack(v);
    case VCPU_PC: return CORE(U64, regs.pc);
    case VCPU_PSTATE: return CORE(U64, regs.pstate);
    case VCPU_FPCR: return CORE(U32, fp_regs.fpcr);
    case VCPU_FPSR: return CORE(U32, fp_regs.fpsr);
    default: return 0;
    }
}

int kvm_vcpu_get(struct vcpu *v, enum vcpu_reg reg, uint64_t *value)
{
    uint64_t id = id_of(v, reg);

    *value = 0;
    return id ? kvm_reg_get(v, id, value) : -EINVAL;
}

int kvm_vcpu_set(struct vcpu *v, enum vcpu_reg reg, uint64_t value)
{
    uint64_t id = id_of(v, reg);

    return id ? kvm_reg_set(v, id, &value) : -EINVAL;
}

/* With SVE a vector register is the low end of a longer one, which a write clears. */
static bool has_sve(const struct vcpu *v)
{
    return v->vm->features & 1u << KVM_ARM_VCPU_SVE;
}

int kvm_vcpu_get_v(struct vcpu *v, unsigned index, uint64_t value[2])
{
    uint64_t z[KVM_REG_MAX / sizeof(uint64_t)];
    int ret;

    if (index >= 32)
        return -EINVAL;
    if (!has_sve(v))
        return kvm_reg_get(v, CORE(U128, fp_regs.vregs[0]) + 4 * index, value);
    ret = kvm_reg_get(v, KVM_REG_ARM64_SVE_ZREG(index, 0), z);
    memcpy(value, z, 2 * sizeof(*value));
    return ret;
}

int kvm_vcpu_set_v(struct vcpu *v, unsigned index, const uint64_t value[2])
{
    uint64_t z[KVM_REG_MAX / sizeof(uint64_t)] = {0};

    if (index >= 32)
        return -EINVAL;
    if (!has_sve(v))
        return kvm_reg_set(v, CORE(U128, fp_regs.vregs[0]) + 4 * index, value);
    memcpy(z, value, 2 * sizeof(*value));
    return kvm_reg_set(v, KVM_REG_ARM64_SVE_ZREG(index, 0), z);
}

/* KVM keeps some among the general registers, and has the numbers of CNTV_CVAL_EL0 and the
 * counter's the wrong way round (KVM_REG_ARM_TIMER_CVAL). */
static uint64_t sysreg_id(uint32_t key)
{
    if (key == KEY(SP_EL0))
        return CORE(U64, regs.sp);
    if (key == KEY(ELR_EL1))
        return CORE(U64, elr_el1);
    if (key == KEY(SPSR_EL1))
        return CORE(U64, spsr[0]);
    if (key == KEY(CNTV_CVAL_EL0))
        return KVM_REG_ARM_TIMER_CVAL;
    if (key == KEY(CNTVCT_EL0))
        return KVM_REG_ARM_TIMER_CNT;
    return SYSREG_REG(key);
}

/* The kernel's counter never stands. */
int kvm_any_get(struct vcpu *v, uint64_t id, void *value)
{
    if (id != KVM_REG_ARM_TIMER_CNT || v->vm->time.runs)
        return kvm_reg_get(v, id, value);
    *(uint64_t *)value = kvm_time_get(v->vm);
    return 0;
}

int kvm_any_set(struct vcpu *v, uint64_t id, const void *value)
{
    if (id == KVM_REG_ARM_TIMER_CNT && !v->vm->time.runs)
        kvm_time_set(v->vm, *(const uint64_t *)value);
    return kvm_reg_set(v, id, value);
}

int kvm_vcpu_sysreg_get(struct vcpu *v, uint32_t key, uint64_t *value)
{
    *value = 0;
    return kvm_any_get(v, sysreg_id(key), value);
}

int kvm_vcpu_sysreg_set(struct vcpu *v, uint32_t key, uint64_t value)
{
    return kvm_any_set(v, sysreg_id(key), &value);
}

/* --- translation --- */

static bool read_descriptor(void *ctx, uint64_t pa, uint64_t *value)
{
    const struct vcpu *v = ctx;

    return mem_load(v->vm->config.mem, pa, sizeof(*value), value) == 0;
}

int kvm_vcpu_translate(struct vcpu *v, uint64_t va, uint64_t *ipa)
{
    const struct arm_walk_memory memory = {read_descriptor, v};
    struct arm_walk_regs regs = {0};
    struct arm_walk walk;
    uint64_t pstate;

    kvm_vcpu_sysreg_get(v, KEY(SCTLR_EL1), &regs.sctlr);
    kvm_vcpu_sysreg_get(v, KEY(TCR_EL1), &regs.tcr);
    kvm_vcpu_sysreg_get(v, KEY(TTBR0_EL1), &regs.ttbr[0]);
    kvm_vcpu_sysreg_get(v, KEY(TTBR1_EL1), &regs.ttbr[1]);
    kvm_vcpu_sysreg_get(v, KEY(MAIR_EL1), &regs.mair);
    kvm_vcpu_sysreg_get(v, KEY(ID_AA64MMFR0_EL1), &regs.mmfr0);
    kvm_vcpu_get(v, VCPU_PSTATE, &pstate);
    regs.el = pstate & PSTATE_EL1T ? 1 : 0;
    regs.pan = pstate & PSTATE_PAN;
    if (!arm_walk(&regs, &memory, va, ARM_WALK_READ, &walk))
        return -EFAULT;
    *ipa = walk.pa;
    return 0;
}
