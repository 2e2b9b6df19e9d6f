/* SPDX-License-Identifier: ISC */
/*
 * Exceptions that the engine makes the guest take, as the processor would (Arm ARM D1.3.1,
 * AArch64.TakeException): at EL1, or where the guest has it at EL2 (el2.c). The framework can only
 * raise IRQ and FIQ itself.
 */
#include "arm/esr.h"
#include "engine/hvf/private.h"

static uint64_t get(struct vcpu *v, hv_sys_reg_t key)
{
    uint64_t value = 0;

    hv_vcpu_get_sys_reg(v->id, key, &value);
    return value;
}

static bool from_same(const struct hvf_level *to, uint64_t pstate)
{
    return (pstate >> 2 & 3) == to->el;
}

static unsigned vector_base(const struct hvf_level *to, uint64_t pstate)
{
    if (!from_same(to, pstate))
        return VECTOR_LOWER_64;
    return pstate & 1 ? VECTOR_CURRENT_SPX : VECTOR_CURRENT_SP0;
}

static uint64_t handler_pstate(const struct hvf_level *to, uint64_t sctlr, uint64_t old)
{
    uint64_t kept = old & (PSTATE_N | PSTATE_Z | PSTATE_C | PSTATE_V | PSTATE_PAN);

    return kept | PSTATE_DAIF | to->handler | (sctlr & SCTLR_SPAN ? 0 : PSTATE_PAN) |
           (sctlr & SCTLR_DSSBS ? PSTATE_SSBS : 0);
}

static void take(struct vcpu *v, const struct hvf_level *to, unsigned vector, uint32_t esr)
{
    uint64_t pstate = hvf_get(v, HV_REG_CPSR), vbar = get(v, to->vbar);

    hv_vcpu_set_sys_reg(v->id, to->esr, esr);
    hv_vcpu_set_sys_reg(v->id, to->spsr, pstate);
    hv_vcpu_set_sys_reg(v->id, to->elr, hvf_get(v, HV_REG_PC));
    hvf_set(v, HV_REG_CPSR, handler_pstate(to, get(v, to->sctlr), pstate));
    hvf_set(v, HV_REG_PC, vbar + vector_base(to, pstate) + vector);
}

void hvf_inject_abort(struct vcpu *v, bool fetch, bool write, unsigned fsc, uint64_t va)
{
    const struct hvf_level *to = hvf_level(v, HVF_ABORT);
    bool same = from_same(to, hvf_get(v, HV_REG_CPSR));

    hv_vcpu_set_sys_reg(v->id, to->far, va);
    take(v, to, VECTOR_SYNC,
         fetch ? esr_instruction_abort(same, fsc) : esr_data_abort(same, fsc, write));
}

void hvf_inject_undefined(struct vcpu *v)
{
    take(v, hvf_level(v, HVF_UNDEFINED), VECTOR_SYNC, esr_undefined());
}

/* It is looked at whenever the vCPU enters: one that waits for PSTATE.A comes with the next exit
 * after the guest has cleared that. */
void hvf_inject_serror(struct vcpu *v)
{
    const struct hvf_level *to;

    if (!v->serror)
        return;
    to = hvf_level(v, HVF_SERROR);
    if (hvf_serror_masked(v, to))
        return;
    v->serror = false;
    take(v, to, VECTOR_SERROR, esr_make(ESR_EC_SERROR, 0));
}
