/* SPDX-License-Identifier: ISC */
/* Loads and stores of one register, and prefetches (Arm ARM C4.1.96, C6.2, C7.2). */
#include "engine/interp/ldst.h"
#include "engine/soft/pauth.h"

/*
 * Two kinds of register, x and fp: the base with its checks, and the log2 of the access's size. For
 * SIMD&FP registers opc<1> is the size's third bit.
 */
static inline uint64_t base_x(struct soft_cpu *c, uint32_t w)
{
    return ldst_base(c, w);
}

static inline uint64_t base_fp(struct soft_cpu *c, uint32_t w)
{
    return ldst_base_fp(c, w);
}

static inline unsigned scale_x(uint32_t w)
{
    return a64_ldsize(w);
}

static inline unsigned scale_fp(uint32_t w)
{
    return a64_opc1(w) << 2 | a64_ldsize(w);
}

/* The five accesses. */

static inline void store_x(struct soft_cpu *c, uint32_t w, uint64_t va, unsigned how)
{
    soft_store(c, va, 1u << scale_x(w), how, soft_x(c, a64_Rt(w)));
}

static inline void load_x(struct soft_cpu *c, uint32_t w, uint64_t va, unsigned how)
{
    soft_set_x(c, a64_Rt(w), soft_load(c, va, 1u << scale_x(w), how));
}

static inline void load_signed_x(struct soft_cpu *c, uint32_t w, uint64_t va, unsigned how)
{
    uint64_t value = soft_load(c, va, 1u << scale_x(w), how);

    value = (uint64_t)sign_extend(value, 8u << scale_x(w));
    soft_set_x(c, a64_Rt(w), alu_width(value, !a64_sx32(w)));
}

static inline void store_fp(struct soft_cpu *c, uint32_t w, uint64_t va, unsigned how)
{
    ldst_store_v(c, va, 1u << scale_fp(w), &c->v[a64_Rt(w)]);
}

static inline void load_fp(struct soft_cpu *c, uint32_t w, uint64_t va, unsigned how)
{
    c->v[a64_Rt(w)] = ldst_load_v(c, va, 1u << scale_fp(w));
}

/* A handler for ACCESS of a register of KIND at base + OFFSET(w, SCALE). */
#define LDST(NAME, ACCESS, KIND, OFFSET, HOW)                                                      \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        ACCESS##_##KIND(c, w, base_##KIND(c, w) + OFFSET(c, w, scale_##KIND(w)), HOW);             \
    }

#define LDST_PRE(NAME, ACCESS, KIND)                                                               \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t va = base_##KIND(c, w) + ldst_imm9(w);                                            \
                                                                                                   \
        ACCESS##_##KIND(c, w, va, 0);                                                              \
        ldst_writeback(c, w, va);                                                                  \
    }

#define LDST_POST(NAME, ACCESS, KIND)                                                              \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t va = base_##KIND(c, w);                                                           \
                                                                                                   \
        ACCESS##_##KIND(c, w, va, 0);                                                              \
        ldst_writeback(c, w, va + ldst_imm9(w));                                                   \
    }

static inline uint64_t unscaled(const struct soft_cpu *c, uint32_t w, unsigned scale)
{
    return ldst_imm9(w);
}

static inline uint64_t scaled(const struct soft_cpu *c, uint32_t w, unsigned scale)
{
    return (uint64_t)a64_imm12(w) << scale;
}

static inline uint64_t indexed(const struct soft_cpu *c, uint32_t w, unsigned scale)
{
    return alu_extend(soft_x(c, a64_Rm(w)), a64_option(w), a64_S(w) ? scale : 0);
}

LDST(STUR, store, x, unscaled, 0)
LDST(LDUR, load, x, unscaled, 0)
LDST(LDURS, load_signed, x, unscaled, 0)
LDST(STUR_fp, store, fp, unscaled, 0)
LDST(LDUR_fp, load, fp, unscaled, 0)

LDST(STTR, store, x, unscaled, SOFT_UNPRIV)
LDST(LDTR, load, x, unscaled, SOFT_UNPRIV)
LDST(LDTRS, load_signed, x, unscaled, SOFT_UNPRIV)

LDST(STR_imm_uoff, store, x, scaled, 0)
LDST(LDR_imm_uoff, load, x, scaled, 0)
LDST(LDRS_imm_uoff, load_signed, x, scaled, 0)
LDST(STR_fp_imm_uoff, store, fp, scaled, 0)
LDST(LDR_fp_imm_uoff, load, fp, scaled, 0)

LDST(STR_reg, store, x, indexed, 0)
LDST(LDR_reg, load, x, indexed, 0)
LDST(LDRS_reg, load_signed, x, indexed, 0)
LDST(STR_fp_reg, store, fp, indexed, 0)
LDST(LDR_fp_reg, load, fp, indexed, 0)

LDST_POST(STR_imm_post, store, x)
LDST_POST(LDR_imm_post, load, x)
LDST_POST(LDRS_imm_post, load_signed, x)
LDST_POST(STR_fp_imm_post, store, fp)
LDST_POST(LDR_fp_imm_post, load, fp)

LDST_PRE(STR_imm_pre, store, x)
LDST_PRE(LDR_imm_pre, load, x)
LDST_PRE(LDRS_imm_pre, load_signed, x)
LDST_PRE(STR_fp_imm_pre, store, fp)
LDST_PRE(LDR_fp_imm_pre, load, fp)

/* --- literals --- */

void interp_LDR_lit(struct soft_cpu *c, uint32_t w)
{
    soft_set_x(c, a64_Rt(w), soft_load(c, ldst_literal(c, w), 4u << a64_litx(w), 0));
}

void interp_LDRSW_lit(struct soft_cpu *c, uint32_t w)
{
    uint64_t value = soft_load(c, ldst_literal(c, w), 4, 0);

    soft_set_x(c, a64_Rt(w), (uint64_t)sign_extend(value, 32));
}

void interp_LDR_fp_lit(struct soft_cpu *c, uint32_t w)
{
    soft_check_fp(c);
    c->v[a64_Rt(w)] = ldst_load_v(c, ldst_literal(c, w), 4u << a64_pairsz(w));
}

/* --- authenticated bases: LDRAA, LDRAB --- */

void interp_LDRAA(struct soft_cpu *c, uint32_t w)
{
    int64_t offset = sign_extend((uint64_t)a64_N(w) << 9 | a64_imm9(w), 10) * 8;
    uint64_t va = pauth_authenticate(c, ldst_base(c, w), 0, a64_A(w) ? PAUTH_DB : PAUTH_DA);

    va += (uint64_t)offset;
    soft_set_x(c, a64_Rt(w), soft_load(c, va, 8, 0));
    if (a64_H(w))
        ldst_writeback(c, w, va);
}

/* --- prefetches: hints, which check nothing --- */

void interp_PRFUM(struct soft_cpu *c, uint32_t w)
{
}

void interp_PRFM_reg(struct soft_cpu *c, uint32_t w)
{
}

void interp_PRFM_imm_uoff(struct soft_cpu *c, uint32_t w)
{
}

void interp_PRFM_lit(struct soft_cpu *c, uint32_t w)
{
}
