/* SPDX-License-Identifier: ISC */
/*
 * Random cases (insn_random.h).
 *
 * Registers get values at which instructions change their mind: zero, ones, the limits of every
 * width; for vectors, the floating-point numbers next to every boundary (zeroes, denormals,
 * infinities, quiet and signalling NaNs, halves) in lanes of one width. A load or store gets a base
 * register from which it reaches the case's memory; an indirect branch gets a target in the code
 * page.
 */
#include "insn_random.h"

#include <stdbool.h>
#include <string.h>

#include "arm/sysreg.h"
#include "base/bits.h"

/* SplitMix64. */
static uint64_t random_u64(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t random_bits(void *arg)
{
    return (uint32_t)(random_u64(arg) >> 32);
}

static unsigned below(struct random *r, unsigned limit)
{
    return random_bits(r) % limit;
}

/* --- values --- */

static uint64_t random_integer(struct random *r)
{
    static const uint8_t WIDTHS[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 32, 33, 48, 63, 64};
    uint64_t limit = bits_mask(WIDTHS[below(r, sizeof(WIDTHS))]);

    switch (below(r, 6)) {
    case 0: return below(r, 3) - UINT64_C(1); /* -1, 0, 1 */
    case 1: return limit + below(r, 3) - 1;   /* around the largest of a width */
    case 2: return ~limit + below(r, 3) - 1;  /* and the most negative */
    case 3: return random_u64(r) & limit;
    case 4: return random_u64(r) | ~limit;
    default: return random_u64(r);
    }
}

/* A floating-point number of `bits` with `fraction` bits of fraction. */
static uint64_t random_float(struct random *r, unsigned bits, unsigned fraction)
{
    uint64_t sign = (uint64_t)below(r, 2) << (bits - 1), quiet = BIT(fraction - 1), exponent;
    uint64_t exponents = bits_mask(bits - 1 - fraction), one = (exponents >> 1) << fraction;
    uint64_t any = random_u64(r) & bits_mask(fraction);

    switch (below(r, 16)) {
    case 0: return sign;                                              /* zero */
    case 1: return sign | exponents << fraction;                      /* infinity */
    case 2: return sign | exponents << fraction | quiet | any;        /* quiet NaN */
    case 3: return sign | exponents << fraction | (any & ~quiet) | 1; /* signalling NaN */
    case 4: return sign | any;                                        /* denormal */
    case 5: return sign | 1 | (uint64_t)below(r, 2) << fraction;      /* the smallest of its kind */
    case 6: return sign | (BIT(fraction) - 1 + below(r, 2)); /* about the smallest normal */
    case 7: return sign | ((exponents << fraction) - 1 - below(r, 2)); /* about the largest */
    case 8: return sign | one;
    case 9: return sign | (one + ((uint64_t)below(r, 8) << (fraction - 2))); /* 1.25, 1.5, 2, 3.5 */
    case 10: /* a number and a half, or nearly */
        exponent = (exponents >> 1) + below(r, fraction + 2);
        return sign | exponent << fraction | (any & ~bits_mask(below(r, fraction)));
    case 11: /* about the limits of integers */
        exponent = MIN((exponents >> 1) + 14 + below(r, 52), exponents - 1);
        return sign | ((exponent << fraction) + below(r, 3) - 1);
    case 12: /* close to one */
    case 13:
        exponent = (exponents >> 1) + below(r, 8) - 4;
        return sign | exponent << fraction | any;
    default: return random_u64(r) & bits_mask(bits);
    }
}

static uint64_t random_lanes(struct random *r, unsigned kind)
{
    uint64_t value = 0;

    switch (kind) {
    case 0:
        for (unsigned i = 0; i < 64; i += 16)
            value |= random_float(r, 16, 10) << i;
        return value;
    case 1:
        for (unsigned i = 0; i < 64; i += 32)
            value |= random_float(r, 32, 23) << i;
        return value;
    case 2: return random_float(r, 64, 52);
    case 3: return random_integer(r);
    default:
        for (unsigned i = 0; i < 64; i += 16)
            value |= (random_integer(r) & 0xffff) << i;
        return value;
    }
}

/* What most operations say of their lanes: the width that the case's numbers should have. */
static unsigned lanes_kind(struct random *r, uint32_t w)
{
    if (below(r, 4) == 0)
        return below(r, 5);
    if ((w & 0x1f000000) == 0x1e000000 && (w & 0xe0000000) != 0x60000000) /* scalar, by ftype */
        return a64_ftype(w) == 3 ? 0 : a64_ftype(w) ? 2 : 1;
    if (below(r, 2))
        return a64_sz(w) ? 2 : 1;
    return below(r, 5);
}

static uint32_t random_fpcr(struct random *r)
{
    uint32_t fpcr = below(r, 4) << 22; /* RMode */

    fpcr |= below(r, 4) == 0 ? 1u << 24 : 0; /* FZ */
    fpcr |= below(r, 4) == 0 ? 1u << 25 : 0; /* DN */
    fpcr |= below(r, 4) == 0 ? 1u << 19 : 0; /* FZ16 */
    fpcr |= below(r, 8) == 0 ? 1u << 26 : 0; /* AHP */
    return below(r, 2) ? fpcr : 0;
}

static void random_state(struct random *r, uint32_t w, struct case_state *s)
{
    unsigned kind = lanes_kind(r, w);

    for (unsigned i = 0; i < 31; i++)
        s->x[i] = random_integer(r);
    s->x[31] = random_integer(r) & ~UINT64_C(15);
    for (unsigned i = 0; i < 32; i++) {
        s->v[i][0] = random_lanes(r, kind);
        s->v[i][1] = random_lanes(r, kind);
    }
    for (unsigned i = 0; i < CASE_MEMORY_SIZE; i += 8) {
        uint64_t value = random_u64(r);

        memcpy(&s->memory[i], &value, 8);
    }
    s->pc = CASE_CODE;
    s->nzcv = below(r, 16) << 28;
    s->fpcr = random_fpcr(r);
    s->fpsr = below(r, 4) == 0 ? 0x0800009f & random_bits(r) : 0;
}

/* --- loads and stores --- */

static bool is_load_store(uint32_t w)
{
    return (w & 0x0a000000) == 0x08000000;
}

/* Exclusive, ordered and atomic accesses must be aligned. */
static bool must_align(uint32_t w)
{
    return (w & 0x3f000000) == 0x08000000 || (w & 0x3b200c00) == 0x38200000;
}

static unsigned access_log(uint32_t w)
{
    bool simd = bits_get(w, 26, 26);

    return simd && a64_opc1(w) ? 4 : a64_ldsize(w);
}

/* ExtendReg, shifted: the offset of a register-offset access. */
static uint64_t register_offset(const struct case_state *s, uint32_t w)
{
    uint64_t m = a64_Rm(w) == 31 ? 0 : s->x[a64_Rm(w)];

    switch (a64_option(w)) {
    case 2: m = (uint32_t)m; break;
    case 6: m = (uint64_t)sign_extend(m, 32); break;
    default: break;
    }
    return m << (a64_S(w) ? access_log(w) : 0);
}

/* The distance of the access from the base register. */
static uint64_t access_offset(const struct case_state *s, uint32_t w)
{
    if ((w & 0x3a000000) == 0x28000000) { /* a pair; post-indexed at the base */
        bool simd = bits_get(w, 26, 26), wide = simd ? 0 : a64_pairx(w);
        unsigned log = 2 + (simd ? a64_pairsz(w) : wide);

        return bits_get(w, 24, 23) == 1 ? 0 : (uint64_t)sign_extend(a64_imm7(w), 7) << log;
    }
    if ((w & 0x3b000000) == 0x39000000)
        return (uint64_t)a64_imm12(w) << access_log(w);
    if ((w & 0x3b200000) == 0x38000000)
        return bits_get(w, 11, 10) == 1 ? 0 : (uint64_t)sign_extend(a64_imm9(w), 9);
    if ((w & 0x3b200c00) == 0x38200800)
        return register_offset(s, w);
    return 0;
}

/* Points the base register at the memory. False: the word's registers do not let it. */
static bool aim(struct random *r, struct case_state *s, uint32_t w)
{
    uint64_t target = CASE_MEMORY + 64 + below(r, 64);

    if (a64_Rm(w) == a64_Rn(w) && (w & 0x3b200c00) == 0x38200800)
        return false;
    if (must_align(w) || below(r, 2))
        target = align_down(target, 16);
    target -= access_offset(s, w);
    s->x[a64_Rn(w)] = a64_Rn(w) == 31 ? align_down(target, 16) : target;
    return true;
}

/* A literal within the memory, whatever the word's offset was. */
static uint32_t aim_literal(struct random *r, uint32_t w)
{
    uint64_t offset = CASE_MEMORY - CASE_CODE + below(r, (CASE_MEMORY_SIZE - 16) / 4) * 4;

    return (w & ~UINT32_C(0x00ffffe0)) | (uint32_t)(offset >> 2 & 0x7ffff) << 5;
}

/* --- system instructions --- */

/* A register that has the same meaning in the oracle, or maintenance of a cache line of the memory.
 */
static uint32_t random_system(struct random *r, enum a64_op op, uint32_t w)
{
    static const enum sysreg_id REGISTERS[] = {SYSREG_NZCV, SYSREG_FPCR, SYSREG_FPSR};
    static const enum sysop_id OPERATIONS[] = {SYSOP_IC_IVAU, SYSOP_DC_CVAC, SYSOP_DC_CVAU,
                                               SYSOP_DC_CVAP, SYSOP_DC_CIVAC};
    uint32_t key = op == A64_SYS ? sysop_info(OPERATIONS[below(r, nitems(OPERATIONS))])->key
                                 : sysreg_info(REGISTERS[below(r, nitems(REGISTERS))])->key;

    return (w & ~UINT32_C(0x1fffe0)) | key << 5;
}

/* --- sequences --- */

/* Half of the store-exclusives come after their load-exclusive. */
static void pair_exclusive(struct random *r, enum a64_op op, struct insn_case *c)
{
    uint32_t w = c->word[0], load;

    if ((op != A64_STXR && op != A64_STXP) || below(r, 2))
        return;
    load = w | 1u << 22;
    if (op == A64_STXR)
        load |= 31u << 10;
    load = (load & ~(31u << 16) & ~31u) | 31u << 16 | 30; /* into X30 (and Rt2) */
    if (a64_Rn(w) == 30 || (op == A64_STXP && (a64_Rt2(w) == a64_Rn(w) || a64_Rt2(w) == 30)))
        return;
    c->word[1] = w;
    c->word[0] = load;
    c->count = 2;
}

/* STXR is CONSTRAINED UNPREDICTABLE when Rs is Rt or Rn. */
static bool unpredictable(enum a64_op op, uint32_t w)
{
    if (op != A64_STXR && op != A64_STXP)
        return false;
    return a64_Rs(w) == a64_Rt(w) || (a64_Rs(w) == a64_Rn(w) && a64_Rn(w) != 31) ||
           (op == A64_STXP && a64_Rs(w) == a64_Rt2(w));
}

/* Data processing, immediate, register or SIMD&FP (C4.1): it goes on to the next word, whatever the
 * registers hold. */
static bool is_data_processing(uint32_t w)
{
    return (w & 0x1c000000) == 0x10000000 || (w & 0x0e000000) == 0x0a000000 ||
           (w & 0x0e000000) == 0x0e000000;
}

/* A third of the data-processing cases go on with others: what one leaves, flags above all, the
 * next ones use. */
static void lengthen(struct random *r, struct insn_case *c)
{
    unsigned count = 2 + below(r, CASE_WORDS - 1);

    if (!is_data_processing(c->word[0]) || below(r, 3))
        return;
    while (c->count < count) {
        enum a64_op op = (enum a64_op)(1 + below(r, A64_OP_COUNT - 1));

        if (is_data_processing(a64_op_value(op)))
            c->word[c->count++] = a64_random(op, random_bits, r);
    }
}

/* A branch to itself, which would never end. */
static bool is_endless(enum a64_op op, uint32_t w)
{
    switch (op) {
    case A64_B:
    case A64_BL: return a64_imm26(w) == 0;
    case A64_B_cond:
    case A64_CBZ:
    case A64_CBNZ: return a64_imm19(w) == 0;
    case A64_TBZ:
    case A64_TBNZ: return a64_imm14(w) == 0;
    default: return false;
    }
}

void random_case(struct random *r, enum a64_op op, struct insn_case *c)
{
    uint32_t w;

    memset(c, 0, sizeof(*c));
    do {
        w = a64_random(op, random_bits, r);
        if (op == A64_LDR_lit || op == A64_LDRSW_lit || op == A64_LDR_fp_lit)
            w = aim_literal(r, w);
        if (op == A64_SYS || op == A64_MRS || op == A64_MSR_reg)
            w = random_system(r, op, w);
        random_state(r, w, &c->state);
    } while (is_endless(op, w) || unpredictable(op, w) || (op == A64_SYS && a64_Rt(w) == 31) ||
             (is_load_store(w) && !aim(r, &c->state, w)));
    if (op == A64_MSR_reg) /* QEMU keeps what only AArch32 knows of FPCR and FPSR */
        c->state.x[a64_Rt(w)] &= sysreg_lookup((uint32_t)bits_get(w, 20, 5))->writable;
    if (op == A64_SYS)
        c->state.x[a64_Rt(w)] = CASE_MEMORY + below(r, CASE_MEMORY_SIZE);
    if (op == A64_BR || op == A64_BLR || op == A64_RET)
        c->state.x[a64_Rn(w)] = CASE_CODE + 4 * (CASE_WORDS + below(r, 1000));
    c->word[0] = w;
    c->count = 1;
    pair_exclusive(r, op, c);
    lengthen(r, c);
}
