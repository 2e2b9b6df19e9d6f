/* SPDX-License-Identifier: ISC */
/*
 * The translator as an engine: finding the code for where the guest is, running it, and what the
 * code calls back (thunks.h).
 *
 * Translated code leaves to loop() when the slice of instructions is used up, which is also how it
 * learns that something wants its attention (soft_attention_set). What is dropped from the cache is
 * dropped while no translated code is under way, or by a function here that then returns NULL: the
 * code that called it, and all that waits on the host's stack for a guest's return, is never
 * returned to.
 *
 * To translate a place takes as long as to interpret it some tens of times, and much of what a
 * guest runs, above all while it boots, runs a few times only. So the first times that a place is
 * reached, it is interpreted up to the end of its basic block.
 */
#include "engine/jit/jit.h"

#include <errno.h>
#include <stdlib.h>
#include <xmmintrin.h>

#include "arm/regs.h"
#include "base/units.h"
#include "engine/interp/handlers.h"
#include "engine/jit/cache.h"
#include "engine/jit/compile.h"
#include "engine/jit/counter.h"
#include "engine/jit/flags.h"
#include "engine/soft/pauth.h"
#include "engine/soft/private.h"

/* Bytes of code for all vCPUs of a VM together, unless that were too little for one. */
#define CACHE_SIZE     (128 * MIB)
#define CACHE_SIZE_MIN (8 * MIB)

/* All exceptions masked, round to nearest, no flag raised. */
#define MXCSR 0x1f80

/* Code that is not translated is counted by a hash of where it is; two places that share a count
 * are translated the sooner. */
#define VISITS_BITS 17
#define VISITS_MAX  16

/* Instructions that are interpreted at most before the next look for translated code. */
#define INTERPRETED_MAX 64

struct soft_icache {
    struct cache cache;
    struct compiler compiler;
    struct counter counter;
    bool in_code;                                  /* MXCSR's flags are the guest's */
    bool flushed;                                  /* since the flag was last cleared */
    bool eager;                                    /* nothing is interpreted first */
    uint64_t regions, translated, flushes, misses; /* struct vcpu_stats */
    uint8_t visits[1 << VISITS_BITS];              /* up to VISITS_MAX */
};

/* --- state that translated code keeps elsewhere --- */

/* MXCSR's sticky flags are FPSR's, in another order (C5.2.10; SDM 1, 10.2.3). */
static void sync(struct soft_cpu *c)
{
    static const struct {
        uint8_t host, guest;
    } flag[] = {{0, 0} /* invalid operation */,
                {2, 1} /* division by zero */,
                {3, 2} /* overflow */,
                {4, 3} /* underflow */,
                {5, 4} /* inexact */};
    unsigned mxcsr;

    if (!c->icache->in_code)
        return;
    mxcsr = _mm_getcsr();
    for (unsigned i = 0; i < nitems(flag); i++)
        c->fpsr |= (mxcsr >> flag[i].host & 1) << flag[i].guest;
    _mm_setcsr(MXCSR);
}

/* --- finding code --- */

static void flush(struct soft_cpu *c)
{
    cache_flush(&c->icache->cache);
    soft_jump_clear(c);
    c->icache->flushed = true;
    c->icache->flushes++;
}

static bool try_compile(struct soft_cpu *c, const struct soft_etlb_entry *e)
{
    struct soft_icache *ic = c->icache;
    const struct engine_vm_config *config = &c->vm->config;
    bool smp = atomic_load_explicit(&c->vm->cpus, memory_order_relaxed) > 1;

    ic->compiler.wish = listing_wish(config, c->pc & SOFT_PAGE_MASK, e->pa);
    return cache_has_room(&ic->cache) &&
           compile(&ic->compiler, &ic->cache.as, &ic->cache.thunks, &ic->cache.pool, e->host, e->pa,
                   (unsigned)(c->pc & ~SOFT_PAGE_MASK), c->vm->cpuid, c->context, smp);
}

