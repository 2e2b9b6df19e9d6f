/* SPDX-License-Identifier: ISC */
/*
 * Guests that have EL2 and run guests of their own (config.el2): which exception level takes what
 * the engine makes the guest take, by which registers addresses are translated there, and what
 * EL2's registers are after a reset.
 *
 * What the guest's own guests do is the framework's affair and the guest's. EL2's registers are no
 * part of arm/sysregs.def, since no other engine has them: here they have the framework's names,
 * which are their encodings.
 */
#include "arm/esr.h"
#include "arm/walk.h"
#include "engine/hvf/private.h"

#define EL2_KEY(crn, crm, op2) SYSREG_KEY(3, 4, crn, crm, op2)

#define VPIDR_EL2     EL2_KEY(0, 0, 0)
#define VMPIDR_EL2    EL2_KEY(0, 0, 5)
#define SCTLR_EL2     EL2_KEY(1, 0, 0)
#define HCR_EL2       EL2_KEY(1, 1, 0)
#define MDCR_EL2      EL2_KEY(1, 1, 1)
#define CPTR_EL2      EL2_KEY(1, 1, 2)
#define TTBR0_EL2     EL2_KEY(2, 0, 0)
#define TTBR1_EL2     EL2_KEY(2, 0, 1)
#define TCR_EL2       EL2_KEY(2, 0, 2)
#define VTTBR_EL2     EL2_KEY(2, 1, 0)
#define VTCR_EL2      EL2_KEY(2, 1, 2)
#define SPSR_EL2      EL2_KEY(4, 0, 0)
#define ELR_EL2       EL2_KEY(4, 0, 1)
#define ESR_EL2       EL2_KEY(5, 2, 0)
#define FAR_EL2       EL2_KEY(6, 0, 0)
#define HPFAR_EL2     EL2_KEY(6, 0, 4)
#define MAIR_EL2      EL2_KEY(10, 2, 0)
#define VBAR_EL2      EL2_KEY(12, 0, 0)
#define TPIDR_EL2     EL2_KEY(13, 0, 2)
#define CNTVOFF_EL2   EL2_KEY(14, 0, 3)
#define CNTHCTL_EL2   EL2_KEY(14, 1, 0)
#define CNTHP_CTL_EL2 EL2_KEY(14, 2, 1)

/* HCR_EL2 (D19.2.48) */
#define HCR_VM  REG_BIT(0)  /* stage 2 of the guest's own */
#define HCR_AMO REG_BIT(5)  /* SErrors go to EL2 */
#define HCR_TGE REG_BIT(27) /* what EL0 causes as well */
#define HCR_E2H REG_BIT(34) /* EL2 has the registers of an operating system */
#define HCR_TEA REG_BIT(37) /* and external aborts */

/* TCR_EL2 without E2H (D19.2.139): one range, and PS where TCR_EL1 has TG1. */
#define TCR_EL2_RANGE    UINT64_C(0xffff)
#define TCR_EL2_PS_SHIFT 16
#define TCR_EL2_TBI      REG_BIT(20)

#define PSTATE_EL2H   UINT64_C(9)
#define PSTATE_EL_BIT 2

static uint64_t get(struct vcpu *v, hv_sys_reg_t key)
{
    uint64_t value = 0;

    hv_vcpu_get_sys_reg(v->id, key, &value);
    return value;
}

static unsigned level(uint64_t pstate)
{
    return pstate >> PSTATE_EL_BIT & 3;
}

/* --- reset --- */

/* What software at EL2 leaves behind and nobody else writes. */
static const hv_sys_reg_t kept[HVF_EL2_REGS] = {
    SCTLR_EL2, HCR_EL2,  MDCR_EL2,  CPTR_EL2,   TTBR0_EL2, TTBR1_EL2,   TCR_EL2,
    VTTBR_EL2, VTCR_EL2, SPSR_EL2,  ELR_EL2,    ESR_EL2,   FAR_EL2,     HPFAR_EL2,
    MAIR_EL2,  VBAR_EL2, TPIDR_EL2, VMPIDR_EL2, VPIDR_EL2, CNTVOFF_EL2, CNTHCTL_EL2,
};

void hvf_el2_created(struct vcpu *v)
{
    for (size_t i = 0; i < nitems(kept) && v->vm->config.el2; i++)
        v->el2[i] = get(v, kept[i]);
}

uint64_t hvf_el2_reset(struct vcpu *v)
{
    if (!v->vm->config.el2)
        return PSTATE_DAIF | PSTATE_EL1H;
    for (size_t i = 0; i < nitems(kept); i++)
        hv_vcpu_set_sys_reg(v->id, kept[i], v->el2[i]);
    hv_vcpu_set_sys_reg(v->id, CNTHP_CTL_EL2, 0);
    return PSTATE_DAIF | PSTATE_EL2H;
}

