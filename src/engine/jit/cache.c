/* SPDX-License-Identifier: ISC */
/* The code cache; see cache.h. */
#include "engine/jit/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "engine/soft/tlb.h"

#define CONSTANTS 1024 /* of 16 bytes */

/* A region's code is rarely smaller; where there are more regions, the cache counts as full. */
#define BYTES_PER_REGION 192

static unsigned hash(uint64_t key, unsigned buckets)
{
    return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (buckets - 1);
}

static uint32_t *bucket_of(const struct cache *cache, uint64_t pa, unsigned context)
{
    return &cache->bucket[hash(pa << 2 | context, CACHE_BUCKETS)];
}

static uint32_t *page_bucket_of(const struct cache *cache, uint64_t pa)
{
    return &cache->page_bucket[hash(pa >> SOFT_PAGE_SHIFT, CACHE_PAGES)];
}

/* --- creation --- */

static bool allocate_tables(struct cache *cache, size_t size)
{
    cache->max_regions = (uint32_t)(size / BYTES_PER_REGION);
    cache->max_links = 2 * cache->max_regions;
    cache->region = calloc(cache->max_regions, sizeof(*cache->region));
    cache->link = calloc(cache->max_links, sizeof(*cache->link));
    cache->bucket = calloc(CACHE_BUCKETS, sizeof(*cache->bucket));
    cache->page_bucket = calloc(CACHE_PAGES, sizeof(*cache->page_bucket));
    return cache->region && cache->link && cache->bucket && cache->page_bucket;
}

int cache_create(struct cache *cache, size_t size, unsigned allow, const struct thunk_calls *calls,
                 struct error *err)
{
    struct x64_features features = x64_features_detect(allow);
    int ret;

    memset(cache, 0, sizeof(*cache));
    ret = host_code_create(&cache->map, "translated code", size, err);
    if (ret < 0)
        return ret;
    if (!allocate_tables(cache, size)) {
        cache_destroy(cache);
        return error_set(err, ENOMEM, "no memory for the tables of translated code");
    }
    x64_init(&cache->as, cache->map.write, cache->map.size, &features);
    cache->pool.value = cache->map.write;
    cache->pool.limit = CONSTANTS;
    cache->as.at += CONSTANTS * 16;
    thunks_emit(&cache->as, calls, &cache->thunks);
    x64_align(&cache->as, 64);
    cache->first = cache->as.at;
    cache->regions = cache->links = 1;
    return 0;
}

void cache_destroy(struct cache *cache)
{
    host_code_destroy(&cache->map);
    free(cache->region);
    free(cache->link);
    free(cache->bucket);
    free(cache->page_bucket);
}

const void *cache_exec(const struct cache *cache, const uint8_t *code)
{
    return (const uint8_t *)cache->map.exec + (code - (const uint8_t *)cache->map.write);
}

void *cache_writable(const struct cache *cache, const void *exec)
{
    return (uint8_t *)cache->map.write + ((const uint8_t *)exec - (const uint8_t *)cache->map.exec);
}

static uint64_t hash_bytes(void)
{
    return (CACHE_BUCKETS + CACHE_PAGES) * sizeof(uint32_t);
}

uint64_t cache_used(const struct cache *cache)
{
    return (uint64_t)(cache->as.at - cache->as.start) + cache->regions * sizeof(*cache->region) +
           cache->links * sizeof(*cache->link) + hash_bytes();
}

uint64_t cache_limit(const struct cache *cache)
{
    return cache->map.size + cache->max_regions * sizeof(*cache->region) +
           cache->max_links * sizeof(*cache->link) + hash_bytes();
}

/* --- regions --- */

struct cache_region *cache_find(const struct cache *cache, uint64_t pa, unsigned context)
{
    uint32_t n = *bucket_of(cache, pa, context);

    while (n && (cache->region[n].pa != pa || cache->region[n].context != context))
        n = cache->region[n].next;
    return n ? &cache->region[n] : NULL;
}

bool cache_has_room(const struct cache *cache)
{
    return cache->regions < cache->max_regions;
}

