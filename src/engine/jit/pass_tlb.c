/* SPDX-License-Identifier: ISC */
/*
 * One lookup in the TLB for several accesses.
 *
 * Code saves registers side by side, and reads one field of a structure after the other. Accesses
 * whose bases are the same register, unchanged but for constants added, and which all lie within
 * SPAN_BYTES, make a group if they are in one block, or in blocks that can only be reached one from
 * the other. Its SPAN, right before the first of them, looks up all its bytes at once and keeps
 * what is to be added to a guest address to get the host's, the addend, in a register of its own;
 * the accesses after the first only ask whether there is one. If the bytes are not in one page, or
 * the page is not known, there is none, and each access goes its own way out of line
 * (emit_aside()).
 *
 * Blocks further on may not run. So they add no stores to a group that only loads: a page that
 * cannot be stored to would have its loads go out of line.
 *
 * An addend stays good as far as that: translations change only where maintenance is carried out,
 * outside of the region, or by instructions that clobber everything. That a replay drives the
 * page's entry from the TLB does not matter: a TLB may keep what it likes.
 */
#include "engine/jit/pass.h"

#include <string.h>

#include "base/bits.h"
#include "engine/jit/mem.h"

/* Few groups cross into the next page, then. */
#define SPAN_BYTES 256
#define MAX_GROUPS 128
#define MAX_DELTA  (1 << 20)

enum { NO_GROUP = 255 };

struct group {
    uint16_t first, last; /* of its accesses: indices of insn[] */
    int32_t low, high;    /* bytes [low, high) from the base as it was when its block began ... */
    int32_t delta;        /* ... and what had been added to it at `first` */
    uint8_t members;
    uint8_t addend; /* 1 and up; 0: none was free */
    bool write;
};

/* By base register: */
struct bases {
    uint8_t open[32];  /* the group that the next access may join */
    int32_t delta[32]; /* what has been added to the base */
};

struct grouping {
    struct ir_region *r;
    struct group group[MAX_GROUPS];
    unsigned groups;
    uint8_t group_of[REGION_IR]; /* by instruction */
    struct bases now, at_end[REGION_BLOCKS];
};

/* --- what instructions do --- */

/* Bytes of an access that can be in a group; 0: it cannot. */
static unsigned access_bytes(const struct ir_insn *i)
{
    if (i->a >= IR_V || (i->flags & MEM_UNPRIV))
        return 0;
    switch (i->op) {
    case IR_LOAD_X:
    case IR_LOAD_V:
    case IR_STORE_X:
    case IR_STORE_V: return i->c == IR_NONE ? i->size : 0;
    case IR_LOAD_X2:
    case IR_LOAD_V2:
    case IR_STORE_X2:
    case IR_STORE_V2: return 2u * i->size;
    default: return 0;
    }
}

static bool is_store(const struct ir_insn *i)
{
    return i->op == IR_STORE_X || i->op == IR_STORE_V || i->op == IR_STORE_X2 ||
           i->op == IR_STORE_V2;
}

/* Whether it adds a constant to a register, and which. */
static bool adds_constant(const struct ir_insn *i, int64_t *constant)
{
    if (i->dst != i->a || i->b != IR_IMM || i->size != 8)
        return false;
    *constant = i->op == IR_SUB ? -i->imm : i->imm;
    return i->op == IR_ADD || i->op == IR_SUB || i->op == IR_LEA;
}

/* --- forming groups --- */

static void forget(struct grouping *g, unsigned base)
{
    g->now.open[base] = NO_GROUP;
    g->now.delta[base] = 0;
}

static void forget_all(struct grouping *g)
{
    memset(g->now.open, NO_GROUP, sizeof(g->now.open));
    memset(g->now.delta, 0, sizeof(g->now.delta));
}

/* `one` is an access of block b, and a group of one. */
static bool join(struct group *p, const struct group *one, const struct ir_block *b)
{
    int32_t low = MIN(p->low, one->low), high = MAX(p->high, one->high);

    if (high - low > SPAN_BYTES || (one->write && !p->write && p->first < b->first))
        return false;
    p->low = low;
    p->high = high;
    p->last = one->last;
    p->write |= one->write;
    p->members++;
    return true;
}

