/* SPDX-License-Identifier: ISC */
/*
 * Which results of NZCV are needed, and how those who need them get them.
 *
 * A consumer that follows its producer with nothing between that touches the host's EFLAGS uses
 * those. All others, and whoever can observe the guest's state (IR_SLOW, exits), need NZCV in
 * memory; but a store of flags takes as long as several instructions, and most observers are
 * replays that hardly ever run. So a comparison's flags are not stored if they can be made again
 * from its operands, or its result, wherever they are needed (`redo` in ir.h): out of line for a
 * replay, and on the way for exits, for blocks that are entered from several sides, and for
 * consumers.
 *
 * The head of a loop has several ways in. A store in each round for what in most loops nobody but a
 * replay asks for would be a large part of a small loop. In those a way in only leaves its number
 * (ir_join), and the operands that the loop overwrites while the flags may be needed.
 *
 * First backwards, until nothing changes: where flags are needed (flags that leave the region are).
 * Then forwards: which producers can be put off; one whose operands are overwritten while its flags
 * are still needed stores them at once after all, and the forward pass starts again.
 */
#include "engine/jit/pass.h"

#include <string.h>

#include "base/bits.h"

static unsigned attributes(const struct ir_insn *i)
{
    return ir_op_info[i->op].attributes;
}

static bool sets(const struct ir_insn *i)
{
    return (attributes(i) & IR_SETS_FLAGS) && (i->flags & IR_S);
}

/* --- backwards: where flags are needed --- */

/* Whether a replay may go around instruction k of the block: one of an operation before it in the
 * same guest instruction, or its own. */
static bool may_be_skipped(const struct ir_region *r, const struct ir_block *b, unsigned k)
{
    for (unsigned j = k + 1; j-- > 0 && r->insn[b->first + j].guest == r->insn[b->first + k].guest;)
        if (attributes(&r->insn[b->first + j]) & IR_SLOW)
            return true;
    return false;
}

/* Whether instruction k of the block finds its flags in EFLAGS. */
static bool finds_eflags(const struct ir_region *r, const struct ir_block *b, unsigned k)
{
    for (unsigned j = k; j-- > 0;) {
        const struct ir_insn *i = &r->insn[b->first + j];

        if (sets(i))
            return !may_be_skipped(r, b, j);
        if (attributes(i) & IR_SLOW)
            return false; /* the way through its replay loses them */
        if (!(attributes(i) & IR_KEEPS_EFLAGS))
            return false;
    }
    return false;
}

static bool needed_after(const struct ir_region *r, const struct ir_block *b)
{
    for (unsigned k = 0; k < b->edges; k++)
        if (b->edge[k].block < 0 || r->block[b->edge[k].block].flags_in)
            return true;
    return b->edges == 0;
}

/* Returns whether flags are needed in memory at the start of the block. */
static bool scan(struct ir_region *r, const struct ir_block *b)
{
    bool memory = needed_after(r, b), eflags = false;

    for (unsigned k = b->count; k-- > 0;) {
        struct ir_insn *i = &r->insn[b->first + k];
        unsigned attr = attributes(i);

        i->flags &= (uint16_t) ~(IR_STORE | IR_DEAD | IR_FLAGS_NEEDED);
        i->flags |= memory ? IR_FLAGS_NEEDED : 0;
        if (sets(i)) {
            i->flags |= memory ? IR_STORE : 0;
            i->flags |= !memory && !eflags ? IR_DEAD : 0;
            memory = eflags = false;
        }
        if (attr & IR_READS_FLAGS) {
            if (finds_eflags(r, b, k))
                eflags = true;
            else
                memory = true;
        }
        if (attr & (IR_SLOW | IR_CLOBBERS))
            memory = true;
    }
    return memory;
}

static void find_needs(struct ir_region *r)
{
    bool changed;

    for (unsigned k = 0; k < r->blocks; k++)
        r->block[k].flags_in = false;
    do {
        changed = false;
        for (unsigned k = r->blocks; k-- > 0;) {
            bool in = scan(r, &r->block[k]);

            changed |= in != r->block[k].flags_in;
            r->block[k].flags_in = in;
        }
    } while (changed);
}

/* --- forwards: which stores can be put off --- */

/* Flags that are not in memory, and what they can be made of. */
struct pending {
    const struct ir_insn *producer; /* NULL: memory is right, or what `join` says */
    int join;                       /* the block whose ways in say how to make them; -1: none */
    uint64_t operands;              /* guest values that its guest instruction reads */
    bool by_operands, by_result;    /* are still there */
    bool temps;                     /* the operands go through temporaries */
};

struct forward {
    struct ir_region *r;
    int parent[REGION_BLOCKS]; /* a block that has one starts with what is pending at its end */
    bool again;                /* a producer turned out to have to store, or a join to be none */
    bool eager[REGION_BLOCKS]; /* heads of loops that find flags in memory all the same */
    uint64_t overwritten[REGION_BLOCKS]; /* guest values, while the flags of a join are needed */
    struct pending at_edge[REGION_BLOCKS][2]; /* that leads to a join */
};

