/* SPDX-License-Identifier: ISC */
/*
 * Guest physical memory: RAM regions, bounded access, watched pages.
 *
 * RAM is mapped lazily (host/map.h). Everything in Atoll that is not an engine
 * reaches guest RAM through this header only, and every access is checked against the regions here
 * and nowhere else. Scalar accesses are relaxed and single-copy atomic when aligned (the guest's
 * other vCPUs write the same bytes at the same time: never memcpy for one guest load or store);
 * bulk copies move aligned 8-byte words atomically.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include <sys/uio.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/state.h"

#define MEM_MAX_REGIONS 4
#define MEM_PAGE_SHIFT  12 /* granularity of watches */

struct mem_region {
    uint64_t ipa, size;
    uint8_t *host; /* the region's first byte */
    /* One bit a 4 KiB page: somebody watches it; it was written and nobody has taken note yet. Both
     * NULL until the first watch. */
    _Atomic uint64_t *_Atomic watched, *_Atomic dirty;
};

struct mem;

/* Returns 0 or -errno. Called before anything runs. */
int mem_create(struct mem **mem);
void mem_destroy(struct mem *mem);

/* Adds RAM at [ipa, ipa + size), zeros. Both multiples of 64 KiB; overlapping regions are refused.
 * Before anything runs. */
int mem_add_ram(struct mem *mem, uint64_t ipa, uint64_t size, struct error *err);

/* The region that holds [ipa, ipa + len), or NULL. Engines use it to build their translations. Any
 * thread. */
const struct mem_region *mem_find(const struct mem *mem, uint64_t ipa, uint64_t len);
size_t mem_regions(const struct mem *mem, const struct mem_region **first);

/* Whether all of [ipa, ipa + len) is RAM of one region. Any thread. */
bool mem_is_ram(const struct mem *mem, uint64_t ipa, uint64_t len);

/* Copies. Return 0, or -EFAULT (nothing copied) when the range is not all RAM. mem_write marks
 * pages dirty. Any thread. */
int mem_read(const struct mem *mem, uint64_t ipa, void *to, size_t len);
int mem_write(struct mem *mem, uint64_t ipa, const void *from, size_t len);
int mem_fill(struct mem *mem, uint64_t ipa, uint8_t byte, size_t len);

/* One aligned little-endian scalar of 1, 2, 4 or 8 bytes, single-copy atomic, relaxed. -EFAULT as
 * above, -EINVAL when unaligned. Any thread. */
int mem_load(const struct mem *mem, uint64_t ipa, unsigned size, uint64_t *value);
int mem_store(struct mem *mem, uint64_t ipa, unsigned size, uint64_t value);

/* Makes one iovec that covers [ipa, ipa + len), for the host's readv and writev. -EFAULT as above.
 * A device that lets the host write through it calls mem_mark_dirty afterwards. Any thread. */
int mem_iov(const struct mem *mem, uint64_t ipa, uint64_t len, struct iovec *iov);
void mem_mark_dirty(struct mem *mem, uint64_t ipa, uint64_t len);

/* Gives whole pages of RAM back to the host (balloon); the rest of the range is left. Returns bytes
 * given back. Any thread. */
uint64_t mem_discard(struct mem *mem, uint64_t ipa, uint64_t len);

/* All RAM back to zeros (power-on reset). With vCPUs and devices stopped. */
void mem_clear(struct mem *mem);

/* Bytes of RAM in all regions, and bytes resident on the host (-1 when unknown). */
uint64_t mem_size(const struct mem *mem);
int64_t mem_resident(const struct mem *mem);

/* The next run of RAM that is resident, at or after *ipa: its address to *ipa, its size to *length.
 * Returns its first byte on the host, to be read and while guests write it; NULL after the last. */
const uint8_t *mem_next_resident(const struct mem *mem, uint64_t *ipa, uint64_t *length);

/*
 * Watches (watch.c): which pages were written since somebody looked. Stores of vCPUs, of devices
 * and of everybody else who comes through here are seen.
 *
 * A watch belongs to one user: one thread at a time, and none that runs a vCPU. What it has
 * collected stays until the user forgets it, so that it may be used piece by piece.
 */
struct mem_watch;

/* Watches nothing yet. Returns 0 or -ENOMEM. */
int mem_watch_create(struct mem *mem, struct mem_watch **watch);
void mem_watch_destroy(struct mem_watch *watch); /* NULL is allowed */

/* Watches the pages of [ipa, ipa + len), all of it RAM, which count as written; from
 * mem_watch_start on, which is called after the last of them. */
void mem_watch_add(struct mem_watch *watch, uint64_t ipa, uint64_t len);
void mem_watch_start(struct mem_watch *watch);

/* Collects the pages written until now: whoever reads one of them after this call reads what was
 * stored before it, and later stores are collected the next time. Returns whether there are new
 * ones. */
bool mem_watch_take(struct mem_watch *watch);

/* Whether a page of [ipa, ipa + len) has been collected; forgets those that lie wholly within it.
 */
bool mem_watch_written(const struct mem_watch *watch, uint64_t ipa, uint64_t len);
void mem_watch_forget(struct mem_watch *watch, uint64_t ipa, uint64_t len);
void mem_watch_forget_all(struct mem_watch *watch);

/*
 * How an engine takes part. It marks a watched page (mem_mark_dirty) when it lets a vCPU store to
 * it, and lets the vCPU go on without asking until `rearm`; or the hardware takes note of stores,
 * and it marks their pages in `collect`. None of these is called on a vCPU's thread inside
 * vcpu_run, and no two at once.
 */
struct mem_tracker {
    /* Returns when no vCPU stores to pages of [ipa, ipa + len) any more without marking them
     * again; stores made before are visible then. With `all`, the pages were not watched so far. */
    void (*rearm)(void *ctx, uint64_t ipa, uint64_t len, bool all);
    /* Optional. Marks the watched pages of [ipa, ipa + len) that vCPUs have stored to since the
     * last call; later stores are for the next one. */
    void (*collect)(void *ctx, uint64_t ipa, uint64_t len);
    /* Optional. Fewer pages are watched than before. */
    void (*unwatch)(void *ctx);
    void *ctx;
};

/* Before anything runs, and with a NULL `rearm` before the engine goes. */
void mem_set_tracker(struct mem *mem, const struct mem_tracker *tracker);

/* Whether any page of [ipa, ipa + len), which lies in the region, is watched. Any thread. */
bool mem_range_watched(const struct mem_region *region, uint64_t ipa, uint64_t len);

/* Whether the page at `ipa` of the region is watched. Any thread. */
static inline bool mem_page_watched(const struct mem_region *region, uint64_t ipa)
{
    _Atomic uint64_t *watched =
        __atomic_load_n((_Atomic uint64_t *const *)&region->watched, __ATOMIC_ACQUIRE);
    uint64_t page = (ipa - region->ipa) >> MEM_PAGE_SHIFT;

    return watched && (watched[page / 64] >> page % 64 & 1);
}

#endif
