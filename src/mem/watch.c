/* SPDX-License-Identifier: ISC */
/*
 * Watched pages.
 *
 * A region has two bitmaps: `watched` says which pages matter to anybody, `dirty` which of them
 * were written. Writers set bits in `dirty`; a watch that takes moves them to every watch that has
 * the page, its own `written` among them. An engine's vCPU marks a page once and then stores to it
 * at full speed, so a page whose bit was taken must be asked for again (rearm) before anybody reads
 * it: a store between the two is then either before the reading or marked.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mem/private.h"

#define WORD_PAGES    64 /* pages in one word of a bitmap */
#define WORDS(region) ((region)->size / (WORD_PAGES << MEM_PAGE_SHIFT) + 1)

struct mem_watch {
    struct mem_watch *next;
    struct mem *mem;
    bool news; /* `written` has bits that mem_watch_take has not told of */
    struct {
        uint64_t *pages, *written; /* NULL: nothing of this region */
        size_t first, last;        /* words that `pages` may have bits in */
    } of[MEM_MAX_REGIONS];
};

/*
 * Marks after the write, or before a vCPU that can be asked to mark again (rearm) makes it: whoever
 * takes the bit too early finds it set the next time. The release pairs with the taker's acquire.
 */
void mem_mark_dirty(struct mem *mem, uint64_t ipa, uint64_t len)
{
    const struct mem_region *region = mem_find(mem, ipa, len);
    _Atomic uint64_t *dirty;

    if (!region || len == 0)
        return;
    dirty = atomic_load_explicit(&region->dirty, memory_order_acquire);
    if (!dirty)
        return;
    for (uint64_t page = (ipa - region->ipa) >> MEM_PAGE_SHIFT,
                  last = (ipa - region->ipa + len - 1) >> MEM_PAGE_SHIFT;
         page <= last; page++)
        atomic_fetch_or_explicit(&dirty[page / WORD_PAGES], BIT(page % WORD_PAGES),
                                 memory_order_release);
}

void mem_set_tracker(struct mem *mem, const struct mem_tracker *tracker)
{
    pthread_mutex_lock(&mem->lock);
    mem->tracker = *tracker;
    pthread_mutex_unlock(&mem->lock);
}

/* These with the lock held, so that the engine does not go away meanwhile. */
static void collect(const struct mem *mem, uint64_t ipa, uint64_t len)
{
    if (mem->tracker.collect)
        mem->tracker.collect(mem->tracker.ctx, ipa, len);
}

static void unwatch(const struct mem *mem)
{
    if (mem->tracker.unwatch)
        mem->tracker.unwatch(mem->tracker.ctx);
}

static void rearm(const struct mem *mem, uint64_t ipa, uint64_t len, bool all)
{
    if (mem->tracker.rearm)
        mem->tracker.rearm(mem->tracker.ctx, ipa, len, all);
}

/* --- life --- */

/* The bitmaps of all regions. They stay until the end: `watched` is read without the lock. */
static int have_bitmaps(struct mem *mem)
{
    for (size_t i = 0; i < mem->count; i++) {
        struct mem_region *region = &mem->regions[i];

        if (!region->dirty)
            region->dirty = calloc(WORDS(region), sizeof(uint64_t));
        if (!region->watched)
            region->watched = calloc(WORDS(region), sizeof(uint64_t));
        if (!region->dirty || !region->watched)
            return -ENOMEM;
    }
    return 0;
}

static void free_watch(struct mem_watch *watch)
{
    for (size_t i = 0; i < MEM_MAX_REGIONS; i++) {
        free(watch->of[i].pages);
        free(watch->of[i].written);
    }
    free(watch);
}

int mem_watch_create(struct mem *mem, struct mem_watch **out)
{
    struct mem_watch *watch = calloc(1, sizeof(*watch));
    int ret;

    if (!watch)
        return -ENOMEM;
    watch->mem = mem;
    pthread_mutex_lock(&mem->lock);
    ret = have_bitmaps(mem);
    for (size_t i = 0; i < mem->count && !ret; i++) {
        watch->of[i].pages = calloc(WORDS(&mem->regions[i]), sizeof(uint64_t));
        watch->of[i].written = calloc(WORDS(&mem->regions[i]), sizeof(uint64_t));
        watch->of[i].first = SIZE_MAX;
        if (!watch->of[i].pages || !watch->of[i].written)
            ret = -ENOMEM;
    }
    if (!ret) {
        watch->next = mem->watches;
        mem->watches = watch;
        *out = watch;
    }
    pthread_mutex_unlock(&mem->lock);
    if (ret)
        free_watch(watch);
    return ret;
}