static struct cache_region *translate(struct soft_cpu *c, const struct soft_etlb_entry *e)
{
    struct cache *cache = &c->icache->cache;
    uint8_t *code = cache->as.at;

    if (!try_compile(c, e)) {
        flush(c);
        code = cache->as.at;
        /* Not even in an empty cache, then: no code of ours may run in its place. */
        if (!try_compile(c, e)) {
            interp_execute(c);
            soft_unwind(c);
        }
    }
    c->icache->regions++;
    c->icache->translated += c->icache->compiler.region.guests;
    return cache_add(cache, &c->icache->compiler.region, code);
}

/* Whether the code there is still to be interpreted. */
static bool is_rare(struct soft_icache *ic, uint64_t pa)
{
    uint8_t *visits = &ic->visits[(pa >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - VISITS_BITS)];

    if (*visits >= VISITS_MAX || ic->eager)
        return false;
    ++*visits;
    return true;
}

/* From c->pc to where the program jumps, leaves the page or wants attention. May raise. */
static void interpret(struct soft_cpu *c)
{
    uint64_t last = c->pc | ~SOFT_PAGE_MASK, next;
    unsigned count = 0;

    do {
        next = c->pc + 4;
        interp_execute(c);
    } while (c->pc == next && next < last && ++count < INTERPRETED_MAX && soft_slice(c) > 0);
    c->raw_flags = flags_from_nzcv[c->nzcv >> 28];
}

/* The region at c->pc, which from now on is the place that runs; NULL: what was there has been
 * done. May raise. */
static struct cache_region *find_region(struct soft_cpu *c)
{
    const struct soft_etlb_entry *e;
    struct cache_region *region;
    uint64_t pa;

    if (c->pc & 3)
        soft_raise_pc_alignment(c);
    e = soft_fetch(c, c->pc);
    c->code_base = c->pc & SOFT_PAGE_MASK;
    pa = e->pa + (c->pc & ~SOFT_PAGE_MASK);
    region = cache_find(&c->icache->cache, pa, c->context);
    if (!region && is_rare(c->icache, pa)) {
        interpret(c);
        return NULL;
    }
    if (!region)
        region = translate(c, e);
    soft_jump_enter(c, c->pc, cache_exec(&c->icache->cache, region->code));
    return region;
}

/* NULL, as of lookup() and link(): c->pc is another place now, and nothing was promised of it. */
static const void *find(struct soft_cpu *c)
{
    const struct soft_jump *jump = soft_jump_slot(c->jump, c->pc);
    const struct cache_region *region;

    if (jump->va != c->pc) {
        region = find_region(c);
        return region ? cache_exec(&c->icache->cache, region->code) : NULL;
    }
    c->code_base = c->pc & SOFT_PAGE_MASK;
    return jump->code;
}

struct counter *jit_counter(struct soft_cpu *c)
{
    return &c->icache->counter;
}

/* --- what translated code calls --- */

static const void *find_unless_flushed(struct soft_cpu *c)
{
    const void *code;

    c->icache->flushed = false;
    code = find(c);
    return c->icache->flushed ? NULL : code;
}

static const void *lookup(struct soft_cpu *c)
{
    c->icache->misses++;
    c->pc = pauth_branch_address(c, c->pc);
    return find_unless_flushed(c);
}

static const void *link(struct soft_cpu *c, struct link_stub *stub)
{
    struct cache *cache = &c->icache->cache;
    struct link_stub *writable = cache_writable(cache, stub);
    struct cache_region *region;

    c->pc = c->code_base + writable->target;
    c->icache->flushed = false;
    region = find_region(c);
    if (!region || c->icache->flushed)
        return NULL;
    cache_link(cache, writable, region);
    return cache_exec(cache, region->code);
}

/* --- the loop --- */

static void enter(struct soft_cpu *c, const void *code)
{
    struct soft_icache *ic = c->icache;
    void (*thunk)(struct soft_cpu *, const void *) = (void (*)(struct soft_cpu *, const void *))(
        uintptr_t)cache_exec(&ic->cache, ic->cache.thunks.enter);

    _mm_setcsr(MXCSR);
    ic->in_code = true;
    thunk(c, code);
    sync(c);
    ic->in_code = false;
}

