/* SPDX-License-Identifier: ISC */
/*
 * Guest physical memory: RAM regions, bounded access, dirty pages.
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
#define MEM_PAGE_SHIFT  12 /* granularity of the dirty log */

struct mem_region {
    uint64_t ipa, size;
    uint8_t *host;                   /* the region's first byte */
    _Atomic uint64_t *_Atomic dirty; /* one bit a 4 KiB page, NULL while dirty logging is off */
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

/* Dirty log: on from the first call; each call moves region `index`'s bits to `bitmap` (one bit a 4
 * KiB page, 64-bit words) and clears them. Return 0 or -errno. */
int mem_dirty_start(struct mem *mem);
int mem_dirty_take(struct mem *mem, size_t index, uint64_t *bitmap, size_t words);

#endif
