/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores that order or synchronise: acquire and release, exclusives, and the atomics of
 * FEAT_LSE (Arm ARM C4.1.96, C6.2). Atomics are the host's, on the guest's memory, and all
 * sequentially consistent, which every ordering of A64 allows.
 */
#include "engine/interp/ldst.h"

#include "base/atomic.h"

static inline unsigned access_size(uint32_t w)
{
    return 1u << a64_ldsize(w);
}

/* --- ordered --- */

void interp_STLR(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w);

    soft_store(c, va, access_size(w), SOFT_ACQREL, soft_x(c, a64_Rt(w)));
}

void interp_LDAR(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w);

    soft_set_x(c, a64_Rt(w), soft_load(c, va, access_size(w), SOFT_ACQREL));
}

void interp_LDAPR(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w);

    soft_set_x(c, a64_Rt(w), soft_load(c, va, access_size(w), SOFT_ACQPC));
}

/* --- exclusive --- */

static inline unsigned exclusive_how(uint32_t w)
{
    return SOFT_EXCL | (a64_strel(w) ? SOFT_ACQREL : 0);
}

/* A pair of W registers is one doubleword, a pair of X registers one quadword. */
static inline void pack_pair(const struct soft_cpu *c, unsigned first, unsigned second, bool x,
                             uint64_t value[2])
{
    if (x) {
        value[0] = soft_x(c, first);
        value[1] = soft_x(c, second);
    } else {
        value[0] = (uint32_t)soft_x(c, first) | soft_x(c, second) << 32;
        value[1] = 0;
    }
}

static inline void unpack_pair(struct soft_cpu *c, unsigned first, unsigned second, bool x,
                               const uint64_t value[2])
{
    soft_set_x(c, first, x ? value[0] : (uint32_t)value[0]);
    soft_set_x(c, second, x ? value[1] : value[0] >> 32);
}

void interp_LDXR(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w), value[2];

    soft_load_excl(c, va, access_size(w), exclusive_how(w), value);
    soft_set_x(c, a64_Rt(w), value[0]);
}

void interp_STXR(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w), value[2] = {soft_x(c, a64_Rt(w)), 0};
    bool stored = soft_store_excl(c, va, access_size(w), exclusive_how(w), value);

    soft_set_x(c, a64_Rs(w), !stored);
}

void interp_LDXP(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w), value[2];

    soft_load_excl(c, va, 8u << a64_xpsz(w), exclusive_how(w), value);
    unpack_pair(c, a64_Rt(w), a64_Rt2(w), a64_xpsz(w), value);
}

void interp_STXP(struct soft_cpu *c, uint32_t w)
{
    uint64_t va = ldst_base(c, w), value[2];
    bool stored;

    pack_pair(c, a64_Rt(w), a64_Rt2(w), a64_xpsz(w), value);
    stored = soft_store_excl(c, va, 8u << a64_xpsz(w), exclusive_how(w), value);
    soft_set_x(c, a64_Rs(w), !stored);
}

/* --- FEAT_LSE --- */

static inline void *atomic_pointer(struct soft_cpu *c, uint32_t w, unsigned size)
{
    uint64_t va = ldst_base(c, w);
    void *p = soft_atomic(c, va, size, SOFT_EXCL | SOFT_ACQREL);

    if (p == NULL)
        soft_raise_unsupported_atomic(c, va, true);
    return p;
}

/* A handler for Rt = FETCH(memory, EXPR(s)), one of the compiler's atomic builtins. */
#define ATOMIC(NAME, FETCH, EXPR)                                                                  \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t s = soft_x(c, a64_Rs(w)), old;                                                    \
        void *p = atomic_pointer(c, w, access_size(w));                                            \
                                                                                                   \
        switch (a64_ldsize(w)) {                                                                   \
        case 0: old = FETCH((uint8_t *)p, (uint8_t)(EXPR), __ATOMIC_SEQ_CST); break;               \
        case 1: old = FETCH((uint16_t *)p, (uint16_t)(EXPR), __ATOMIC_SEQ_CST); break;             \
        case 2: old = FETCH((uint32_t *)p, (uint32_t)(EXPR), __ATOMIC_SEQ_CST); break;             \
        default: old = FETCH((uint64_t *)p, EXPR, __ATOMIC_SEQ_CST); break;                        \
        }                                                                                          \
        soft_set_x(c, a64_Rt(w), old);                                                             \
    }