/* --- exceptions --- */

static const struct hvf_level el1 = {
    .el = 1,
    .handler = PSTATE_EL1H,
    .sctlr = SYSREG_KEY(3, 0, 1, 0, 0),
    .spsr = SYSREG_KEY(3, 0, 4, 0, 0),
    .elr = SYSREG_KEY(3, 0, 4, 0, 1),
    .esr = SYSREG_KEY(3, 0, 5, 2, 0),
    .far = SYSREG_KEY(3, 0, 6, 0, 0),
    .vbar = SYSREG_KEY(3, 0, 12, 0, 0),
};

static const struct hvf_level el2 = {
    .el = 2,
    .handler = PSTATE_EL2H,
    .sctlr = SCTLR_EL2,
    .spsr = SPSR_EL2,
    .elr = ELR_EL2,
    .esr = ESR_EL2,
    .far = FAR_EL2,
    .vbar = VBAR_EL2,
};

/* D1.3.6 "Routing synchronous exceptions", and asynchronous ones (D1.3.7). */
const struct hvf_level *hvf_level(struct vcpu *v, enum hvf_exception exception)
{
    static const uint64_t routed[] = {
        [HVF_UNDEFINED] = 0,
        [HVF_ABORT] = HCR_TEA,
        [HVF_SERROR] = HCR_AMO | HCR_TGE,
    };
    uint64_t hcr, pstate = hvf_get(v, HV_REG_CPSR);

    if (!v->vm->config.el2)
        return &el1;
    hcr = get(v, HCR_EL2);
    if (level(pstate) == 2 || (hcr & routed[exception]) || (level(pstate) == 0 && hcr & HCR_TGE))
        return &el2;
    return &el1;
}

/* D1.3.7: PSTATE.A is for the level that takes it, and for a host's programs below it. */
bool hvf_serror_masked(struct vcpu *v, const struct hvf_level *to)
{
    uint64_t pstate = hvf_get(v, HV_REG_CPSR);
    bool lower = to->el == 2 && level(pstate) < 2 && !(get(v, HCR_EL2) & HCR_TGE);

    return pstate & PSTATE_A && !lower;
}

/* --- translation --- */

static void walk_el1(struct vcpu *v, struct arm_walk_regs *regs)
{
    regs->sctlr = hvf_sysreg(v, SYSREG_SCTLR_EL1);
    regs->tcr = hvf_sysreg(v, SYSREG_TCR_EL1);
    regs->ttbr[0] = hvf_sysreg(v, SYSREG_TTBR0_EL1);
    regs->ttbr[1] = hvf_sysreg(v, SYSREG_TTBR1_EL1);
    regs->mair = hvf_sysreg(v, SYSREG_MAIR_EL1);
}

/* The regime of EL2, without E2H, in the words of EL1's. AP[1] means nothing there, nor PAN. */
static void narrow(struct arm_walk_regs *regs)
{
    uint64_t tcr = regs->tcr;

    regs->tcr = (tcr & TCR_EL2_RANGE) | (tcr >> TCR_EL2_PS_SHIFT & 7) << TCR_IPS_SHIFT |
                (tcr & TCR_EL2_TBI ? TCR_TBI0 : 0) | TCR_EPD1;
    regs->pan = false;
}

static void walk_el2(struct vcpu *v, uint64_t hcr, struct arm_walk_regs *regs)
{
    regs->sctlr = get(v, SCTLR_EL2);
    regs->tcr = get(v, TCR_EL2);
    regs->ttbr[0] = get(v, TTBR0_EL2);
    regs->ttbr[1] = get(v, TTBR1_EL2);
    regs->mair = get(v, MAIR_EL2);
    if (!(hcr & HCR_E2H))
        narrow(regs);
}

bool hvf_walk_regs(struct vcpu *v, struct arm_walk_regs *regs)
{
    uint64_t pstate = hvf_get(v, HV_REG_CPSR);
    uint64_t hcr = v->vm->config.el2 ? get(v, HCR_EL2) : 0;
    bool host = level(pstate) == 0 && hcr & HCR_TGE && hcr & HCR_E2H;

    *regs = (struct arm_walk_regs){
        .mmfr0 = hvf_sysreg(v, SYSREG_ID_AA64MMFR0_EL1),
        .el = level(pstate) ? 1 : 0,
        .pan = pstate & PSTATE_PAN,
    };
    if (level(pstate) == 2 || host) {
        walk_el2(v, hcr, regs);
        return true;
    }
    walk_el1(v, regs);
    return !(hcr & HCR_VM);
}
