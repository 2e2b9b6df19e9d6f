/* SPDX-License-Identifier: ISC */
/* Register allocation by counting uses; see regalloc.h. */
#include "engine/jit/regalloc.h"

#include <string.h>

#include "base/bits.h"
#include "engine/jit/x64.h"

/* What emit.h leaves to the allocator. Temporaries take from the end. */
static const int8_t general[] = {X64_RBX, X64_RSI, X64_RDI, X64_R12, X64_R13,
                                 X64_R14, X64_R8,  X64_R9,  X64_R10, X64_R11};
static const int8_t vector[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* Of the general ones, those that functions keep (System V ABI): for addends. */
static const int8_t kept[REGION_ADDENDS] = {X64_R14, X64_R13};

#define LOOP_WEIGHT 8

/* Guest values and temporaries that an instruction reads and writes, as sets. */
struct uses {
    uint64_t read, write;
    unsigned temps, vector_temps; /* how many of each there must be */
};

static void note(struct uses *u, ir_value v, bool write)
{
    if (v < IR_T) {
        *(write ? &u->write : &u->read) |= BIT(v);
    } else if (v < IR_VT) {
        u->temps = MAX(u->temps, v - IR_T + 1u);
    } else if (v < IR_VALUES) {
        u->vector_temps = MAX(u->vector_temps, v - IR_VT + 1u);
    }
}

static struct uses uses_of(const struct ir_insn *i)
{
    struct uses u = {0};

    note(&u, i->dst, true);
    if (ir_op_info[i->op].attributes & IR_READS_DST)
        note(&u, i->dst, false);
    note(&u, i->a, false);
    note(&u, i->b, false);
    note(&u, i->c, ir_op_info[i->op].attributes & IR_WRITES_C);
    if (i->op == IR_CALL || i->op == IR_CALL_REG)
        u.write |= BIT(IR_X + 30);
    return u;
}

struct counts {
    uint32_t weight[IR_T];
    unsigned temps, vector_temps;
    uint64_t written;
};

static void count(const struct ir_region *r, struct counts *n)
{
    memset(n, 0, sizeof(*n));
    for (unsigned k = 0; k < r->blocks; k++) {
        const struct ir_block *b = &r->block[k];
        uint32_t weight = 1;

        for (unsigned d = 0; d < b->depth && d < 3; d++)
            weight *= LOOP_WEIGHT;
        for (unsigned j = 0; j < b->count; j++) {
            struct uses u = uses_of(&r->insn[b->first + j]);

            n->temps = MAX(n->temps, u.temps);
            n->vector_temps = MAX(n->vector_temps, u.vector_temps);
            n->written |= u.write;
            for (uint64_t set = u.read; set; set &= set - 1)
                n->weight[__builtin_ctzll(set)] += weight;
            for (uint64_t set = u.write; set; set &= set - 1)
                n->weight[__builtin_ctzll(set)] += weight;
        }
    }
}

/* Gives the heaviest of the values [from, from + 32) a host register each. */
static void assign(struct regalloc *a, struct counts *n, unsigned from, const int8_t *hosts,
                   unsigned free)
{
    for (unsigned k = 0; k < free; k++) {
        unsigned best = from;

        for (unsigned v = from; v < from + 32; v++)
            if (n->weight[v] > n->weight[best])
                best = v;
        if (n->weight[best] < 2)
            return;
        n->weight[best] = 0;
        a->host[best] = hosts[k];
        a->assigned |= BIT(best);
    }
}

/*
 * A register must be loaded at the entry unless the first block certainly writes it before anything
 * reads or spills it.
 */
static uint64_t loads(const struct ir_region *r, const struct regalloc *a)
{
    const struct ir_block *b = &r->block[0];
    uint64_t load = 0, written = 0;

    for (unsigned j = 0; j < b->count; j++) {
        const struct ir_insn *i = &r->insn[b->first + j];
        struct uses u = uses_of(i);

        load |= u.read & ~written;
        if (ir_op_info[i->op].attributes & (IR_SLOW | IR_CLOBBERS | IR_ENDS))
            return (load | ~written) & a->assigned;
        written |= u.write;
    }
    return (load | ~written) & a->assigned;
}

uint64_t regalloc_dirty_after(const struct regalloc *a, const struct ir_insn *i, uint64_t dirty)
{
    if (ir_op_info[i->op].attributes & IR_CLOBBERS)
        return 0;
    return dirty | (uses_of(i).write & a->assigned);
}

/* What of `dirty` is left after the block, and what it makes dirty itself. */
struct passage {
    uint64_t kept, made;
};

static struct passage pass(const struct ir_region *r, const struct regalloc *a,
                           const struct ir_block *b)
{
    struct passage p = {.kept = UINT64_MAX};

    for (unsigned j = 0; j < b->count; j++) {
        const struct ir_insn *i = &r->insn[b->first + j];

        p.made = regalloc_dirty_after(a, i, p.made);
        if (ir_op_info[i->op].attributes & IR_CLOBBERS)
            p.kept = 0;
    }
    return p;
}

static void find_dirty(const struct ir_region *r, struct regalloc *a)
{
    struct passage passage[REGION_BLOCKS];
    bool changed;

    for (unsigned k = 0; k < r->blocks; k++)
        passage[k] = pass(r, a, &r->block[k]);
    memset(a->dirty_in, 0, sizeof(a->dirty_in));
    do {
        changed = false;
        for (unsigned k = 0; k < r->blocks; k++) {
            const struct ir_block *b = &r->block[k];
            uint64_t dirty = (a->dirty_in[k] & passage[k].kept) | passage[k].made;

            for (unsigned e = 0; e < b->edges; e++) {
                int to = b->edge[e].block;

                if (to < 0 || (dirty & ~a->dirty_in[to]) == 0)
                    continue;
                a->dirty_in[to] |= dirty;
                changed = true;
            }
        }
    } while (changed);
}

/* Takes the addends' registers from `hosts`, a copy of general[]; returns how many are left. */
static unsigned reserve_addends(const struct ir_region *r, struct regalloc *a, int8_t *hosts)
{
    unsigned left = 0;

    for (unsigned k = 0; k < REGION_ADDENDS; k++)
        a->addend[k] = k < r->addends ? kept[k] : -1;
    for (unsigned k = 0; k < nitems(general); k++)
        if (general[k] != a->addend[0] && general[k] != a->addend[1])
            hosts[left++] = general[k];
    return left;
}

void regalloc_run(const struct ir_region *r, struct regalloc *a)
{
    int8_t hosts[nitems(general)];
    unsigned left = reserve_addends(r, a, hosts);
    struct counts n;

    count(r, &n);
    memset(a->host, -1, sizeof(a->host));
    a->assigned = 0;
    for (unsigned k = 0; k < n.temps; k++)
        a->host[IR_T + k] = hosts[left - 1 - k];
    for (unsigned k = 0; k < n.vector_temps; k++)
        a->host[IR_VT + k] = vector[nitems(vector) - 1 - k];
    assign(a, &n, IR_X, hosts, left - n.temps);
    assign(a, &n, IR_V, vector, (unsigned)nitems(vector) - n.vector_temps);
    a->written = n.written & a->assigned;
    a->load = loads(r, a);
    find_dirty(r, a);
}
