/* SPDX-License-Identifier: ISC */
/*
 * Rounding to integral values, and conversions between single and double precision.
 *
 * ROUNDPD and the conversions treat NaNs as Arm does: the payload's top survives, and a signalling
 * one becomes quiet and is invalid.
 */
#include "engine/jit/emit_fp.h"

#define NO_INEXACT 8 /* in ROUNDPD's imm8: precision is not reported */

/* The imm8 by the rounding; there is none for FP_ROUND_TIEAWAY. */
static const uint8_t ROUND[] = {
    [FP_ROUND_TIEEVEN] = X64_ROUND_NEAREST, [FP_ROUND_POSINF] = X64_ROUND_UP,
    [FP_ROUND_NEGINF] = X64_ROUND_DOWN,     [FP_ROUND_ZERO] = X64_ROUND_ZERO,
    [FP_ROUND_TIEAWAY] = X64_ROUND_NEAREST, /* as good to tell what is inexact */
};

/* to = a rounded; of a scalar the rest is cleared. */
static void round_by(struct emit *e, const struct ir_insn *i, unsigned to, unsigned a, uint8_t imm)
{
    enum x64_vop op = emit_fp_vop(i, X64_ROUNDPS);

    if (i->flags & IR_SCALAR) {
        x64_vzero(e->as, to);
        x64_v3i(e->as, op, to, to, a, imm);
    } else {
        x64_v2i(e->as, op, to, a, imm);
    }
}

/*
 * a rounded away from a tie is 2a towards zero less a towards zero; both are exact, and so is the
 * difference. The sign is put back for a zero. What cannot be doubled is replayed, as NaNs are.
 */
static void round_away(struct emit *e, const struct ir_insn *i, unsigned to, unsigned a)
{
    emit_fp_limit(e, i, a, ieee_half_max(i->size));
    x64_v3(e->as, emit_fp_vop(i, X64_ADDPS), FP_Z, a, a);
    round_by(e, i, to, FP_Z, X64_ROUND_ZERO | NO_INEXACT);
    round_by(e, i, FP_Z, a, X64_ROUND_ZERO | NO_INEXACT);
    x64_v3(e->as, emit_fp_vop(i, X64_SUBPS), to, to, FP_Z);
    x64_v3m(e->as, X64_ANDPS, FP_Z, a, emit_fp_const(e, i, ieee_sign(i->size)));
    x64_v3(e->as, X64_ORPS, to, to, FP_Z);
}

void emit_fp_round(struct emit *e, const struct ir_insn *i, unsigned to, unsigned a,
                   unsigned rounding)
{
    if (rounding == FP_ROUND_TIEAWAY)
        round_away(e, i, to, a);
    else
        round_by(e, i, to, a, ROUND[rounding] | NO_INEXACT);
}

void emit_fp_raise_inexact(struct emit *e, const struct ir_insn *i, unsigned a)
{
    round_by(e, i, FP_Z, a, ROUND[FP_ROUND_TIEEVEN]);
}

void emit_FRINT(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i);
    unsigned a = i->flags & IR_SCALAR ? emit_vuse(e, i->a, FP_X) : emit_fp_lanes(e, i, i->a, FP_X);

    if (i->flags & FP_SIGNAL)
        round_by(e, i, FP_Y, a, ROUND[i->cond]);
    else
        emit_fp_round(e, i, FP_Y, a, i->cond);
    x64_vmov(e->as, r, FP_Y);
    if (emit_fp_flushes(e))
        emit_fp_check(e, i, r, false);
    emit_fp_done(e, i, r);
}

/* --- between single and double --- */

/* Only the narrow result can be tiny. */
void emit_FCVT(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i), a = emit_vuse(e, i->a, FP_Y);
    struct ir_insn result = *i;

    result.size = i->imm & 0xff;
    x64_vzero(e->as, r);
    x64_v3(e->as, i->size == 4 ? X64_CVTSS2SD : X64_CVTSD2SS, r, r, a);
    if (result.size == 4 || emit_fp_flushes(e))
        emit_fp_check(e, &result, r, true);
    emit_fp_done(e, i, r);
}

void emit_FCVTL(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i), a = emit_vuse(e, i->a, FP_X);
    struct ir_insn result = *i;

    result.size = 8;
    if (i->flags & FP_HIGH) {
        x64_v2i(e->as, X64_PSHUFD, FP_X, a, 0xee);
        a = FP_X;
    }
    x64_v2(e->as, X64_CVTPS2PD, r, a);
    if (emit_fp_flushes(e))
        emit_fp_check(e, &result, r, false);
    emit_fp_done(e, i, r);
}

/* Two singles in the low half of r, zero in the other. */
static void narrow(struct emit *e, const struct ir_insn *i, unsigned r)
{
    struct ir_insn single = *i;

    single.size = 4;
    x64_v2(e->as, X64_CVTPD2PS, r, emit_vuse(e, i->a, FP_X));
    emit_fp_check(e, &single, r, true);
}

void emit_FCVTN(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i);

    narrow(e, i, r);
    emit_fp_done(e, i, r);
}

void emit_FCVTN2(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_vdef(e, i->dst, FP_Y);

    narrow(e, i, FP_X);
    x64_v3(e->as, X64_PUNPCKLQDQ, r, emit_vuse(e, i->dst, FP_Y), FP_X);
    emit_vdone(e, i->dst, r);
}
