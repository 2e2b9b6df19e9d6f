/* SPDX-License-Identifier: ISC */
/*
 * Reference counts. The refcount table points to refcount blocks, which hold one count of 1 <<
 * refcount_order bits for every cluster of the file; a missing block means that none of its
 * clusters is used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/disk/qcow2.h"
#include "base/endian.h"

/* Counts in one block. */
static uint64_t block_counts(const struct qcow2 *q)
{
    return (uint64_t)q->cluster_size * 8 >> q->refcount_order;
}

/* Counts narrower than a byte are filled in from the least significant bit. */
static uint64_t count_get(const struct qcow2 *q, const uint8_t *block, uint64_t index)
{
    switch (q->refcount_order) {
    case 4: return load_be16(block + 2 * index);
    case 5: return load_be32(block + 4 * index);
    case 6: return load_be64(block + 8 * index);
    default: {
        unsigned bits = 1u << q->refcount_order;

        return (block[index * bits / 8] >> (index * bits % 8)) & bits_mask(bits);
    }
    }
}

static void count_set(const struct qcow2 *q, struct qcow2_table *table, uint64_t index,
                      uint64_t count)
{
    unsigned bits = 1u << q->refcount_order;
    uint8_t *at = table->bytes + index * bits / 8;

    switch (q->refcount_order) {
    case 4: store_be16(at, (uint16_t)count); break;
    case 5: store_be32(at, (uint32_t)count); break;
    case 6: store_be64(at, count); break;
    default:
        *at &= (uint8_t) ~(bits_mask(bits) << (index * bits % 8));
        *at |= (uint8_t)(count << (index * bits % 8));
    }
    qcow2_table_dirty(table, index * bits / 8, MAX(bits / 8, 1u));
}

/* --- blocks and the table --- */

/*
 * A new block for table entry `at`, in the first cluster that it covers: the block's first count is
 * its own. The medium has the block before the table points to it.
 */
static int block_create(struct qcow2 *q, uint64_t at)
{
    uint64_t cluster = at * block_counts(q), offset = cluster << q->cluster_bits;
    struct qcow2_table *table;
    uint8_t entry[8];
    int ret = qcow2_layout_add(q, cluster);

    if (ret == -EEXIST)
        return qcow2_corrupt(q, "metadata at offset 0x%llx is not counted as used",
                             (unsigned long long)offset);
    if (ret)
        return ret;
    store_be64(entry, offset);
    ret = qcow2_cache_new(q, &q->refcounts, offset, &table);
    if (!ret) {
        count_set(q, table, 0, 1);
        ret = disk_file_write(&q->file, table->bytes, q->cluster_size, offset);
        ret = ret ? ret : disk_file_sync(&q->file);
        ret = ret ? ret
                  : disk_file_write(&q->file, entry, sizeof(entry), q->reftable_offset + 8 * at);
        table->dirty_from = table->dirty_to = 0;
        if (ret)
            table->offset = 0;
    }
    if (ret) {
        qcow2_layout_remove(q, cluster);
        return ret;
    }
    q->reftable[at] = offset;
    return 0;
}

/* The clusters of a grown table and of the blocks that count them, from the first that the old one
 * did not. */
struct growth {
    uint64_t first;            /* cluster: the blocks, then the table */
    uint64_t blocks, clusters; /* of the table */
};

static int growth_plan(const struct qcow2 *q, struct growth *growth)
{
    uint64_t counts = block_counts(q), entries;

    growth->first = q->reftable_size * counts;
    growth->blocks = 1;
    for (;;) {
        entries = q->reftable_size + q->reftable_size / 2 + growth->blocks;
        growth->clusters = align_up(entries * 8, q->cluster_size) >> q->cluster_bits;
        if (growth->blocks * counts >= growth->blocks + growth->clusters)
            break;
        growth->blocks++;
    }
    if (growth->clusters << q->cluster_bits > QCOW2_MAX_REFT_BYTES)
        return -EFBIG;
    return growth->first + growth->blocks * counts > QCOW2_MAX_OFFSET >> q->cluster_bits ? -EFBIG
                                                                                         : 0;
}