static void run(struct soft_cpu *c)
{
    const void *code = find(c);

    if (code)
        enter(c, code);
}

static void step(struct soft_cpu *c)
{
    uint32_t word = interp_execute(c);

    if (atomic_load_explicit(&c->attention, memory_order_relaxed) & SOFT_ATTEND_DEBUG)
        soft_debug_after(c, word);
}

static void loop(struct soft_cpu *c)
{
    sync(c);
    c->icache->in_code = false;
    for (;;) {
        if (soft_slice(c) <= 0)
            soft_slice_end(c);
        if (atomic_load_explicit(&c->attention, memory_order_relaxed) != 0)
            soft_attend(c);
        if (atomic_load_explicit(&c->attention, memory_order_relaxed) & SOFT_ATTEND_DEBUG) {
            soft_debug_before(c);
            step(c);
        } else {
            run(c);
        }
    }
}

/* --- the engine --- */

static const struct thunk_calls calls = {
    .handlers = interp_handlers, .find = find_unless_flushed, .lookup = lookup, .link = link};

static size_t cache_size(const struct engine_vm_config *config)
{
    return MAX(CACHE_SIZE / MAX(config->vcpus, 1u), CACHE_SIZE_MIN);
}

static int create(struct soft_cpu *c)
{
    const struct engine_vm_config *config = &c->vm->config;
    unsigned allow = config->plain_host ? X64_ALLOW_NONE : X64_ALLOW_ALL;

    c->icache = calloc(1, sizeof(*c->icache));
    if (!c->icache)
        return -ENOMEM;
    counter_init(&c->icache->counter, &c->vm->config);
    if (cache_create(&c->icache->cache, cache_size(config), allow, &calls, NULL) < 0) {
        free(c->icache);
        return -ENOMEM;
    }
    c->icache->eager = config->eager || config->dump.to || config->trace.to;
    c->icache->compiler.dump = config->dump.to;
    c->icache->compiler.trace = config->trace.to != NULL;
    return 0;
}

static void destroy(struct soft_cpu *c)
{
    cache_destroy(&c->icache->cache);
    free(c->icache);
}

static void drop_code(struct soft_cpu *c, uint64_t pa, uint64_t len)
{
    if (cache_drop(&c->icache->cache, pa, len))
        soft_jump_clear(c);
}

static void count(const struct soft_cpu *c, struct vcpu_stats *stats)
{
    const struct soft_icache *ic = c->icache;

    stats->regions = ic->regions;
    stats->translated = ic->translated;
    stats->code_bytes = cache_used(&ic->cache);
    stats->code_limit = cache_limit(&ic->cache);
    stats->code_flushes = ic->flushes;
    stats->code_misses = ic->misses;
}

static const struct soft_engine jit = {
    .name = "jit",
    .slice = 16384,
    .create = create,
    .destroy = destroy,
    .loop = loop,
    .step = step,
    .drop_code = drop_code,
    .sync = sync,
    .stats = count,
};

static int probe(struct error *err)
{
    struct x64_features features = x64_features_detect(X64_ALLOW_NONE);
    struct host_code code;
    int ret;

    if (!features.v2)
        return error_set(err, ENOTSUP,
                         "it needs an x86-64-v2 processor (SSE4.2, POPCNT, CMPXCHG16B)");
    ret = host_code_create(&code, "translated code", 4096, err);
    if (ret < 0)
        return ret;
    host_code_destroy(&code);
    return 0;
}

static int vm_create(struct engine_vm **vm, const struct engine_vm_config *config,
                     struct error *err)
{
    return soft_vm_create(&jit, vm, config, err);
}

const struct engine_ops jit_engine = {
    .name = "jit",
    .about = "a translator to x86-64",
    .probe = probe,
    .vm_create = vm_create,
    SOFT_VERBS,
};