/* What is watched now, word by word. */
static void refresh_watched(struct mem *mem, size_t index, size_t first, size_t last)
{
    for (size_t word = first; word <= last && first != SIZE_MAX; word++) {
        uint64_t pages = 0;

        for (const struct mem_watch *w = mem->watches; w; w = w->next)
            pages |= w->of[index].pages[word];
        atomic_store(&mem->regions[index].watched[word], pages);
    }
}

void mem_watch_destroy(struct mem_watch *watch)
{
    struct mem_watch **at;
    struct mem *mem;

    if (!watch)
        return;
    mem = watch->mem;
    pthread_mutex_lock(&mem->lock);
    for (at = &mem->watches; *at != watch; at = &(*at)->next)
        ;
    *at = watch->next;
    for (size_t i = 0; i < mem->count; i++)
        refresh_watched(mem, i, watch->of[i].first, watch->of[i].last);
    unwatch(mem);
    pthread_mutex_unlock(&mem->lock);
    free_watch(watch);
}

/* --- bits --- */

/* The bits of pages [first, end) that lie in `word`. */
static uint64_t bits_in_word(uint64_t first, uint64_t end, uint64_t word)
{
    uint64_t base = word * WORD_PAGES, low = MAX(first, base) - base;
    uint64_t high = MIN(end, base + WORD_PAGES) - base;

    return low >= high ? 0 : bits_mask((unsigned)(high - low)) << low;
}

bool mem_range_watched(const struct mem_region *region, uint64_t ipa, uint64_t len)
{
    _Atomic uint64_t *watched = atomic_load_explicit(&region->watched, memory_order_acquire);
    uint64_t first = (ipa - region->ipa) >> MEM_PAGE_SHIFT;
    uint64_t end = ((ipa - region->ipa + len - 1) >> MEM_PAGE_SHIFT) + 1;

    if (!watched || len == 0)
        return false;
    for (uint64_t word = first / WORD_PAGES; word <= (end - 1) / WORD_PAGES; word++)
        if (atomic_load(&watched[word]) & bits_in_word(first, end, word))
            return true;
    return false;
}

/* Which region [ipa, ipa + len) lies in; its pages go to *first and *end. */
static size_t find_pages(const struct mem *mem, uint64_t ipa, uint64_t len, uint64_t *first,
                         uint64_t *end)
{
    const struct mem_region *region = len ? mem_find(mem, ipa, len) : NULL;

    if (!region)
        return SIZE_MAX;
    *first = (ipa - region->ipa) >> MEM_PAGE_SHIFT;
    *end = ((ipa - region->ipa + len - 1) >> MEM_PAGE_SHIFT) + 1;
    return (size_t)(region - mem->regions);
}

void mem_watch_add(struct mem_watch *watch, uint64_t ipa, uint64_t len)
{
    struct mem *mem = watch->mem;
    uint64_t first, end;
    size_t i = find_pages(mem, ipa, len, &first, &end);

    if (i == SIZE_MAX)
        return;
    pthread_mutex_lock(&mem->lock);
    for (uint64_t word = first / WORD_PAGES; word <= (end - 1) / WORD_PAGES; word++) {
        watch->of[i].pages[word] |= bits_in_word(first, end, word);
        watch->of[i].written[word] |= bits_in_word(first, end, word);
    }
    watch->news = true;
    watch->of[i].first = MIN(watch->of[i].first, first / WORD_PAGES);
    watch->of[i].last = MAX(watch->of[i].last, (end - 1) / WORD_PAGES);
    pthread_mutex_unlock(&mem->lock);
}

