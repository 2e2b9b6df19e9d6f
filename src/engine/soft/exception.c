/* SPDX-License-Identifier: ISC */
/*
 * Exceptions taken to EL1, PSTATE and exception return (Arm ARM D1.3, C5.2).
 *
 * The functions that raise set everything the exception changes, leave c->pc at the vector, and
 * unwind to the dispatch loop.
 */
#include "engine/soft/private.h"

#include "arm/esr.h"
#include "arm/regs.h"
#include "engine/soft/pauth.h"

/* --- PSTATE --- */

/* SP_ELx is in x[31] while it is the current stack pointer, else in its bank. */
static void stack_select(struct soft_cpu *c, unsigned el, unsigned spsel)
{
    c->sp_el[c->el && c->spsel] = c->x[31];
    c->el = (uint8_t)el;
    c->spsel = (uint8_t)spsel;
    c->x[31] = c->sp_el[el && spsel];
}

void soft_set_spsel(struct soft_cpu *c, unsigned spsel)
{
    stack_select(c, c->el, spsel);
    soft_level_changed(c);
}

uint32_t soft_pstate_get(const struct soft_cpu *c)
{
    uint64_t mode = (uint64_t)c->el << 2 | (c->el ? c->spsel : 0);

    return (uint32_t)(c->nzcv | c->daif | mode | (c->uao ? PSTATE_UAO : 0) |
                      (c->pan ? PSTATE_PAN : 0) | (c->ss ? PSTATE_SS : 0) |
                      (c->il ? PSTATE_IL : 0) | (c->ssbs ? PSTATE_SSBS : 0));
}

/* All but the exception level and the stack selection. */
static void set_flags(struct soft_cpu *c, uint32_t spsr)
{
    c->nzcv = spsr & (SOFT_NZCV_N | SOFT_NZCV_Z | SOFT_NZCV_C | SOFT_NZCV_V);
    c->daif = (uint32_t)(spsr & PSTATE_DAIF);
    c->uao = !!(spsr & PSTATE_UAO);
    c->pan = !!(spsr & PSTATE_PAN);
    c->ssbs = !!(spsr & PSTATE_SSBS);
}

void soft_pstate_set(struct soft_cpu *c, uint32_t spsr)
{
    set_flags(c, spsr);
    c->il = !!(spsr & PSTATE_IL);
    c->ss = !!(spsr & PSTATE_SS);
    stack_select(c, spsr >> 2 & 1, spsr >> 2 & 1 ? spsr & 1 : 1);
    soft_context_changed(c);
    soft_interrupts_changed(c);
}

void soft_set_daif(struct soft_cpu *c, uint32_t daif)
{
    uint32_t changed = c->daif ^ daif;

    c->daif = (uint32_t)(daif & PSTATE_DAIF);
    if (changed & PSTATE_D)
        soft_debug_changed(c);
    soft_interrupts_changed(c);
}

/* --- entry --- */

_Noreturn void soft_unwind(struct soft_cpu *c)
{
    soft_code_moved(c);
    soft_slice_take(c, 1); /* so that a guest that does nothing but fault still sees the clock */
    siglongjmp(c->unwind, 1);
}

void soft_enter_el1(struct soft_cpu *c, unsigned vector, uint64_t elr)
{
    unsigned from = c->el == 0 ? VECTOR_LOWER_64
                    : c->spsel ? VECTOR_CURRENT_SPX
                               : VECTOR_CURRENT_SP0;
    uint64_t sctlr = c->sysreg[SYSREG_SCTLR_EL1];

    c->sysreg[SYSREG_SPSR_EL1] = soft_pstate_get(c);
    c->sysreg[SYSREG_ELR_EL1] = elr;
    c->daif = PSTATE_DAIF;
    c->il = c->ss = c->uao = 0;
    c->ssbs = !!(sctlr & SCTLR_DSSBS);
    if (!(sctlr & SCTLR_SPAN))
        c->pan = 1;
    stack_select(c, 1, 1);
    c->pc = c->sysreg[SYSREG_VBAR_EL1] + from + vector;
    c->priv->replay.count = c->priv->replay.next = 0;
    soft_level_changed(c);
    soft_interrupts_changed(c);
}

_Noreturn void soft_raise(struct soft_cpu *c, uint32_t esr)
{
    c->sysreg[SYSREG_ESR_EL1] = esr;
    soft_enter_el1(c, VECTOR_SYNC, c->pc);
    soft_unwind(c);
}

_Noreturn void soft_raise_abort(struct soft_cpu *c, uint64_t va, uint32_t esr)
{
    c->sysreg[SYSREG_FAR_EL1] = va;
    soft_raise(c, esr);
}

_Noreturn void soft_raise_data_abort(struct soft_cpu *c, uint64_t va, unsigned fsc, bool write,
                                     bool maintenance)
{
    uint32_t esr = esr_data_abort(c->el == 1, fsc, write || maintenance);

    soft_raise_abort(c, va, esr | (maintenance ? ESR_DABT_CM : 0));
}

