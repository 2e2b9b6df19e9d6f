/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD floating point, three registers of the same type, and their scalar and
 * half-precision forms (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

static simd_int sub(struct simd_op *op, simd_int a, simd_int b)
{
    return fp_sub(op->f, (uint64_t)a, (uint64_t)b, &op->env);
}

static simd_int divide(struct simd_op *op, simd_int a, simd_int b)
{
    return fp_div(op->f, (uint64_t)a, (uint64_t)b, &op->env);
}

static simd_int abs_diff(struct simd_op *op, simd_int a, simd_int b)
{
    return fp_abs(op->f, (uint64_t)sub(op, a, b));
}

static simd_int recip_step(struct simd_op *op, simd_int a, simd_int b)
{
    return fp_recip_step(op->f, (uint64_t)a, (uint64_t)b, &op->env);
}

static simd_int rsqrt_step(struct simd_op *op, simd_int a, simd_int b)
{
    return fp_rsqrt_step(op->f, (uint64_t)a, (uint64_t)b, &op->env);
}

static simd_int equal(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(fp_compare_eq(op->f, (uint64_t)a, (uint64_t)b, &op->env));
}

static simd_int greater_equal(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(fp_compare_ge(op->f, (uint64_t)a, (uint64_t)b, &op->env));
}

static simd_int greater(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_mask(fp_compare_gt(op->f, (uint64_t)a, (uint64_t)b, &op->env));
}

static simd_int abs_greater_equal(struct simd_op *op, simd_int a, simd_int b)
{
    return greater_equal(op, fp_abs(op->f, (uint64_t)a), fp_abs(op->f, (uint64_t)b));
}

static simd_int abs_greater(struct simd_op *op, simd_int a, simd_int b)
{
    return greater(op, fp_abs(op->f, (uint64_t)a), fp_abs(op->f, (uint64_t)b));
}

#define FORM(name, format, run, fn)                                                                \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_fp(c, w, format);                                                 \
                                                                                                   \
        run(&op, fn);                                                                              \
    }
#define FORMS(name, h, run, fn)                                                                    \
    FORM(name, simd_format_sz(w), run, fn)                                                         \
    FORM(h, &fp_half, run, fn)
#define VECTOR(name, fn) FORMS(name##_vec, name##_vec_h, simd_run2, fn)
#define SCALAR(name, fn) FORMS(name##_scalar, name##_scalar_h, simd_run2, fn)
#define BOTH(name, fn)   VECTOR(name, fn) SCALAR(name, fn)
#define PAIRS(name, fn)                                                                            \
    FORMS(name##_vec, name##_vec_h, simd_run_pairs, fn)                                            \
    FORM(name##_scalar, simd_format_sz(w), simd_run_pairs, fn)                                     \
    FORM(name##_scalar_h, &fp_half, simd_run_pairs, fn)

/* clang-format off */
VECTOR(FADD,    simd_fp_add)
VECTOR(FSUB,    sub)
VECTOR(FMUL,    simd_fp_mul)
VECTOR(FDIV,    divide)
VECTOR(FMLA,    simd_fp_mul_add)
VECTOR(FMLS,    simd_fp_mul_sub)
VECTOR(FMAX,    simd_fp_max)
VECTOR(FMIN,    simd_fp_min)
VECTOR(FMAXNM,  simd_fp_max_num)
VECTOR(FMINNM,  simd_fp_min_num)
BOTH(FMULX,     simd_fp_mulx)
BOTH(FABD,      abs_diff)
BOTH(FRECPS,    recip_step)
BOTH(FRSQRTS,   rsqrt_step)
BOTH(FCMEQ,     equal)
BOTH(FCMGE,     greater_equal)
BOTH(FCMGT,     greater)
BOTH(FACGE,     abs_greater_equal)
BOTH(FACGT,     abs_greater)
PAIRS(FADDP,    simd_fp_add)
PAIRS(FMAXP,    simd_fp_max)
PAIRS(FMINP,    simd_fp_min)
PAIRS(FMAXNMP,  simd_fp_max_num)
PAIRS(FMINNMP,  simd_fp_min_num)
/* clang-format on */
