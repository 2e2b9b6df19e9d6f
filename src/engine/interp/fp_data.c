/* SPDX-License-Identifier: ISC */
/*
 * Scalar floating-point data processing with one, two and three sources, and FMOV (immediate)
 * (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/fp_scalar.h"

/* One source: a is the operand, f its format, env the environment. */
#define ONE(name, expr)                                                                            \
    FP_HANDLER(name##_scalar)                                                                      \
    {                                                                                              \
        const struct fp_format *f = fp_ftype(w);                                                   \
        struct fp_env env = fp_env_of(c);                                                          \
        uint64_t a = fp_read(c, a64_Rn(w), f->bits);                                               \
                                                                                                   \
        (void)env;                                                                                 \
        fp_write(c, a64_Rd(w), expr);                                                              \
    }

ONE(FMOV, a)
ONE(FABS, fp_abs(f, a))
ONE(FNEG, fp_neg(f, a))
ONE(FSQRT, fp_sqrt(f, a, &env))
ONE(FRINTN, fp_round_int(f, a, FP_ROUND_TIEEVEN, false, &env))
ONE(FRINTP, fp_round_int(f, a, FP_ROUND_POSINF, false, &env))
ONE(FRINTM, fp_round_int(f, a, FP_ROUND_NEGINF, false, &env))
ONE(FRINTZ, fp_round_int(f, a, FP_ROUND_ZERO, false, &env))
ONE(FRINTA, fp_round_int(f, a, FP_ROUND_TIEAWAY, false, &env))
ONE(FRINTI, fp_round_int(f, a, fp_rounding(&env), false, &env))
ONE(FRINTX, fp_round_int(f, a, fp_rounding(&env), true, &env))

FP_HANDLER(FCVT)
{
    const struct fp_format *from = fp_ftype(w), *to = fp_type(a64_fopc(w));
    struct fp_env env = fp_env_of(c);
    uint64_t a = fp_read(c, a64_Rn(w), from->bits);

    fp_write(c, a64_Rd(w), fp_convert(to, from, a, fp_rounding(&env), &env));
}

FP_HANDLER(FMOV_scalar_imm)
{
    fp_write(c, a64_Rd(w), fp_expand_imm(fp_ftype(w), (uint8_t)a64_fpimm8(w)));
}

#define TWO(name, fn)                                                                              \
    FP_HANDLER(name##_scalar)                                                                      \
    {                                                                                              \
        const struct fp_format *f = fp_ftype(w);                                                   \
        struct fp_env env = fp_env_of(c);                                                          \
        uint64_t a = fp_read(c, a64_Rn(w), f->bits), b = fp_read(c, a64_Rm(w), f->bits);           \
                                                                                                   \
        fp_write(c, a64_Rd(w), fn(f, a, b, &env));                                                 \
    }

static uint64_t negated_mul(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return fp_neg(f, fp_mul(f, a, b, env));
}

TWO(FMUL, fp_mul)
TWO(FNMUL, negated_mul)
TWO(FDIV, fp_div)
TWO(FADD, fp_add)
TWO(FSUB, fp_sub)
TWO(FMAX, fp_max)
TWO(FMIN, fp_min)
TWO(FMAXNM, fp_max_num)
TWO(FMINNM, fp_min_num)

/* Fused, with the addend, the first factor, or both negated before anything is looked at. */
static void mul_add(struct soft_cpu *c, uint32_t w, bool negate_addend, bool negate_factor)
{
    const struct fp_format *f = fp_ftype(w);
    struct fp_env env = fp_env_of(c);
    uint64_t addend = fp_read(c, a64_Ra(w), f->bits);
    uint64_t a = fp_read(c, a64_Rn(w), f->bits), b = fp_read(c, a64_Rm(w), f->bits);

    if (negate_addend)
        addend = fp_neg(f, addend);
    if (negate_factor)
        a = fp_neg(f, a);
    fp_write(c, a64_Rd(w), fp_mul_add(f, addend, a, b, &env));
}

FP_HANDLER(FMADD)
{
    mul_add(c, w, false, false);
}

FP_HANDLER(FMSUB)
{
    mul_add(c, w, false, true);
}

FP_HANDLER(FNMADD)
{
    mul_add(c, w, true, true);
}

FP_HANDLER(FNMSUB)
{
    mul_add(c, w, true, false);
}
