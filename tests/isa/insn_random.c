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

#include "access.h"
#include "arm/sysreg.h"
#include "base/bits.h"

/* What most operations say of their lanes: the width that the case's numbers should have. */
static unsigned lanes_kind(struct random *r, uint32_t w)
{
    if (random_below(r, 4) == 0)
        return random_below(r, 5);
    if ((w & 0x1f000000) == 0x1e000000 && (w & 0xe0000000) != 0x60000000) /* scalar, by ftype */
        return a64_ftype(w) == 3 ? 0 : a64_ftype(w) ? 2 : 1;
    if (random_below(r, 2))
        return a64_sz(w) ? 2 : 1;
    return random_below(r, 5);
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
    s->nzcv = random_below(r, 16) << 28;
    s->fpcr = random_fpcr(r);
    s->fpsr = random_below(r, 4) == 0 ? 0x0800009f & random_bits(r) : 0;
}

/* --- loads and stores --- */

/* Points the base register at the memory. False: the word's registers do not let it. */
static bool aim(struct random *r, struct case_state *s, uint32_t w)
{
    uint64_t target = CASE_MEMORY + 64 + random_below(r, 64);

    if (a64_Rm(w) == a64_Rn(w) && (w & 0x3b200c00) == 0x38200800)
        return false;
    if (access_must_align(w) || random_below(r, 2))
        target = align_down(target, 16);
    target -= access_offset(w, s->x);
    s->x[a64_Rn(w)] = a64_Rn(w) == 31 ? align_down(target, 16) : target;
    return true;
}

/* A literal within the memory, whatever the word's offset was. */
static uint32_t aim_literal(struct random *r, uint32_t w)
{
    uint64_t offset = CASE_MEMORY - CASE_CODE + random_below(r, (CASE_MEMORY_SIZE - 16) / 4) * 4;

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
    uint32_t key = op == A64_SYS ? sysop_info(OPERATIONS[random_below(r, nitems(OPERATIONS))])->key
                                 : sysreg_info(REGISTERS[random_below(r, nitems(REGISTERS))])->key;

    return (w & ~UINT32_C(0x1fffe0)) | key << 5;
}

/* --- sequences --- */

/* Half of the store-exclusives come after their load-exclusive. */
static void pair_exclusive(struct random *r, enum a64_op op, struct insn_case *c)
{
    uint32_t w = c->word[0], load;

    if ((op != A64_STXR && op != A64_STXP) || random_below(r, 2))
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
    unsigned count = 2 + random_below(r, CASE_WORDS - 1);

    if (!is_data_processing(c->word[0]) || random_below(r, 3))
        return;
    while (c->count < count) {
        enum a64_op op = (enum a64_op)(1 + random_below(r, A64_OP_COUNT - 1));

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
             (access_is(w) && !aim(r, &c->state, w)));
    if (op == A64_MSR_reg) /* QEMU keeps what only AArch32 knows of FPCR and FPSR */
        c->state.x[a64_Rt(w)] &= sysreg_lookup((uint32_t)bits_get(w, 20, 5))->writable;
    if (op == A64_SYS)
        c->state.x[a64_Rt(w)] = CASE_MEMORY + random_below(r, CASE_MEMORY_SIZE);
    if (op == A64_BR || op == A64_BLR || op == A64_RET)
        c->state.x[a64_Rn(w)] = CASE_CODE + 4 * (CASE_WORDS + random_below(r, 1000));
    c->word[0] = w;
    c->count = 1;
    pair_exclusive(r, op, c);
    lengthen(r, c);
}
