/* SPDX-License-Identifier: ISC */
/*
 * Which results of NZCV are needed, and where.
 *
 * A consumer that follows its producer with nothing between that touches the host's EFLAGS uses
 * those; for all others, and wherever the guest's state can be observed (IR_SLOW, exits), NZCV must
 * be in memory. Backwards over the blocks until nothing changes; flags that leave the region are
 * needed.
 */
#include "engine/jit/pass.h"

static unsigned attributes(const struct ir_insn *i)
{
    return ir_op_info[i->op].attributes;
}

static bool sets(const struct ir_insn *i)
{
    return (attributes(i) & IR_SETS_FLAGS) && (i->flags & IR_S);
}

/* Whether instruction k of the block finds its flags in EFLAGS. */
static bool finds_eflags(const struct ir_region *r, const struct ir_block *b, unsigned k)
{
    for (unsigned j = k; j-- > 0;) {
        const struct ir_insn *i = &r->insn[b->first + j];

        if (attributes(i) & IR_SLOW)
            return false; /* the way through its replay loses them */
        if (sets(i))
            return true;
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

        if (sets(i)) {
            i->flags &= (uint16_t)~(IR_STORE | IR_DEAD);
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

void pass_flags(struct ir_region *r)
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
