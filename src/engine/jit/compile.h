/* SPDX-License-Identifier: ISC */
/* From guest code to host code: all stages in their order (compile.c). */
#ifndef ENGINE_JIT_COMPILE_H
#define ENGINE_JIT_COMPILE_H

#include "arm/cpuid.h"
#include "engine/jit/emit_private.h"
#include "engine/jit/listing.h"

/* Working memory of one thread's compilations, too large for a stack. */
struct compiler {
    struct ir_region region;
    struct regalloc alloc;
    struct emit_marks marks;
    FILE *dump;               /* NULL, or where the stages of regions that `wish` is for go */
    bool trace;               /* regions that `wish` is for call listing_entered() */
    struct listing_wish wish; /* for the page that is compiled next */
};

/*
 * Compiles the region at offset `entry` of the guest page at `page` into as->at. Returns false when
 * there is no room for its code or constants, and nothing then counts as written; else c->region
 * describes what was compiled, and as->at is the end of the code. `cpu` is the guest's.
 */
bool compile(struct compiler *c, struct x64 *as, const struct thunks *thunks,
             struct const_pool *pool, const uint8_t *page, uint64_t pa, unsigned entry,
             const struct cpuid *cpu, unsigned context, bool smp);

#endif
