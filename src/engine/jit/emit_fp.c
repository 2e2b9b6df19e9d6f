/* SPDX-License-Identifier: ISC */
/*
 * Floating-point arithmetic (emit_fp.h): sums, products, quotients, square roots, maxima and
 * minima, fused multiply-add; scalars, vectors, by element and by pairs.
 */
#include "engine/jit/emit_fp.h"

/* --- operands of two --- */

/* Element `lane` of v in all lanes that i works on, in `to`. */
static void broadcast(struct emit *e, const struct ir_insn *i, unsigned to, ir_value v,
                      unsigned lane)
{
    unsigned from = emit_vuse(e, v, to);

    if (i->size == 4)
        x64_v2i(e->as, X64_PSHUFD, to, from, (uint8_t)(lane * 0x55));
    else
        x64_v2i(e->as, X64_PSHUFD, to, from, lane ? 0xee : 0x44);
    if (!(i->flags & (IR_Q | IR_SCALAR)))
        x64_v2(e->as, X64_MOVQ, to, to);
}

/* The even elements of b:a in FP_X, the odd ones in FP_Y. */
static void unzip(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, FP_X), b = emit_vuse(e, i->b, FP_Y);

    if (i->size == 8) {
        x64_v3(e->as, X64_UNPCKHPD, FP_Z, a, b);
        x64_v3(e->as, X64_UNPCKLPD, FP_X, a, b);
    } else if (i->flags & IR_Q) {
        x64_v3i(e->as, X64_SHUFPS, FP_Z, a, b, 0xdd);
        x64_v3i(e->as, X64_SHUFPS, FP_X, a, b, 0x88);
    } else { /* a0 b0 a1 b1 */
        x64_v3(e->as, X64_UNPCKLPS, FP_X, a, b);
        x64_v2i(e->as, X64_PSHUFD, FP_Z, FP_X, 0xee);
        x64_v2(e->as, X64_MOVQ, FP_Z, FP_Z);
        x64_v2(e->as, X64_MOVQ, FP_X, FP_X);
    }
    x64_vmov(e->as, FP_Y, FP_Z);
}

/* a's two elements as scalars, in FP_X and FP_Y. */
static void split(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, FP_Y);

    emit_fp_scalar(e, FP_X, i->a, i->size);
    if (i->size == 8) {
        x64_vshift_i(e->as, X64_PSRLDQ_I, FP_Y, a, 8);
    } else {
        x64_v2(e->as, X64_MOVQ, FP_Y, a);
        x64_vshift_i(e->as, X64_PSRLQ_I, FP_Y, FP_Y, 32);
    }
}

/* Both operands, copied: in FP_X and FP_Y; what is above the lanes is zero, but not in
 * FP_Y for a scalar times an element. */
static void copies(struct emit *e, const struct ir_insn *i)
{
    if (i->flags & FP_PAIRS) {
        if (i->flags & IR_SCALAR)
            split(e, i);
        else
            unzip(e, i);
        return;
    }
    x64_vmov(e->as, FP_X, emit_fp_lanes(e, i, i->a, FP_X));
    if (i->flags & FP_LANE)
        broadcast(e, i, FP_Y, i->b, (unsigned)i->imm);
    else
        x64_vmov(e->as, FP_Y, emit_fp_lanes(e, i, i->b, FP_Y));
}

/* --- a op b --- */

/* The sign bit of every lane of r, inverted or cleared. */
static void finish_sign(struct emit *e, const struct ir_insn *i, unsigned r)
{
    if (i->flags & FP_NEGATE)
        x64_v3m(e->as, X64_XORPS, r, r, emit_fp_const(e, i, ieee_sign(i->size)));
    if (i->flags & FP_ABSOLUTE)
        x64_v3m(e->as, X64_ANDPS, r, r, emit_fp_const(e, i, ieee_sign(i->size) - 1));
}

/* r = first op second, of scalars. The rest of the result is first's. */
static void scalar(struct emit *e, const struct ir_insn *i, enum x64_vop op, unsigned r,
                   ir_value first, ir_value second)
{
    unsigned x = r;

    if (e->cpu->avx && emit_fp_is_clear(e, first, i->size))
        x = emit_vuse(e, first, r);
    else
        emit_fp_scalar(e, r, first, i->size);
    if (emit_in_reg(e, second))
        x64_v3(e->as, op, r, x, emit_vuse(e, second, FP_Y));
    else
        x64_v3m(e->as, op, r, x, emit_mem(e, second));
}

