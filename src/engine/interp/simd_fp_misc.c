/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD two-register miscellaneous, floating point, and the scalar and half-precision forms
 * (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

static simd_int absolute(struct simd_op *op, simd_int a)
{
    return fp_abs(op->f, (uint64_t)a);
}

static simd_int negate(struct simd_op *op, simd_int a)
{
    return fp_neg(op->f, (uint64_t)a);
}

static simd_int square_root(struct simd_op *op, simd_int a)
{
    return fp_sqrt(op->f, (uint64_t)a, &op->env);
}

static simd_int recip_estimate(struct simd_op *op, simd_int a)
{
    return fp_recip_estimate(op->f, (uint64_t)a, &op->env);
}

static simd_int rsqrt_estimate(struct simd_op *op, simd_int a)
{
    return fp_rsqrt_estimate(op->f, (uint64_t)a, &op->env);
}

static simd_int recip_exponent(struct simd_op *op, simd_int a)
{
    return fp_recpx(op->f, (uint64_t)a, &op->env);
}

static simd_int round_int(struct simd_op *op, simd_int a)
{
    return fp_round_int(op->f, (uint64_t)a, op->rounding, false, &op->env);
}

static simd_int round_int_exact(struct simd_op *op, simd_int a)
{
    return fp_round_int(op->f, (uint64_t)a, op->rounding, true, &op->env);
}

static simd_int convert(struct simd_op *op, simd_int a)
{
    return fp_convert(simd_format_of(op->dsize), simd_format_of(op->nsize), (uint64_t)a,
                      op->rounding, &op->env);
}

/* Comparisons with zero; those from below have the operands exchanged. */
static simd_int equal_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(fp_compare_eq(op->f, (uint64_t)a, 0, &op->env));
}

static simd_int greater_equal_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(fp_compare_ge(op->f, (uint64_t)a, 0, &op->env));
}

static simd_int greater_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(fp_compare_gt(op->f, (uint64_t)a, 0, &op->env));
}

static simd_int less_equal_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(fp_compare_ge(op->f, 0, (uint64_t)a, &op->env));
}

static simd_int less_zero(struct simd_op *op, simd_int a)
{
    return simd_mask(fp_compare_gt(op->f, 0, (uint64_t)a, &op->env));
}

#define FORM(name, format, mode, fn)                                                               \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_fp(c, w, format);                                                 \
                                                                                                   \
        op.rounding = mode;                                                                        \
        simd_run1(&op, fn);                                                                        \
    }
#define FORMS(name, h, mode, fn)                                                                   \
    FORM(name, simd_format_sz(w), mode, fn)                                                        \
    FORM(h, &fp_half, mode, fn)
#define VECTOR(name, mode, fn) FORMS(name##_vec, name##_vec_h, mode, fn)
#define SCALAR(name, mode, fn) FORMS(name##_scalar, name##_scalar_h, mode, fn)
#define BOTH(name, mode, fn)   VECTOR(name, mode, fn) SCALAR(name, mode, fn)
#define BY_FPCR                fp_rounding(&op.env)

/* clang-format off */
VECTOR(FABS,    BY_FPCR,          absolute)
VECTOR(FNEG,    BY_FPCR,          negate)
VECTOR(FSQRT,   BY_FPCR,          square_root)
BOTH(FRECPE,    BY_FPCR,          recip_estimate)
BOTH(FRSQRTE,   BY_FPCR,          rsqrt_estimate)
SCALAR(FRECPX,  BY_FPCR,          recip_exponent)
VECTOR(FRINTN,  FP_ROUND_TIEEVEN, round_int)
VECTOR(FRINTP,  FP_ROUND_POSINF,  round_int)
VECTOR(FRINTM,  FP_ROUND_NEGINF,  round_int)
VECTOR(FRINTZ,  FP_ROUND_ZERO,    round_int)
VECTOR(FRINTA,  FP_ROUND_TIEAWAY, round_int)
VECTOR(FRINTI,  BY_FPCR,          round_int)
VECTOR(FRINTX,  BY_FPCR,          round_int_exact)
BOTH(FCVTNS,    FP_ROUND_TIEEVEN, simd_fp_to_signed)
BOTH(FCVTNU,    FP_ROUND_TIEEVEN, simd_fp_to_unsigned)
BOTH(FCVTPS,    FP_ROUND_POSINF,  simd_fp_to_signed)
BOTH(FCVTPU,    FP_ROUND_POSINF,  simd_fp_to_unsigned)
BOTH(FCVTMS,    FP_ROUND_NEGINF,  simd_fp_to_signed)
BOTH(FCVTMU,    FP_ROUND_NEGINF,  simd_fp_to_unsigned)
BOTH(FCVTZS,    FP_ROUND_ZERO,    simd_fp_to_signed)
BOTH(FCVTZU,    FP_ROUND_ZERO,    simd_fp_to_unsigned)
BOTH(FCVTAS,    FP_ROUND_TIEAWAY, simd_fp_to_signed)
BOTH(FCVTAU,    FP_ROUND_TIEAWAY, simd_fp_to_unsigned)
BOTH(SCVTF,     BY_FPCR,          simd_fp_from_signed)
BOTH(UCVTF,     BY_FPCR,          simd_fp_from_unsigned)
BOTH(FCMEQ_zero, BY_FPCR,         equal_zero)
BOTH(FCMGE_zero, BY_FPCR,         greater_equal_zero)
BOTH(FCMGT_zero, BY_FPCR,         greater_zero)
BOTH(FCMLE_zero, BY_FPCR,         less_equal_zero)
BOTH(FCMLT_zero, BY_FPCR,         less_zero)
/* clang-format on */

/* Between formats: `sz` names the wider pair, single and double. */
#define CONVERT(name, shape, size, mode)                                                           \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = shape(c, w, size, SIMD_UNSIGNED);                                      \
                                                                                                   \
        op.rounding = mode;                                                                        \
        simd_run1(&op, convert);                                                                   \
    }

CONVERT(FCVTN, simd_narrow, 1 + a64_sz(w), BY_FPCR)
CONVERT(FCVTL, simd_long, 1 + a64_sz(w), BY_FPCR)
CONVERT(FCVTXN_vec, simd_narrow, 2, FP_ROUND_ODD)
CONVERT(FCVTXN_scalar, simd_narrow, 2, FP_ROUND_ODD)
