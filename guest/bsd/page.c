/* SPDX-License-Identifier: ISC */
/* Physical pages: one bit each, first fit. A device wants contiguous ones, so this is all it does.
 */
#include "pmap.h"

#define PAGES_MAX (UINT64_C(1) << 20) /* 4 GiB; RAM beyond is not used */

static uint64_t taken[PAGES_MAX / 64];
static paddr_t ram_start;
static uint64_t ram_pages;

static bool is_taken(uint64_t page)
{
    return taken[page / 64] >> page % 64 & 1;
}

static void mark(uint64_t page, uint64_t count, bool value)
{
    for (; count--; page++) {
        uint64_t bit = UINT64_C(1) << page % 64;

        taken[page / 64] = value ? taken[page / 64] | bit : taken[page / 64] & ~bit;
    }
}

void page_init(paddr_t start, uint64_t size)
{
    ram_start = start;
    ram_pages = MIN(size / PAGE_SIZE, PAGES_MAX);
}

void page_reserve(paddr_t start, uint64_t size)
{
    uint64_t first = (trunc_page(start) - ram_start) / PAGE_SIZE;
    uint64_t last = (round_page(start + size) - ram_start) / PAGE_SIZE;

    if (start >= ram_start && first < ram_pages)
        mark(first, MIN(last, ram_pages) - first, true);
}

paddr_t page_alloc(uint64_t size, uint64_t alignment, uint64_t from)
{
    uint64_t count = round_page(size) / PAGE_SIZE, run = 0;

    for (uint64_t page = from / PAGE_SIZE; page < ram_pages; page++) {
        if (run == 0 && ((ram_start + page * PAGE_SIZE) & (alignment - 1)))
            continue;
        run = is_taken(page) ? 0 : run + 1;
        if (run == count) {
            mark(page + 1 - count, count, true);
            return ram_start + (page + 1 - count) * PAGE_SIZE;
        }
    }
    return 0;
}

void page_free(paddr_t start, uint64_t size)
{
    mark((start - ram_start) / PAGE_SIZE, round_page(size) / PAGE_SIZE, false);
}

void *kalloc(size_t size)
{
    static uint8_t *at, *end;
    size_t wanted = (size + 15) & ~(size_t)15;

    if (!at || wanted > (size_t)(end - at)) {
        size_t chunk = round_page(wanted) > 16 * PAGE_SIZE ? round_page(wanted) : 16 * PAGE_SIZE;
        paddr_t pa = page_alloc(chunk, PAGE_SIZE, 0);

        if (!pa)
            panic("kalloc: no memory for %lu bytes", size);
        at = pmap_direct(pa);
        end = at + chunk;
    }
    at += wanted;
    return memset(at - wanted, 0, wanted);
}
