/* SPDX-License-Identifier: ISC */
/* The double's vCPUs and their registers. */
#include "double_private.h"

#include <stdio.h>
#include <string.h>

#include "arm/cpuid.h"
#include "arm/regs.h"

#define KEY_SP_EL1 SYSREG_KEY(3, 4, 4, 1, 0)

struct double_cpu *double_cpu(hv_vcpu_t id, const char *call)
{
    struct double_cpu *cpu = id < ENGINE_MAX_VCPUS ? &double_vm.cpu[id] : NULL;
    char text[128];

    if (!cpu || !cpu->there)
        snprintf(text, sizeof(text), "%s: there is no such vCPU", call);
    else if (!pthread_equal(cpu->owner, pthread_self()))
        snprintf(text, sizeof(text), "%s: only the thread that created a vCPU may call it", call);
    else
        return cpu;
    double_broken(text);
    return NULL;
}

#define CPU(id) double_cpu(id, __func__)

/* --- creation --- */

static unsigned free_slot(void)
{
    unsigned i = 0;

    while (i < ENGINE_MAX_VCPUS && double_vm.cpu[i].there)
        i++;
    return i;
}

hv_return_t hv_vcpu_create(hv_vcpu_t *id, hv_vcpu_exit_t **exit, hv_vcpu_config_t config)
{
    hv_return_t ret = HV_NO_RESOURCES;
    struct error err;
    unsigned i;

    pthread_mutex_lock(&double_vm.lock);
    i = free_slot();
    if (!double_vm.there)
        ret = HV_NO_DEVICE;
    else if (i < ENGINE_MAX_VCPUS) {
        struct double_cpu *cpu = &double_vm.cpu[i];

        memset(cpu, 0, sizeof(*cpu));
        ret = double_vm.ops->vcpu_create(double_vm.under, i, &cpu->under, &err) ? HV_ERROR
                                                                                : HV_SUCCESS;
        cpu->there = ret == HV_SUCCESS;
        cpu->index = i;
        cpu->owner = pthread_self();
        cpu->mpidr = cpuid_mpidr(i);
        if (cpu->there && double_vm.el2)
            double_vm.el2->created(cpu);
        double_vm.ever++;
        *id = i;
        *exit = &cpu->exit;
    }
    pthread_mutex_unlock(&double_vm.lock);
    return ret;
}

hv_return_t hv_vcpu_destroy(hv_vcpu_t id)
{
    struct double_cpu *cpu = CPU(id);

    if (!cpu)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&double_vm.lock);
    double_vm.ops->vcpu_destroy(cpu->under);
    cpu->there = false;
    pthread_mutex_unlock(&double_vm.lock);
    return HV_SUCCESS;
}

/* --- general registers --- */

uint64_t double_get(struct double_cpu *cpu, enum vcpu_reg reg)
{
    uint64_t value = 0;

    double_vm.ops->vcpu_get(cpu->under, reg, &value);
    return value;
}

static bool below(hv_reg_t reg, enum vcpu_reg *to)
{
    static const enum vcpu_reg others[] = {VCPU_PC, VCPU_FPCR, VCPU_FPSR, VCPU_PSTATE};

    *to = reg < 31 ? reg : reg <= HV_REG_CPSR ? others[reg - HV_REG_PC] : 0;
    return reg <= HV_REG_CPSR;
}

hv_return_t hv_vcpu_get_reg(hv_vcpu_t id, hv_reg_t reg, uint64_t *value)
{
    struct double_cpu *cpu = CPU(id);
    enum vcpu_reg to;

    if (!cpu || !below(reg, &to))
        return HV_BAD_ARGUMENT;
    *value = double_get(cpu, to);
    if (reg == HV_REG_CPSR && double_vm.el2)
        *value = double_vm.el2->above(cpu, *value);
    if (reg == HV_REG_CPSR && cpu->trap_debug)
        *value = (*value & ~PSTATE_SS) | (cpu->step ? PSTATE_SS : 0);
    return HV_SUCCESS;
}

