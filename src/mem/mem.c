/* SPDX-License-Identifier: ISC */
/*
 * Guest RAM over host_ram. The regions are fixed before anything runs, so lookups take no lock.
 *
 * Every access by the host races with the guest's own, on purpose. It is made of relaxed atomic
 * loads and stores of naturally aligned pieces, which gives the single-copy atomicity that the Arm
 * ARM (B2.2.1) gives to a device's aligned accesses and keeps the C compiler from assuming that the
 * bytes stand still. Ordering is the caller's (virtio/queue.c has the fences).
 */
#include "mem/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "mem/private.h"

#define RAM_ALIGN (64 * KIB)

int mem_create(struct mem **mem)
{
    *mem = calloc(1, sizeof(**mem));
    if (!*mem)
        return -ENOMEM;
    pthread_mutex_init(&(*mem)->lock, NULL);
    return 0;
}

void mem_destroy(struct mem *mem)
{
    if (!mem)
        return;
    for (size_t i = 0; i < mem->count; i++) {
        free((void *)mem->regions[i].watched);
        free((void *)mem->regions[i].dirty);
        host_ram_destroy(&mem->ram[i]);
    }
    pthread_mutex_destroy(&mem->lock);
    free(mem);
}

int mem_add_ram(struct mem *mem, uint64_t ipa, uint64_t size, struct error *err)
{
    struct mem_region *region = &mem->regions[mem->count];
    struct host_ram *ram = &mem->ram[mem->count];
    int ret;

    if (size == 0 || ipa % RAM_ALIGN || size % RAM_ALIGN || ipa + size < ipa)
        return error_set(err, EINVAL,
                         "RAM of %#llx bytes at %#llx: both must be multiples of 64 KiB",
                         (unsigned long long)size, (unsigned long long)ipa);
    if (mem->count == MEM_MAX_REGIONS)
        return error_set(err, ENOSPC, "more than %d regions of RAM", MEM_MAX_REGIONS);
    for (size_t i = 0; i < mem->count; i++)
        if (ipa < mem->regions[i].ipa + mem->regions[i].size && mem->regions[i].ipa < ipa + size)
            return error_set(err, EEXIST, "RAM at %#llx overlaps RAM at %#llx",
                             (unsigned long long)ipa, (unsigned long long)mem->regions[i].ipa);
    ret = host_ram_create(ram, "atoll-ram", size, err);
    if (ret)
        return ret;
    region->ipa = ipa;
    region->size = size;
    region->host = ram->base;
    mem->count++;
    return 0;
}

const struct mem_region *mem_find(const struct mem *mem, uint64_t ipa, uint64_t len)
{
    for (size_t i = 0; i < mem->count; i++) {
        const struct mem_region *region = &mem->regions[i];

        if (ipa >= region->ipa && range_fits(ipa - region->ipa, len, region->size))
            return region;
    }
    return NULL;
}

size_t mem_regions(const struct mem *mem, const struct mem_region **first)
{
    *first = mem->regions;
    return mem->count;
}

bool mem_is_ram(const struct mem *mem, uint64_t ipa, uint64_t len)
{
    return mem_find(mem, ipa, len) != NULL;
}

/* The host's address of [ipa, ipa + len), or NULL. */
static uint8_t *translate(const struct mem *mem, uint64_t ipa, uint64_t len)
{
    const struct mem_region *region = mem_find(mem, ipa, len);

    return region ? region->host + (ipa - region->ipa) : NULL;
}

/* Copies run in three parts: bytes up to an 8-byte boundary of guest memory, words, bytes. */
static void copy_from_guest(uint8_t *to, const uint8_t *guest, size_t len)
{
    for (; len && (uintptr_t)guest % 8; len--)
        *to++ = __atomic_load_n(guest++, __ATOMIC_RELAXED);
    for (; len >= 8; len -= 8, guest += 8, to += 8) {
        uint64_t word = __atomic_load_n((const uint64_t *)(const void *)guest, __ATOMIC_RELAXED);

        memcpy(to, &word, sizeof(word));
    }
    for (; len; len--)
        *to++ = __atomic_load_n(guest++, __ATOMIC_RELAXED);
}

static void copy_to_guest(uint8_t *guest, const uint8_t *from, size_t len)
{
    for (; len && (uintptr_t)guest % 8; len--)
        __atomic_store_n(guest++, *from++, __ATOMIC_RELAXED);
    for (; len >= 8; len -= 8, guest += 8, from += 8) {
        uint64_t word;

        memcpy(&word, from, sizeof(word));
        __atomic_store_n((uint64_t *)(void *)guest, word, __ATOMIC_RELAXED);
    }
    for (; len; len--)
        __atomic_store_n(guest++, *from++, __ATOMIC_RELAXED);
}

