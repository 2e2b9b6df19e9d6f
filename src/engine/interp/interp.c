/* SPDX-License-Identifier: ISC */
/*
 * The interpreter: decode cache and dispatch loop.
 *
 * Instructions are decoded once a physical page: an array of handler and word for each of its 1024
 * instructions, filled as they are met. What has not been met has interp_decode as its handler.
 * Translations are not part of the cache: each time the program leaves a page, or c->code_base says
 * so, the page is looked up again. Decoded instructions stay until IC IVAU and friends drop them
 * (CTR_EL0.DIC is 0), or another page takes their place.
 */
#include "engine/interp/handlers.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/interp/interp.h"
#include "engine/soft/private.h"

#define PAGE_INSNS  1024
#define CACHE_BITS  11 /* log2 of the pages, of 16 KiB each, allocated as they are needed */
#define CACHE_PAGES (1u << CACHE_BITS)

struct insn {
    interp_handler *run;
    uint32_t word;
};

struct page {
    uint64_t pa;         /* UINT64_MAX: nothing here */
    const uint8_t *host; /* of the page */
    struct insn insn[PAGE_INSNS];
};

struct soft_icache {
    struct page *slot[CACHE_PAGES]; /* by a hash of the physical page number */
    struct page *current;           /* whose instruction runs now */
    struct page reserve;            /* serves when the host has no memory for another */
};

static void interp_undefined(struct soft_cpu *c, uint32_t w)
{
    soft_undefined(c);
}

interp_handler *const interp_handlers[A64_OP_COUNT] = {[A64_UNDEFINED] = interp_undefined,
#define HANDLER(name) [A64_##name] = interp_##name,
                                                       A64_OPS(HANDLER)
#undef HANDLER
};

uint32_t interp_execute(struct soft_cpu *c)
{
    uint32_t word;

    if (c->pc & 3)
        soft_raise_pc_alignment(c);
    word = __atomic_load_n(
        (const uint32_t *)(const void *)(soft_fetch(c, c->pc)->host + (c->pc & ~SOFT_PAGE_MASK)),
        __ATOMIC_RELAXED);
    c->next_pc = c->pc + 4;
    interp_handlers[cpuid_decode(c->vm->cpuid, word)](c, word);
    c->pc = c->next_pc;
    soft_slice_take(c, 1);
    return word;
}

/* --- the decode cache --- */

static void interp_decode(struct soft_cpu *c, uint32_t w)
{
    struct page *page = c->icache->current;
    unsigned offset = (unsigned)(c->pc & ~SOFT_PAGE_MASK);
    struct insn *i = &page->insn[offset / 4];

    i->word =
        __atomic_load_n((const uint32_t *)(const void *)(page->host + offset), __ATOMIC_RELAXED);
    i->run = interp_handlers[cpuid_decode(c->vm->cpuid, i->word)];
    i->run(c, i->word);
}

static void forget(struct page *page, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        page->insn[i].run = interp_decode;
}

/* Code of a kernel and its programs is not spread evenly: Fibonacci hashing. */
static struct page **slot_of(struct soft_icache *cache, uint64_t pa)
{
    uint64_t number = pa >> SOFT_PAGE_SHIFT;

    return &cache->slot[number * UINT64_C(0x9e3779b97f4a7c15) >> (64 - CACHE_BITS)];
}

static struct page *page_at(struct soft_icache *cache, uint64_t pa, const uint8_t *host)
{
    struct page **slot = slot_of(cache, pa);
    struct page *page = *slot;

    if (__builtin_expect(page && page->pa == pa, 1))
        return page;
    if (!page)
        page = *slot = malloc(sizeof(*page));
    if (!page)
        page = &cache->reserve;
    page->pa = pa;
    page->host = host;
    forget(page, 0, PAGE_INSNS);
    return page;
}

/* A page that is dropped whole leaves the cache, so that nothing remembers where its bytes were. */
static void drop_range(struct page *page, uint64_t pa, uint64_t len)
{
    uint64_t first = MAX(pa, page->pa), end = page->pa + SOFT_PAGE_SIZE;

    if (page->pa == UINT64_MAX)
        return;
    if (len <= UINT64_MAX - pa)
        end = MIN(end, pa + len);
    if (first >= end)
        return;
    if (end - first == SOFT_PAGE_SIZE)
        page->pa = UINT64_MAX;
    else
        forget(page, (unsigned)(first - page->pa) / 4, (unsigned)(end - first + 3) / 4);
}

