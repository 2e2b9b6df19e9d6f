/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD two-register miscellaneous, integers, and the scalar forms (DDI 0487 C4.1.97;
 * pseudocode in C7.2). The floating-point ones are in simd_fp_misc.c.
 */
#include "engine/interp/simd.h"

static simd_int count_sign_bits(struct simd_op *op, simd_int a)
{
    /* Those after the first: the leading zeros of a number that is not negative, less one. */
    uint64_t v = (uint64_t)(a < 0 ? ~a : a);

    return __builtin_clzll(v << 1 | 1) - (64 - (int)simd_bits(op));
}

static simd_int count_leading_zeros(struct simd_op *op, simd_int a)
{
    return a == 0 ? (int)simd_bits(op) : __builtin_clzll((uint64_t)a) - (64 - (int)simd_bits(op));
}

static simd_int count_ones(struct simd_op *op, simd_int a)
{
    return __builtin_popcountll((uint64_t)a);
}

static simd_int reverse_bits(struct simd_op *op, simd_int a)
{
    simd_int r = 0;

    for (unsigned i = 0; i < 8; i++)
        r |= ((a >> i) & 1) << (7 - i);
    return r;
}

static simd_int complement(struct simd_op *op, simd_int a)
{
    return ~a;
}

static simd_int negate(struct simd_op *op, simd_int a)
{
    return -a;
}

static simd_int absolute(struct simd_op *op, simd_int a)
{
    return a < 0 ? -a : a;
}

static simd_int saturating_abs(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, absolute(op, a), false);
}

static simd_int saturating_neg(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, -a, false);
}

/* A signed accumulator takes unsigned elements, and the other way round. */
static simd_int add_unsigned(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, simd_int_of((uint64_t)simd_acc(op), op->dsize, false) + a, false);
}

static simd_int add_signed(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, simd_int_of((uint64_t)simd_acc(op), op->dsize, true) + a, true);
}

static simd_int greater_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(a > 0);
}

static simd_int greater_equal_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(a >= 0);
}

static simd_int equal_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(a == 0);
}

static simd_int less_equal_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(a <= 0);
}

static simd_int less_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(a < 0);
}

static simd_int truncate(struct simd_op *op, simd_int a)
{
    return a;
}

static simd_int saturate_signed(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, a, false);
}

static simd_int saturate_unsigned(struct simd_op *op, simd_int a)
{
    return simd_saturate(op, a, true);
}

static simd_int shift_by_width(struct simd_op *op, simd_int a)
{
    return a << (8u << op->nsize);
}

static simd_int recip_estimate(struct simd_op *op, simd_int a)
{
    return fp_unsigned_recip_estimate((uint32_t)a);
}

static simd_int rsqrt_estimate(struct simd_op *op, simd_int a)
{
    return fp_unsigned_rsqrt_estimate((uint32_t)a);
}

#define FORM(name, shape, size, sign, fn)                                                          \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = shape(c, w, size, sign);                                               \
                                                                                                   \
        simd_run1(&op, fn);                                                                        \
    }
#define VECTOR(name, sign, fn) FORM(name##_vec, simd_same, a64_size(w), sign, fn)
#define SCALAR(name, sign, fn) FORM(name##_scalar, simd_same, a64_size(w), sign, fn)
#define BOTH(name, sign, fn)   VECTOR(name, sign, fn) SCALAR(name, sign, fn)
#define BYTES(name, fn)        FORM(name, simd_same, 0, SIMD_UNSIGNED, fn)
#define NARROW(name, sign, fn) FORM(name, simd_narrow, a64_size(w), sign, fn)

/* clang-format off */
VECTOR(CLS,     SIMD_SIGNED,   count_sign_bits)
VECTOR(CLZ,     SIMD_UNSIGNED, count_leading_zeros)
BYTES(CNT_vec,                 count_ones)
BYTES(RBIT_vec,                reverse_bits)
BYTES(NOT_vec,                 complement)
BOTH(NEG,       SIMD_SIGNED,   negate)
BOTH(ABS,       SIMD_SIGNED,   absolute)
BOTH(SQABS,     SIMD_SIGNED,   saturating_abs)
BOTH(SQNEG,     SIMD_SIGNED,   saturating_neg)
BOTH(SUQADD,    SIMD_UNSIGNED, add_unsigned)
BOTH(USQADD,    SIMD_SIGNED,   add_signed)
BOTH(CMGT_zero, SIMD_SIGNED,   greater_zero)
BOTH(CMGE_zero, SIMD_SIGNED,   greater_equal_zero)
BOTH(CMEQ_zero, SIMD_SIGNED,   equal_zero)
BOTH(CMLE_zero, SIMD_SIGNED,   less_equal_zero)
BOTH(CMLT_zero, SIMD_SIGNED,   less_zero)
NARROW(XTN,            SIMD_UNSIGNED, truncate)
NARROW(SQXTN_vec,      SIMD_SIGNED,   saturate_signed)
NARROW(SQXTN_scalar,   SIMD_SIGNED,   saturate_signed)
NARROW(UQXTN_vec,      SIMD_UNSIGNED, saturate_unsigned)
NARROW(UQXTN_scalar,   SIMD_UNSIGNED, saturate_unsigned)
NARROW(SQXTUN_vec,     SIMD_SIGNED,   saturate_unsigned)
NARROW(SQXTUN_scalar,  SIMD_SIGNED,   saturate_unsigned)
FORM(SHLL,    simd_long, a64_size(w), SIMD_UNSIGNED, shift_by_width)
FORM(URECPE,  simd_same, a64_size(w), SIMD_UNSIGNED, recip_estimate)
FORM(URSQRTE, simd_same, a64_size(w), SIMD_UNSIGNED, rsqrt_estimate)
/* clang-format on */

/* SADDLP, SADALP: neighbours of Vn make one element of twice the width. */
static void add_long_pairs(struct soft_cpu *c, uint32_t w, enum simd_sign sign, simd_fn2 *fn)
{
    struct simd_op op = simd_same(c, w, a64_size(w) + 1, sign);

    op.nsize = a64_size(w);
    op.nlanes = 2 * op.count;
    simd_run_pairs(&op, fn);
}

static simd_int add_acc(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_acc(op) + a + b;
}

FP_HANDLER(SADDLP)
{
    add_long_pairs(c, w, SIMD_SIGNED, simd_add);
}

FP_HANDLER(UADDLP)
{
    add_long_pairs(c, w, SIMD_UNSIGNED, simd_add);
}

FP_HANDLER(SADALP)
{
    add_long_pairs(c, w, SIMD_SIGNED, add_acc);
}

FP_HANDLER(UADALP)
{
    add_long_pairs(c, w, SIMD_UNSIGNED, add_acc);
}

/* Reverse the elements within containers of 1 << container bytes. */
static void reverse(struct soft_cpu *c, uint32_t w, unsigned container)
{
    unsigned size = a64_size(w), flip = (1u << (container - size)) - 1;
    union soft_vreg r = {.d = {0, 0}};

    for (unsigned e = 0; e < (a64_Q(w) ? 16u : 8u) >> size; e++)
        simd_set(&r, size, e, simd_get(&c->v[a64_Rn(w)], size, e ^ flip));
    c->v[a64_Rd(w)] = r;
}

FP_HANDLER(REV16_vec)
{
    reverse(c, w, 1);
}

FP_HANDLER(REV32_vec)
{
    reverse(c, w, 2);
}

FP_HANDLER(REV64_vec)
{
    reverse(c, w, 3);
}