static const struct pending nothing = {.join = -1};

static bool is_join(const struct forward *f, int n)
{
    const struct ir_block *b = &f->r->block[n];

    return b->loop_head && b->flags_in && f->parent[n] < 0 && !f->eager[n];
}

static uint64_t guest_value(ir_value v)
{
    return ir_is_guest(v) ? BIT(v) : 0;
}

static uint64_t written(const struct ir_insn *i)
{
    return guest_value(i->dst) | (attributes(i) & IR_WRITES_C ? guest_value(i->c) : 0);
}

/*
 * Comparisons and what else sets flags as the host does; what comes before it in its guest
 * instruction may only compute temporaries.
 */
static bool can_redo(const struct ir_region *r, const struct ir_insn *i, struct pending *p)
{
    if (i->op != IR_ADD && i->op != IR_SUB && i->op != IR_AND && i->op != IR_FCMP)
        return false;
    *p = (struct pending){.producer = i, .join = -1};
    for (const struct ir_insn *j = i;; j--) {
        if (j < i && (!(attributes(j) & IR_PURE) || ir_is_guest(j->dst) || sets(j) ||
                      (attributes(j) & (IR_READS_FLAGS | IR_READS_DST))))
            return false;
        p->temps |= j < i;
        p->operands |= guest_value(j->a) | guest_value(j->b) | guest_value(j->c);
        if (j == r->insn || j[-1].guest != j->guest)
            break;
    }
    p->by_operands = !(p->operands & written(i));
    p->by_result = ir_is_guest(i->dst) && i->op != IR_FCMP && i->dst != i->b &&
                   (i->op == IR_AND || i->b == IR_IMM || i->b == IR_ZERO || ir_is_guest(i->b));
    return p->by_operands || p->by_result;
}

static void make_store(struct forward *f, const struct ir_insn *producer)
{
    struct ir_insn *i = &f->r->insn[producer - f->r->insn];

    i->flags |= IR_STORE;
    f->again = true;
}

/* What of the guest's redo_by_result() reads. */
static uint64_t results(const struct ir_insn *producer)
{
    return guest_value(producer->dst) | (producer->op == IR_AND ? 0 : guest_value(producer->b));
}

/* Instruction i writes registers: are the flags lost? */
static void overwrite(struct forward *f, struct pending *p, const struct ir_insn *i)
{
    uint64_t set = written(i);
    const struct ir_insn *producer = p->producer;

    if (p->join >= 0 && (i->flags & IR_FLAGS_NEEDED))
        f->overwritten[p->join] |= set;
    if (!producer || set == 0)
        return;
    p->by_operands &= !(set & p->operands);
    p->by_result &= !(set & results(producer));
    if (p->by_operands || p->by_result)
        return;
    if (i->flags & IR_FLAGS_NEEDED)
        make_store(f, producer);
    *p = nothing;
}

static uint16_t redo_code(const struct forward *f, const struct pending *p)
{
    if (p->join >= 0)
        return (uint16_t)(REDO_JOIN | p->join);
    if (!p->producer)
        return 0;
    return (uint16_t)((p->producer - f->r->insn + 1) | (p->by_operands ? 0 : REDO_BY_RESULT));
}

/* A consumer makes the flags while its own operands may be in scratch registers: only by one simple
 * instruction. */
static bool consumer_can_redo(const struct pending *p)
{
    return p->by_operands && !p->temps &&
           (p->producer->b != IR_IMM || p->producer->imm == (int32_t)p->producer->imm);
}

/* The same, where the code always gets to: no join can say how. */
static uint16_t redo_now(struct forward *f, const struct pending *p)
{
    if (p->join < 0)
        return redo_code(f, p);
    f->eager[p->join] = f->again = true;
    return 0;
}

/* A consumer reads flags where they are only pending. */
static uint16_t consume(struct forward *f, const struct pending *p)
{
    if (p->producer && !consumer_can_redo(p))
        make_store(f, p->producer);
    return redo_now(f, p);
}

static bool leaves(const struct ir_insn *i)
{
    return i->op == IR_CALL || i->op == IR_CALL_REG || i->op == IR_JUMP_REG || i->op == IR_RETURN;
}

static void step(struct forward *f, const struct ir_block *b, unsigned k, struct pending *p)
{
    struct ir_insn *i = &f->r->insn[b->first + k];
    unsigned attr = attributes(i);
    struct pending own;

    f->r->redo[b->first + k] = 0;
    if ((attr & IR_CLOBBERS) || leaves(i)) {
        f->r->redo[b->first + k] = redo_now(f, p);
    } else if (attr & IR_SLOW) {
        f->r->redo[b->first + k] = redo_code(f, p);
    } else if ((attr & IR_READS_FLAGS) && !finds_eflags(f->r, b, k)) {
        f->r->redo[b->first + k] = consume(f, p);
    }
    if (attr & IR_CLOBBERS)
        *p = nothing;
    if (!sets(i)) {
        overwrite(f, p, i);
    } else if (i->flags & (IR_STORE | IR_DEAD) || !(i->flags & IR_FLAGS_NEEDED) ||
               !can_redo(f->r, i, &own)) {
        if (i->flags & IR_FLAGS_NEEDED)
            i->flags |= IR_STORE;
        *p = nothing;
    } else {
        *p = own;
    }
}

