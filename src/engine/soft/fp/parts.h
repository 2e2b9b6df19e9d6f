/* SPDX-License-Identifier: ISC */
/*
 * Inside the floating-point library: an encoding taken apart, and put together again.
 *
 * The pseudocode computes with real numbers.  Here a real is (-1)^sign * sig/2^63 * 2^exp with the
 * top bit of sig set, exact for every operand.  A result that needs more than 64 bits is "jammed":
 * a lost bit is ORed into bit 0.  That keeps rounding exact, because fp_round() looks at no more
 * than 53 bits, the next one, and whether anything below is set.
 */
#ifndef ENGINE_SOFT_FP_PARTS_H
#define ENGINE_SOFT_FP_PARTS_H

#include "engine/soft/fp/fp.h"

typedef unsigned __int128 fp_u128;

enum fp_class {
    FP_CLASS_ZERO,
    FP_CLASS_NUMBER, /* finite and not zero */
    FP_CLASS_INFINITY,
    FP_CLASS_QNAN,
    FP_CLASS_SNAN,
};

struct fp_parts {
    uint64_t sig; /* NUMBER: 1.63 fixed point, bit 63 set */
    int32_t exp;  /* NUMBER: unbiased */
    enum fp_class class;
    bool sign;
};

static inline bool fp_is_nan(const struct fp_parts *p)
{
    return p->class >= FP_CLASS_QNAN;
}

static inline bool fp_is_zero(const struct fp_parts *p)
{
    return p->class == FP_CLASS_ZERO;
}

static inline bool fp_is_inf(const struct fp_parts *p)
{
    return p->class == FP_CLASS_INFINITY;
}

/* FPProcessException() with the exception untrapped. */
static inline void fp_raise(struct fp_env *env, uint32_t flags)
{
    *env->fpsr |= flags;
}

/* The exponent field's largest value: infinities and NaNs. */
static inline uint32_t fp_exp_max(const struct fp_format *f)
{
    return 2 * (uint32_t)f->bias + 1;
}

/* The exponent of the smallest normal number. */
static inline int32_t fp_exp_min(const struct fp_format *f)
{
    return 1 - f->bias;
}

static inline uint64_t fp_frac_mask(const struct fp_format *f)
{
    return (1ull << f->frac) - 1;
}

static inline uint32_t fp_exp_field(const struct fp_format *f, uint64_t a)
{
    return (uint32_t)(a >> f->frac) & fp_exp_max(f);
}

static inline uint64_t fp_pack(const struct fp_format *f, bool sign, uint64_t exp, uint64_t frac)
{
    return (uint64_t)sign << (f->bits - 1) | exp << f->frac | frac;
}

/* FPZero(). */
static inline uint64_t fp_zero(const struct fp_format *f, bool sign)
{
    return fp_pack(f, sign, 0, 0);
}

/* FPMaxNormal(). */
static inline uint64_t fp_max_normal(const struct fp_format *f, bool sign)
{
    return fp_pack(f, sign, fp_exp_max(f) - 1, fp_frac_mask(f));
}

/* Shift right by n >= 0, ORing what is lost into bit 0. */
static inline uint64_t fp_shift_jam(uint64_t v, uint32_t n)
{
    if (n == 0)
        return v;
    if (n > 63)
        return v != 0;
    return v >> n | (v << (64 - n) != 0);
}

static inline fp_u128 fp_shift_jam128(fp_u128 v, uint32_t n)
{
    if (n == 0)
        return v;
    if (n > 127)
        return v != 0;
    return v >> n | (v << (128 - n) != 0);
}

/*
 * Whether the magnitude is to be incremented. `odd` is its lowest bit, `rest` the fraction that
 * would be dropped, where 2^63 is one half (jammed below). The one rule for FPRound(), FPRoundInt()
 * and FPToFixed(): the pseudocode rounds the latter two from minus infinity, which comes to the
 * same.
 */
static inline bool fp_round_up(enum fp_rounding mode, bool sign, bool odd, uint64_t rest)
{
    const uint64_t half = 1ull << 63;

    switch (mode) {
    case FP_ROUND_TIEEVEN: return rest > half || (rest == half && odd);
    case FP_ROUND_TIEAWAY: return rest >= half;
    case FP_ROUND_POSINF: return rest != 0 && !sign;
    case FP_ROUND_NEGINF: return rest != 0 && sign;
    default: return false;
    }
}

/* Overflow in this mode gives infinity, not the largest normal number. */
static inline bool fp_overflow_to_inf(enum fp_rounding mode, bool sign)
{
    return mode == FP_ROUND_TIEEVEN || mode == FP_ROUND_TIEAWAY ||
           (mode == FP_ROUND_POSINF && !sign) || (mode == FP_ROUND_NEGINF && sign);
}

/* An exact zero sum of unlike signs. */
static inline uint64_t fp_zero_sum(const struct fp_format *f, const struct fp_env *env)
{
    return fp_zero(f, fp_rounding(env) == FP_ROUND_NEGINF);
}

/* FPUnpack(): flushes denormals as FPCR says, raising IDC where that is due. */
struct fp_parts fp_unpack(const struct fp_format *f, uint64_t a, struct fp_env *env);

/* FPUnpackCV(): for conversions between formats: FZ16 is not looked at, AHP is. */
struct fp_parts fp_unpack_cv(const struct fp_format *f, uint64_t a, struct fp_env *env);

/* FPRound() of a number in the given mode; `p` is a NUMBER whose sig is normalised or jammed. */
uint64_t fp_round(const struct fp_format *f, const struct fp_parts *p, enum fp_rounding mode,
                  struct fp_env *env);

/* FPRoundCV(): FPRound() where FZ16 is not looked at, AHP is. */
uint64_t fp_round_cv(const struct fp_format *f, const struct fp_parts *p, enum fp_rounding mode,
                     struct fp_env *env);

/* FPProcessNaN(): `class` is a NaN's. */
uint64_t fp_process_nan(const struct fp_format *f, enum fp_class class, uint64_t a,
                        struct fp_env *env);

/* FPProcessNaNs(): at least one of the two is a NaN. */
uint64_t fp_process_nans(const struct fp_format *f, enum fp_class class_a, enum fp_class class_b,
                         uint64_t a, uint64_t b, struct fp_env *env);

/* IOC and the default NaN: an operation without a meaningful result. */
uint64_t fp_invalid(const struct fp_format *f, struct fp_env *env);

/* addend + a * b of numbers (a, b not zero), rounded once after halving `halvings` times. */
uint64_t fp_fused(const struct fp_format *f, const struct fp_parts *addend,
                  const struct fp_parts *a, const struct fp_parts *b, unsigned halvings,
                  struct fp_env *env);

#endif
