/* SPDX-License-Identifier: ISC */
/*
 * The file allocation table: its entries through a small cache, chains of clusters, free ones.
 * Changes stay in the cache until fat_table_sync(), or until the cache needs the place.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/fat.h"

#define FIRST_CLUSTER UINT32_C(2)

static bool is_cluster(const struct volume *volume, uint32_t cluster)
{
    return cluster >= FIRST_CLUSTER && cluster - FIRST_CLUSTER < volume->cluster_count;
}

static int slot_write(struct volume *volume, struct fat_slot *slot)
{
    size_t length = MIN(FAT_CACHE_BYTES, volume->table_size - slot->offset);
    int ret = 0;

    for (unsigned i = 0; i < volume->table_count && !ret; i++)
        ret = medium_write(&volume->medium, volume->table + i * volume->table_size + slot->offset,
                           slot->bytes, length);
    if (!ret)
        slot->dirty = false;
    return ret;
}

int fat_table_sync(struct volume *volume)
{
    int ret = 0;

    for (unsigned i = 0; i < FAT_CACHE_SLOTS && !ret; i++) {
        if (volume->cache[i].dirty)
            ret = slot_write(volume, &volume->cache[i]);
    }
    return ret;
}

static int slot_load(struct volume *volume, uint64_t offset, struct fat_slot *slot)
{
    size_t length = MIN(FAT_CACHE_BYTES, volume->table_size - offset);
    int ret = slot->dirty ? slot_write(volume, slot) : 0;

    if (ret)
        return ret;
    slot->valid = false;
    ret = medium_read(&volume->medium, volume->table + offset, slot->bytes, length);
    slot->offset = offset;
    slot->valid = ret == 0;
    return ret;
}

/* The slot that holds the table's byte at `offset`, which is one of the table's. */
static int slot_get(struct volume *volume, uint64_t offset, struct fat_slot **slot)
{
    struct fat_slot *oldest = &volume->cache[0];
    int ret = 0;

    offset = align_down(offset, FAT_CACHE_BYTES);
    *slot = NULL;
    for (unsigned i = 0; i < FAT_CACHE_SLOTS && !*slot; i++) {
        struct fat_slot *s = &volume->cache[i];

        if (s->valid && s->offset == offset)
            *slot = s;
        if (s->used < oldest->used)
            oldest = s;
    }
    if (!*slot) {
        *slot = oldest;
        ret = slot_load(volume, offset, oldest);
    }
    (*slot)->used = ++volume->tick;
    return ret;
}

static int table_byte(struct volume *volume, uint64_t offset, uint8_t **byte, bool change)
{
    struct fat_slot *slot;
    int ret = slot_get(volume, offset, &slot);

    slot->dirty |= change && !ret;
    *byte = slot->bytes + offset % FAT_CACHE_BYTES;
    return ret;
}

/* An entry of FAT12 is one and a half bytes, and may lie in two slots. */
static int get12(struct volume *volume, uint32_t entry, uint32_t *value)
{
    uint64_t offset = entry + entry / 2;
    uint8_t *byte, low;
    int ret = table_byte(volume, offset, &byte, false);

    if (ret)
        return ret;
    low = *byte;
    ret = table_byte(volume, offset + 1, &byte, false);
    if (!ret)
        *value = entry % 2 ? (uint32_t)(low >> 4 | *byte << 4) : (low | (*byte & 0x0fu) << 8);
    return ret;
}

static int set12(struct volume *volume, uint32_t entry, uint32_t value)
{
    uint64_t offset = entry + entry / 2;
    uint8_t *byte;
    int ret = table_byte(volume, offset, &byte, true);

    if (ret)
        return ret;
    *byte = (uint8_t)(entry % 2 ? (*byte & 0x0f) | value << 4 : value);
    ret = table_byte(volume, offset + 1, &byte, true);
    if (!ret)
        *byte = (uint8_t)(entry % 2 ? value >> 4 : (*byte & 0xf0) | value >> 8);
    return ret;
}