static void drop_code(struct soft_cpu *c, uint64_t pa, uint64_t len)
{
    struct soft_icache *cache = c->icache;

    if (len < SOFT_PAGE_SIZE && (pa >> SOFT_PAGE_SHIFT) == ((pa + len - 1) >> SOFT_PAGE_SHIFT)) {
        struct page *page = *slot_of(cache, pa);

        if (page)
            drop_range(page, pa, len);
    } else {
        for (unsigned i = 0; i < CACHE_PAGES; i++)
            if (cache->slot[i])
                drop_range(cache->slot[i], pa, len);
    }
    cache->reserve.pa = UINT64_MAX;
}

static int create(struct soft_cpu *c)
{
    c->icache = calloc(1, sizeof(*c->icache));
    if (!c->icache)
        return -ENOMEM;
    c->icache->reserve.pa = UINT64_MAX;
    return 0;
}

static void destroy(struct soft_cpu *c)
{
    for (unsigned i = 0; i < CACHE_PAGES; i++)
        free(c->icache->slot[i]);
    free(c->icache);
}

/* --- dispatch --- */

/* The page at c->pc. May raise. */
static struct page *enter_page(struct soft_cpu *c)
{
    const struct soft_etlb_entry *e;

    if (c->pc & 3)
        soft_raise_pc_alignment(c);
    e = soft_fetch(c, c->pc);
    c->code_base = c->pc & SOFT_PAGE_MASK;
    c->icache->current = page_at(c->icache, e->pa, e->host);
    return c->icache->current;
}

static void step(struct soft_cpu *c)
{
    struct page *page = enter_page(c);
    struct insn *i = &page->insn[(c->pc & ~SOFT_PAGE_MASK) / 4];

    c->next_pc = c->pc + 4;
    i->run(c, i->word);
    c->pc = c->next_pc;
    soft_slice_take(c, 1);
    if (atomic_load_explicit(&c->attention, memory_order_relaxed) & SOFT_ATTEND_DEBUG)
        soft_debug_after(c, i->word);
}

static inline bool attention(const struct soft_cpu *c)
{
    return __builtin_expect(atomic_load_explicit(&c->attention, memory_order_relaxed) != 0, 0);
}

/* Runs from c->pc until the program leaves the page or something wants attention. */
static void run_page(struct soft_cpu *c)
{
    struct page *page = enter_page(c);
    uint64_t pc = c->pc;

    do {
        const struct insn *i = &page->insn[(pc & ~SOFT_PAGE_MASK) / 4];

        c->next_pc = pc + 4;
        i->run(c, i->word);
        pc = c->pc = c->next_pc;
        if (__builtin_expect(soft_slice_take(c, 1) <= 0, 0) || attention(c))
            return;
    } while (__builtin_expect(((pc ^ c->code_base) & ~UINT64_C(0xffc)) == 0, 1));
}

static void loop(struct soft_cpu *c)
{
    for (;;) {
        if (soft_slice(c) <= 0)
            soft_slice_end(c);
        if (attention(c))
            soft_attend(c);
        if (atomic_load_explicit(&c->attention, memory_order_relaxed) & SOFT_ATTEND_DEBUG) {
            soft_debug_before(c);
            step(c);
        } else {
            run_page(c);
        }
    }
}

/* --- the engine --- */

static const struct soft_engine interp = {
    .name = "interp",
    .slice = 1024,
    .create = create,
    .destroy = destroy,
    .loop = loop,
    .step = step,
    .drop_code = drop_code,
};

static int probe(struct error *err)
{
    return 0;
}

static int vm_create(struct engine_vm **vm, const struct engine_vm_config *config,
                     struct error *err)
{
    if (config->dump.to || config->trace.to)
        return error_set(err, ENOTSUP,
                         "the interp engine does not translate: there is nothing to dump or to "
                         "trace; --engine jit does");
    return soft_vm_create(&interp, vm, config, err);
}

const struct engine_ops interp_engine = {
    .name = "interp",
    .about = "a plain interpreter, for every host; slow, and the reference for the others",
    .probe = probe,
    .vm_create = vm_create,
    SOFT_VERBS,
};
