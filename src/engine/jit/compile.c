/* SPDX-License-Identifier: ISC */
/* The pipeline: see compile.h. */
#include "engine/jit/compile.h"

#include "base/bits.h"
#include "engine/jit/pass.h"
#include "engine/jit/region.h"
#include "engine/jit/translate.h"

/* How many instructions a region has at most. Larger ones have more of a loop's blocks together;
 * smaller ones translate less that never runs. */
#define REGION_LIMIT 64

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
                      const struct cpuid *cpu, unsigned context, bool smp)
{
    unsigned limit = REGION_LIMIT;

    do {
        region_find(&c->region, page, pa, entry, cpu, context, smp, limit);
        translate_region(&c->region);
        limit /= 2;
    } while (c->region.full);
}

/* The region's passes, printed to `out` as they go if it is not NULL. */
static void optimise(struct compiler *c, FILE *out)
{
    static const struct {
        void (*run)(struct ir_region *r);
        const char *name;
    } pass[] = {{pass_fold, "folded"},
                {pass_tlb, "with shared lookups in the TLB"},
                {pass_flags, "with the flags that are needed"}};

    check(c);
    for (size_t k = 0; k < nitems(pass); k++) {
        pass[k].run(&c->region);
        if (pass[k].run != pass_flags)
            check(c);
        if (out)
            listing_ir(out, &c->region, pass[k].name);
    }
}

bool compile(struct compiler *c, struct x64 *as, const struct thunks *thunks,
             struct const_pool *pool, const uint8_t *page, uint64_t pa, unsigned entry,
             const struct cpuid *cpu, unsigned context, bool smp)
{
    struct emit_extras extras = {0};
    uint8_t *start = as->at;
    FILE *out;
    bool fits;

    translate(c, page, pa, entry, cpu, context, smp);
    out = c->dump && listing_wants(&c->region, c->wish.dump) ? c->dump : NULL;
    if (out) {
        listing_begin(out, &c->region, c->wish.va);
        listing_guest(out, &c->region);
        listing_ir(out, &c->region, "as translated");
        extras.marks = &c->marks;
        c->marks.count = 0;
    }
    optimise(c, out);
    regalloc_run(&c->region, &c->alloc);
    if (out)
        listing_registers(out, &c->region, &c->alloc);
    if (c->trace && listing_wants(&c->region, c->wish.trace))
        extras.entered = listing_entered;
    fits = emit_region(as, &c->region, &c->alloc, thunks, pool, &extras);
    if (out && fits)
        listing_code(out, &c->region, &c->marks, start, as->at);
    else if (out)
        fputs("--- no room for the host code: all is dropped, and this is done again\n", out);
    if (out)
        listing_end(out);
    if (!fits)
        as->at = start;
    return fits;
}