/* SP stays aligned within a group if it is at its start. */
static void note_access(struct grouping *g, const struct ir_block *b, unsigned index,
                        unsigned bytes)
{
    const struct ir_insn *i = &g->r->insn[index];
    uint8_t *open = &g->now.open[i->a];
    int32_t delta = g->now.delta[i->a];
    struct group one = {
        .first = (uint16_t)index,
        .last = (uint16_t)index,
        .low = delta + (int32_t)i->imm,
        .high = delta + (int32_t)i->imm + (int32_t)bytes,
        .delta = delta,
        .members = 1,
        .write = is_store(i),
    };

    if (i->a == IR_SP && (delta & 15))
        return;
    if (*open == NO_GROUP || !join(&g->group[*open], &one, b)) {
        if (g->groups == MAX_GROUPS)
            return;
        *open = (uint8_t)g->groups++;
        g->group[*open] = one;
    }
    g->group_of[index] = *open;
}

static void note_writes(struct grouping *g, const struct ir_insn *i)
{
    int64_t constant;

    if (i->dst < IR_V && adds_constant(i, &constant) && constant > -MAX_DELTA &&
        constant < MAX_DELTA && g->now.delta[i->dst] > -MAX_DELTA &&
        g->now.delta[i->dst] < MAX_DELTA)
        g->now.delta[i->dst] += (int32_t)constant;
    else if (i->dst < IR_V)
        forget(g, i->dst);
    if (i->c < IR_V && (ir_op_info[i->op].attributes & IR_WRITES_C))
        forget(g, i->c);
}

/* In block n, which goes on from the end of its parent if it has one. */
static void form_groups(struct grouping *g, unsigned n, int parent)
{
    const struct ir_block *b = &g->r->block[n];

    if (parent < 0)
        forget_all(g);
    else
        g->now = g->at_end[parent];
    for (unsigned k = b->first; k < b->first + b->count; k++) {
        const struct ir_insn *i = &g->r->insn[k];
        unsigned bytes = access_bytes(i);

        g->group_of[k] = NO_GROUP;
        if (bytes)
            note_access(g, b, k, bytes);
        if (ir_op_info[i->op].attributes & IR_CLOBBERS)
            forget_all(g);
        else
            note_writes(g, i);
    }
    g->at_end[n] = g->now;
}

/* --- addends --- */

/* Gives each group of several an addend that no other has at the same time, while there are. */
static void assign_addends(struct grouping *g)
{
    unsigned busy_to[REGION_ADDENDS] = {0}; /* the index of the last access, plus 1 */

    for (unsigned n = 0; n < g->groups; n++) {
        struct group *p = &g->group[n];

        for (unsigned a = 0; a < REGION_ADDENDS && p->members > 1 && !p->addend; a++) {
            if (busy_to[a] > p->first)
                continue;
            busy_to[a] = p->last + 1u;
            p->addend = (uint8_t)(a + 1);
            g->r->addends = MAX(g->r->addends, a + 1);
        }
    }
}

/* --- the new code --- */

static struct ir_insn span(const struct group *p, const struct ir_insn *first)
{
    return (struct ir_insn){
        .op = IR_SPAN,
        .flags = p->write ? MEM_WRITE : 0,
        .size = 8,
        .cond = p->addend,
        .guest = first->guest,
        .dst = IR_NONE,
        .a = first->a,
        .b = IR_NONE,
        .c = IR_NONE,
        .imm = mem_span(p->low - p->delta, (unsigned)(p->high - p->low)),
    };
}

/* Copies a block to `to`, with the spans; returns where it ends. */
static struct ir_insn *rewrite(struct grouping *g, struct ir_block *b, struct ir_insn *to)
{
    const struct ir_insn *from = &g->r->insn[b->first];
    struct ir_insn *start = to;

    for (unsigned k = b->first; k < b->first + b->count; k++, from++) {
        const struct group *p = g->group_of[k] == NO_GROUP ? NULL : &g->group[g->group_of[k]];

        if (p && p->addend && p->first == k)
            *to++ = span(p, from);
        *to = *from;
        if (p && p->addend)
            to->cond = p->addend;
        to++;
    }
    b->count = (uint16_t)(to - start);
    return to;
}

void pass_tlb(struct ir_region *r)
{
    struct grouping g = {.r = r};
    struct ir_insn insn[REGION_IR], *to = insn;
    int parent[REGION_BLOCKS];

    r->addends = 0;
    ir_find_parents(r, parent);
    for (unsigned n = 0; n < r->blocks; n++)
        form_groups(&g, n, parent[n]);
    if (r->insns + g.groups >= REGION_IR)
        return;
    assign_addends(&g);
    if (!r->addends)
        return;
    for (unsigned n = 0; n < r->blocks; n++) {
        uint16_t first = (uint16_t)(to - insn);

        to = rewrite(&g, &r->block[n], to);
        r->block[n].first = first;
    }
    r->insns = (unsigned)(to - insn);
    memcpy(r->insn, insn, r->insns * sizeof(insn[0]));
}
