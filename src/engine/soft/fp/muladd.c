/* SPDX-License-Identifier: ISC */
/*
 * Fused multiply-add, and the Newton-Raphson steps that are made of it: FPMulAdd(),
 * FPRecipStepFused(), FPRSqrtStepFused(); DDI 0487 "shared/functions/float".
 */
#include "engine/soft/fp/parts.h"

static bool is_inf_times_zero(const struct fp_parts *a, const struct fp_parts *b)
{
    return (fp_is_inf(a) && fp_is_zero(b)) || (fp_is_zero(a) && fp_is_inf(b));
}

/* A wide number: (-1)^sign * sig/2^125 * 2^exp; the two top bits of sig are headroom. */
struct wide {
    fp_u128 sig;
    int32_t exp;
    bool sign;
};

/* Of two normalised ones, so that after the exchange a's magnitude is the larger. */
static struct wide wide_add(struct wide a, struct wide b)
{
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct wide t = a;

        a = b;
        b = t;
    }
    b.sig = fp_shift_jam128(b.sig, (uint32_t)(a.exp - b.exp));
    a.sig = a.sign == b.sign ? a.sig + b.sig : a.sig - b.sig;
    return a;
}

static int clz128(fp_u128 v)
{
    uint64_t high = (uint64_t)(v >> 64);

    return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)v);
}

uint64_t fp_fused(const struct fp_format *f, const struct fp_parts *addend,
                  const struct fp_parts *a, const struct fp_parts *b, unsigned halvings,
                  struct fp_env *env)
{
    /* 53 by 53 bits leave 22 bits free below the product, of which two become headroom. */
    struct wide sum = {
        .sig = (fp_u128)a->sig * b->sig >> 2,
        .exp = a->exp + b->exp + 1,
        .sign = a->sign != b->sign,
    };

    /* The product's top bit may be clear: scale it so that its exponent is its own. */
    if (!(sum.sig >> 125)) {
        sum.sig <<= 1;
        sum.exp--;
    }
    if (!fp_is_zero(addend))
        sum = wide_add(sum, (struct wide){(fp_u128)addend->sig << 62, addend->exp, addend->sign});
    if (sum.sig == 0)
        return fp_zero_sum(f, env);

    int shift = clz128(sum.sig);
    fp_u128 sig = sum.sig << shift;
    struct fp_parts r = {
        .sig = (uint64_t)(sig >> 64) | ((uint64_t)sig != 0),
        .exp = sum.exp + 2 - shift - (int32_t)halvings,
        .class = FP_CLASS_NUMBER,
        .sign = sum.sign,
    };

    return fp_round(f, &r, fp_rounding(env), env);
}

/* FPProcessNaNs3(): the first signalling NaN, else the first quiet one. */
static uint64_t process_nans3(const struct fp_format *f, const enum fp_class class[3],
                              const uint64_t op[3], struct fp_env *env)
{
    for (int c = FP_CLASS_SNAN; c >= FP_CLASS_QNAN; c--)
        for (int i = 0; i < 3; i++)
            if ((int)class[i] == c)
                return fp_process_nan(f, class[i], op[i], env);
    return fp_default_nan(f);
}

uint64_t fp_mul_add(const struct fp_format *f, uint64_t addend, uint64_t a, uint64_t b,
                    struct fp_env *env)
{
    struct fp_parts pc = fp_unpack(f, addend, env);
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);
    bool invalid = is_inf_times_zero(&pa, &pb), sign = pa.sign != pb.sign;

    if (pc.class == FP_CLASS_QNAN && invalid)
        return fp_invalid(f, env);
    if (fp_is_nan(&pc) || fp_is_nan(&pa) || fp_is_nan(&pb))
        return process_nans3(f, (enum fp_class[]){pc.class, pa.class, pb.class},
                             (uint64_t[]){addend, a, b}, env);

    bool inf = fp_is_inf(&pa) || fp_is_inf(&pb);

    if (invalid || (fp_is_inf(&pc) && inf && pc.sign != sign))
        return fp_invalid(f, env);
    if (fp_is_inf(&pc) || inf)
        return fp_infinity(f, inf ? sign : pc.sign);
    if (!fp_is_zero(&pa) && !fp_is_zero(&pb))
        return fp_fused(f, &pc, &pa, &pb, 0, env);
    if (fp_is_zero(&pc))
        return pc.sign == sign ? fp_zero(f, sign) : fp_zero_sum(f, env);
    return fp_round(f, &pc, fp_rounding(env), env);
}

/* (addend - a * b) / 2^halvings, where infinity times zero counts as zero. */
static uint64_t step(const struct fp_format *f, struct fp_parts addend, unsigned halvings,
                     uint64_t a, uint64_t b, struct fp_env *env)
{
    a = fp_neg(f, a);

    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);

    if (fp_is_nan(&pa) || fp_is_nan(&pb))
        return fp_process_nans(f, pa.class, pb.class, a, b, env);
    if (!is_inf_times_zero(&pa, &pb) && (fp_is_inf(&pa) || fp_is_inf(&pb)))
        return fp_infinity(f, pa.sign != pb.sign);
    if (pa.class == FP_CLASS_NUMBER && pb.class == FP_CLASS_NUMBER)
        return fp_fused(f, &addend, &pa, &pb, halvings, env);
    addend.exp -= (int32_t)halvings;
    return fp_round(f, &addend, fp_rounding(env), env);
}

uint64_t fp_recip_step(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    const struct fp_parts two = {1ull << 63, 1, FP_CLASS_NUMBER, false};

    return step(f, two, 0, a, b, env);
}

uint64_t fp_rsqrt_step(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    const struct fp_parts three = {3ull << 62, 1, FP_CLASS_NUMBER, false};

    return step(f, three, 1, a, b, env);
}