int mem_read(const struct mem *mem, uint64_t ipa, void *to, size_t len)
{
    const uint8_t *guest = translate(mem, ipa, len);

    if (!guest)
        return -EFAULT;
    copy_from_guest(to, guest, len);
    return 0;
}

int mem_write(struct mem *mem, uint64_t ipa, const void *from, size_t len)
{
    uint8_t *guest = translate(mem, ipa, len);

    if (!guest)
        return -EFAULT;
    copy_to_guest(guest, from, len);
    mem_mark_dirty(mem, ipa, len);
    return 0;
}

int mem_fill(struct mem *mem, uint64_t ipa, uint8_t byte, size_t len)
{
    uint8_t *guest = translate(mem, ipa, len), block[512];
    size_t done = 0;

    if (!guest)
        return -EFAULT;
    memset(block, byte, sizeof(block));
    while (done < len) {
        size_t part = MIN(len - done, sizeof(block));

        copy_to_guest(guest + done, block, part);
        done += part;
    }
    mem_mark_dirty(mem, ipa, len);
    return 0;
}

int mem_load(const struct mem *mem, uint64_t ipa, unsigned size, uint64_t *value)
{
    const void *guest = translate(mem, ipa, size);

    if (!is_power_of_2(size) || size > 8 || ipa % size)
        return -EINVAL;
    if (!guest)
        return -EFAULT;
    switch (size) {
    case 1: *value = __atomic_load_n((const uint8_t *)guest, __ATOMIC_RELAXED); break;
    case 2: *value = __atomic_load_n((const uint16_t *)guest, __ATOMIC_RELAXED); break;
    case 4: *value = __atomic_load_n((const uint32_t *)guest, __ATOMIC_RELAXED); break;
    default: *value = __atomic_load_n((const uint64_t *)guest, __ATOMIC_RELAXED); break;
    }
    return 0;
}

int mem_store(struct mem *mem, uint64_t ipa, unsigned size, uint64_t value)
{
    void *guest = translate(mem, ipa, size);

    if (!is_power_of_2(size) || size > 8 || ipa % size)
        return -EINVAL;
    if (!guest)
        return -EFAULT;
    switch (size) {
    case 1: __atomic_store_n((uint8_t *)guest, (uint8_t)value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)guest, (uint16_t)value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)guest, (uint32_t)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)guest, value, __ATOMIC_RELAXED); break;
    }
    mem_mark_dirty(mem, ipa, size);
    return 0;
}

int mem_iov(const struct mem *mem, uint64_t ipa, uint64_t len, struct iovec *iov)
{
    uint8_t *guest = translate(mem, ipa, len);

    if (!guest)
        return -EFAULT;
    iov->iov_base = guest;
    iov->iov_len = len;
    return 0;
}

uint64_t mem_discard(struct mem *mem, uint64_t ipa, uint64_t len)
{
    const struct mem_region *region = mem_find(mem, ipa, len);
    uint64_t page = host_page_size(), start, end;

    if (!region)
        return 0;
    start = align_up(ipa - region->ipa, page);
    end = align_down(ipa - region->ipa + len, page);
    if (start >= end || host_ram_discard(&mem->ram[region - mem->regions], start, end - start))
        return 0;
    mem_mark_dirty(mem, region->ipa + start, end - start);
    return end - start;
}

void mem_clear(struct mem *mem)
{
    for (size_t i = 0; i < mem->count; i++) {
        struct mem_region *region = &mem->regions[i];

        if (host_ram_discard(&mem->ram[i], 0, region->size))
            memset(region->host, 0, region->size);
        mem_mark_dirty(mem, region->ipa, region->size);
    }
}

uint64_t mem_size(const struct mem *mem)
{
    uint64_t size = 0;

    for (size_t i = 0; i < mem->count; i++)
        size += mem->regions[i].size;
    return size;
}

int64_t mem_resident(const struct mem *mem)
{
    int64_t total = 0;

    for (size_t i = 0; i < mem->count; i++) {
        int64_t part = host_ram_resident(&mem->ram[i]);

        if (part < 0)
            return -1;
        total += part;
    }
    return total;
}

const uint8_t *mem_next_resident(const struct mem *mem, uint64_t *ipa, uint64_t *length)
{
    size_t found = SIZE_MAX;
    uint64_t best = UINT64_MAX, at, size;

    for (size_t i = 0; i < mem->count; i++) {
        const struct mem_region *region = &mem->regions[i];

        at = *ipa > region->ipa ? *ipa - region->ipa : 0;
        if (at >= region->size || !host_ram_next_resident(&mem->ram[i], &at, &size) ||
            region->ipa + at >= best)
            continue;
        best = region->ipa + at;
        *length = size;
        found = i;
    }
    if (found == SIZE_MAX)
        return NULL;
    *ipa = best;
    return mem->regions[found].host + (best - mem->regions[found].ipa);
}