static int entry_get(struct volume *volume, uint32_t entry, uint32_t *value)
{
    uint8_t *bytes;
    int ret;

    if (volume->bits == 12)
        return get12(volume, entry, value);
    ret = table_byte(volume, (uint64_t)entry * (volume->bits / 8), &bytes, false);
    if (!ret)
        *value = volume->bits == 16 ? load_le16(bytes) : load_le32(bytes);
    return ret;
}

static int entry_set(struct volume *volume, uint32_t entry, uint32_t value)
{
    uint8_t *bytes;
    int ret;

    if (volume->bits == 12)
        return set12(volume, entry, value & 0xfff);
    ret = table_byte(volume, (uint64_t)entry * (volume->bits / 8), &bytes, true);
    if (!ret && volume->bits == 16)
        store_le16(bytes, (uint16_t)value);
    else if (!ret) /* the four highest bits are not ours */
        store_le32(bytes, (load_le32(bytes) & 0xf0000000u) | (value & 0x0fffffffu));
    return ret;
}

int fat_get(struct volume *volume, uint32_t cluster, uint32_t *next)
{
    uint32_t mask = (uint32_t)bits_mask(MIN(volume->bits, 28));
    int ret = is_cluster(volume, cluster) ? entry_get(volume, cluster, next) : -EBADMSG;

    if (ret)
        return ret;
    *next &= mask;
    if (*next >= (mask & ~7u))
        *next = FAT_END;
    else if (*next == (mask & ~8u))
        *next = FAT_BAD;
    return 0;
}

int fat_set(struct volume *volume, uint32_t cluster, uint32_t next)
{
    return is_cluster(volume, cluster) ? entry_set(volume, cluster, next) : -EBADMSG;
}

/* The highest bit of entry 1 but the reserved ones. */
static uint32_t clean_bit(const struct volume *volume)
{
    return volume->bits == 32 ? (uint32_t)BIT(27) : (uint32_t)BIT(15);
}

int fat_clean_get(struct volume *volume, bool *clean)
{
    uint32_t value = UINT32_MAX;
    int ret = volume->bits == 12 ? 0 : entry_get(volume, 1, &value);

    *clean = value & clean_bit(volume);
    return ret;
}

int fat_clean_set(struct volume *volume, bool clean)
{
    uint32_t value = 0;
    int ret;

    if (volume->bits == 12)
        return 0;
    ret = entry_get(volume, 1, &value);
    value = clean ? value | clean_bit(volume) : value & ~clean_bit(volume);
    return ret ? ret : entry_set(volume, 1, value);
}

int fat_count_free(struct volume *volume)
{
    uint32_t free = 0, next;

    for (uint32_t i = 0; i < volume->cluster_count && !volume->counted; i++) {
        int ret = fat_get(volume, FIRST_CLUSTER + i, &next);

        if (ret)
            return ret;
        free += next == FAT_FREE;
    }
    if (!volume->counted)
        volume->free = free;
    volume->counted = true;
    return 0;
}

void fat_chain_start(struct fat_chain *chain, uint32_t first)
{
    *chain = (struct fat_chain){.first = first, .cluster = first, .mark = first, .mark_until = 1};
}

/* -ENODATA at the end. */
static int chain_step(struct volume *volume, struct fat_chain *chain)
{
    uint32_t next;
    int ret = fat_get(volume, chain->cluster, &next);

    if (ret)
        return ret;
    if (next == FAT_END)
        return -ENODATA;
    if (!is_cluster(volume, next) || next == chain->mark)
        return -EBADMSG;
    chain->cluster = next;
    if (++chain->index == chain->mark_until) {
        chain->mark = next;
        chain->mark_until *= 2;
    }
    return 0;
}

int fat_chain_run(struct volume *volume, struct fat_chain *chain, uint32_t index, uint32_t most,
                  uint32_t *cluster, uint32_t *count)
{
    int ret = 0;

    if (!is_cluster(volume, chain->first))
        return chain->first ? -EBADMSG : -ENODATA;
    if (index < chain->index)
        fat_chain_start(chain, chain->first);
    while (chain->index < index && !ret)
        ret = chain_step(volume, chain);
    if (ret)
        return ret;
    *cluster = chain->cluster;
    for (*count = 1; *count < most; ++*count) {
        uint32_t next;

        if (fat_get(volume, chain->cluster, &next) || next != chain->cluster + 1 ||
            chain_step(volume, chain))
            break;
    }
    return 0;
}

