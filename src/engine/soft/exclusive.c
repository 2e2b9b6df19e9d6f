/* SPDX-License-Identifier: ISC */
/* Reading the code after a load-exclusive; see exclusive.h, and monitor.c for what it is good for.
 */
#include "engine/soft/exclusive.h"

#include <stdbool.h>

#include "arm/a64.h"
#include "base/bits.h"

#define PAGE_INSNS 1024
#define MAX_INSNS  16 /* from the load to the store; B2.9.5 advises to keep them close */
#define NEARBY     64 /* instructions around the two that are searched for ways into their midst */

struct code {
    const uint32_t *insn;            /* of the page */
    unsigned load, store;            /* indices in it */
    unsigned exit[MAX_INSNS], exits; /* where branches between the two lead */
};

static uint32_t word_at(const struct code *c, unsigned index)
{
    return __atomic_load_n(&c->insn[index], __ATOMIC_RELAXED);
}

/* The index that a direct branch at `index` leads to, in the page or not; -1: it is no branch. */
static int64_t branch_target(uint32_t w, unsigned index)
{
    if ((w & 0x7c000000) == 0x14000000) /* B, BL */
        return index + sign_extend(a64_imm26(w), 26);
    if ((w & 0xff000010) == 0x54000000 || (w & 0x7e000000) == 0x34000000) /* B.cond, CBZ, CBNZ */
        return index + sign_extend(a64_imm19(w), 19);
    if ((w & 0x7e000000) == 0x36000000) /* TBZ, TBNZ */
        return index + sign_extend(a64_imm14(w), 14);
    return -1;
}

static bool is_conditional_branch(enum a64_op op)
{
    return op == A64_B_cond || op == A64_CBZ || op == A64_CBNZ || op == A64_TBZ || op == A64_TBNZ;
}

static bool is_store_excl(enum a64_op op)
{
    return op == A64_STXR || op == A64_STXP;
}

/* Whether an instruction computes with registers only: by the main groups of A64 (C4.1), or one of
 * the hints and barriers that may well be there. */
static bool is_computation(uint32_t w, enum a64_op op)
{
    unsigned group = w >> 25 & 15;

    if (op == A64_UNDEFINED)
        return false;
    return (group & 14) == 8 || (group & 7) == 5 || (group & 7) == 7 || op == A64_NOP ||
           op == A64_HINT || op == A64_DMB;
}

/* Follows the straight line from the load to the next store-exclusive. */
static bool find_store(struct code *c)
{
    unsigned end = MIN(c->load + MAX_INSNS + 1, PAGE_INSNS);

    for (unsigned i = c->load + 1; i < end; i++) {
        uint32_t w = word_at(c, i);
        enum a64_op op = a64_decode(w);

        if (is_store_excl(op)) {
            c->store = i;
            return true;
        }
        if (is_conditional_branch(op))
            c->exit[c->exits++] = (unsigned)branch_target(w, i);
        else if (!is_computation(w, op))
            return false;
    }
    return false;
}

static bool is_between(const struct code *c, int64_t index)
{
    return index > (int64_t)c->load && index <= (int64_t)c->store;
}

/* Whether a branch from elsewhere leads between the two. */
static bool is_entered(const struct code *c)
{
    unsigned first = c->load > NEARBY ? c->load - NEARBY : 0;
    unsigned end = MIN(c->store + NEARBY, PAGE_INSNS);

    for (unsigned i = first; i < end; i++)
        if (!is_between(c, i) && is_between(c, branch_target(word_at(c, i), i)))
            return true;
    return false;
}

/* Whether an exit leads to another store-exclusive. */
static bool has_other_store(const struct code *c, unsigned exit)
{
    if (exit >= PAGE_INSNS || exit <= c->store)
        return false;
    for (unsigned i = exit; i < MIN(exit + MAX_INSNS, PAGE_INSNS); i++) {
        enum a64_op op = a64_decode(word_at(c, i));

        if (is_store_excl(op))
            return true;
        if (op == A64_B || op == A64_RET || op == A64_BR || op == A64_LDXR || op == A64_LDXP)
            return false;
    }
    return false;
}

uint16_t soft_excl_find_pair(const uint8_t *page, uint64_t pa, unsigned offset)
{
    struct code c = {.insn = (const uint32_t *)(const void *)page, .load = offset / 4};

    if (!find_store(&c))
        return 0;
    for (unsigned i = 0; i < c.exits; i++)
        if (has_other_store(&c, c.exit[i]))
            return 0;
    if (c.exits && is_entered(&c))
        return 0;
    return soft_excl_name(align_down(pa, PAGE_INSNS * 4) + c.store * 4);
}
