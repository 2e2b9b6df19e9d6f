/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD three registers of the same type, and their scalar and half-precision forms
 * (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

static simd_int halving_add(struct simd_op *op, simd_int a, simd_int b)
{
    return (a + b) >> 1;
}

static simd_int rounding_halving_add(struct simd_op *op, simd_int a, simd_int b)
{
    return (a + b + 1) >> 1;
}

static simd_int halving_sub(struct simd_op *op, simd_int a, simd_int b)
{
    return (a - b) >> 1;
}

static simd_int saturating_add(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, a + b, op->is_unsigned);
}

static simd_int saturating_sub(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, a - b, op->is_unsigned);
}

static simd_int greater(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(a > b);
}

static simd_int greater_equal(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(a >= b);
}

static simd_int equal(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(a == b);
}

static simd_int test_bits(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(a & b);
}

/* Shifts by register: the low byte of Vm's element is the amount, to the right if negative. */
static simd_int shift(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_shift(a, (int8_t)b, false);
}

static simd_int rounding_shift(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_shift(a, (int8_t)b, true);
}

static simd_int saturating_shift(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, shift(op, a, b), op->is_unsigned);
}

static simd_int saturating_rounding_shift(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, rounding_shift(op, a, b), op->is_unsigned);
}

static simd_int poly_mul(struct simd_op *op, simd_int a, simd_int b)
{
    return (simd_int)simd_poly_mul((uint64_t)a, (uint64_t)b);
}

#define INT(name, sign, run, fn)                                                                   \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_same(c, w, a64_size(w), sign);                                    \
                                                                                                   \
        run(&op, fn);                                                                              \
    }
#define VECTOR(name, sign, fn) INT(name##_vec, sign, simd_run2, fn)
#define SCALAR(name, sign, fn) INT(name##_scalar, sign, simd_run2, fn)
#define BOTH(name, sign, fn)   VECTOR(name, sign, fn) SCALAR(name, sign, fn)
#define PAIRS(name, sign, fn)  INT(name, sign, simd_run_pairs, fn)

/* clang-format off */
VECTOR(SHADD,    SIMD_SIGNED,   halving_add)
VECTOR(UHADD,    SIMD_UNSIGNED, halving_add)
VECTOR(SRHADD,   SIMD_SIGNED,   rounding_halving_add)
VECTOR(URHADD,   SIMD_UNSIGNED, rounding_halving_add)
VECTOR(SHSUB,    SIMD_SIGNED,   halving_sub)
VECTOR(UHSUB,    SIMD_UNSIGNED, halving_sub)
BOTH(SQADD,      SIMD_SIGNED,   saturating_add)
BOTH(UQADD,      SIMD_UNSIGNED, saturating_add)
BOTH(SQSUB,      SIMD_SIGNED,   saturating_sub)
BOTH(UQSUB,      SIMD_UNSIGNED, saturating_sub)
BOTH(CMGT,       SIMD_SIGNED,   greater)
BOTH(CMHI,       SIMD_UNSIGNED, greater)
BOTH(CMGE,       SIMD_SIGNED,   greater_equal)
BOTH(CMHS,       SIMD_UNSIGNED, greater_equal)
BOTH(CMEQ,       SIMD_UNSIGNED, equal)
BOTH(CMTST,      SIMD_UNSIGNED, test_bits)
BOTH(SSHL,       SIMD_SIGNED,   shift)
BOTH(USHL,       SIMD_UNSIGNED, shift)
BOTH(SRSHL,      SIMD_SIGNED,   rounding_shift)
BOTH(URSHL,      SIMD_UNSIGNED, rounding_shift)
BOTH(SQSHL,      SIMD_SIGNED,   saturating_shift)
BOTH(UQSHL,      SIMD_UNSIGNED, saturating_shift)
BOTH(SQRSHL,     SIMD_SIGNED,   saturating_rounding_shift)
BOTH(UQRSHL,     SIMD_UNSIGNED, saturating_rounding_shift)
VECTOR(SMAX,     SIMD_SIGNED,   simd_max)
VECTOR(UMAX,     SIMD_UNSIGNED, simd_max)
VECTOR(SMIN,     SIMD_SIGNED,   simd_min)
VECTOR(UMIN,     SIMD_UNSIGNED, simd_min)
VECTOR(SABD,     SIMD_SIGNED,   simd_abs_diff)
VECTOR(UABD,     SIMD_UNSIGNED, simd_abs_diff)
VECTOR(SABA,     SIMD_SIGNED,   simd_abs_diff_acc)
VECTOR(UABA,     SIMD_UNSIGNED, simd_abs_diff_acc)
BOTH(ADD,        SIMD_UNSIGNED, simd_add)
BOTH(SUB,        SIMD_UNSIGNED, simd_sub)
VECTOR(MUL,      SIMD_UNSIGNED, simd_mul)
VECTOR(MLA,      SIMD_UNSIGNED, simd_mul_add)
VECTOR(MLS,      SIMD_UNSIGNED, simd_mul_sub)
VECTOR(PMUL,     SIMD_UNSIGNED, poly_mul)
BOTH(SQDMULH,    SIMD_SIGNED,   simd_sqdmulh)
BOTH(SQRDMULH,   SIMD_SIGNED,   simd_sqrdmulh)
BOTH(SQRDMLAH,   SIMD_SIGNED,   simd_sqrdmlah)
BOTH(SQRDMLSH,   SIMD_SIGNED,   simd_sqrdmlsh)
VECTOR(SDOT,     SIMD_UNSIGNED, simd_dot_signed)
VECTOR(UDOT,     SIMD_UNSIGNED, simd_dot_unsigned)
PAIRS(ADDP_vec,    SIMD_UNSIGNED, simd_add)
PAIRS(ADDP_scalar, SIMD_UNSIGNED, simd_add)
PAIRS(SMAXP_vec,   SIMD_SIGNED,   simd_max)
PAIRS(UMAXP_vec,   SIMD_UNSIGNED, simd_max)
PAIRS(SMINP_vec,   SIMD_SIGNED,   simd_min)
PAIRS(UMINP_vec,   SIMD_UNSIGNED, simd_min)
/* clang-format on */

/* Bitwise operations know no elements. d, n, m: 64 bits of the registers. */
#define BITWISE(name, expr)                                                                        \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        const union soft_vreg *vd = &c->v[a64_Rd(w)];                                              \
        const union soft_vreg *vn = &c->v[a64_Rn(w)], *vm = &c->v[a64_Rm(w)];                      \
        uint64_t r[2] = {0, 0};                                                                    \
                                                                                                   \
        for (unsigned i = 0; i <= a64_Q(w); i++) {                                                 \
            uint64_t d = vd->d[i], n = vn->d[i], m = vm->d[i];                                     \
                                                                                                   \
            (void)d;                                                                               \
            r[i] = (expr);                                                                         \
        }                                                                                          \
        simd_write(c, a64_Rd(w), r[0], r[1]);                                                      \
    }

BITWISE(AND_vec, n &m)
BITWISE(BIC_vec, n & ~m)
BITWISE(ORR_vec, n | m)
BITWISE(ORN_vec, n | ~m)
BITWISE(EOR_vec, n ^ m)
BITWISE(BSL, (d & n) | (~d & m))
BITWISE(BIT, (d & ~m) | (n & m))
BITWISE(BIF, (d & m) | (n & ~m))
