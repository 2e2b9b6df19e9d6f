/* SPDX-License-Identifier: ISC */
/*
 * Reciprocal and reciprocal square root estimates: FPRecipEstimate(), FPRSqrtEstimate(), FPRecpX(),
 * UnsignedRecipEstimate(), UnsignedRSqrtEstimate(); DDI 0487 "shared/functions/float".  The eight
 * bits of precision are architecture: software may rely on the very results.
 */
#include "engine/soft/fp/parts.h"

/* RecipEstimate(): of 0.5 <= a/512 < 1, a result of 1 <= r/256 < 2. */
static uint32_t recip_estimate(uint32_t a)
{
    return ((1u << 19) / (a * 2 + 1) + 1) / 2;
}

/* RecipSqrtEstimate(): of 0.25 <= a/512 < 1, a result of 1 <= r/256 < 2. */
static uint32_t rsqrt_estimate(uint32_t a)
{
    uint32_t b = 512;

    /* The largest b with a * b^2 < 2^28, bit by bit: the pseudocode counts up to it. */
    a = a < 256 ? a * 2 + 1 : (a | 1) * 2;
    for (uint32_t bit = 256; bit != 0; bit /= 2)
        if (a * (b + bit) * (b + bit) < 1u << 28)
            b += bit;
    return (b + 1) / 2;
}

uint32_t fp_unsigned_recip_estimate(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : ~0u;
}

uint32_t fp_unsigned_rsqrt_estimate(uint32_t a)
{
    return a >> 30 ? rsqrt_estimate(a >> 23) << 23 : ~0u;
}

/* The result's number: 1.8 bits of estimate with a biased exponent that may be 0 or -1. */
static uint64_t pack_estimate(const struct fp_format *f, bool sign, int32_t biased,
                              uint32_t estimate)
{
    uint64_t frac = (uint64_t)estimate << (f->frac - 8);

    if (biased > 0)
        return fp_pack(f, sign, (uint32_t)biased, frac & fp_frac_mask(f));
    return fp_pack(f, sign, 0, frac >> (1 - biased));
}

uint64_t fp_recip_estimate(const struct fp_format *f, uint64_t a, struct fp_env *env)
{
    struct fp_parts p = fp_unpack(f, a, env);

    if (fp_is_nan(&p))
        return fp_process_nan(f, p.class, a, env);
    if (fp_is_inf(&p))
        return fp_zero(f, p.sign);
    if (fp_is_zero(&p)) {
        fp_raise(env, FPSR_DZC);
        return fp_infinity(f, p.sign);
    }
    /* The reciprocal of what is below 2^-(bias + 1) is too large a number. */
    if (p.exp < -f->bias - 1) {
        fp_raise(env, FPSR_OFC | FPSR_IXC);
        return fp_overflow_to_inf(fp_rounding(env), p.sign) ? fp_infinity(f, p.sign)
                                                            : fp_max_normal(f, p.sign);
    }
    /* That of what is at least 2^(bias - 1) is a denormal number. */
    if ((env->fpcr & f->flush) && p.exp >= f->bias - 1) {
        fp_raise(env, FPSR_UFC);
        return fp_zero(f, p.sign);
    }
    return pack_estimate(f, p.sign, f->bias - 1 - p.exp, recip_estimate((uint32_t)(p.sig >> 55)));
}

uint64_t fp_rsqrt_estimate(const struct fp_format *f, uint64_t a, struct fp_env *env)
{
    struct fp_parts p = fp_unpack(f, a, env);

    if (fp_is_nan(&p))
        return fp_process_nan(f, p.class, a, env);
    if (fp_is_zero(&p)) {
        fp_raise(env, FPSR_DZC);
        return fp_infinity(f, p.sign);
    }
    if (p.sign)
        return fp_invalid(f, env);
    if (fp_is_inf(&p))
        return fp_zero(f, false);

    /* The significand in [0.25, 1) with an even exponent. */
    bool odd = p.exp & 1;
    uint32_t estimate = rsqrt_estimate((uint32_t)(p.sig >> (odd ? 55 : 56)));

    return pack_estimate(f, false, f->bias - 1 - (p.exp - odd) / 2, estimate);
}

uint64_t fp_recpx(const struct fp_format *f, uint64_t a, struct fp_env *env)
{
    struct fp_parts p = fp_unpack(f, a, env);
    uint32_t exp = fp_exp_field(f, a), max = fp_exp_max(f);

    if (fp_is_nan(&p))
        return fp_process_nan(f, p.class, a, env);
    return fp_pack(f, p.sign, exp == 0 ? max - 1 : exp ^ max, 0);
}
