/* SPDX-License-Identifier: ISC */
/* What people see of translations: `--dump` and `--trace` (listing.c). */
#ifndef ENGINE_JIT_LISTING_H
#define ENGINE_JIT_LISTING_H

#include "engine/jit/emit_private.h"

enum { LISTING_NONE = -1, LISTING_ALL = -2 };

/* What is wanted of regions in one page of guest code. */
struct listing_wish {
    int dump, trace; /* only those with the instruction at this offset, or LISTING_ */
    uint64_t va;     /* of the page */
};

/* The wish for the page of guest code at virtual address va and physical address pa. */
struct listing_wish listing_wish(const struct engine_vm_config *config, uint64_t va, uint64_t pa);

/* Whether region r is one that `wish` (a member of struct listing_wish) is for. */
bool listing_wants(const struct ir_region *r, int wish);

/* The parts of one region's listing, which all vCPUs write to one file: it is locked from
 * listing_begin() to listing_end(). */
void listing_begin(FILE *out, const struct ir_region *r, uint64_t va);
void listing_guest(FILE *out, const struct ir_region *r);
void listing_ir(FILE *out, const struct ir_region *r, const char *stage);
void listing_registers(FILE *out, const struct ir_region *r, const struct regalloc *alloc);
/* Host code [start, end), which `marks` describes. */
void listing_code(FILE *out, const struct ir_region *r, const struct emit_marks *marks,
                  const uint8_t *start, const uint8_t *end);
void listing_end(FILE *out);

/* What traced regions call at their entry, with c->pc set: writes the line. */
void listing_entered(struct soft_cpu *c, uint64_t arg);

#endif