static int growth_write_blocks(struct qcow2 *q, const struct growth *growth)
{
    uint64_t counts = block_counts(q), used = growth->blocks + growth->clusters;
    struct qcow2_table block = {.bytes = malloc(q->cluster_size)};
    int ret = block.bytes ? 0 : -ENOMEM;

    for (uint64_t i = 0; i < growth->blocks && !ret; i++) {
        memset(block.bytes, 0, q->cluster_size);
        for (uint64_t c = 0; c < counts && i * counts + c < used; c++)
            count_set(q, &block, c, 1);
        ret = disk_file_write(&q->file, block.bytes, q->cluster_size,
                              (growth->first + i) << q->cluster_bits);
    }
    free(block.bytes);
    return ret;
}

/* Returns the grown table in host order, which is on the medium in the file's. */
static int growth_write_table(struct qcow2 *q, const struct growth *growth, uint64_t **table)
{
    size_t bytes = growth->clusters << q->cluster_bits, entries = bytes / 8;
    uint64_t *swapped = calloc(entries, 8);
    int ret;

    *table = calloc(entries, 8);
    if (!*table || !swapped) {
        free(swapped);
        return -ENOMEM;
    }
    memcpy(*table, q->reftable, (size_t)q->reftable_size * 8);
    for (uint64_t i = 0; i < growth->blocks; i++)
        (*table)[q->reftable_size + i] = (growth->first + i) << q->cluster_bits;
    for (size_t i = 0; i < entries; i++)
        store_be64(&swapped[i], (*table)[i]);
    ret = disk_file_write(&q->file, swapped, bytes,
                          (growth->first + growth->blocks) << q->cluster_bits);
    free(swapped);
    return ret ? ret : disk_file_sync(&q->file);
}

static int growth_reserve(struct qcow2 *q, const struct growth *growth)
{
    uint64_t count = growth->blocks + growth->clusters;

    for (uint64_t i = 0; i < count; i++) {
        int ret = qcow2_layout_add(q, growth->first + i);

        if (ret) {
            while (i-- > 0)
                qcow2_layout_remove(q, growth->first + i);
            return ret == -EEXIST
                       ? qcow2_corrupt(q, "metadata at cluster %llu is not counted as used",
                                       (unsigned long long)(growth->first + i))
                       : ret;
        }
    }
    return 0;
}

/* Replaces the refcount table by one half as large again. Nothing refers to the new one before the
 * header does. */
static int reftable_grow(struct qcow2 *q)
{
    uint64_t old = qcow2_cluster(q, q->reftable_offset), *table = NULL;
    uint64_t old_clusters = (uint64_t)q->reftable_size * 8 >> q->cluster_bits;
    struct growth growth;
    int ret = growth_plan(q, &growth);

    ret = ret ? ret : growth_reserve(q, &growth);
    if (ret)
        return ret;
    ret = growth_write_blocks(q, &growth);
    ret = ret ? ret : growth_write_table(q, &growth, &table);
    ret = ret ? ret
              : qcow2_header_set_reftable(q, (growth.first + growth.blocks) << q->cluster_bits,
                                          (uint32_t)growth.clusters);
    if (ret) {
        for (uint64_t i = 0; i < growth.blocks + growth.clusters; i++)
            qcow2_layout_remove(q, growth.first + i);
        free(table);
        return ret;
    }
    free(q->reftable);
    q->reftable = table;
    q->reftable_size = (uint32_t)(growth.clusters << q->cluster_bits >> 3);
    q->reftable_offset = (growth.first + growth.blocks) << q->cluster_bits;
    for (uint64_t i = 0; i < old_clusters; i++)
        qcow2_layout_remove(q, old + i);
    qcow2_free(q, old, old_clusters);
    return 0;
}

