/* SPDX-License-Identifier: ISC */
/*
 * Division and square root: FPDiv(), FPSqrt(); DDI 0487 "shared/functions/float".
 */
#include "engine/soft/fp/parts.h"

static uint64_t div_numbers(const struct fp_format *f, const struct fp_parts *a,
                            const struct fp_parts *b, struct fp_env *env)
{
    /* Scaled so that the quotient has exactly 64 bits: it is in [1, 2) times 2^63. */
    bool less = a->sig < b->sig;
    fp_u128 dividend = (fp_u128)a->sig << (63 + less);
    uint64_t quotient = (uint64_t)(dividend / b->sig);
    struct fp_parts r = {
        .sig = quotient | ((fp_u128)quotient * b->sig != dividend),
        .exp = a->exp - b->exp - less,
        .class = FP_CLASS_NUMBER,
        .sign = a->sign != b->sign,
    };

    return fp_round(f, &r, fp_rounding(env), env);
}

uint64_t fp_div(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);
    bool sign = pa.sign != pb.sign;

    if (fp_is_nan(&pa) || fp_is_nan(&pb))
        return fp_process_nans(f, pa.class, pb.class, a, b, env);
    if (pa.class == FP_CLASS_NUMBER && pb.class == FP_CLASS_NUMBER)
        return div_numbers(f, &pa, &pb, env);
    if (pa.class == pb.class)
        return fp_invalid(f, env);
    if (fp_is_inf(&pa) || fp_is_zero(&pb)) {
        if (!fp_is_inf(&pa))
            fp_raise(env, FPSR_DZC);
        return fp_infinity(f, sign);
    }
    return fp_zero(f, sign);
}

/*
 * The root of sig/2^63 * 2^odd in 1.63 fixed point, bit by bit from the top: `bits` of it, at most
 * 58, which is as many as rounding looks at, with the rest jammed. The remainder is doubled at each
 * step instead of the bit being shifted twice; in 4.60 fixed point it stays below 2^64. An operand
 * has its low bits clear and loses none.
 */
static uint64_t sqrt_sig(uint64_t sig, bool odd, unsigned bits)
{
    uint64_t rest = sig >> 3 << odd, root = 0;

    for (uint64_t bit = 1ull << 60; bits > 0; bits--, bit >>= 1) {
        uint64_t trial = 2 * root + bit;

        if (rest >= trial) {
            rest -= trial;
            root += bit;
        }
        rest <<= 1;
    }
    return root << 3 | (rest != 0);
}

uint64_t fp_sqrt(const struct fp_format *f, uint64_t a, struct fp_env *env)
{
    struct fp_parts p = fp_unpack(f, a, env);

    if (fp_is_nan(&p))
        return fp_process_nan(f, p.class, a, env);
    if (fp_is_zero(&p))
        return fp_zero(f, p.sign);
    if (p.sign)
        return fp_invalid(f, env);
    if (fp_is_inf(&p))
        return fp_infinity(f, false);

    /* exp = 2 * half + odd; the root of 1.x * 2^odd is in [1, 2). */
    bool odd = p.exp & 1;

    p.sig = sqrt_sig(p.sig, odd, f->frac + 3u);
    p.exp = (p.exp - odd) / 2;
    return fp_round(f, &p, fp_rounding(env), env);
}
