/* SPDX-License-Identifier: ISC */
/*
 * Thunks that change the exception level, or what it may touch: ERET, SVC from EL0, MSR PAN (Arm
 * ARM D1.3, C5.2; soft/exception.c is the same in C).
 *
 * All guest registers are in memory, so all of the host's are free but eax and edx: these are as
 * handler_end wants them, for everything that is rare is the handler's: a level that is not known
 * (soft/state.h), an interrupt that is let go, debug, an illegal return. Nothing of the guest is
 * changed before that is known. Guest returns on the host's stack belong to the level that was.
 */
#include "engine/jit/thunks.h"

#include "arm/esr.h"
#include "arm/regs.h"
#include "engine/jit/emit.h"
#include "engine/jit/flags.h"
#include "engine/soft/private.h"

/* PSTATE's bits by number, as BT wants them. */
enum { PAN_BIT = 22, UAO_BIT = 23, SSBS_BIT = 12 };

/* Of SCTLR_EL1. */
enum { SPAN_BIT = 23, DSSBS_BIT = 44 };

#define SYSREG(name) EMIT_FIELD(sysreg[SYSREG_##name])
#define NZCV_SHIFT   28

/* A member of the c->level[] that rsi, five times its number, chooses. */
#define LEVEL(member)                                                                              \
    x64_at_index(EMIT_STATE, X64_RSI, 8,                                                           \
                 (int32_t)offsetof(struct soft_cpu, level[0].member) - EMIT_BIAS)
_Static_assert(sizeof(struct soft_level) == 5 * 8, "an index and its scale");

/* rsi = for LEVEL(), of level rsi; to the handler if it is not known. */
static void choose_level(struct x64 *as, const struct thunks *t)
{
    x64_lea(as, 8, X64_RSI, x64_at_index(X64_RSI, X64_RSI, 4, 0));
    x64_alu_mi(as, X64_CMP, 1, LEVEL(known), 0);
    x64_jcc_to(as, X64_CC_E, t->handler_end);
}

static void take_level(struct x64 *as)
{
    x64_load(as, 8, EMIT_TLB, LEVEL(dtlb));
    x64_store(as, 8, EMIT_FIELD(dtlb), EMIT_TLB);
    x64_load(as, 8, X64_RDI, LEVEL(utlb));
    x64_store(as, 8, EMIT_FIELD(utlb), X64_RDI);
    x64_load(as, 8, X64_RDI, LEVEL(jump));
    x64_store(as, 8, EMIT_FIELD(jump), X64_RDI);
    x64_load(as, 8, X64_RDI, LEVEL(view));
    x64_store(as, 8, EMIT_FIELD(view), X64_RDI);
    x64_load(as, 1, X64_RDI, LEVEL(sp_check));
    x64_store(as, 1, EMIT_FIELD(sp_check), X64_RDI);
    x64_load(as, 1, X64_RDI, LEVEL(fp_trap));
    x64_store(as, 1, EMIT_FIELD(fp_trap), X64_RDI);
    x64_load(as, 1, X64_RDI, LEVEL(context));
    x64_store(as, 1, EMIT_FIELD(context), X64_RDI);
}

/* x[31] goes to one bank and comes from the other. */
static void swap_sp(struct x64 *as, struct x64_mem to, struct x64_mem from)
{
    x64_load(as, 8, X64_RDI, EMIT_FIELD(x[31]));
    x64_store(as, 8, to, X64_RDI);
    x64_load(as, 8, X64_RDI, from);
    x64_store(as, 8, EMIT_FIELD(x[31]), X64_RDI);
}

/* A byte of PSTATE from a bit of register r, or of a 64-bit word in memory. */
static void set_byte(struct x64 *as, struct x64_mem byte, enum x64_reg r, unsigned bit)
{
    x64_bt_ri(as, X64_BT, 4, r, bit);
    x64_setcc_m(as, X64_CC_B, byte);
}

/* ecx |= a byte of PSTATE, as `bit` of SPSR_EL1. */
static void add_byte(struct x64 *as, struct x64_mem byte, unsigned bit)
{
    x64_load(as, 1, X64_RDI, byte);
    x64_shift_ri(as, X64_SHL, 4, X64_RDI, bit);
    x64_alu_rr(as, X64_OR, 4, X64_RCX, X64_RDI);
}

