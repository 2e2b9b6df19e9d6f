/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD three registers of different types: long, wide and narrowing forms, and the scalar
 * ones (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

/* The high half of a sum or difference of double-width elements. */
static simd_int add_high(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_shift(a + b, -(int)simd_bits(op), false);
}

static simd_int rounding_add_high(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_shift(a + b, -(int)simd_bits(op), true);
}

static simd_int sub_high(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_shift(a - b, -(int)simd_bits(op), false);
}

static simd_int rounding_sub_high(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_shift(a - b, -(int)simd_bits(op), true);
}

#define FORM(name, shape, sign, fn)                                                                \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = shape(c, w, a64_size(w), sign);                                        \
                                                                                                   \
        simd_run2(&op, fn);                                                                        \
    }
#define LONG(name, sign, fn) FORM(name##_vec, simd_long, sign, fn)
#define WIDE(name, sign, fn) FORM(name##_vec, simd_wide, sign, fn)
#define NARROW(name, fn)     FORM(name##_vec, simd_narrow, SIMD_UNSIGNED, fn)
#define SATURATING(name, fn)                                                                       \
    FORM(name##_vec, simd_long, SIMD_SIGNED, fn)                                                   \
    FORM(name##_scalar, simd_long, SIMD_SIGNED, fn)

/* clang-format off */
LONG(SADDL,   SIMD_SIGNED,   simd_add)
LONG(UADDL,   SIMD_UNSIGNED, simd_add)
WIDE(SADDW,   SIMD_SIGNED,   simd_add)
WIDE(UADDW,   SIMD_UNSIGNED, simd_add)
LONG(SSUBL,   SIMD_SIGNED,   simd_sub)
LONG(USUBL,   SIMD_UNSIGNED, simd_sub)
WIDE(SSUBW,   SIMD_SIGNED,   simd_sub)
WIDE(USUBW,   SIMD_UNSIGNED, simd_sub)
LONG(SABDL,   SIMD_SIGNED,   simd_abs_diff)
LONG(UABDL,   SIMD_UNSIGNED, simd_abs_diff)
LONG(SABAL,   SIMD_SIGNED,   simd_abs_diff_acc)
LONG(UABAL,   SIMD_UNSIGNED, simd_abs_diff_acc)
LONG(SMULL,   SIMD_SIGNED,   simd_mul)
LONG(UMULL,   SIMD_UNSIGNED, simd_mul)
LONG(SMLAL,   SIMD_SIGNED,   simd_mul_add)
LONG(UMLAL,   SIMD_UNSIGNED, simd_mul_add)
LONG(SMLSL,   SIMD_SIGNED,   simd_mul_sub)
LONG(UMLSL,   SIMD_UNSIGNED, simd_mul_sub)
NARROW(ADDHN,  add_high)
NARROW(RADDHN, rounding_add_high)
NARROW(SUBHN,  sub_high)
NARROW(RSUBHN, rounding_sub_high)
SATURATING(SQDMULL, simd_sqdmull)
SATURATING(SQDMLAL, simd_sqdmlal)
SATURATING(SQDMLSL, simd_sqdmlsl)
/* clang-format on */

static simd_int poly_mul(struct simd_op *op, simd_int a, simd_int b)
{
    return (simd_int)simd_poly_mul((uint64_t)a, (uint64_t)b);
}

/* Of bytes, or (FEAT_PMULL) of doublewords, whose product fills the register. */
FP_HANDLER(PMULL)
{
    unsigned half = a64_Q(w);

    if (a64_size(w) == 3) {
        unsigned __int128 r = simd_poly_mul(c->v[a64_Rn(w)].d[half], c->v[a64_Rm(w)].d[half]);

        simd_write(c, a64_Rd(w), (uint64_t)r, (uint64_t)(r >> 64));
    } else {
        struct simd_op op = simd_long(c, w, a64_size(w), SIMD_UNSIGNED);

        simd_run2(&op, poly_mul);
    }
}
