/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD shift by immediate, and the scalar forms (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

static simd_int shift_right(struct simd_op *op, simd_int a)
{
    return simd_shift(a, -op->shift, false);
}

static simd_int rounding_shift_right(struct simd_op *op, simd_int a)
{
    return simd_shift(a, -op->shift, true);
}

static simd_int shift_right_acc(struct simd_op *op, simd_int a)
{
    return simd_acc(op) + shift_right(op, a);
}

static simd_int rounding_shift_right_acc(struct simd_op *op, simd_int a)
{
    return simd_acc(op) + rounding_shift_right(op, a);
}

static simd_int shift_left(struct simd_op *op, simd_int a)
{
    return simd_shift(a, op->shift, false);
}

static simd_int saturating_shift_left(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, shift_left(op, a), op->is_unsigned);
}

static simd_int saturating_shift_left_unsigned(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, shift_left(op, a), true);
}

/* The bits that the shift frees keep Vd's. */
static simd_int shift_left_insert(struct simd_op *op, simd_int a)
{
    return shift_left(op, a) | (simd_acc(op) & (simd_int)bits_mask((unsigned)op->shift));
}

static simd_int shift_right_insert(struct simd_op *op, simd_int a)
{
    uint64_t kept = ~bits_mask(simd_bits(op) - (unsigned)op->shift);

    return shift_right(op, a) | (simd_acc(op) & (simd_int)kept);
}

static simd_int saturating_shift_right(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, shift_right(op, a), op->is_unsigned);
}

static simd_int saturating_rounding_shift_right(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, rounding_shift_right(op, a), op->is_unsigned);
}

static simd_int saturating_shift_right_unsigned(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, shift_right(op, a), true);
}

static simd_int saturating_rounding_shift_right_unsigned(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, rounding_shift_right(op, a), true);
}

/* immh:immb holds the element's size in its highest set bit, and the amount in those below. */
static unsigned size_of(uint32_t w)
{
    return 31u - (unsigned)__builtin_clz(a64_immh(w));
}

static int left(uint32_t w)
{
    return (int)(a64_immh(w) << 3 | a64_immb(w)) - (8 << size_of(w));
}

static int right(uint32_t w)
{
    return (16 << size_of(w)) - (int)(a64_immh(w) << 3 | a64_immb(w));
}

#define FORM(name, shape, direction, sign, fn)                                                     \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = shape(c, w, size_of(w), sign);                                         \
                                                                                                   \
        op.shift = direction(w);                                                                   \
        simd_run1(&op, fn);                                                                        \
    }
#define SAME(name, direction, sign, fn)                                                            \
    FORM(name##_vec, simd_same, direction, sign, fn)                                               \
    FORM(name##_scalar, simd_same, direction, sign, fn)
#define IMM(name, direction, sign, fn)                                                             \
    FORM(name##_vec_imm, simd_same, direction, sign, fn)                                           \
    FORM(name##_scalar_imm, simd_same, direction, sign, fn)
#define NARROW(name, sign, fn)                                                                     \
    FORM(name##_vec, simd_narrow, right, sign, fn)                                                 \
    FORM(name##_scalar, simd_narrow, right, sign, fn)

/* clang-format off */
SAME(SSHR,   right, SIMD_SIGNED,   shift_right)
SAME(USHR,   right, SIMD_UNSIGNED, shift_right)
SAME(SSRA,   right, SIMD_SIGNED,   shift_right_acc)
SAME(USRA,   right, SIMD_UNSIGNED, shift_right_acc)
SAME(SRSHR,  right, SIMD_SIGNED,   rounding_shift_right)
SAME(URSHR,  right, SIMD_UNSIGNED, rounding_shift_right)
SAME(SRSRA,  right, SIMD_SIGNED,   rounding_shift_right_acc)
SAME(URSRA,  right, SIMD_UNSIGNED, rounding_shift_right_acc)
SAME(SRI,    right, SIMD_UNSIGNED, shift_right_insert)
SAME(SLI,    left,  SIMD_UNSIGNED, shift_left_insert)
SAME(SHL,    left,  SIMD_UNSIGNED, shift_left)
IMM(SQSHL,   left,  SIMD_SIGNED,   saturating_shift_left)
IMM(UQSHL,   left,  SIMD_UNSIGNED, saturating_shift_left)
SAME(SQSHLU, left,  SIMD_SIGNED,   saturating_shift_left_unsigned)
NARROW(SQSHRN,   SIMD_SIGNED,   saturating_shift_right)
NARROW(UQSHRN,   SIMD_UNSIGNED, saturating_shift_right)
NARROW(SQRSHRN,  SIMD_SIGNED,   saturating_rounding_shift_right)
NARROW(UQRSHRN,  SIMD_UNSIGNED, saturating_rounding_shift_right)
NARROW(SQSHRUN,  SIMD_SIGNED,   saturating_shift_right_unsigned)
NARROW(SQRSHRUN, SIMD_SIGNED,   saturating_rounding_shift_right_unsigned)
FORM(SHRN,  simd_narrow, right, SIMD_UNSIGNED, shift_right)
FORM(RSHRN, simd_narrow, right, SIMD_UNSIGNED, rounding_shift_right)
FORM(SSHLL, simd_long,   left,  SIMD_SIGNED,   shift_left)
FORM(USHLL, simd_long,   left,  SIMD_UNSIGNED, shift_left)
/* clang-format on */

/* Conversions between floating and fixed point: the amount is the number of fraction bits. */
#define FIXED_FORM(name, fn)                                                                       \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_fp(c, w, simd_format_of(size_of(w)));                             \
                                                                                                   \
        op.shift = right(w);                                                                       \
        op.rounding = FP_ROUND_ZERO;                                                               \
        simd_run1(&op, fn);                                                                        \
    }
#define FIXED(name, fn) FIXED_FORM(name##_vec_fix, fn) FIXED_FORM(name##_scalar_fix, fn)

FIXED(SCVTF, simd_fp_from_signed)
FIXED(UCVTF, simd_fp_from_unsigned)
FIXED(FCVTZS, simd_fp_to_signed)
FIXED(FCVTZU, simd_fp_to_unsigned)
