/* SPDX-License-Identifier: ISC */
/*
 * Addition and multiplication: FPAdd(), FPSub(), FPMul(), FPMulX(); DDI 0487
 * "shared/functions/float".
 */
#include "engine/soft/fp/parts.h"

/* The sum of two numbers. Two bits of headroom above the operands leave nine below to guard. */
static uint64_t add_numbers(const struct fp_format *f, const struct fp_parts *a,
                            const struct fp_parts *b, struct fp_env *env)
{
    if (a->exp < b->exp || (a->exp == b->exp && a->sig < b->sig)) {
        const struct fp_parts *t = a;

        a = b;
        b = t;
    }

    uint64_t big = a->sig >> 2;
    uint64_t small = fp_shift_jam(b->sig >> 2, (uint32_t)(a->exp - b->exp));
    uint64_t sum = a->sign == b->sign ? big + small : big - small;

    if (sum == 0)
        return fp_zero_sum(f, env);

    int shift = __builtin_clzll(sum);
    struct fp_parts r = {
        .sig = sum << shift,
        .exp = a->exp + 2 - shift,
        .class = FP_CLASS_NUMBER,
        .sign = a->sign,
    };

    return fp_round(f, &r, fp_rounding(env), env);
}

/* `flip` negates b as FPSub() does: not where b is a NaN. */
static uint64_t add_or_sub(const struct fp_format *f, uint64_t a, uint64_t b, bool flip,
                           struct fp_env *env)
{
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);

    if (fp_is_nan(&pa) || fp_is_nan(&pb))
        return fp_process_nans(f, pa.class, pb.class, a, b, env);
    pb.sign ^= flip;
    if (pa.class == FP_CLASS_NUMBER && pb.class == FP_CLASS_NUMBER)
        return add_numbers(f, &pa, &pb, env);
    if (fp_is_inf(&pa) && fp_is_inf(&pb) && pa.sign != pb.sign)
        return fp_invalid(f, env);
    if (fp_is_inf(&pa) || fp_is_inf(&pb))
        return fp_infinity(f, fp_is_inf(&pa) ? pa.sign : pb.sign);
    if (fp_is_zero(&pa) && fp_is_zero(&pb))
        return pa.sign == pb.sign ? fp_zero(f, pa.sign) : fp_zero_sum(f, env);
    return fp_round(f, fp_is_zero(&pa) ? &pb : &pa, fp_rounding(env), env);
}

uint64_t fp_add(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return add_or_sub(f, a, b, false, env);
}

uint64_t fp_sub(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return add_or_sub(f, a, b, true, env);
}

static uint64_t mul_numbers(const struct fp_format *f, const struct fp_parts *a,
                            const struct fp_parts *b, struct fp_env *env)
{
    fp_u128 product = (fp_u128)a->sig * b->sig;
    struct fp_parts r = {
        .exp = a->exp + b->exp + 1,
        .class = FP_CLASS_NUMBER,
        .sign = a->sign != b->sign,
    };

    if (!(product >> 127)) {
        product <<= 1;
        r.exp--;
    }
    r.sig = (uint64_t)(product >> 64) | ((uint64_t)product != 0);
    return fp_round(f, &r, fp_rounding(env), env);
}

static uint64_t mul(const struct fp_format *f, uint64_t a, uint64_t b, bool extended,
                    struct fp_env *env)
{
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);
    bool sign = pa.sign != pb.sign;

    if (fp_is_nan(&pa) || fp_is_nan(&pb))
        return fp_process_nans(f, pa.class, pb.class, a, b, env);
    if (pa.class == FP_CLASS_NUMBER && pb.class == FP_CLASS_NUMBER)
        return mul_numbers(f, &pa, &pb, env);

    bool inf = fp_is_inf(&pa) || fp_is_inf(&pb), zero = fp_is_zero(&pa) || fp_is_zero(&pb);

    if (inf && zero)
        return extended ? fp_two(f, sign) : fp_invalid(f, env);
    return inf ? fp_infinity(f, sign) : fp_zero(f, sign);
}

uint64_t fp_mul(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return mul(f, a, b, false, env);
}

uint64_t fp_mulx(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return mul(f, a, b, true, env);
}
