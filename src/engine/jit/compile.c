/* SPDX-License-Identifier: ISC */
/* The pipeline: see compile.h. */
#include "engine/jit/compile.h"

#include "engine/jit/pass.h"
#include "engine/jit/region.h"
#include "engine/jit/translate.h"

/* How many instructions a region has at most. Larger ones have more of a loop's blocks together;
 * smaller ones translate less that never runs. */
#define REGION_LIMIT 64

static void dump_code(FILE *out, const uint8_t *start, const uint8_t *end)
{
    fprintf(out, "code, %zu bytes:", (size_t)(end - start));
    for (const uint8_t *p = start; p < end; p++)
        fprintf(out, "%s%02x", (p - start) % 32 ? " " : "\n  ", *p);
    fprintf(out, "\n\n");
}

/* Builds that are no releases look at every region between the stages. One that breaks the rules is
 * a bug of ours; its code must not run, and the message says which rule. */
static void check(const struct compiler *c)
{
#ifdef JIT_VERIFY
    if (!ir_verify(&c->region, stderr)) {
        ir_dump(&c->region, stderr);
        __builtin_trap();
    }
#endif
}

/* Regions that turn out too large for the IR are made smaller. */
static void translate(struct compiler *c, const uint8_t *page, uint64_t pa, unsigned entry,
                      unsigned context, bool smp)
{
    unsigned limit = REGION_LIMIT;

    do {
        region_find(&c->region, page, pa, entry, context, smp, limit);
        translate_region(&c->region);
        limit /= 2;
    } while (c->region.full);
}

bool compile(struct compiler *c, struct x64 *as, const struct thunks *thunks,
             struct const_pool *pool, const uint8_t *page, uint64_t pa, unsigned entry,
             unsigned context, bool smp)
{
    uint8_t *start = as->at;
    bool fits;

    translate(c, page, pa, entry, context, smp);
    check(c);
    pass_fold(&c->region);
    check(c);
    pass_tlb(&c->region);
    check(c);
    pass_flags(&c->region);
    regalloc_run(&c->region, &c->alloc);
    if (c->dump)
        ir_dump(&c->region, c->dump);
    fits = emit_region(as, &c->region, &c->alloc, thunks, pool);
    if (!fits)
        as->at = start;
    else if (c->dump)
        dump_code(c->dump, start, as->at);
    return fits;
}
