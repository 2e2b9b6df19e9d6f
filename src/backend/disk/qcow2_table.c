/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include "backend/disk/qcow2.h"
#include "base/endian.h"

static size_t l1_index(const struct qcow2 *q, uint64_t offset)
{
    return offset >> (q->cluster_bits + q->l2_bits);
}

static size_t l2_index(const struct qcow2 *q, uint64_t offset)
{
    return (offset >> q->cluster_bits) & bits_mask(q->l2_bits);
}

uint64_t qcow2_l2_entry(const struct qcow2_table *table, size_t index)
{
    return load_be64(table->bytes + 8 * index);
}

void qcow2_l2_set(struct qcow2_table *table, size_t index, uint64_t entry)
{
    store_be64(table->bytes + 8 * index, entry);
    qcow2_table_dirty(table, 8 * index, 8);
}

int qcow2_entry_decode(struct qcow2 *q, uint64_t entry, struct qcow2_mapping *mapping)
{
    *mapping = (struct qcow2_mapping){.entry = entry};
    if (entry & QCOW2_COMPRESSED) {
        mapping->kind = QCOW2_PACKED;
        return 0;
    }
    mapping->host = entry & QCOW2_OFFSET;
    mapping->copied = (entry & QCOW2_COPIED) != 0;
    if (qcow2_in_cluster(q, mapping->host) || (entry & QCOW2_ZERO && q->version < 3))
        return qcow2_corrupt(q, "L2 entry 0x%llx", (unsigned long long)entry);
    if (entry & QCOW2_ZERO)
        mapping->kind = QCOW2_ZEROS;
    else
        mapping->kind = mapping->host ? QCOW2_DATA : QCOW2_UNALLOCATED;
    return 0;
}

int qcow2_lookup(struct qcow2 *q, uint64_t offset, struct qcow2_mapping *mapping)
{
    uint64_t table_offset = q->l1[l1_index(q, offset)] & QCOW2_OFFSET;
    struct qcow2_table *table;
    int ret;

    if (!table_offset) {
        *mapping = (struct qcow2_mapping){.kind = QCOW2_UNALLOCATED};
        return 0;
    }
    if (qcow2_in_cluster(q, table_offset))
        return qcow2_corrupt(q, "an L2 table at offset 0x%llx", (unsigned long long)table_offset);
    ret = qcow2_cache_get(q, &q->l2, table_offset, &table);
    return ret ? ret : qcow2_entry_decode(q, qcow2_l2_entry(table, l2_index(q, offset)), mapping);
}

static void l1_set(struct qcow2 *q, size_t index, uint64_t entry)
{
    bool clean = q->l1_dirty_from >= q->l1_dirty_to;

    q->l1[index] = entry;
    q->l1_dirty_from = clean ? (uint32_t)index : MIN(q->l1_dirty_from, (uint32_t)index);
    q->l1_dirty_to = clean ? (uint32_t)index + 1 : MAX(q->l1_dirty_to, (uint32_t)index + 1);
}

/* Fills a new table from `old`, the offset of one that a snapshot shares, or with nothing (0). */
static int table_copy(struct qcow2 *q, uint64_t old, uint64_t offset, struct qcow2_table **table)
{
    int ret;

    if (old) {
        ret = qcow2_cache_get(q, &q->l2, old, table);
        if (ret)
            return ret;
        memcpy(q->cow, (*table)->bytes, q->cluster_size);
    }
    ret = qcow2_cache_new(q, &q->l2, offset, table);
    if (!ret && old)
        memcpy((*table)->bytes, q->cow, q->cluster_size);
    return ret;
}

/* Gives L1 entry `index` a table of its own. */
static int table_create(struct qcow2 *q, size_t index, struct qcow2_table **table)
{
    uint64_t old = q->l1[index] & QCOW2_OFFSET, cluster, count;
    int ret = qcow2_alloc(q, 1, &cluster, &count);

    if (ret)
        return ret;
    ret = qcow2_layout_add(q, cluster);
    if (!ret) {
        ret = table_copy(q, old, cluster << q->cluster_bits, table);
        if (ret)
            qcow2_layout_remove(q, cluster);
    }
    if (ret) {
        qcow2_unalloc(q, cluster, 1);
        return ret;
    }
    l1_set(q, index, cluster << q->cluster_bits | QCOW2_COPIED);
    if (old) {
        qcow2_layout_remove(q, qcow2_cluster(q, old));
        qcow2_free(q, qcow2_cluster(q, old), 1);
    }
    return 0;
}

int qcow2_l2_for_write(struct qcow2 *q, uint64_t offset, struct qcow2_table **table, size_t *index)
{
    uint64_t entry = q->l1[l1_index(q, offset)];

    *index = l2_index(q, offset);
    if (entry & QCOW2_OFFSET && entry & QCOW2_COPIED)
        return qcow2_cache_get(q, &q->l2, entry & QCOW2_OFFSET, table);
    return table_create(q, l1_index(q, offset), table);
}

bool qcow2_l2_exists(const struct qcow2 *q, uint64_t offset)
{
    return (q->l1[l1_index(q, offset)] & QCOW2_OFFSET) != 0;
}

void qcow2_entry_free(struct qcow2 *q, const struct qcow2_mapping *mapping)
{
    uint64_t offset = mapping->host;
    size_t length = q->cluster_size;

    if (mapping->kind == QCOW2_PACKED)
        qcow2_packed_range(q, mapping->entry, &offset, &length);
    else if (!offset)
        return;
    for (uint64_t at = qcow2_cluster(q, offset); at <= qcow2_cluster(q, offset + length - 1);
         at++) {
        if (qcow2_layout_has(q, at)) {
            qcow2_corrupt(q, "an L2 entry points to metadata at offset 0x%llx",
                          (unsigned long long)(at << q->cluster_bits));
            return;
        }
        qcow2_free(q, at, 1);
    }
}