_Noreturn void soft_raise_fetch_abort(struct soft_cpu *c, uint64_t va, unsigned fsc)
{
    soft_raise_abort(c, va, esr_instruction_abort(c->el == 1, fsc));
}

_Noreturn void soft_raise_pc_alignment(struct soft_cpu *c)
{
    soft_raise_abort(c, c->pc, esr_make(ESR_EC_PC_ALIGN, 0));
}

_Noreturn void soft_raise_sp_alignment(struct soft_cpu *c)
{
    soft_raise(c, esr_make(ESR_EC_SP_ALIGN, 0));
}

_Noreturn void soft_raise_fp_access(struct soft_cpu *c)
{
    soft_raise(c, esr_fp_access());
}

_Noreturn void soft_raise_illegal_state(struct soft_cpu *c)
{
    soft_raise(c, esr_make(ESR_EC_ILLEGAL, 0));
}

_Noreturn void soft_raise_sys_trap(struct soft_cpu *c, uint32_t key, unsigned rt, bool read)
{
    soft_raise(c, esr_sysreg(key, rt, read));
}

_Noreturn void soft_undefined(struct soft_cpu *c)
{
    soft_raise(c, esr_undefined());
}

/* The preferred return address is the next instruction, and a step is over (D2.12.4, SSAdvance). */
_Noreturn void soft_svc(struct soft_cpu *c, uint16_t imm)
{
    c->ss = 0;
    c->sysreg[SYSREG_ESR_EL1] = esr_imm(ESR_EC_SVC64, imm);
    soft_enter_el1(c, VECTOR_SYNC, c->pc + 4);
    soft_unwind(c);
}

_Noreturn void soft_brk(struct soft_cpu *c, uint16_t imm)
{
    soft_raise(c, esr_imm(ESR_EC_BRK64, imm));
}

/* There is no EL2 or EL3: the machine answers the calls of SMCCC (immediate 0), the rest is
 * UNDEFINED. */
_Noreturn void soft_smccc(struct soft_cpu *c, bool smc, uint16_t imm)
{
    if (c->el == 0 || imm != 0)
        soft_undefined(c);
    c->exit.smccc.smc = smc;
    for (unsigned i = 0; i < nitems(c->exit.smccc.x); i++)
        c->exit.smccc.x[i] = c->x[i];
    c->pc += 4;
    c->ss = 0;
    c->priv->pending = SOFT_PENDING_SMCCC;
    soft_leave(c, EXIT_SMCCC);
}

/* --- interrupts --- */

void soft_interrupts_update(struct soft_cpu *c)
{
    if (c->held & ~c->daif & SOFT_INTERRUPTS)
        soft_attention_set(c, SOFT_ATTEND_INTERRUPT);
    else
        soft_attention_clear(c, SOFT_ATTEND_INTERRUPT);
}

/* Without FEAT_RAS nothing more is known of it (D19.2.37, ISS of an SError: IDS 0). */
static void take_serror(struct soft_cpu *c)
{
    c->held &= ~(uint32_t)PSTATE_A;
    c->sysreg[SYSREG_ESR_EL1] = esr_make(ESR_EC_SERROR, 0);
    soft_enter_el1(c, VECTOR_SERROR, c->pc);
}

/* None may be left: translated code sets masks without a word. */
void soft_take_interrupt(struct soft_cpu *c)
{
    uint32_t pending = c->held & ~c->daif;

    if (pending & PSTATE_A)
        take_serror(c);
    else if (pending & PSTATE_F)
        soft_enter_el1(c, VECTOR_FIQ, c->pc);
    else if (pending & PSTATE_I)
        soft_enter_el1(c, VECTOR_IRQ, c->pc);
    else
        soft_interrupts_changed(c);
    soft_code_moved(c);
}

/* --- return --- */

/* AArch64 EL0 with SP_EL0, EL1 with either stack pointer; anything else is an illegal return
 * (D1.3.4). */
static bool return_is_legal(uint64_t spsr)
{
    uint64_t mode = spsr & PSTATE_MODE;

    return mode == PSTATE_EL0T || mode == PSTATE_EL1T || mode == PSTATE_EL1H;
}

void soft_eret(struct soft_cpu *c, uint64_t target)
{
    uint32_t spsr = (uint32_t)c->sysreg[SYSREG_SPSR_EL1];
    bool legal = return_is_legal(spsr);
    unsigned el = legal ? spsr >> 2 & 1 : c->el;
    bool step = (spsr & PSTATE_SS) && soft_debug_step_on_return(c, el, spsr & PSTATE_D);

    set_flags(c, spsr);
    if (legal)
        stack_select(c, el, el ? spsr & 1 : 1);
    c->il = !legal || (spsr & PSTATE_IL);
    c->ss = step;
    c->priv->step_done = false;
    c->next_pc = pauth_branch_address(c, target);
    soft_code_moved(c);
    soft_clear_excl(c);
    soft_level_changed(c);
    soft_interrupts_changed(c);
    c->event = true; /* an exception return is a WFE wake-up event (D1.6.1) */
}