void mem_watch_start(struct mem_watch *watch)
{
    struct mem *mem = watch->mem;

    pthread_mutex_lock(&mem->lock);
    for (size_t i = 0; i < mem->count; i++)
        refresh_watched(mem, i, watch->of[i].first, watch->of[i].last);
    rearm(mem, 0, UINT64_MAX, true);
    pthread_mutex_unlock(&mem->lock);
}

/* Gives the dirty bits of a word to all watches that want them. Returns them. */
static uint64_t hand_out(struct mem *mem, size_t index, size_t word, uint64_t pages)
{
    _Atomic uint64_t *dirty = &mem->regions[index].dirty[word];
    uint64_t taken = atomic_load_explicit(dirty, memory_order_relaxed) & pages;

    if (!taken)
        return 0;
    taken &= atomic_fetch_and_explicit(dirty, ~taken, memory_order_acquire);
    for (struct mem_watch *w = mem->watches; w; w = w->next) {
        w->of[index].written[word] |= taken & w->of[index].pages[word];
        w->news |= (taken & w->of[index].pages[word]) != 0;
    }
    return taken;
}

/* Collects what was written of a region. */
static void take_region(struct mem_watch *watch, size_t index)
{
    struct mem *mem = watch->mem;
    const size_t first = watch->of[index].first, last = watch->of[index].last;
    const uint64_t ipa = mem->regions[index].ipa;
    size_t low = SIZE_MAX, high = 0;

    if (first == SIZE_MAX)
        return;
    collect(mem, ipa + (first * WORD_PAGES << MEM_PAGE_SHIFT),
            (last - first + 1) * WORD_PAGES << MEM_PAGE_SHIFT);
    for (size_t word = first; word <= last; word++) {
        if (!hand_out(mem, index, word, watch->of[index].pages[word]))
            continue;
        low = MIN(low, word);
        high = word;
    }
    if (low != SIZE_MAX)
        rearm(mem, ipa + (low * WORD_PAGES << MEM_PAGE_SHIFT),
              (high - low + 1) * WORD_PAGES << MEM_PAGE_SHIFT, false);
}

bool mem_watch_take(struct mem_watch *watch)
{
    struct mem *mem = watch->mem;
    bool news;

    pthread_mutex_lock(&mem->lock);
    for (size_t i = 0; i < mem->count; i++)
        take_region(watch, i);
    news = watch->news;
    watch->news = false;
    pthread_mutex_unlock(&mem->lock);
    return news;
}

bool mem_watch_written(const struct mem_watch *watch, uint64_t ipa, uint64_t len)
{
    uint64_t first, end, found = 0;
    size_t i = find_pages(watch->mem, ipa, len, &first, &end);

    if (i == SIZE_MAX)
        return true;
    pthread_mutex_lock(&watch->mem->lock);
    for (uint64_t word = first / WORD_PAGES; word <= (end - 1) / WORD_PAGES; word++)
        found |= watch->of[i].written[word] & bits_in_word(first, end, word);
    pthread_mutex_unlock(&watch->mem->lock);
    return found != 0;
}

void mem_watch_forget(struct mem_watch *watch, uint64_t ipa, uint64_t len)
{
    const struct mem_region *region = mem_find(watch->mem, ipa, len);
    uint64_t page = UINT64_C(1) << MEM_PAGE_SHIFT, first, end;
    size_t i;

    if (!region)
        return;
    i = (size_t)(region - watch->mem->regions);
    first = align_up(ipa - region->ipa, page) >> MEM_PAGE_SHIFT;
    end = align_down(ipa - region->ipa + len, page) >> MEM_PAGE_SHIFT;
    pthread_mutex_lock(&watch->mem->lock);
    for (uint64_t word = first / WORD_PAGES; first < end && word <= (end - 1) / WORD_PAGES; word++)
        watch->of[i].written[word] &= ~bits_in_word(first, end, word);
    pthread_mutex_unlock(&watch->mem->lock);
}

void mem_watch_forget_all(struct mem_watch *watch)
{
    struct mem *mem = watch->mem;

    pthread_mutex_lock(&mem->lock);
    for (size_t i = 0; i < mem->count; i++)
        memset(watch->of[i].written, 0, WORDS(&mem->regions[i]) * sizeof(uint64_t));
    pthread_mutex_unlock(&mem->lock);
}
