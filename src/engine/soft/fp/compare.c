/* SPDX-License-Identifier: ISC */
/*
 * Comparison, maximum and minimum: FPCompare(), FPCompareEQ(), FPCompareGE(), FPCompareGT(),
 * FPMax(), FPMin(), FPMaxNum(), FPMinNum(); DDI 0487 "shared/functions/float".
 */
#include "engine/soft/fp/parts.h"

/*
 * The order of two that are not NaNs: the encodings of one format order like integers of sign and
 * magnitude. A flushed denormal counts as zero, therefore the classes.
 */
static unsigned order(const struct fp_format *f, const struct fp_parts *pa,
                      const struct fp_parts *pb, uint64_t a, uint64_t b)
{
    uint64_t ma = fp_is_zero(pa) ? 0 : fp_abs(f, a);
    uint64_t mb = fp_is_zero(pb) ? 0 : fp_abs(f, b);

    if (pa->sign != pb->sign) {
        if (ma == 0 && mb == 0)
            return FP_EQUAL;
        return pa->sign ? FP_LESS : FP_GREATER;
    }
    if (ma == mb)
        return FP_EQUAL;
    return (ma < mb) != pa->sign ? FP_LESS : FP_GREATER;
}

unsigned fp_compare(const struct fp_format *f, uint64_t a, uint64_t b, bool signal,
                    struct fp_env *env)
{
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);

    if (fp_is_nan(&pa) || fp_is_nan(&pb)) {
        if (signal || pa.class == FP_CLASS_SNAN || pb.class == FP_CLASS_SNAN)
            fp_raise(env, FPSR_IOC);
        return FP_UNORDERED;
    }
    return order(f, &pa, &pb, a, b);
}

bool fp_compare_eq(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return fp_compare(f, a, b, false, env) == FP_EQUAL;
}

bool fp_compare_ge(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    unsigned nzcv = fp_compare(f, a, b, true, env);

    return nzcv == FP_EQUAL || nzcv == FP_GREATER;
}

bool fp_compare_gt(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return fp_compare(f, a, b, true, env) == FP_GREATER;
}

/* The operand for which the order is `wanted`, else the second; of two zeros the sign decides. */
static uint64_t choose(const struct fp_format *f, uint64_t a, uint64_t b, unsigned wanted,
                       struct fp_env *env)
{
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);

    if (fp_is_nan(&pa) || fp_is_nan(&pb))
        return fp_process_nans(f, pa.class, pb.class, a, b, env);

    bool first = order(f, &pa, &pb, a, b) == wanted;

    if (fp_is_zero(first ? &pa : &pb))
        return fp_zero(f, wanted == FP_GREATER ? pa.sign && pb.sign : pa.sign || pb.sign);
    return (first ? a : b) & (fp_sign_bit(f) * 2 - 1);
}

uint64_t fp_max(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return choose(f, a, b, FP_GREATER, env);
}

uint64_t fp_min(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return choose(f, a, b, FP_LESS, env);
}

/* A quiet NaN beside anything else gives way: it becomes the operand that loses. */
static uint64_t choose_num(const struct fp_format *f, uint64_t a, uint64_t b, unsigned wanted,
                           struct fp_env *env)
{
    struct fp_parts pa = fp_unpack(f, a, env), pb = fp_unpack(f, b, env);
    bool quiet_a = pa.class == FP_CLASS_QNAN, quiet_b = pb.class == FP_CLASS_QNAN;
    uint64_t loser = fp_infinity(f, wanted == FP_GREATER);

    if (quiet_a && !quiet_b)
        a = loser;
    else if (quiet_b && !quiet_a)
        b = loser;
    return choose(f, a, b, wanted, env);
}

uint64_t fp_max_num(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return choose_num(f, a, b, FP_GREATER, env);
}

uint64_t fp_min_num(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env)
{
    return choose_num(f, a, b, FP_LESS, env);
}