static void forward_block(struct forward *f, unsigned n, struct pending p)
{
    struct ir_block *b = &f->r->block[n];

    for (unsigned k = 0; k < b->count; k++)
        step(f, b, k, &p);
    for (unsigned k = 0; k < b->edges; k++) {
        struct ir_edge *edge = &b->edge[k];

        edge->redo = 0;
        f->at_edge[n][k] = p;
        if (edge->block < 0)
            edge->redo = leaves(&f->r->insn[b->first + b->count - 1]) ? 0 : redo_now(f, &p);
        else if (f->parent[edge->block] >= 0)
            forward_block(f, (unsigned)edge->block, p);
        else if (f->r->block[edge->block].flags_in)
            edge->redo = redo_now(f, &p);
    }
}

static void put_off_stores(struct forward *f)
{
    struct ir_region *r = f->r;

    f->again = false;
    memset(f->overwritten, 0, sizeof(f->overwritten));
    memset(r->redo, 0, r->insns * sizeof(r->redo[0]));
    for (unsigned n = 0; n < r->blocks; n++) {
        struct pending at_start = nothing;

        if (is_join(f, (int)n))
            at_start.join = (int)n;
        if (f->parent[n] < 0)
            forward_block(f, n, at_start);
    }
}

/* --- ways into loops --- */

/* Whether what is pending on the way into a join can be made again in all of the loop. */
static bool find_way(const struct forward *f, const struct pending *p, uint64_t overwritten,
                     struct ir_way *way)
{
    const struct ir_insn *i = p->producer;
    uint16_t index = (uint16_t)(i - f->r->insn + 1);

    *way = (struct ir_way){.redo = index};
    if (p->by_operands && !(p->operands & overwritten))
        return true;
    if (p->by_result && !(results(i) & overwritten)) {
        way->redo |= REDO_BY_RESULT;
        return true;
    }
    way->save_a = guest_value(i->a) & overwritten;
    way->save_b = guest_value(i->b) & overwritten;
    return p->by_operands && !p->temps && i->op != IR_FCMP;
}

/* Numbers the ways into joins. */
static void find_ways(struct forward *f)
{
    struct ir_region *r = f->r;

    memset(r->join, 0, r->blocks * sizeof(r->join[0]));
    for (unsigned n = 0; n < r->blocks; n++) {
        for (unsigned k = 0; k < r->block[n].edges; k++) {
            struct ir_edge *edge = &r->block[n].edge[k];
            const struct pending *p = &f->at_edge[n][k];
            struct ir_join *join = &r->join[edge->block < 0 ? 0 : edge->block];

            edge->way = 0;
            if (edge->block < 0 || !is_join(f, edge->block) || !p->producer ||
                join->ways == JOIN_WAYS ||
                !find_way(f, p, f->overwritten[edge->block], &join->way[join->ways]))
                continue;
            edge->way = ++join->ways;
            edge->redo = 0;
        }
    }
}

/* Instructions of the host, about, that a join saves on one of its edges in a round of its loop. */
static int gain(const struct ir_region *r, const struct ir_edge *edge, unsigned depth)
{
    int weight = 1 << 3 * MIN(depth, 3);
    const struct ir_way *way;

    if (!edge->way)
        return -weight;
    way = &r->join[edge->block].way[edge->way - 1];
    return weight * (3 - way->save_a - way->save_b);
}

/* Whether there are joins that do not pay, which are none from now on. */
static bool drop_joins(struct forward *f)
{
    const struct ir_region *r = f->r;
    int gains[REGION_BLOCKS] = {0};
    bool dropped = false;

    for (unsigned n = 0; n < r->blocks; n++)
        for (unsigned k = 0; k < r->block[n].edges; k++)
            if (r->block[n].edge[k].block >= 0)
                gains[r->block[n].edge[k].block] +=
                    gain(r, &r->block[n].edge[k], r->block[n].depth);
    for (unsigned n = 0; n < r->blocks; n++) {
        if (!is_join(f, (int)n) || gains[n] > 0)
            continue;
        f->eager[n] = dropped = true;
    }
    return dropped;
}

void pass_flags(struct ir_region *r)
{
    struct forward f = {.r = r};

    find_needs(r);
    for (unsigned k = 0; k < r->insns; k++)
        r->insn[k].flags &= (uint16_t)~IR_STORE;
    ir_find_parents(r, f.parent);
    do {
        do
            put_off_stores(&f);
        while (f.again);
        find_ways(&f);
    } while (drop_joins(&f));
}