/* Self-hosted debug is the handler's. */
static void check_debug(struct x64 *as, const struct thunks *t)
{
    x64_test_mi(as, 4, EMIT_FIELD(held), (int32_t)PSTATE_D);
    x64_jcc_to(as, X64_CC_NE, t->handler_end);
}

/* rdi = the address after the instruction. */
static void next_address(struct x64 *as)
{
    x64_mov_rr(as, 4, X64_RDI, X64_RAX);
    x64_shift_ri(as, X64_SHR, 4, X64_RDI, 16);
    x64_alu_rm(as, X64_ADD, 8, X64_RDI, EMIT_FIELD(code_base));
    x64_alu_ri(as, X64_ADD, 8, X64_RDI, 4);
}

/* --- ERET, at EL1 with SP_EL1 --- */

/* ecx = SPSR_EL1, if it is one of a common return and lets no interrupt go; esi = its mode. */
static void check_spsr(struct x64 *as, const struct thunks *t)
{
    x64_load(as, 4, X64_RCX, SYSREG(SPSR_EL1));
    x64_mov_rr(as, 4, X64_RDI, X64_RCX);
    x64_unary_r(as, X64_NOT, 4, X64_RDI);
    x64_alu_ri(as, X64_OR, 4, X64_RDI, (int32_t)PSTATE_D);
    x64_alu_ri(as, X64_AND, 4, X64_RDI, (int32_t)PSTATE_DAIF);
    x64_test_mr(as, 4, EMIT_FIELD(held), X64_RDI);
    x64_jcc_to(as, X64_CC_NE, t->handler_end);
    x64_mov_rr(as, 4, X64_RSI, X64_RCX);
    x64_alu_ri(as, X64_AND, 4, X64_RSI,
               (int32_t)(PSTATE_MODE | PSTATE_UAO | PSTATE_SS | PSTATE_IL));
}

static void load_pstate(struct x64 *as)
{
    x64_mov_rr(as, 4, X64_RDI, X64_RCX);
    x64_alu_ri(as, X64_AND, 4, X64_RDI, (int32_t)PSTATE_DAIF);
    x64_store(as, 4, EMIT_FIELD(daif), X64_RDI);
    set_byte(as, EMIT_FIELD(pan), X64_RCX, PAN_BIT);
    set_byte(as, EMIT_FIELD(ssbs), X64_RCX, SSBS_BIT);
    x64_store_i(as, 1, EMIT_FIELD(uao), 0);
    x64_store_i(as, 1, EMIT_FIELD(ss), 0);
    x64_shift_ri(as, X64_SHR, 4, X64_RCX, NZCV_SHIFT);
    x64_mov_ri(as, X64_RDI, (uint64_t)(uintptr_t)flags_from_nzcv);
    x64_load(as, 2, X64_RCX, x64_at_index(X64_RDI, X64_RCX, 2, 0));
    x64_store(as, 2, EMIT_FIELD(raw_flags), X64_RCX);
    x64_store_i(as, 1, EMIT_FIELD(excl_valid), 0);
    x64_store_i(as, 1, EMIT_FIELD(event), 1);
}

static void emit_eret(struct x64 *as, struct thunks *t)
{
    uint8_t *to_el0, *chosen;

    t->eret = as->at;
    check_spsr(as, t);
    to_el0 = x64_jcc_short(as, X64_CC_E);
    x64_alu_ri(as, X64_CMP, 4, X64_RSI, (int32_t)PSTATE_EL1H);
    x64_jcc_to(as, X64_CC_NE, t->handler_end);
    x64_mov_rr(as, 4, X64_RSI, X64_RCX);
    x64_shift_ri(as, X64_SHR, 4, X64_RSI, PAN_BIT);
    x64_alu_ri(as, X64_AND, 4, X64_RSI, 1);
    x64_alu_ri(as, X64_ADD, 4, X64_RSI, SOFT_LEVEL_EL1);
    choose_level(as, t);
    chosen = x64_jmp_short(as);
    x64_here(as, to_el0);
    choose_level(as, t); /* esi is 0: SOFT_LEVEL_EL0 */
    x64_store_i(as, 1, EMIT_FIELD(el), 0);
    swap_sp(as, EMIT_FIELD(sp_el[1]), EMIT_FIELD(sp_el[0]));
    x64_here(as, chosen);
    take_level(as);
    load_pstate(as);
    x64_load(as, 8, X64_RSP, EMIT_FIELD(stack_base));
    x64_load(as, 8, X64_RAX, SYSREG(ELR_EL1));
    x64_jmp_to(as, t->branch);
}

