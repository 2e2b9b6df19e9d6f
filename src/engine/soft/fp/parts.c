/* SPDX-License-Identifier: ISC */
/*
 * Taking encodings apart, rounding, and NaNs: FPUnpack(), FPRound(), FPProcessNaN() and their kin
 * in DDI 0487 "shared/functions/float".
 */
#include "engine/soft/fp/parts.h"

const struct fp_format fp_half = {16, 10, 15, FPCR_FZ16, 0};
const struct fp_format fp_single = {32, 23, 127, FPCR_FZ, FPSR_IDC};
const struct fp_format fp_double = {64, 52, 1023, FPCR_FZ, FPSR_IDC};

uint64_t fp_infinity(const struct fp_format *f, bool sign)
{
    return fp_pack(f, sign, fp_exp_max(f), 0);
}

uint64_t fp_two(const struct fp_format *f, bool sign)
{
    return fp_pack(f, sign, (uint64_t)f->bias + 1, 0);
}

uint64_t fp_one_point_five(const struct fp_format *f, bool sign)
{
    return fp_pack(f, sign, (uint64_t)f->bias, 1ull << (f->frac - 1));
}

uint64_t fp_default_nan(const struct fp_format *f)
{
    return fp_pack(f, false, fp_exp_max(f), 1ull << (f->frac - 1));
}

uint64_t fp_expand_imm(const struct fp_format *f, uint8_t imm8)
{
    /* exp = NOT(imm8<6>) : Replicate(imm8<6>, E-3) : imm8<5:4> */
    uint32_t top = (imm8 & 0x40) ? (fp_exp_max(f) >> 1) & ~3u : ((fp_exp_max(f) >> 1) + 1);

    return fp_pack(f, imm8 >> 7, top | ((imm8 >> 4) & 3), (uint64_t)(imm8 & 15) << (f->frac - 4));
}

/* FPUnpackBase(): `flush` and `ahp` say whether those apply. */
static struct fp_parts unpack(const struct fp_format *f, uint64_t a, bool flush, bool ahp,
                              struct fp_env *env)
{
    uint32_t exp = fp_exp_field(f, a);
    uint64_t frac = a & fp_frac_mask(f);
    struct fp_parts p = {
        .sig = 1ull << 63 | frac << (63 - f->frac),
        .exp = (int32_t)exp - f->bias,
        .class = FP_CLASS_NUMBER,
        .sign = (a >> (f->bits - 1)) & 1,
    };

    if (exp == 0) {
        if (frac == 0) {
            p.class = FP_CLASS_ZERO;
        } else if (flush) {
            p.class = FP_CLASS_ZERO;
            fp_raise(env, f->idc);
        } else {
            int shift = __builtin_clzll(frac);

            p.sig = frac << shift;
            p.exp = fp_exp_min(f) + (63 - shift) - f->frac;
        }
    } else if (exp == fp_exp_max(f) && !ahp) {
        if (frac == 0)
            p.class = FP_CLASS_INFINITY;
        else
            p.class = (frac >> (f->frac - 1)) ? FP_CLASS_QNAN : FP_CLASS_SNAN;
    }
    return p;
}

struct fp_parts fp_unpack(const struct fp_format *f, uint64_t a, struct fp_env *env)
{
    return unpack(f, a, env->fpcr & f->flush, false, env);
}

struct fp_parts fp_unpack_cv(const struct fp_format *f, uint64_t a, struct fp_env *env)
{
    bool half = f->bits == 16;

    return unpack(f, a, !half && (env->fpcr & f->flush), half && (env->fpcr & FPCR_AHP), env);
}

/* What overflow gives: with AHP there is no infinity, but a last binade of numbers. */
static uint64_t overflow(const struct fp_format *f, bool sign, bool ahp, enum fp_rounding mode,
                         struct fp_env *env)
{
    if (ahp) {
        fp_raise(env, FPSR_IOC);
        return fp_pack(f, sign, fp_exp_max(f), fp_frac_mask(f));
    }
    fp_raise(env, FPSR_OFC | FPSR_IXC);
    return fp_overflow_to_inf(mode, sign) ? fp_infinity(f, sign) : fp_max_normal(f, sign);
}

/* FPRoundBase(). */
static uint64_t round_base(const struct fp_format *f, const struct fp_parts *p, bool flush,
                           bool ahp, enum fp_rounding mode, struct fp_env *env)
{
    int32_t biased = p->exp + f->bias;
    uint32_t drop = 63u - f->frac;
    uint64_t mant, rest;

    if (biased < 1) {
        if (flush) {
            fp_raise(env, FPSR_UFC);
            return fp_zero(f, p->sign);
        }
        drop += (uint32_t)(1 - biased);
        biased = 0;
    }
    if (drop < 64) {
        mant = p->sig >> drop;
        rest = p->sig << (64 - drop);
    } else {
        mant = 0;
        rest = drop == 64 ? p->sig : 1;
    }
    if (rest != 0 && biased == 0)
        fp_raise(env, FPSR_UFC);

    if (fp_round_up(mode, p->sign, mant & 1, rest))
        mant++;
    else if (mode == FP_ROUND_ODD && rest != 0)
        mant |= 1;

    /* The leading one of a normal number, or of a denormal one rounded up, adds into the exponent.
     */
    uint64_t magnitude = mant + ((uint64_t)(biased > 0 ? biased - 1 : 0) << f->frac);

    if (magnitude >> f->frac >= fp_exp_max(f) + ahp)
        return overflow(f, p->sign, ahp, mode, env);
    if (rest != 0)
        fp_raise(env, FPSR_IXC);
    return fp_pack(f, p->sign, 0, magnitude);
}

uint64_t fp_round(const struct fp_format *f, const struct fp_parts *p, enum fp_rounding mode,
                  struct fp_env *env)
{
    return round_base(f, p, env->fpcr & f->flush, false, mode, env);
}

uint64_t fp_round_cv(const struct fp_format *f, const struct fp_parts *p, enum fp_rounding mode,
                     struct fp_env *env)
{
    bool half = f->bits == 16;

    return round_base(f, p, !half && (env->fpcr & f->flush), half && (env->fpcr & FPCR_AHP), mode,
                      env);
}

uint64_t fp_process_nan(const struct fp_format *f, enum fp_class class, uint64_t a,
                        struct fp_env *env)
{
    if (class == FP_CLASS_SNAN)
        fp_raise(env, FPSR_IOC);
    if (env->fpcr & FPCR_DN)
        return fp_default_nan(f);
    return (a & (fp_sign_bit(f) * 2 - 1)) | 1ull << (f->frac - 1);
}

uint64_t fp_process_nans(const struct fp_format *f, enum fp_class class_a, enum fp_class class_b,
                         uint64_t a, uint64_t b, struct fp_env *env)
{
    bool first = class_a == FP_CLASS_SNAN || (class_a == FP_CLASS_QNAN && class_b != FP_CLASS_SNAN);

    return first ? fp_process_nan(f, class_a, a, env) : fp_process_nan(f, class_b, b, env);
}

uint64_t fp_invalid(const struct fp_format *f, struct fp_env *env)
{
    fp_raise(env, FPSR_IOC);
    return fp_default_nan(f);
}
