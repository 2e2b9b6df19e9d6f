/* SPDX-License-Identifier: ISC */
/*
 * Conversions: FPConvert(), FPRoundInt(), FPToFixed(), FixedToFP(); DDI 0487
 * "shared/functions/float".
 */
#include "engine/soft/fp/parts.h"

/* FPConvertNaN(): the top of the payload survives. */
static uint64_t convert_nan(const struct fp_format *to, const struct fp_parts *p)
{
    uint64_t payload = p->sig << 1 >> (64 - to->frac);

    return fp_pack(to, p->sign, fp_exp_max(to), payload | 1ull << (to->frac - 1));
}

uint64_t fp_convert(const struct fp_format *to, const struct fp_format *from, uint64_t a,
                    enum fp_rounding mode, struct fp_env *env)
{
    struct fp_parts p = fp_unpack_cv(from, a, env);
    bool ahp = to->bits == 16 && (env->fpcr & FPCR_AHP);

    switch (p.class) {
    case FP_CLASS_NUMBER: return fp_round_cv(to, &p, mode, env);
    case FP_CLASS_ZERO: return fp_zero(to, p.sign);
    case FP_CLASS_INFINITY:
        if (!ahp)
            return fp_infinity(to, p.sign);
        fp_raise(env, FPSR_IOC);
        return fp_pack(to, p.sign, fp_exp_max(to), fp_frac_mask(to));
    default: break;
    }

    /* The alternative half precision has no NaNs: a zero stands for them, and IOC tells. */
    if (p.class == FP_CLASS_SNAN || ahp)
        fp_raise(env, FPSR_IOC);
    if (ahp)
        return fp_zero(to, p.sign);
    return (env->fpcr & FPCR_DN) ? fp_default_nan(to) : convert_nan(to, &p);
}

/*
 * The integral part of |p| * 2^scale, if that is below 2^64 (p->exp + scale < 64), and in *rest the
 * fraction, where 2^63 is one half (jammed).
 */
static uint64_t integral(const struct fp_parts *p, int32_t scale, uint64_t *rest)
{
    int32_t exp = p->exp + scale;

    if (exp < 0) {
        *rest = exp == -1 ? p->sig : 1;
        return 0;
    }
    *rest = exp == 63 ? 0 : p->sig << (exp + 1);
    return p->sig >> (63 - exp);
}

uint64_t fp_round_int(const struct fp_format *f, uint64_t a, enum fp_rounding mode, bool exact,
                      struct fp_env *env)
{
    struct fp_parts p = fp_unpack(f, a, env);

    if (fp_is_nan(&p))
        return fp_process_nan(f, p.class, a, env);
    if (fp_is_zero(&p))
        return fp_zero(f, p.sign);
    if (fp_is_inf(&p) || p.exp >= f->frac)
        return a & (fp_sign_bit(f) * 2 - 1);

    uint64_t rest, whole = integral(&p, 0, &rest);

    whole += fp_round_up(mode, p.sign, whole & 1, rest);
    if (rest != 0 && exact)
        fp_raise(env, FPSR_IXC);
    if (whole == 0)
        return fp_zero(f, p.sign);

    int shift = __builtin_clzll(whole);

    p.sig = whole << shift;
    p.exp = 63 - shift;
    return fp_round(f, &p, FP_ROUND_ZERO, env);
}

uint64_t fp_to_fixed(const struct fp_format *f, uint64_t a, unsigned fbits, bool is_unsigned,
                     unsigned width, enum fp_rounding mode, struct fp_env *env)
{
    struct fp_parts p = fp_unpack(f, a, env);
    uint64_t ones = ~0ull >> (64 - width);
    /* The largest magnitude that the result can have on this side of zero. */
    uint64_t limit = is_unsigned ? (p.sign ? 0 : ones) : (ones >> 1) + p.sign;
    uint64_t whole = 0, rest = 0;
    bool overflow = false;

    switch (p.class) {
    case FP_CLASS_ZERO: return 0;
    case FP_CLASS_NUMBER:
        overflow = p.exp + (int32_t)fbits > 63;
        if (!overflow) {
            whole = integral(&p, (int32_t)fbits, &rest);
            /* No carry out of bit 63: a number with a fraction is below 2^53 here. */
            whole += fp_round_up(mode, p.sign, whole & 1, rest);
        }
        break;
    case FP_CLASS_INFINITY: overflow = true; break;
    default: fp_raise(env, FPSR_IOC); return 0;
    }
    if (overflow || whole > limit) {
        fp_raise(env, FPSR_IOC);
        whole = limit;
    } else if (rest != 0) {
        fp_raise(env, FPSR_IXC);
    }
    return (p.sign ? -whole : whole) & ones;
}

uint64_t fp_from_fixed(const struct fp_format *f, uint64_t value, unsigned fbits, bool is_unsigned,
                       unsigned width, struct fp_env *env)
{
    bool sign = !is_unsigned && ((value >> (width - 1)) & 1);
    uint64_t magnitude = (sign ? -value : value) & (~0ull >> (64 - width));

    if (magnitude == 0)
        return fp_zero(f, false);

    int shift = __builtin_clzll(magnitude);
    struct fp_parts p = {
        .sig = magnitude << shift,
        .exp = 63 - shift - (int32_t)fbits,
        .class = FP_CLASS_NUMBER,
        .sign = sign,
    };

    return fp_round(f, &p, fp_rounding(env), env);
}