/* Of scalar operands that commute, whether the second goes first: it needs no copy to be cleared,
 * or the first is an accumulator, whose copy would have to be waited for. */
static bool exchange(const struct emit *e, const struct ir_insn *i)
{
    if (emit_fp_is_clear(e, i->a, i->size))
        return false;
    return emit_fp_is_clear(e, i->b, i->size) || i->dst == i->a;
}

/* Quotients of the lanes above a 64-bit vector: what is there must not be 0 / 0. */
static void double_lanes(struct emit *e, const struct ir_insn *i)
{
    x64_v2(e->as, X64_MOVDDUP, FP_X, emit_vuse(e, i->a, FP_X));
    x64_v2(e->as, X64_MOVDDUP, FP_Y, emit_vuse(e, i->b, FP_Y));
}

/* `ps`: the operation's first form. */
static void binary(struct emit *e, const struct ir_insn *i, enum x64_vop ps, bool commutes,
                   bool tiny)
{
    enum x64_vop op = emit_fp_vop(i, ps);
    unsigned r = emit_fp_target(e, i);
    bool half = !(i->flags & (IR_SCALAR | IR_Q));

    if ((i->flags & IR_SCALAR) && !(i->flags & (FP_LANE | FP_PAIRS))) {
        bool swap = commutes && exchange(e, i);

        scalar(e, i, op, r, swap ? i->b : i->a, swap ? i->a : i->b);
    } else if (half && ps == X64_DIVPS) {
        double_lanes(e, i);
        x64_v3(e->as, op, r, FP_X, FP_Y);
        x64_v2(e->as, X64_MOVQ, r, r);
    } else if ((i->flags & IR_Q) && !(i->flags & (FP_LANE | FP_PAIRS))) {
        unsigned a = emit_vuse(e, i->a, FP_X), b = emit_vuse(e, i->b, FP_Y);

        x64_v3(e->as, op, r, a, b);
    } else {
        copies(e, i);
        x64_v3(e->as, op, r, FP_X, FP_Y);
    }
    emit_fp_check(e, i, r, tiny);
    finish_sign(e, i, r);
    emit_fp_done(e, i, r);
}

void emit_FADD(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_ADDPS, true, false);
}

void emit_FSUB(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_SUBPS, false, false);
}

void emit_FMUL(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_MULPS, true, true);
}

/* No quotient of two significands of p bits lies between 1 - 2^-p and 1: one that is tiny before
 * rounding is so after it, too. */
void emit_FDIV(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_DIVPS, false, false);
}

void emit_FSQRT(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i);

    if (i->flags & IR_SCALAR) {
        unsigned a = emit_vuse(e, i->a, FP_Y);

        x64_vzero(e->as, r);
        x64_v3(e->as, emit_fp_vop(i, X64_SQRTPS), r, r, a);
    } else {
        x64_v2(e->as, emit_fp_vop(i, X64_SQRTPS), r, emit_fp_lanes(e, i, i->a, FP_X));
    }
    emit_fp_check(e, i, r, false);
    emit_fp_done(e, i, r);
}

/* --- maxima and minima --- */

/*
 * r = max or min of x and y, none of them NaN. Of two equal operands x86 gives the second, so the
 * two orders differ for zeros of two signs only; then AND has the plus sign, OR the minus sign.
 * x may be r; y is overwritten.
 */
static void extreme(struct emit *e, const struct ir_insn *i, enum x64_vop ps, unsigned r,
                    unsigned x, unsigned y)
{
    enum x64_vop op = emit_fp_vop(i, ps);

    x64_v3(e->as, op, FP_Z, x, y);
    x64_v3(e->as, op, y, y, x);
    x64_v3(e->as, ps == X64_MAXPS ? X64_ANDPS : X64_ORPS, r, FP_Z, y);
}

/* A NaN must not get as far as MAXPS, to which a quiet one is invalid. */
static void max_min(struct emit *e, const struct ir_insn *i, enum x64_vop ps)
{
    unsigned r = emit_fp_target(e, i);

    copies(e, i);
    if (i->flags & IR_SCALAR) {
        x64_v2(e->as, i->size == 8 ? X64_UCOMISD : X64_UCOMISS, FP_X, FP_Y);
        emit_slow(e, X64_CC_P);
    } else {
        x64_v3i(e->as, emit_fp_vop(i, X64_CMPPS), FP_Z, FP_X, FP_Y, X64_FCMP_UNORD);
        emit_fp_slow_if_any(e, i, FP_Z);
    }
    extreme(e, i, ps, r, FP_X, FP_Y);
    emit_fp_done(e, i, r);
}