/* A free cluster, taken as the end of a chain. */
static int allocate(struct volume *volume, uint32_t near, uint32_t *cluster)
{
    int ret = fat_count_free(volume);
    uint32_t next, from = is_cluster(volume, near) ? near - FIRST_CLUSTER : 0;

    if (!ret && volume->free == 0)
        return -ENOSPC;
    for (uint32_t i = 0; i < volume->cluster_count && !ret; i++) {
        *cluster = FIRST_CLUSTER + (uint32_t)(((uint64_t)from + i) % volume->cluster_count);
        ret = fat_get(volume, *cluster, &next);
        if (!ret && next == FAT_FREE) {
            volume->free--;
            volume->next_free = *cluster + 1;
            return fat_set(volume, *cluster, FAT_END);
        }
    }
    return ret ? ret : -ENOSPC;
}

/* Frees from `cluster` to the chain's end. A loop ends at the first one that is free already. */
static int release(struct volume *volume, uint32_t cluster)
{
    while (cluster != FAT_END) {
        uint32_t next;
        int ret = fat_get(volume, cluster, &next);

        if (!ret && (next == FAT_FREE || next == FAT_BAD))
            ret = -EBADMSG;
        ret = ret ? ret : fat_set(volume, cluster, FAT_FREE);
        if (ret)
            return ret;
        volume->free++;
        cluster = next;
    }
    return 0;
}

/* Adds a cluster behind `last` (0: as the first). */
static int append(struct volume *volume, struct fat_chain *chain, uint32_t last, uint32_t *new)
{
    int ret = allocate(volume, last ? last + 1 : volume->next_free, new);

    if (!ret && last)
        ret = fat_set(volume, last, *new);
    else if (!ret)
        fat_chain_start(chain, *new);
    return ret;
}

int fat_chain_extend(struct volume *volume, struct fat_chain *chain, uint32_t have, uint32_t count)
{
    uint32_t last = 0, kept = 0, added = 0, next, one;
    int ret = have ? fat_chain_run(volume, chain, have - 1, 1, &last, &one) : 0;

    if (ret == -ENODATA || (!have && chain->first))
        ret = -EBADMSG;
    for (; have < count && !ret; have++) {
        ret = last ? fat_get(volume, last, &next) : 0;
        /* Clusters behind the file's size are the file's already. */
        if (!ret && (!last || next == FAT_END)) {
            ret = append(volume, chain, last, &next);
            if (!ret && !added) {
                added = next;
                kept = last;
            }
        }
        last = next;
    }
    if (!ret || !added)
        return ret;
    release(volume, added);
    if (kept)
        fat_set(volume, kept, FAT_END);
    fat_chain_start(chain, kept ? chain->first : 0);
    return ret;
}

int fat_chain_check(struct volume *volume, struct fat_chain *chain, uint32_t count)
{
    uint32_t cluster, one;
    int ret = count ? fat_chain_run(volume, chain, count - 1, 1, &cluster, &one) : 0;

    if (ret || !chain->first)
        return ret;
    while ((ret = chain_step(volume, chain)) == 0)
        ;
    return ret == -ENODATA ? 0 : ret;
}

int fat_chain_cut(struct volume *volume, struct fat_chain *chain, uint32_t count)
{
    uint32_t cluster, next = chain->first, one;
    int ret = fat_count_free(volume);

    ret = ret ? ret : fat_chain_check(volume, chain, count);
    if (ret || !chain->first)
        return ret;
    if (count) {
        ret = fat_chain_run(volume, chain, count - 1, 1, &cluster, &one);
        ret = ret ? ret : fat_get(volume, cluster, &next);
        ret = ret ? ret : fat_set(volume, cluster, FAT_END);
    }
    fat_chain_start(chain, count ? chain->first : 0);
    return ret ? ret : release(volume, next);
}