/* --- SVC at EL0 --- */

/* esi = PSTATE.PAN at EL1, and its level. */
static void choose_el1(struct x64 *as, const struct thunks *t)
{
    uint8_t *kept;

    x64_load(as, 1, X64_RSI, EMIT_FIELD(pan));
    x64_test_mi(as, 4, SYSREG(SCTLR_EL1), (int32_t)BIT(SPAN_BIT));
    kept = x64_jcc_short(as, X64_CC_NE);
    x64_mov_ri(as, X64_RSI, 1);
    x64_here(as, kept);
    x64_mov_rr(as, 4, X64_RBX, X64_RSI);
    x64_alu_ri(as, X64_ADD, 4, X64_RSI, SOFT_LEVEL_EL1);
    choose_level(as, t);
}

/* SPSR_EL1, ELR_EL1 and ESR_EL1; the mode in SPSR is 0. */
static void save_state(struct x64 *as)
{
    thunks_load_nzcv(as);
    x64_alu_rm(as, X64_OR, 4, X64_RCX, EMIT_FIELD(daif));
    add_byte(as, EMIT_FIELD(uao), UAO_BIT);
    add_byte(as, EMIT_FIELD(pan), PAN_BIT);
    add_byte(as, EMIT_FIELD(ssbs), SSBS_BIT);
    x64_store(as, 8, SYSREG(SPSR_EL1), X64_RCX);
    next_address(as);
    x64_store(as, 8, SYSREG(ELR_EL1), X64_RDI);
    x64_shift_ri(as, X64_SHR, 4, X64_RDX, 5); /* the instruction's immediate */
    x64_movzx_rr(as, X64_RDX, X64_RDX, 2);
    x64_alu_ri(as, X64_OR, 4, X64_RDX, (int32_t)esr_imm(ESR_EC_SVC64, 0));
    x64_store(as, 8, SYSREG(ESR_EL1), X64_RDX);
}

static void emit_svc(struct x64 *as, struct thunks *t)
{
    t->svc = as->at;
    check_debug(as, t);
    choose_el1(as, t);
    save_state(as);
    take_level(as);
    x64_store_i(as, 4, EMIT_FIELD(daif), (int32_t)PSTATE_DAIF);
    x64_store(as, 1, EMIT_FIELD(pan), X64_RBX);
    x64_store_i(as, 1, EMIT_FIELD(uao), 0);
    x64_store_i(as, 1, EMIT_FIELD(ss), 0);
    x64_bt_mi(as, X64_BT, 8, SYSREG(SCTLR_EL1), DSSBS_BIT);
    x64_setcc_m(as, X64_CC_B, EMIT_FIELD(ssbs));
    x64_store_i(as, 1, EMIT_FIELD(el), 1);
    swap_sp(as, EMIT_FIELD(sp_el[0]), EMIT_FIELD(sp_el[1]));
    x64_load(as, 8, X64_RSP, EMIT_FIELD(stack_base));
    x64_load(as, 8, X64_RAX, SYSREG(VBAR_EL1));
    x64_alu_ri(as, X64_ADD, 8, X64_RAX, VECTOR_LOWER_64);
    x64_jmp_to(as, t->go_on);
}

/* --- MSR PAN, at EL1 with SP_EL1 --- */

/* The stack of guest returns stays: EL1 fetches the same instructions with PAN and without. */
static void emit_pan(struct x64 *as, struct thunks *t)
{
    t->pan = as->at;
    check_debug(as, t);
    x64_alu_mi(as, X64_CMP, 1, EMIT_FIELD(uao), 0);
    x64_jcc_to(as, X64_CC_NE, t->handler_end);
    x64_mov_rr(as, 4, X64_RBX, X64_RDX);
    x64_shift_ri(as, X64_SHR, 4, X64_RBX, 8); /* the instruction's CRm */
    x64_alu_ri(as, X64_AND, 4, X64_RBX, 1);
    x64_lea(as, 8, X64_RSI, x64_at(X64_RBX, SOFT_LEVEL_EL1));
    choose_level(as, t);
    take_level(as);
    x64_store(as, 1, EMIT_FIELD(pan), X64_RBX);
    next_address(as);
    x64_mov_rr(as, 8, X64_RAX, X64_RDI);
    x64_jmp_to(as, t->go_on);
}

void thunks_emit_levels(struct x64 *as, struct thunks *t)
{
    emit_eret(as, t);
    emit_svc(as, t);
    emit_pan(as, t);
}
