/* SPDX-License-Identifier: ISC */
/*
 * Conversions between floating-point numbers and integers.
 *
 * To integers x86 gives the "integer indefinite" and invalid for what Arm saturates with invalid
 * and without inexact: the indefinite, 0x80.., sends to the replay, and invalid was right. What is
 * first rounded some way that the conversion itself does not know, is rounded without inexact, and
 * inexact is raised when it is clear that the result is in range.
 */
#include "engine/jit/emit_fp.h"

/* --- a scalar to a general register --- */

/*
 * An unsigned result of `width` bytes is taken from the range of the signed 64-bit conversion:
 * negative numbers, which have the sign bit, too large ones, infinities and NaNs are all beyond a
 * limit of the exponent.
 */
static void unsigned_range(struct emit *e, unsigned fp_size, unsigned width, unsigned a)
{
    unsigned fraction = fp_size == 8 ? 52 : 23, bias = fp_size == 8 ? 1023 : 127;

    x64_movd_rx(e->as, fp_size, X64_RAX, a);
    x64_shift_ri(e->as, X64_SHR, fp_size, X64_RAX, fraction);
    x64_alu_ri(e->as, X64_CMP, 4, X64_RAX, (int32_t)(bias + (width == 8 ? 63 : 32)));
    emit_slow(e, X64_CC_AE);
}

/*
 * Fixed point: a register with a * 2^fbits, which is exact once it is known not to overflow.
 * Numbers that a `width` bytes' result would saturate go to the replay here.
 */
static unsigned scale_up(struct emit *e, const struct ir_insn *i, unsigned width, unsigned a)
{
    int fbits = (int)i->imm >> 8;
    int bits = width == 4 && (i->flags & FP_UNSIGNED) ? 32 : (int)(8 * width - 1);

    if (!fbits)
        return a;
    emit_fp_limit(e, i, a, ieee_power(i->size, bits - fbits) - 1);
    x64_v3m(e->as, emit_fp_vop(i, X64_MULPS), FP_X, a,
            emit_fp_const(e, i, ieee_power(i->size, fbits)));
    return FP_X;
}

/* d = the scalar in `a` (FP_X, or no scratch register), whose size i has, by rounding i->cond, of
 * `width` bytes and zero-extended. Clobbers rax, FP_Y, FP_Z; d may be rax. */
static void to_general(struct emit *e, const struct ir_insn *i, unsigned width, enum x64_reg d,
                       unsigned a)
{
    bool wide = i->size == 8, is_unsigned = i->flags & FP_UNSIGNED;
    enum x64_vop truncate = wide ? X64_CVTTSD2SI : X64_CVTTSS2SI;
    enum x64_vop nearest = wide ? X64_CVTSD2SI : X64_CVTSS2SI;
    bool rounds = i->cond != FP_ROUND_ZERO && (is_unsigned || i->cond != FP_ROUND_TIEEVEN);
    unsigned from = a;

    if (rounds) {
        emit_fp_round(e, i, FP_Y, a, i->cond);
        from = FP_Y;
    }
    if (is_unsigned) {
        unsigned_range(e, i->size, width, from);
        x64_cvt_rx(e->as, truncate, 8, d, from);
    } else {
        x64_cvt_rx(e->as, i->cond == FP_ROUND_TIEEVEN ? nearest : truncate, width, d, from);
        x64_alu_ri(e->as, X64_CMP, width, d, 1); /* overflows for the indefinite only */
        emit_slow(e, X64_CC_O);
    }
    if (rounds)
        emit_fp_raise_inexact(e, i, a);
}

void emit_FTOI(struct emit *e, const struct ir_insn *i)
{
    struct ir_insn scalar = *i;
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    scalar.size = i->imm & 0xff;
    scalar.flags |= IR_SCALAR;
    to_general(e, &scalar, i->size, d, scale_up(e, &scalar, i->size, emit_vuse(e, i->a, FP_X)));
    emit_done(e, i->dst, d);
}

/* --- a general register to a scalar --- */

