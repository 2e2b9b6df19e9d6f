/* SPDX-License-Identifier: ISC */
/*
 * Conversions and moves between floating-point and general registers (DDI 0487 C4.1.97; pseudocode
 * in C7.2). Conversions that stay among SIMD&FP registers are in simd_fp_misc.c.
 */
#include "engine/interp/fp_scalar.h"

static unsigned width(uint32_t w)
{
    return a64_sf(w) ? 64 : 32;
}

/* A fixed-point number has 64 - scale fraction bits. */
static unsigned fraction(uint32_t w)
{
    return 64 - a64_scale(w);
}

static void to_general(struct soft_cpu *c, uint32_t w, unsigned fbits, bool is_unsigned,
                       enum fp_rounding mode)
{
    const struct fp_format *f = fp_ftype(w);
    struct fp_env env = fp_env_of(c);
    uint64_t a = fp_read(c, a64_Rn(w), f->bits);

    soft_set_x(c, a64_Rd(w), fp_to_fixed(f, a, fbits, is_unsigned, width(w), mode, &env));
}

static void from_general(struct soft_cpu *c, uint32_t w, unsigned fbits, bool is_unsigned)
{
    struct fp_env env = fp_env_of(c);
    uint64_t value = soft_x(c, a64_Rn(w));

    fp_write(c, a64_Rd(w), fp_from_fixed(fp_ftype(w), value, fbits, is_unsigned, width(w), &env));
}

#define TO(name, fbits, is_unsigned, mode)                                                         \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        to_general(c, w, fbits, is_unsigned, mode);                                                \
    }
#define FROM(name, fbits, is_unsigned)                                                             \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        from_general(c, w, fbits, is_unsigned);                                                    \
    }

TO(FCVTNS_int, 0, false, FP_ROUND_TIEEVEN)
TO(FCVTNU_int, 0, true, FP_ROUND_TIEEVEN)
TO(FCVTPS_int, 0, false, FP_ROUND_POSINF)
TO(FCVTPU_int, 0, true, FP_ROUND_POSINF)
TO(FCVTMS_int, 0, false, FP_ROUND_NEGINF)
TO(FCVTMU_int, 0, true, FP_ROUND_NEGINF)
TO(FCVTZS_int, 0, false, FP_ROUND_ZERO)
TO(FCVTZU_int, 0, true, FP_ROUND_ZERO)
TO(FCVTAS_int, 0, false, FP_ROUND_TIEAWAY)
TO(FCVTAU_int, 0, true, FP_ROUND_TIEAWAY)
TO(FCVTZS_fix, fraction(w), false, FP_ROUND_ZERO)
TO(FCVTZU_fix, fraction(w), true, FP_ROUND_ZERO)
FROM(SCVTF_int, 0, false)
FROM(UCVTF_int, 0, true)
FROM(SCVTF_fix, fraction(w), false)
FROM(UCVTF_fix, fraction(w), true)

FP_HANDLER(FMOV_to_gp)
{
    soft_set_x(c, a64_Rd(w), fp_read(c, a64_Rn(w), fp_ftype(w)->bits));
}

FP_HANDLER(FMOV_from_gp)
{
    fp_write(c, a64_Rd(w), soft_x(c, a64_Rn(w)) & bits_mask(fp_ftype(w)->bits));
}

FP_HANDLER(FMOV_to_gp_top)
{
    soft_set_x(c, a64_Rd(w), c->v[a64_Rn(w)].d[1]);
}

FP_HANDLER(FMOV_from_gp_top)
{
    c->v[a64_Rd(w)].d[1] = soft_x(c, a64_Rn(w));
}
