/* SPDX-License-Identifier: ISC */
/*
 * The code cache of one vCPU: translated regions, found by physical address and context, and the
 * direct jumps between them.
 *
 * Code is written through one mapping and runs at another (host/map.h); addresses here are in the
 * writable one unless they are called `exec`. Space is given out from one end to the other; when it
 * is used up, everything is dropped (cache_flush) and it starts again. What is dropped earlier,
 * because the guest changed its code, leaves a hole until then: its bytes stay as they are.
 *
 * A cache belongs to its vCPU's thread.
 */
#ifndef ENGINE_JIT_CACHE_H
#define ENGINE_JIT_CACHE_H

#include "engine/jit/emit_private.h"
#include "host/map.h"

struct cache_region {
    uint64_t pa; /* of its first instruction; UINT64_MAX: dropped */
    uint8_t *code;
    uint32_t next;         /* of the same bucket */
    uint32_t next_in_page; /* of the same bucket of pages */
    uint32_t links;        /* first of the jumps to it */
    uint16_t low, high; /* offsets in the page of the first byte and of the end of its guest code */
    uint8_t context;
};

/* A jump that was pointed at a region. */
struct cache_link {
    uint32_t stub, site; /* offsets in the cache */
    uint32_t next;
};

#define CACHE_BUCKETS 65536
#define CACHE_PAGES   4096 /* buckets of physical pages */

struct cache {
    struct host_code map;
    struct x64 as; /* writes at the end of what is used */
    struct const_pool pool;
    struct thunks thunks;
    uint8_t *first;              /* where regions start */
    struct cache_region *region; /* index 0 is nothing */
    struct cache_link *link;     /* likewise */
    uint32_t regions, max_regions, links, max_links;
    uint32_t *bucket, *page_bucket;
};

/* Creates a cache of `size` bytes for code that calls `calls` and uses no more of the host than
 * `allow` says (X64_ALLOW_*). Returns 0 or -errno. */
int cache_create(struct cache *cache, size_t size, unsigned allow, const struct thunk_calls *calls,
                 struct error *err);
void cache_destroy(struct cache *cache);

/* The region that starts at pa for this context, or NULL. */
struct cache_region *cache_find(const struct cache *cache, uint64_t pa, unsigned context);

/* Whether there is room for one more region, its code (checked while it is written) aside. */
bool cache_has_room(const struct cache *cache);

/* Adds the region whose code lies from `code` to cache->as.at. */
struct cache_region *cache_add(struct cache *cache, const struct ir_region *r, uint8_t *code);

/* Points the jump of `stub` at the region. */
void cache_link(struct cache *cache, struct link_stub *stub, struct cache_region *to);

/* Drops the regions with guest code in [pa, pa + len), and points the jumps to them back at their
 * stubs. Returns whether there were any. */
bool cache_drop(struct cache *cache, uint64_t pa, uint64_t len);

/* Bytes of code and tables that are in use now, and that can be. */
uint64_t cache_used(const struct cache *cache);
uint64_t cache_limit(const struct cache *cache);

/* Drops everything. */
void cache_flush(struct cache *cache);

/* The same place in the other mapping. */
const void *cache_exec(const struct cache *cache, const uint8_t *code);
void *cache_writable(const struct cache *cache, const void *exec);

#endif
