/* SPDX-License-Identifier: ISC */
/*
 * Exceptions that the engine makes the guest take to EL1, as the processor would (Arm ARM D1.3.1,
 * AArch64.TakeException). The framework can only raise IRQ and FIQ itself.
 */
#include "arm/esr.h"
#include "engine/hvf/private.h"

static unsigned vector_base(uint64_t pstate)
{
    switch (pstate & PSTATE_MODE) {
    case PSTATE_EL0T: return VECTOR_LOWER_64;
    case PSTATE_EL1T: return VECTOR_CURRENT_SP0;
    default: return VECTOR_CURRENT_SPX;
    }
}

static uint64_t handler_pstate(struct vcpu *v, uint64_t old)
{
    uint64_t sctlr = hvf_sysreg(v, SYSREG_SCTLR_EL1);
    uint64_t kept = old & (PSTATE_N | PSTATE_Z | PSTATE_C | PSTATE_V | PSTATE_PAN);

    return kept | PSTATE_DAIF | PSTATE_EL1H | (sctlr & SCTLR_SPAN ? 0 : PSTATE_PAN) |
           (sctlr & SCTLR_DSSBS ? PSTATE_SSBS : 0);
}

static void enter(struct vcpu *v, unsigned vector)
{
    uint64_t pstate = hvf_get(v, HV_REG_CPSR);

    hvf_set_sysreg(v, SYSREG_SPSR_EL1, pstate);
    hvf_set_sysreg(v, SYSREG_ELR_EL1, hvf_get(v, HV_REG_PC));
    hvf_set(v, HV_REG_CPSR, handler_pstate(v, pstate));
    hvf_set(v, HV_REG_PC, hvf_sysreg(v, SYSREG_VBAR_EL1) + vector_base(pstate) + vector);
    v->mmio.done = 0;
}

void hvf_inject(struct vcpu *v, unsigned vector, uint32_t esr)
{
    hvf_set_sysreg(v, SYSREG_ESR_EL1, esr);
    enter(v, vector);
}

void hvf_inject_abort(struct vcpu *v, bool fetch, bool write, unsigned fsc, uint64_t va)
{
    bool same = hvf_get(v, HV_REG_CPSR) & PSTATE_EL1T;

    hvf_set_sysreg(v, SYSREG_FAR_EL1, va);
    hvf_inject(v, VECTOR_SYNC,
               fetch ? esr_instruction_abort(same, fsc) : esr_data_abort(same, fsc, write));
}

void hvf_inject_undefined(struct vcpu *v)
{
    hvf_inject(v, VECTOR_SYNC, esr_undefined());
}

/* It is looked at whenever the vCPU enters: one that waits for PSTATE.A comes with the next exit
 * after the guest has cleared that. */
void hvf_inject_serror(struct vcpu *v)
{
    if (!v->serror || hvf_get(v, HV_REG_CPSR) & PSTATE_A)
        return;
    v->serror = false;
    hvf_inject(v, VECTOR_SERROR, esr_make(ESR_EC_SERROR, 0));
}