/* While debug exceptions are the engine's, PSTATE.SS is its step, not the guest's. */
hv_return_t hv_vcpu_set_reg(hv_vcpu_t id, hv_reg_t reg, uint64_t value)
{
    struct double_cpu *cpu = CPU(id);
    enum vcpu_reg to;

    if (!cpu || !below(reg, &to))
        return HV_BAD_ARGUMENT;
    if (reg == HV_REG_CPSR && cpu->trap_debug) {
        cpu->step = value & PSTATE_SS;
        value &= ~PSTATE_SS;
    }
    if (reg == HV_REG_CPSR && double_vm.el2)
        value = double_vm.el2->below(cpu, value);
    return double_vm.ops->vcpu_set(cpu->under, to, value) ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t hv_vcpu_get_simd_fp_reg(hv_vcpu_t id, hv_simd_fp_reg_t reg, hv_simd_fp_uchar16_t *value)
{
    struct double_cpu *cpu = CPU(id);
    uint64_t words[2];

    if (!cpu || double_vm.ops->vcpu_get_v(cpu->under, reg, words))
        return HV_BAD_ARGUMENT;
    memcpy(value, words, sizeof(*value));
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_simd_fp_reg(hv_vcpu_t id, hv_simd_fp_reg_t reg, hv_simd_fp_uchar16_t value)
{
    struct double_cpu *cpu = CPU(id);
    uint64_t words[2];

    memcpy(words, &value, sizeof(words));
    return !cpu || double_vm.ops->vcpu_set_v(cpu->under, reg, words) ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

/* --- system registers: those that macOS 13's hv_sys_reg_t names, and macOS 15's --- */

static bool named(enum sysreg_id id)
{
    switch (id) {
    case SYSREG_MIDR_EL1:
    case SYSREG_MPIDR_EL1:
    case SYSREG_ID_AA64PFR0_EL1:
    case SYSREG_ID_AA64PFR1_EL1:
    case SYSREG_ID_AA64DFR0_EL1:
    case SYSREG_ID_AA64DFR1_EL1:
    case SYSREG_ID_AA64ISAR0_EL1:
    case SYSREG_ID_AA64ISAR1_EL1:
    case SYSREG_ID_AA64MMFR0_EL1:
    case SYSREG_ID_AA64MMFR1_EL1:
    case SYSREG_ID_AA64MMFR2_EL1:
    case SYSREG_SCTLR_EL1:
    case SYSREG_CPACR_EL1:
    case SYSREG_TTBR0_EL1:
    case SYSREG_TTBR1_EL1:
    case SYSREG_TCR_EL1:
    case SYSREG_SPSR_EL1:
    case SYSREG_ELR_EL1:
    case SYSREG_SP_EL0:
    case SYSREG_AFSR0_EL1:
    case SYSREG_AFSR1_EL1:
    case SYSREG_ESR_EL1:
    case SYSREG_FAR_EL1:
    case SYSREG_PAR_EL1:
    case SYSREG_MAIR_EL1:
    case SYSREG_AMAIR_EL1:
    case SYSREG_VBAR_EL1:
    case SYSREG_CONTEXTIDR_EL1:
    case SYSREG_TPIDR_EL1:
    case SYSREG_TPIDR_EL0:
    case SYSREG_TPIDRRO_EL0:
    case SYSREG_CNTKCTL_EL1:
    case SYSREG_CSSELR_EL1:
    case SYSREG_CNTV_CTL_EL0:
    case SYSREG_CNTV_CVAL_EL0:
    case SYSREG_MDCCINT_EL1:
    case SYSREG_MDSCR_EL1: return true;
    case SYSREG_CNTP_CTL_EL0:
    case SYSREG_CNTP_CVAL_EL0: return hv_gic_create != NULL;
    default: break;
    }
    return (id >= SYSREG_APIAKeyLo_EL1 && id <= SYSREG_APGAKeyHi_EL1) ||
           (id >= SYSREG_DBGBVR0_EL1 && id <= SYSREG_DBGWCR3_EL1);
}

static uint64_t *debug_register(struct double_cpu *cpu, enum sysreg_id id)
{
    if (!cpu->trap_debug)
        return NULL;
    if (id == SYSREG_MDSCR_EL1)
        return &cpu->mdscr;
    if (id >= SYSREG_DBGBVR0_EL1 && id < SYSREG_DBGBVR0_EL1 + DOUBLE_BREAKPOINTS)
        return &cpu->bvr[id - SYSREG_DBGBVR0_EL1];
    if (id >= SYSREG_DBGBCR0_EL1 && id < SYSREG_DBGBCR0_EL1 + DOUBLE_BREAKPOINTS)
        return &cpu->bcr[id - SYSREG_DBGBCR0_EL1];
    return NULL;
}

/* The engine below has SP_EL1 only as the stack pointer of EL1h. */
static hv_return_t sp_el1(struct double_cpu *cpu, uint64_t *get, const uint64_t *set)
{
    uint64_t pstate = double_get(cpu, VCPU_PSTATE);

    double_vm.ops->vcpu_set(cpu->under, VCPU_PSTATE, (pstate & ~PSTATE_MODE) | PSTATE_EL1H);
    if (get)
        *get = double_get(cpu, VCPU_SP);
    else
        double_vm.ops->vcpu_set(cpu->under, VCPU_SP, *set);
    double_vm.ops->vcpu_set(cpu->under, VCPU_PSTATE, pstate);
    return HV_SUCCESS;
}

hv_return_t double_get_sysreg(struct double_cpu *cpu, hv_sys_reg_t reg, uint64_t *value)
{
    const struct sysreg_info *info = sysreg_lookup(reg);

    if (reg == KEY_SP_EL1)
        return sp_el1(cpu, value, NULL);
    if (!info || info->key != reg || !named(info->id))
        return HV_BAD_ARGUMENT;
    if (debug_register(cpu, info->id)) {
        *value = *debug_register(cpu, info->id);
        return HV_SUCCESS;
    }
    return double_vm.ops->vcpu_sysreg_get(cpu->under, reg, value) ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t double_set_sysreg(struct double_cpu *cpu, hv_sys_reg_t reg, uint64_t value)
{
    const struct sysreg_info *info = sysreg_lookup(reg);

    if (reg == KEY_SP_EL1)
        return sp_el1(cpu, NULL, &value);
    if (!info || info->key != reg || !named(info->id))
        return HV_BAD_ARGUMENT;
    if (info->id == SYSREG_MPIDR_EL1) {
        cpu->mpidr_set = value == cpu->mpidr;
        return HV_SUCCESS;
    }
    if (debug_register(cpu, info->id)) {
        *debug_register(cpu, info->id) = value;
        return HV_SUCCESS;
    }
    return double_vm.ops->vcpu_sysreg_set(cpu->under, reg, value) ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t hv_vcpu_get_sys_reg(hv_vcpu_t id, hv_sys_reg_t reg, uint64_t *value)
{
    struct double_cpu *cpu = CPU(id);
    const uint64_t *kept;

    if (!cpu)
        return HV_BAD_ARGUMENT;
    kept = double_vm.el2 ? double_vm.el2->kept(cpu, &reg) : NULL;
    if (!kept)
        return double_get_sysreg(cpu, reg, value);
    *value = *kept;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_sys_reg(hv_vcpu_t id, hv_sys_reg_t reg, uint64_t value)
{
    struct double_cpu *cpu = CPU(id);
    uint64_t *kept;

    if (!cpu)
        return HV_BAD_ARGUMENT;
    kept = double_vm.el2 ? double_vm.el2->kept(cpu, &reg) : NULL;
    if (!kept)
        return double_set_sysreg(cpu, reg, value);
    *kept = value;
    return HV_SUCCESS;
}

/* --- the rest --- */

hv_return_t hv_vcpus_exit(hv_vcpu_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct double_cpu *cpu = ids[i] < ENGINE_MAX_VCPUS ? &double_vm.cpu[ids[i]] : NULL;

        if (!cpu || !cpu->there)
            return HV_BAD_ARGUMENT;
        atomic_store(&cpu->exit_requested, true);
        double_vm.ops->vcpu_kick(cpu->under);
    }
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_pending_interrupt(hv_vcpu_t id, hv_interrupt_type_t type, bool pending)
{
    struct double_cpu *cpu = CPU(id);

    if (!cpu || type > HV_INTERRUPT_TYPE_FIQ)
        return HV_BAD_ARGUMENT;
    cpu->pending[type] = pending;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t id, bool value)
{
    struct double_cpu *cpu = CPU(id);

    if (!cpu)
        return HV_BAD_ARGUMENT;
    cpu->trap_debug = value;
    cpu->step = false;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t id, bool value)
{
    return CPU(id) ? HV_SUCCESS : HV_BAD_ARGUMENT;
}

hv_return_t hv_vcpu_set_vtimer_mask(hv_vcpu_t id, bool masked)
{
    struct double_cpu *cpu = CPU(id);

    if (!cpu)
        return HV_BAD_ARGUMENT;
    cpu->vtimer_masked = masked;
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_set_vtimer_offset(hv_vcpu_t id, uint64_t offset)
{
    if (!CPU(id))
        return HV_BAD_ARGUMENT;
    atomic_store(&double_vm.offset, offset);
    return HV_SUCCESS;
}
