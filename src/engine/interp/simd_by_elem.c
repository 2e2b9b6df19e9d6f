/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD vector by indexed element, and the scalar forms (DDI 0487 C4.1.97; pseudocode in
 * C7.2).
 */
#include "engine/interp/simd.h"

#define FORM(name, shape, sign, fn)                                                                \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = shape(c, w, a64_size(w), sign);                                        \
                                                                                                   \
        simd_by_element(&op, w);                                                                   \
        simd_run2(&op, fn);                                                                        \
    }
#define SAME(name, sign, fn) FORM(name##_elem, simd_same, sign, fn)
#define LONG(name, sign, fn) FORM(name##_elem, simd_long, sign, fn)
#define SAME_BOTH(name, sign, fn)                                                                  \
    SAME(name, sign, fn)                                                                           \
    FORM(name##_elem_scalar, simd_same, sign, fn)
#define LONG_BOTH(name, sign, fn)                                                                  \
    LONG(name, sign, fn)                                                                           \
    FORM(name##_elem_scalar, simd_long, sign, fn)

/* clang-format off */
SAME(MUL,           SIMD_UNSIGNED, simd_mul)
SAME(MLA,           SIMD_UNSIGNED, simd_mul_add)
SAME(MLS,           SIMD_UNSIGNED, simd_mul_sub)
SAME(SDOT,          SIMD_UNSIGNED, simd_dot_signed)
SAME(UDOT,          SIMD_UNSIGNED, simd_dot_unsigned)
SAME_BOTH(SQDMULH,  SIMD_SIGNED,   simd_sqdmulh)
SAME_BOTH(SQRDMULH, SIMD_SIGNED,   simd_sqrdmulh)
SAME_BOTH(SQRDMLAH, SIMD_SIGNED,   simd_sqrdmlah)
SAME_BOTH(SQRDMLSH, SIMD_SIGNED,   simd_sqrdmlsh)
LONG(SMULL,         SIMD_SIGNED,   simd_mul)
LONG(UMULL,         SIMD_UNSIGNED, simd_mul)
LONG(SMLAL,         SIMD_SIGNED,   simd_mul_add)
LONG(UMLAL,         SIMD_UNSIGNED, simd_mul_add)
LONG(SMLSL,         SIMD_SIGNED,   simd_mul_sub)
LONG(UMLSL,         SIMD_UNSIGNED, simd_mul_sub)
LONG_BOTH(SQDMULL,  SIMD_SIGNED,   simd_sqdmull)
LONG_BOTH(SQDMLAL,  SIMD_SIGNED,   simd_sqdmlal)
LONG_BOTH(SQDMLSL,  SIMD_SIGNED,   simd_sqdmlsl)
/* clang-format on */

/* Here size 0 stands for half precision; 1 is unallocated. */
#define FP_FORM(name, fn)                                                                          \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_fp(c, w, simd_format_of(a64_size(w) ? a64_size(w) : 1));          \
                                                                                                   \
        simd_by_element(&op, w);                                                                   \
        simd_run2(&op, fn);                                                                        \
    }
#define FP_BOTH(name, fn) FP_FORM(name##_elem, fn) FP_FORM(name##_elem_scalar, fn)

FP_BOTH(FMUL, simd_fp_mul)
FP_BOTH(FMULX, simd_fp_mulx)
FP_BOTH(FMLA, simd_fp_mul_add)
FP_BOTH(FMLS, simd_fp_mul_sub)
