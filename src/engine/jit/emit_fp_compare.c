/* SPDX-License-Identifier: ISC */
/*
 * Floating-point comparisons: to NZCV, of lanes, and selection by NZCV.
 *
 * UCOMISD raises invalid for signalling NaNs only, as FCMP does, COMISD for all, as FCMPE; CMPPD's
 * predicates for "equal" are quiet and those for order are not, as FCMEQ, FCMGE and FCMGT.
 */
#include "engine/jit/emit_fp.h"
#include "engine/jit/flags.h"

/* --- to NZCV --- */

static void compare(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, FP_X);
    bool wide = i->size == 8, signal = i->flags & FP_SIGNAL;
    enum x64_vop op = signal ? wide ? X64_COMISD : X64_COMISS : wide ? X64_UCOMISD : X64_UCOMISS;

    if (i->b == IR_NONE)
        x64_vzero(e->as, FP_Y);
    if (i->b != IR_NONE && !emit_in_reg(e, i->b))
        x64_v2m(e->as, op, a, emit_mem(e, i->b));
    else
        x64_v2(e->as, op, a, i->b == IR_NONE ? FP_Y : emit_vuse(e, i->b, FP_Y));
}

void emit_FCMP(struct emit *e, const struct ir_insn *i)
{
    compare(e, i);
    emit_flags_set(e, i, EMIT_FLAGS_FP);
}

/* Jumps to *otherwise unless the condition of i holds. */
static void unless_condition(struct emit *e, const struct ir_insn *i, struct x64_label *otherwise)
{
    enum x64_cc second;
    bool both;
    enum x64_cc cc = emit_condition(e, i->cond, &second, &both);

    if (second == X64_CC_NONE) {
        x64_jcc_label(e->as, cc ^ 1, otherwise);
    } else if (both) {
        x64_jcc_label(e->as, cc ^ 1, otherwise);
        x64_jcc_label(e->as, second ^ 1, otherwise);
    } else {
        uint8_t *holds = x64_jcc_short(e->as, cc);

        x64_jcc_label(e->as, second ^ 1, otherwise);
        x64_here(e->as, holds);
    }
}

/* Where its two ways meet the flags are in memory. */
void emit_FCCMP(struct emit *e, const struct ir_insn *i)
{
    struct x64_label otherwise = {0}, done = {0};
    struct ir_insn store = *i;

    store.flags = (uint16_t)((store.flags | IR_S | IR_STORE) & ~IR_DEAD);
    unless_condition(e, i, &otherwise);
    compare(e, i);
    emit_flags_set(e, &store, EMIT_FLAGS_FP);
    x64_jmp_label(e->as, &done);
    x64_bind(e->as, &otherwise);
    x64_mov_ri(e->as, X64_RAX, flags_from_nzcv[i->imm]);
    emit_flags_store_raw(e, X64_RAX);
    x64_bind(e->as, &done);
    e->eflags = EMIT_FLAGS_NONE;
}

/* --- selection --- */

static void load_scalar(struct emit *e, const struct ir_insn *i, enum x64_reg to, ir_value v)
{
    if (emit_in_reg(e, v))
        x64_movd_rx(e->as, i->size, to, emit_vuse(e, v, FP_X));
    else
        x64_load(e->as, i->size, to, emit_mem(e, v));
}

/* In general registers, for their conditional move. */
void emit_FCSEL(struct emit *e, const struct ir_insn *i)
{
    enum x64_cc second;
    bool both;
    enum x64_cc cc = emit_condition(e, i->cond, &second, &both);
    unsigned r = emit_vdef(e, i->dst, FP_X), invert = second != X64_CC_NONE && both;

    /* With two conditions that must both hold: b where one of them does not. */
    load_scalar(e, i, X64_RAX, invert ? i->a : i->b);
    load_scalar(e, i, X64_RCX, invert ? i->b : i->a);
    x64_cmov_rr(e->as, cc ^ invert, i->size, X64_RAX, X64_RCX);
    if (second != X64_CC_NONE)
        x64_cmov_rr(e->as, second ^ invert, i->size, X64_RAX, X64_RCX);
    x64_movd_xr(e->as, i->size, r, X64_RAX);
    emit_vdone(e, i->dst, r);
}

/* --- of lanes --- */

/* The comparison as x86 has it: a predicate, and whether the operands are exchanged. */
struct lane_compare {
    enum x64_fcmp predicate;
    bool swap;
};

static struct lane_compare lane_compare(unsigned cond)
{
    switch (cond) {
    case FP_EQ: return (struct lane_compare){X64_FCMP_EQ, false};
    case FP_GE: return (struct lane_compare){X64_FCMP_LE, true};
    case FP_GT: return (struct lane_compare){X64_FCMP_LT, true};
    case FP_LE: return (struct lane_compare){X64_FCMP_LE, false};
    default: return (struct lane_compare){X64_FCMP_LT, false};
    }
}

static unsigned magnitude(struct emit *e, const struct ir_insn *i, unsigned a, unsigned to)
{
    if (!(i->flags & FP_ABSOLUTE_BOTH))
        return a;
    x64_v3m(e->as, X64_ANDPS, to, a, emit_fp_const(e, i, ieee_sign(i->size) - 1));
    return to;
}

void emit_FCM(struct emit *e, const struct ir_insn *i)
{
    struct lane_compare c = lane_compare(i->cond);
    unsigned r = emit_fp_target(e, i), a = magnitude(e, i, emit_fp_lanes(e, i, i->a, FP_X), FP_X),
             b = FP_Y;

    if (i->b == IR_NONE)
        x64_vzero(e->as, FP_Y);
    else
        b = magnitude(e, i, emit_fp_lanes(e, i, i->b, FP_Y), FP_Y);
    x64_v3i(e->as, emit_fp_vop(i, X64_CMPPS), FP_Z, c.swap ? b : a, c.swap ? a : b,
            (uint8_t)c.predicate);
    if (!(i->flags & (IR_Q | IR_SCALAR))) /* zero equals zero */
        x64_v2(e->as, X64_MOVQ, r, FP_Z);
    else
        x64_vmov(e->as, r, FP_Z);
    emit_fp_done(e, i, r);
}
