/* SPDX-License-Identifier: ISC */
/*
 * Floating point as the Arm ARM defines it (DDI 0487, "shared/functions/float"), for half, single
 * and double precision, computed with integers only.
 *
 * The host's floating-point unit is never used: results, NaN propagation and the cumulative flags
 * are those of the Arm pseudocode on every host and whatever the host's rounding mode.  Every
 * function here is the pseudocode function of the same name: fp_mul_add() is FPMulAdd(), and so on.
 *
 * Common to all of them:
 *  - An operand or result is the raw encoding in the low bits of a uint64_t.  Bits of an operand
 * above the format's width are ignored, those of a result are zero.
 *  - `f` is one of fp_half, fp_single, fp_double.
 *  - `env` gives FPCR (RMode, FZ, FZ16, DN, AHP are obeyed) and the FPSR word that collects the
 *    cumulative flags.  Trapped exceptions do not exist here: FPCR's trap enables are RAZ/WI.
 *    Tininess is detected before rounding.
 *  - No function has state of its own; any thread may call any of them with an env of its own.
 */
#ifndef ENGINE_SOFT_FP_FP_H
#define ENGINE_SOFT_FP_FP_H

#include <stdbool.h>
#include <stdint.h>

#include "arm/regs.h"

struct fp_env {
    uint32_t fpcr;  /* control: what the guest's FPCR holds */
    uint32_t *fpsr; /* status: flags are ORed in, never cleared; owned by the caller */
};

/* A binary interchange format. */
struct fp_format {
    uint8_t bits;   /* width of the encoding */
    uint8_t frac;   /* width of the fraction field */
    int16_t bias;   /* of the exponent */
    uint32_t flush; /* the FPCR bit that flushes this format's denormals to zero */
    uint32_t idc;   /* the FPSR bit that records a flushed operand: FZ16 records none */
};

extern const struct fp_format fp_half, fp_single, fp_double;

/* The first four are numbered as FPCR.RMode and as the rmode field of FCVT*, FRINT*. */
enum fp_rounding {
    FP_ROUND_TIEEVEN,
    FP_ROUND_POSINF,
    FP_ROUND_NEGINF,
    FP_ROUND_ZERO,
    FP_ROUND_TIEAWAY, /* FCVTA*, FRINTA */
    FP_ROUND_ODD,     /* FCVTXN */
};

/* FPRoundingMode(): what FPCR.RMode asks for. */
static inline enum fp_rounding fp_rounding(const struct fp_env *env)
{
    return (enum fp_rounding)((env->fpcr >> FPCR_RMODE_SHIFT) & 3);
}

/* NZCV as FPCompare() returns it, in the low four bits. */
#define FP_LESS      0x8
#define FP_EQUAL     0x6
#define FP_GREATER   0x2
#define FP_UNORDERED 0x3

/* A sign operation never signals and never looks at what the bits mean. */
static inline uint64_t fp_sign_bit(const struct fp_format *f)
{
    return 1ull << (f->bits - 1);
}

/* FPAbs(), FPNeg(). */
static inline uint64_t fp_abs(const struct fp_format *f, uint64_t a)
{
    return a & (fp_sign_bit(f) - 1);
}

static inline uint64_t fp_neg(const struct fp_format *f, uint64_t a)
{
    return (a & (fp_sign_bit(f) * 2 - 1)) ^ fp_sign_bit(f);
}

/* Constants: FPInfinity(), FPTwo() and FPOnePointFive() with sign, the default NaN. */
uint64_t fp_infinity(const struct fp_format *f, bool sign);
uint64_t fp_two(const struct fp_format *f, bool sign);
uint64_t fp_one_point_five(const struct fp_format *f, bool sign);
uint64_t fp_default_nan(const struct fp_format *f);

/* VFPExpandImm(): the 8-bit immediate of FMOV as an encoding of the format. */
uint64_t fp_expand_imm(const struct fp_format *f, uint8_t imm8);

/* Arithmetic, rounded once by FPCR.RMode. */
uint64_t fp_add(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_sub(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_mul(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_div(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_sqrt(const struct fp_format *f, uint64_t a, struct fp_env *env);

/* FPMulX(): like FPMul(), but infinity times zero is two. */
uint64_t fp_mulx(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);

/* FPMulAdd(): addend + a * b, rounded once. The addend's NaN has precedence. */
uint64_t fp_mul_add(const struct fp_format *f, uint64_t addend, uint64_t a, uint64_t b,
                    struct fp_env *env);

/* FPMax(), FPMin(); the Num forms prefer a number to a single quiet NaN. */
uint64_t fp_max(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_min(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_max_num(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_min_num(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);

/* FPCompare(): NZCV as above; `signal` makes a quiet NaN an invalid operation too (FCMPE). */
unsigned fp_compare(const struct fp_format *f, uint64_t a, uint64_t b, bool signal,
                    struct fp_env *env);

/* FPCompareEQ() signals only signalling NaNs, FPCompareGE() and FPCompareGT() every NaN. */
bool fp_compare_eq(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
bool fp_compare_ge(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
bool fp_compare_gt(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);

/* FPRoundInt(): to an integral value in the same format; `exact` makes inexactness a flag (FRINTX).
 */
uint64_t fp_round_int(const struct fp_format *f, uint64_t a, enum fp_rounding mode, bool exact,
                      struct fp_env *env);

/* FPConvert(): between formats. FPCR.AHP chooses Arm's alternative half precision. */
uint64_t fp_convert(const struct fp_format *to, const struct fp_format *from, uint64_t a,
                    enum fp_rounding mode, struct fp_env *env);

/*
 * FPToFixed(): to an integer of `width` (16, 32, 64) bits with `fbits` (0..width) fraction bits,
 * saturating with IOC; the result is zero-extended from `width`.
 */
uint64_t fp_to_fixed(const struct fp_format *f, uint64_t a, unsigned fbits, bool is_unsigned,
                     unsigned width, enum fp_rounding mode, struct fp_env *env);

/* FixedToFP(): from an integer of `width` bits with `fbits` fraction bits; by FPCR.RMode. */
uint64_t fp_from_fixed(const struct fp_format *f, uint64_t value, unsigned fbits, bool is_unsigned,
                       unsigned width, struct fp_env *env);

/* Estimates and Newton-Raphson steps: FPRecipEstimate() and its kin, bit for bit Arm's. */
uint64_t fp_recip_estimate(const struct fp_format *f, uint64_t a, struct fp_env *env);
uint64_t fp_rsqrt_estimate(const struct fp_format *f, uint64_t a, struct fp_env *env);
uint64_t fp_recip_step(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_rsqrt_step(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
uint64_t fp_recpx(const struct fp_format *f, uint64_t a, struct fp_env *env);

/* UnsignedRecipEstimate(), UnsignedRSqrtEstimate(): of a 32-bit fixed-point fraction. */
uint32_t fp_unsigned_recip_estimate(uint32_t a);
uint32_t fp_unsigned_rsqrt_estimate(uint32_t a);

#endif
