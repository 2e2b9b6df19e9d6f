/* SPDX-License-Identifier: ISC */
/* Loads and stores of two registers (Arm ARM C4.1.96, C6.2, C7.2): two single accesses each. */
#include "engine/interp/ldst.h"

/* Kinds of pair: x, sw (LDPSW) and fp. The base with its checks, and the size of one register. */
static inline uint64_t base_x(struct soft_cpu *c, uint32_t w)
{
    return ldst_base(c, w);
}

static inline uint64_t base_sw(struct soft_cpu *c, uint32_t w)
{
    return ldst_base(c, w);
}

static inline uint64_t base_fp(struct soft_cpu *c, uint32_t w)
{
    return ldst_base_fp(c, w);
}

static inline unsigned size_x(uint32_t w)
{
    return 4u << a64_pairx(w);
}

static inline unsigned size_sw(uint32_t w)
{
    return 4;
}

static inline unsigned size_fp(uint32_t w)
{
    return 4u << a64_pairsz(w);
}

static inline void store_x(struct soft_cpu *c, uint32_t w, uint64_t va)
{
    unsigned size = size_x(w);

    soft_store(c, va, size, 0, soft_x(c, a64_Rt(w)));
    soft_store(c, va + size, size, 0, soft_x(c, a64_Rt2(w)));
}

static inline void load_x(struct soft_cpu *c, uint32_t w, uint64_t va)
{
    unsigned size = size_x(w);
    uint64_t first = soft_load(c, va, size, 0);
    uint64_t second = soft_load(c, va + size, size, 0);

    soft_set_x(c, a64_Rt2(w), second);
    soft_set_x(c, a64_Rt(w), first);
}

static inline void load_sw(struct soft_cpu *c, uint32_t w, uint64_t va)
{
    uint64_t first = soft_load(c, va, 4, 0);
    uint64_t second = soft_load(c, va + 4, 4, 0);

    soft_set_x(c, a64_Rt2(w), (uint64_t)sign_extend(second, 32));
    soft_set_x(c, a64_Rt(w), (uint64_t)sign_extend(first, 32));
}

static inline void store_fp(struct soft_cpu *c, uint32_t w, uint64_t va)
{
    unsigned size = size_fp(w);

    ldst_store_v(c, va, size, &c->v[a64_Rt(w)]);
    ldst_store_v(c, va + size, size, &c->v[a64_Rt2(w)]);
}

static inline void load_fp(struct soft_cpu *c, uint32_t w, uint64_t va)
{
    unsigned size = size_fp(w);
    union soft_vreg first = ldst_load_v(c, va, size);
    union soft_vreg second = ldst_load_v(c, va + size, size);

    c->v[a64_Rt(w)] = first;
    c->v[a64_Rt2(w)] = second;
}

/* The handlers of ACCESS of a pair of KIND, by addressing mode. */
#define PAIR(NAME, ACCESS, KIND)                                                                   \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        ACCESS##_##KIND(c, w, base_##KIND(c, w) + imm7(w, size_##KIND(w)));                        \
    }

#define PAIR_PRE(NAME, ACCESS, KIND)                                                               \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t va = base_##KIND(c, w) + imm7(w, size_##KIND(w));                                 \
                                                                                                   \
        ACCESS##_##KIND(c, w, va);                                                                 \
        ldst_writeback(c, w, va);                                                                  \
    }

#define PAIR_POST(NAME, ACCESS, KIND)                                                              \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t va = base_##KIND(c, w);                                                           \
                                                                                                   \
        ACCESS##_##KIND(c, w, va);                                                                 \
        ldst_writeback(c, w, va + imm7(w, size_##KIND(w)));                                        \
    }

static inline uint64_t imm7(uint32_t w, unsigned size)
{
    return (uint64_t)sign_extend(a64_imm7(w), 7) * size;
}

PAIR(STNP, store, x)
PAIR(LDNP, load, x)
PAIR(STNP_fp, store, fp)
PAIR(LDNP_fp, load, fp)

PAIR(STP_off, store, x)
PAIR(LDP_off, load, x)
PAIR(LDPSW_off, load, sw)
PAIR(STP_fp_off, store, fp)
PAIR(LDP_fp_off, load, fp)

PAIR_POST(STP_post, store, x)
PAIR_POST(LDP_post, load, x)
PAIR_POST(LDPSW_post, load, sw)
PAIR_POST(STP_fp_post, store, fp)
PAIR_POST(LDP_fp_post, load, fp)

PAIR_PRE(STP_pre, store, x)
PAIR_PRE(LDP_pre, load, x)
PAIR_PRE(LDPSW_pre, load, sw)
PAIR_PRE(STP_fp_pre, store, fp)
PAIR_PRE(LDP_fp_pre, load, fp)