ATOMIC(LDADD, __atomic_fetch_add, s)
ATOMIC(LDCLR, __atomic_fetch_and, ~s)
ATOMIC(LDEOR, __atomic_fetch_xor, s)
ATOMIC(LDSET, __atomic_fetch_or, s)
ATOMIC(SWP, __atomic_exchange_n, s)

/* Stores `desired` if *p is `expected`, and returns what *p was. */
static inline uint64_t compare_and_swap(void *p, unsigned ldsize, uint64_t expected,
                                        uint64_t desired)
{
    uint8_t b = (uint8_t)expected;
    uint16_t h = (uint16_t)expected;
    uint32_t s = (uint32_t)expected;

    switch (ldsize) {
    case 0:
        __atomic_compare_exchange_n((uint8_t *)p, &b, (uint8_t)desired, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return b;
    case 1:
        __atomic_compare_exchange_n((uint16_t *)p, &h, (uint16_t)desired, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return h;
    case 2:
        __atomic_compare_exchange_n((uint32_t *)p, &s, (uint32_t)desired, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return s;
    default:
        __atomic_compare_exchange_n((uint64_t *)p, &expected, desired, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return expected;
    }
}

/*
 * The maxima and minima, which no host has as one instruction: LESS(memory, register) says whether
 * memory is the smaller. The first expectation need not be right, so it is zero.
 */
static inline uint64_t atomic_choose(struct soft_cpu *c, uint32_t w, bool is_signed, bool max)
{
    unsigned bits = 8 * access_size(w);
    uint64_t s = soft_x(c, a64_Rs(w)) & bits_mask(bits), old = 0, seen;
    void *p = atomic_pointer(c, w, access_size(w));

    for (;;) {
        bool less = is_signed ? sign_extend(old, bits) < sign_extend(s, bits) : old < s;

        seen = compare_and_swap(p, a64_ldsize(w), old, less == max ? s : old);
        if (seen == old)
            return old;
        old = seen;
    }
}

#define ATOMIC_CHOOSE(NAME, SIGNED, MAX)                                                           \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        soft_set_x(c, a64_Rt(w), atomic_choose(c, w, SIGNED, MAX));                                \
    }

ATOMIC_CHOOSE(LDSMAX, true, true)
ATOMIC_CHOOSE(LDSMIN, true, false)
ATOMIC_CHOOSE(LDUMAX, false, true)
ATOMIC_CHOOSE(LDUMIN, false, false)

void interp_CAS(struct soft_cpu *c, uint32_t w)
{
    uint64_t expected = soft_x(c, a64_Rs(w)), desired = soft_x(c, a64_Rt(w));
    void *p = atomic_pointer(c, w, access_size(w));

    soft_set_x(c, a64_Rs(w), compare_and_swap(p, a64_ldsize(w), expected, desired));
}

void interp_CASP(struct soft_cpu *c, uint32_t w)
{
    unsigned s = a64_Rs(w), t = a64_Rt(w);
    bool x = a64_xpsz(w);
    uint64_t value[2], desired[2];
    void *p = atomic_pointer(c, w, x ? 16 : 8);

    pack_pair(c, s, s + 1, x, value);
    pack_pair(c, t, t + 1, x, desired);
    if (x)
        atomic_cas16(p, value, desired);
    else
        value[0] = compare_and_swap(p, 3, value[0], desired[0]);
    unpack_pair(c, s, s + 1, x, value);
}