/* The block that counts `cluster`, made if need be. */
static int block_for(struct qcow2 *q, uint64_t cluster, struct qcow2_table **table)
{
    uint64_t at = cluster / block_counts(q);
    int ret = 0;

    if (cluster >= QCOW2_MAX_OFFSET >> q->cluster_bits)
        return -EFBIG;
    while (at >= q->reftable_size && !ret)
        ret = reftable_grow(q);
    if (!ret && q->reftable[at] == 0)
        ret = block_create(q, at);
    return ret ? ret : qcow2_cache_get(q, &q->refcounts, q->reftable[at], table);
}

/* --- allocating and freeing --- */

/* Finds the first free cluster from the hint on, and its block. */
static int free_find(struct qcow2 *q, uint64_t *cluster, struct qcow2_table **table)
{
    uint64_t counts = block_counts(q);

    for (*cluster = q->free_hint;; *cluster += counts - *cluster % counts) {
        int ret = block_for(q, *cluster, table);

        if (ret)
            return ret;
        for (uint64_t i = *cluster % counts; i < counts; i++)
            if (count_get(q, (*table)->bytes, i) == 0) {
                *cluster += i - *cluster % counts;
                return 0;
            }
    }
}

int qcow2_alloc(struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *count)
{
    uint64_t counts = block_counts(q), index;
    struct qcow2_table *table;
    int ret = free_find(q, cluster, &table);

    if (ret)
        return ret;
    index = *cluster % counts;
    for (*count = 0; *count < want && index + *count < counts; ++*count) {
        if (count_get(q, table->bytes, index + *count))
            break;
        if (qcow2_layout_has(q, *cluster + *count)) {
            qcow2_unalloc(q, *cluster, *count);
            return qcow2_corrupt(q, "metadata at offset 0x%llx is not counted as used",
                                 (unsigned long long)((*cluster + *count) << q->cluster_bits));
        }
        count_set(q, table, index + *count, 1);
    }
    q->free_hint = *cluster + *count;
    return 0;
}

/* One reference less. Returns the count that is left, or -errno. */
static int64_t count_down(struct qcow2 *q, uint64_t cluster)
{
    uint64_t counts = block_counts(q), count, at = cluster / counts;
    struct qcow2_table *table;
    int ret;

    if (at >= q->reftable_size || q->reftable[at] == 0)
        return qcow2_corrupt(q, "cluster %llu is used but not counted",
                             (unsigned long long)cluster);
    ret = qcow2_cache_get(q, &q->refcounts, q->reftable[at], &table);
    if (ret)
        return ret;
    count = count_get(q, table->bytes, cluster % counts);
    if (count == 0)
        return qcow2_corrupt(q, "cluster %llu is used but not counted",
                             (unsigned long long)cluster);
    count_set(q, table, cluster % counts, count - 1);
    if (count == 1)
        q->free_hint = MIN(q->free_hint, cluster);
    return count > 1; /* all that a caller wants to know, and it fits */
}

void qcow2_unalloc(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        count_down(q, cluster + i);
}

void qcow2_free(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
    struct qcow2_range *last = q->free_count ? &q->frees[q->free_count - 1] : NULL;

    if (last && last->cluster + last->count == cluster) {
        last->count += count;
        return;
    }
    if (q->free_count == QCOW2_MAX_FREES && qcow2_commit(q))
        return; /* a leak: qemu-img check -r leaks finds it */
    q->frees[q->free_count++] = (struct qcow2_range){cluster, count};
}

/* Clusters that nobody uses are given back to the host. */
static void range_apply(struct qcow2 *q, const struct qcow2_range *range)
{
    uint64_t first = 0, run = 0;

    for (uint64_t i = 0; i < range->count; i++) {
        int64_t left = count_down(q, range->cluster + i);

        if (left == 0) {
            first = run ? first : range->cluster + i;
            run++;
        }
        if (left != 0 || i + 1 == range->count) {
            disk_file_discard(&q->file, first << q->cluster_bits, run << q->cluster_bits);
            run = 0;
        }
        if (left < 0)
            return;
    }
}

void qcow2_frees_apply(struct qcow2 *q)
{
    size_t count = q->free_count;

    q->free_count = 0;
    for (size_t i = 0; i < count; i++)
        range_apply(q, &q->frees[i]);
}