/* r, scalar of i->size, = the integer of `width` bytes in `from`. May replay, clobbers rax. */
static void from_general(struct emit *e, const struct ir_insn *i, unsigned r, unsigned width,
                         enum x64_reg from)
{
    bool wide = i->size == 8;
    enum x64_vop op = wide ? X64_CVTSI2SD : X64_CVTSI2SS;

    x64_vzero(e->as, r);
    if (i->flags & FP_UNSIGNED) {
        if (width == 4) {
            x64_mov_rr(e->as, 4, X64_RAX, from);
            from = X64_RAX;
        } else if (e->cpu->avx512) {
            op = wide ? X64_VCVTUSI2SD : X64_VCVTUSI2SS;
        } else {
            x64_test_rr(e->as, 8, from, from);
            emit_slow(e, X64_CC_S);
        }
        width = 8;
    }
    x64_cvt_xr(e->as, op, width, r, r, from);
}

/* Exact: the smallest numerator over the largest denominator is far from tiny. */
static void scale_down(struct emit *e, const struct ir_insn *i, unsigned r)
{
    int fbits = (int)i->imm >> 8;

    if (fbits)
        x64_v3m(e->as, emit_fp_vop(i, X64_MULPS), r, r,
                emit_fp_const(e, i, ieee_power(i->size, -fbits)));
}

void emit_ITOF(struct emit *e, const struct ir_insn *i)
{
    struct ir_insn scalar = *i;
    unsigned r = emit_vdef(e, i->dst, FP_X);

    scalar.size = i->imm & 0xff;
    scalar.flags |= IR_SCALAR;
    from_general(e, &scalar, r, i->size, emit_use(e, i->a, i->size, X64_RAX));
    scale_down(e, &scalar, r);
    emit_vdone(e, i->dst, r);
}

/* --- lanes to lanes --- */

/* Four (or two) singles to 32-bit integers, in FP_Y. */
static void singles_to_integers(struct emit *e, const struct ir_insn *i, unsigned a)
{
    bool is_unsigned = i->flags & FP_UNSIGNED;
    bool rounds = i->cond != FP_ROUND_ZERO && (is_unsigned || i->cond != FP_ROUND_TIEEVEN);
    unsigned from = a;

    if (rounds) {
        emit_fp_round(e, i, FP_Y, a, i->cond);
        from = FP_Y;
    }
    if (is_unsigned) { /* of the numbers below 2^31: max(bits, limit) is limit */
        struct x64_mem limit = emit_fp_const(e, i, UINT32_C(0x4effffff));

        x64_v3m(e->as, X64_PMAXUD, FP_Z, from, limit);
        x64_v3m(e->as, X64_PCMPEQD, FP_Z, FP_Z, limit);
        x64_movmsk(e->as, X64_MOVMSKPS, X64_RAX, FP_Z);
        x64_alu_ri(e->as, X64_CMP, 4, X64_RAX, 15);
        emit_slow(e, X64_CC_NE);
    }
    x64_v2(e->as, i->cond == FP_ROUND_TIEEVEN && !rounds ? X64_CVTPS2DQ : X64_CVTTPS2DQ, FP_Y,
           from);
    if (!is_unsigned) {
        x64_v3m(e->as, X64_PCMPEQD, FP_Z, FP_Y, emit_fp_const(e, i, UINT32_C(1) << 31));
        emit_fp_slow_if_any(e, i, FP_Z);
    }
    if (rounds)
        emit_fp_raise_inexact(e, i, a);
}

/* The scalar in `a`, or both doubles of it, through general registers, to FP_Y. */
static void to_integers(struct emit *e, const struct ir_insn *i, unsigned a)
{
    struct ir_insn scalar = *i;

    scalar.flags |= IR_SCALAR;
    if (i->flags & IR_SCALAR) {
        to_general(e, &scalar, i->size, X64_RAX, a);
        x64_movd_xr(e->as, i->size, FP_Y, X64_RAX);
        return;
    }
    to_general(e, &scalar, 8, X64_RCX, a);
    x64_v2i(e->as, X64_PSHUFD, FP_X, a, 0xee);
    to_general(e, &scalar, 8, X64_RDX, FP_X);
    x64_movd_xr(e->as, 8, FP_Y, X64_RCX);
    x64_pinsr(e->as, 8, FP_Y, FP_Y, X64_RDX, 1);
}

