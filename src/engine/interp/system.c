/* SPDX-License-Identifier: ISC */
/*
 * Exception generation, hints, barriers and system registers (Arm ARM C4.1.94, C6.2). What they do
 * belongs to the shared part of the soft engines; here they are taken apart.
 */
#include "engine/interp/handlers.h"

#include "engine/soft/soft.h"

/* --- exception generation --- */

void interp_SVC(struct soft_cpu *c, uint32_t w)
{
    soft_svc(c, (uint16_t)a64_imm16(w));
}

void interp_HVC(struct soft_cpu *c, uint32_t w)
{
    if (c->el == 0)
        soft_undefined(c);
    soft_smccc(c, false, (uint16_t)a64_imm16(w));
}

void interp_SMC(struct soft_cpu *c, uint32_t w)
{
    if (c->el == 0)
        soft_undefined(c);
    soft_smccc(c, true, (uint16_t)a64_imm16(w));
}

void interp_BRK(struct soft_cpu *c, uint32_t w)
{
    soft_brk(c, (uint16_t)a64_imm16(w));
}

/* Halting debug is not allowed on this CPU (EDSCR.HDE is 0). */
void interp_HLT(struct soft_cpu *c, uint32_t w)
{
    soft_undefined(c);
}

/* --- hints --- */

void interp_HINT(struct soft_cpu *c, uint32_t w)
{
}

void interp_NOP(struct soft_cpu *c, uint32_t w)
{
}

void interp_YIELD(struct soft_cpu *c, uint32_t w)
{
    soft_yield(c);
}

void interp_WFE(struct soft_cpu *c, uint32_t w)
{
    soft_wfe(c);
}

void interp_WFI(struct soft_cpu *c, uint32_t w)
{
    soft_wfi(c);
}

void interp_SEV(struct soft_cpu *c, uint32_t w)
{
    soft_sev(c, false);
}

void interp_SEVL(struct soft_cpu *c, uint32_t w)
{
    soft_sev(c, true);
}

/* --- barriers --- */

void interp_CLREX(struct soft_cpu *c, uint32_t w)
{
    soft_clear_excl(c);
}

/* SSBB and PSSBB among them: an interpreter does not speculate. */
void interp_DSB(struct soft_cpu *c, uint32_t w)
{
    soft_dsb(c);
}

void interp_DMB(struct soft_cpu *c, uint32_t w)
{
    soft_dmb(c);
}

void interp_ISB(struct soft_cpu *c, uint32_t w)
{
    soft_isb(c);
}

/* A barrier to speculation only. */
void interp_SB(struct soft_cpu *c, uint32_t w)
{
}

/* --- MSR (immediate): one line of the table a PSTATE field --- */

static void msr_imm(struct soft_cpu *c, uint32_t w)
{
    soft_msr_imm(c, a64_op1(w), a64_op2(w), a64_CRm(w));
}

void interp_MSR_SPSel(struct soft_cpu *c, uint32_t w)
{
    msr_imm(c, w);
}

void interp_MSR_DAIFSet(struct soft_cpu *c, uint32_t w)
{
    msr_imm(c, w);
}

void interp_MSR_DAIFClr(struct soft_cpu *c, uint32_t w)
{
    msr_imm(c, w);
}

void interp_MSR_PAN(struct soft_cpu *c, uint32_t w)
{
    msr_imm(c, w);
}

void interp_MSR_UAO(struct soft_cpu *c, uint32_t w)
{
    msr_imm(c, w);
}

void interp_MSR_SSBS(struct soft_cpu *c, uint32_t w)
{
    msr_imm(c, w);
}

/* --- system registers and instructions --- */

/* A register's key (arm/sysreg.h) is these bits of the instruction. */
static uint32_t system_key(uint32_t w)
{
    return w >> 5 & 0xffff;
}

void interp_SYS(struct soft_cpu *c, uint32_t w)
{
    soft_sys(c, system_key(w), a64_Rt(w), soft_x(c, a64_Rt(w)));
}

/* No system instruction with a result is allocated (C5.1.2), and this CPU adds none of its own. */
void interp_SYSL(struct soft_cpu *c, uint32_t w)
{
    soft_undefined(c);
}

void interp_MSR_reg(struct soft_cpu *c, uint32_t w)
{
    soft_msr(c, system_key(w), a64_Rt(w), soft_x(c, a64_Rt(w)));
}

void interp_MRS(struct soft_cpu *c, uint32_t w)
{
    uint64_t value = soft_mrs(c, system_key(w), a64_Rt(w));

    soft_set_x(c, a64_Rt(w), value);
}