/* The guest code that the region was made from, as one span. */
static void set_span(struct cache_region *region, const struct ir_region *r)
{
    region->low = UINT16_MAX;
    region->high = 0;
    for (unsigned k = 0; k < r->guests; k++) {
        region->low = MIN(region->low, r->guest[k].offset);
        region->high = MAX(region->high, (uint16_t)(r->guest[k].offset + 4));
    }
}

struct cache_region *cache_add(struct cache *cache, const struct ir_region *r, uint8_t *code)
{
    uint32_t n = cache->regions++, *bucket, *page_bucket;
    struct cache_region *region = &cache->region[n];

    region->pa = r->pa + r->entry;
    region->context = (uint8_t)r->context;
    region->code = code;
    region->links = 0;
    set_span(region, r);
    bucket = bucket_of(cache, region->pa, region->context);
    page_bucket = page_bucket_of(cache, region->pa);
    region->next = *bucket;
    region->next_in_page = *page_bucket;
    *bucket = *page_bucket = n;
    x64_align(&cache->as, 16);
    return region;
}

/* --- jumps --- */

void cache_link(struct cache *cache, struct link_stub *stub, struct cache_region *to)
{
    uint8_t *base = cache->map.write, *site = (uint8_t *)stub + stub->site;
    struct cache_link *link;

    if (cache->links == cache->max_links)
        return; /* the stub does it every time */
    link = &cache->link[cache->links];
    link->stub = (uint32_t)((uint8_t *)stub - LINK_STUB_CALL - base);
    link->site = (uint32_t)(site - base);
    link->next = to->links;
    to->links = cache->links++;
    x64_patch(site, to->code);
}

static void unlink_jumps(struct cache *cache, struct cache_region *region)
{
    uint8_t *base = cache->map.write;

    for (uint32_t n = region->links; n; n = cache->link[n].next)
        x64_patch(base + cache->link[n].site, base + cache->link[n].stub);
    region->links = 0;
}

/* --- dropping --- */

static void remove_from_bucket(struct cache *cache, uint32_t n)
{
    struct cache_region *region = &cache->region[n];
    uint32_t *at = bucket_of(cache, region->pa, region->context);

    while (*at != n)
        at = &cache->region[*at].next;
    *at = region->next;
}

/* Those in the page at `page` with guest code in [low, high) of it. */
static bool drop_in_page(struct cache *cache, uint64_t page, unsigned low, unsigned high)
{
    uint32_t *at = page_bucket_of(cache, page);
    bool any = false;

    while (*at) {
        struct cache_region *region = &cache->region[*at];

        if ((region->pa & SOFT_PAGE_MASK) != page || region->low >= high || region->high <= low) {
            at = &region->next_in_page;
            continue;
        }
        remove_from_bucket(cache, *at);
        *at = region->next_in_page;
        unlink_jumps(cache, region);
        region->pa = UINT64_MAX;
        any = true;
    }
    return any;
}

bool cache_drop(struct cache *cache, uint64_t pa, uint64_t len)
{
    uint64_t last = len - 1 > UINT64_MAX - pa ? UINT64_MAX : pa + len - 1;
    bool any = false;

    if (len == 0)
        return false;
    if ((last - pa) >> SOFT_PAGE_SHIFT >= CACHE_PAGES) {
        any = cache->regions > 1;
        cache_flush(cache);
        return any;
    }
    for (uint64_t page = pa & SOFT_PAGE_MASK;; page += SOFT_PAGE_SIZE) {
        unsigned low = page < pa ? (unsigned)(pa - page) : 0;
        unsigned high = last - page < SOFT_PAGE_SIZE ? (unsigned)(last - page) + 1 : SOFT_PAGE_SIZE;

        any |= drop_in_page(cache, page, low, high);
        if (last - page < SOFT_PAGE_SIZE)
            return any;
    }
}

void cache_flush(struct cache *cache)
{
    memset(cache->bucket, 0, CACHE_BUCKETS * sizeof(*cache->bucket));
    memset(cache->page_bucket, 0, CACHE_PAGES * sizeof(*cache->page_bucket));
    cache->regions = cache->links = 1;
    cache->pool.count = 0;
    cache->pool.full = false;
    cache->as.at = cache->first;
    cache->as.overflow = false;
}