void emit_FTOI_V(struct emit *e, const struct ir_insn *i)
{
    unsigned a = scale_up(e, i, i->size, emit_fp_lanes(e, i, i->a, FP_X));

    if (i->size == 4 && !(i->flags & IR_SCALAR))
        singles_to_integers(e, i, a);
    else
        to_integers(e, i, a);
    emit_fp_done(e, i, FP_Y);
}

/* Unsigned: the halves of each integer are exact, and so are they times a power of two; their sum
 * is rounded once. */
static void integers_to_singles(struct emit *e, const struct ir_insn *i, unsigned r, unsigned a)
{
    if (!(i->flags & FP_UNSIGNED)) {
        x64_v2(e->as, X64_CVTDQ2PS, r, a);
        return;
    }
    if (e->cpu->avx512) {
        x64_v2(e->as, X64_VCVTUDQ2PS, r, a);
        return;
    }
    x64_vshift_i(e->as, X64_PSRLD_I, FP_Y, a, 16);
    x64_v2(e->as, X64_CVTDQ2PS, FP_Y, FP_Y);
    x64_v3m(e->as, X64_MULPS, FP_Y, FP_Y, emit_fp_const(e, i, UINT32_C(0x47800000))); /* 2^16 */
    x64_v3m(e->as, X64_PAND, FP_Z, a, emit_fp_const(e, i, 0xffff));
    x64_v2(e->as, X64_CVTDQ2PS, FP_Z, FP_Z);
    x64_v3(e->as, X64_ADDPS, r, FP_Y, FP_Z);
}

/*
 * Without AVX-512: put the low half of an integer into the fraction of 2^52 and the high half into
 * that of 2^84. The high number less both powers (and 2^63, which makes a signed half positive) is
 * exact, and the sum of the two is rounded once.
 */
static void integers_to_doubles(struct emit *e, const struct ir_insn *i, unsigned r, unsigned a)
{
    bool is_unsigned = i->flags & FP_UNSIGNED;
    uint64_t high = is_unsigned ? UINT64_C(0x4530000000000000) : UINT64_C(0x4530000080000000);
    uint64_t both = is_unsigned ? UINT64_C(0x4530000000100000) : UINT64_C(0x4530000080100000);

    if (e->cpu->avx512) {
        x64_v2(e->as, is_unsigned ? X64_VCVTUQQ2PD : X64_VCVTQQ2PD, r, a);
        return;
    }
    x64_vshift_i(e->as, X64_PSRLQ_I, FP_Y, a, 32);
    x64_v3m(e->as, X64_PXOR, FP_Y, FP_Y, emit_fp_const(e, i, high));
    x64_v3m(e->as, X64_SUBPD, FP_Y, FP_Y, emit_fp_const(e, i, both));
    x64_v3m(e->as, X64_PAND, FP_Z, a, emit_fp_const(e, i, UINT32_MAX));
    x64_v3m(e->as, X64_POR, FP_Z, FP_Z, emit_fp_const(e, i, UINT64_C(0x4330000000000000)));
    x64_v3(e->as, X64_ADDPD, r, FP_Y, FP_Z);
}

void emit_ITOF_V(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i), a;

    if (i->flags & IR_SCALAR) {
        x64_movd_rx(e->as, i->size, X64_RAX, emit_vuse(e, i->a, FP_X));
        from_general(e, i, r, i->size, X64_RAX);
    } else if (i->size == 4) {
        a = emit_fp_lanes(e, i, i->a, FP_X);
        integers_to_singles(e, i, r, a);
    } else {
        a = emit_fp_lanes(e, i, i->a, FP_X);
        integers_to_doubles(e, i, r, a);
    }
    scale_down(e, i, r);
    emit_fp_done(e, i, r);
}