void emit_FMAX(struct emit *e, const struct ir_insn *i)
{
    max_min(e, i, X64_MAXPS);
}

void emit_FMIN(struct emit *e, const struct ir_insn *i)
{
    max_min(e, i, X64_MINPS);
}

/* Halves first, then pairs; without NaNs the order makes no difference. */
static void max_min_across(struct emit *e, const struct ir_insn *i, enum x64_vop ps)
{
    struct ir_insn all = *i;
    unsigned a = emit_vuse(e, i->a, FP_X);

    all.flags = (uint16_t)((all.flags & ~IR_SCALAR) | IR_Q);
    x64_v3i(e->as, X64_CMPPS, FP_Z, a, a, X64_FCMP_UNORD);
    emit_fp_slow_if_any(e, &all, FP_Z);
    x64_v2i(e->as, X64_PSHUFD, FP_Y, a, 0x4e);
    extreme(e, &all, ps, FP_X, a, FP_Y);
    x64_v2i(e->as, X64_PSHUFD, FP_Y, FP_X, 0xb1);
    extreme(e, &all, ps, FP_X, FP_X, FP_Y);
    x64_v3i(e->as, X64_INSERTPS, FP_X, FP_X, FP_X, 0x0e);
    emit_fp_done(e, i, FP_X);
}

void emit_FMAXV(struct emit *e, const struct ir_insn *i)
{
    max_min_across(e, i, X64_MAXPS);
}

void emit_FMINV(struct emit *e, const struct ir_insn *i)
{
    max_min_across(e, i, X64_MINPS);
}

/* --- fused multiply-add --- */

/* The row of x64_vop.h for +-(a * b) +- c; `form` is the one of VFMADD. */
static enum x64_vop fused(const struct ir_insn *i, enum x64_vop form)
{
    unsigned rows = X64_VFMSUB231PS - X64_VFMADD231PS;

    return emit_fp_vop(i, (enum x64_vop)(form + (i->flags & FP_NEGATE_ADDEND ? rows : 0) +
                                         (i->flags & FP_NEGATE_PRODUCT ? 2 * rows : 0)));
}

_Static_assert(X64_VFNMADD231PS - X64_VFMADD231PS == 2 * (X64_VFMSUB231PS - X64_VFMADD231PS) &&
                   X64_VFNMSUB231PS - X64_VFMADD231PS == 3 * (X64_VFMSUB231PS - X64_VFMADD231PS) &&
                   X64_VFNMSUB213PS - X64_VFMADD213PS == 3 * (X64_VFMSUB213PS - X64_VFMADD213PS),
               "fused() counts on this order");

/* Of a scalar the factor is copied and cleared: the addend more likely is what is waited for. */
static void fused_scalar(struct emit *e, const struct ir_insn *i, unsigned r)
{
    unsigned b;

    if (i->flags & FP_LANE) {
        b = FP_Y;
        broadcast(e, i, FP_Y, i->b, (unsigned)i->imm);
    } else {
        b = emit_vuse(e, i->b, FP_Y);
    }
    emit_fp_scalar(e, r, i->a, i->size);
    if (emit_in_reg(e, i->c))
        x64_v3(e->as, fused(i, X64_VFMADD213PS), r, b, emit_vuse(e, i->c, FP_Z));
    else
        x64_v3m(e->as, fused(i, X64_VFMADD213PS), r, b, emit_mem(e, i->c));
}

static void fused_vector(struct emit *e, const struct ir_insn *i, unsigned r)
{
    unsigned a = emit_fp_lanes(e, i, i->a, FP_Z), b = FP_Y;

    if (i->flags & FP_LANE)
        broadcast(e, i, FP_Y, i->b, (unsigned)i->imm);
    else
        b = emit_fp_lanes(e, i, i->b, FP_Y);
    x64_vmov(e->as, r, emit_fp_lanes(e, i, i->c, r));
    x64_v3(e->as, fused(i, X64_VFMADD231PS), r, a, b);
}

void emit_FMADD(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_fp_target(e, i);

    if (!e->cpu->fma) {
        emit_handler(e, i);
        return;
    }
    if (i->flags & IR_SCALAR)
        fused_scalar(e, i, r);
    else
        fused_vector(e, i, r);
    emit_fp_check(e, i, r, true);
    emit_fp_done(e, i, r);
}
