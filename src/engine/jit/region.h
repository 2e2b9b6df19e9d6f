/* SPDX-License-Identifier: ISC */
/* Finding the region of guest code that is translated as one (region.c). */
#ifndef ENGINE_JIT_REGION_H
#define ENGINE_JIT_REGION_H

#include "arm/cpuid.h"
#include "engine/jit/ir.h"

/*
 * Fills in all of *r but its IR: the region that starts at offset `entry` (a multiple of 4) of the
 * page of guest code at `page` (4096 bytes, physical address pa), of at most `limit` guest
 * instructions (at least 1). Pure but for reading the page, which other threads may write.
 */
void region_find(struct ir_region *r, const uint8_t *page, uint64_t pa, unsigned entry,
                 const struct cpuid *cpu, unsigned context, bool smp, unsigned limit);

/* Whether instruction w, of operation `op` (enum a64_op), ends a region because what comes next is
 * not known. */
bool region_op_leaves(unsigned op, uint32_t w);

/* The distance in bytes that a direct branch goes. */
int64_t region_branch_offset(unsigned op, uint32_t w);

#endif
