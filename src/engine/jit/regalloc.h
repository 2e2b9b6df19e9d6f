/* SPDX-License-Identifier: ISC */
/*
 * Register allocation: which guest registers live in host registers while a region runs.
 *
 * The assignment is the same in the whole region: a guest register either has a host register from
 * the region's entry to its exits, or is a memory operand. So slow paths and exits need not know
 * where they are called from.
 */
#ifndef ENGINE_JIT_REGALLOC_H
#define ENGINE_JIT_REGALLOC_H

#include "engine/jit/ir.h"

struct regalloc {
    int8_t host[IR_VALUES]; /* host register (general or XMM by the value's class); -1: memory */
    int8_t addend[REGION_ADDENDS]; /* host registers kept from one guest instruction to another; a
                                      call of C does not change them */
    uint64_t assigned;             /* bit v: guest value v has a host register */
    uint64_t written;              /* of these, changed somewhere in the region */
    uint64_t load;                 /* of these, to be loaded at entry */
    uint64_t dirty_in[REGION_BLOCKS]; /* of these, perhaps changed before the block starts */
};

/* Pure. */
void regalloc_run(const struct ir_region *r, struct regalloc *alloc);

/* What is dirty after instruction i, given what is before it. Pure. */
uint64_t regalloc_dirty_after(const struct regalloc *a, const struct ir_insn *i, uint64_t dirty);

#endif
