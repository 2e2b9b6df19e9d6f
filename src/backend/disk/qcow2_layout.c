/* SPDX-License-Identifier: ISC */
/*
 * The clusters that hold metadata. Guest data is never written to one of them, whatever the tables
 * of a corrupted image say, and none of them is ever allocated, whatever its refcounts say.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/disk/qcow2.h"
#include "base/endian.h"

static size_t slot_of(const struct qcow2_set *set, uint64_t cluster)
{
    size_t at = (size_t)((cluster * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (set->capacity - 1);

    while (set->slots[at] && set->slots[at] != cluster + 1)
        at = (at + 1) & (set->capacity - 1);
    return at;
}

static int set_grow(struct qcow2_set *set)
{
    struct qcow2_set grown = {.capacity = set->capacity ? set->capacity * 2 : 64,
                              .count = set->count};

    grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i])
            grown.slots[slot_of(&grown, set->slots[i] - 1)] = set->slots[i];
    free(set->slots);
    *set = grown;
    return 0;
}

bool qcow2_layout_has(const struct qcow2 *q, uint64_t cluster)
{
    return q->metadata.capacity && q->metadata.slots[slot_of(&q->metadata, cluster)] != 0;
}

int qcow2_layout_add(struct qcow2 *q, uint64_t cluster)
{
    struct qcow2_set *set = &q->metadata;
    size_t at;

    if (set->count * 2 >= set->capacity && set_grow(set))
        return -ENOMEM;
    at = slot_of(set, cluster);
    if (set->slots[at])
        return -EEXIST;
    set->slots[at] = cluster + 1;
    set->count++;
    return 0;
}

/* Closes the gap that a removed entry would leave in the probe sequences (Knuth's algorithm 6.4 R).
 */
void qcow2_layout_remove(struct qcow2 *q, uint64_t cluster)
{
    struct qcow2_set *set = &q->metadata;
    size_t at;

    if (!set->capacity || set->slots[at = slot_of(set, cluster)] == 0)
        return;
    set->slots[at] = 0;
    set->count--;
    for (size_t i = (at + 1) & (set->capacity - 1); set->slots[i];
         i = (i + 1) & (set->capacity - 1)) {
        uint64_t value = set->slots[i];

        set->slots[i] = 0;
        set->slots[slot_of(set, value - 1)] = value;
    }
}

/* Adds the clusters of [offset, offset + length), the metadata called `what`. */
static int add_range(struct qcow2 *q, uint64_t offset, uint64_t length, const char *what,
                     struct error *err)
{
    if (length == 0)
        return 0;
    if (qcow2_in_cluster(q, offset) || !range_fits(offset, length, QCOW2_MAX_OFFSET))
        return error_set(err, EIO, "%s: corrupted: %s at offset 0x%llx", q->path, what,
                         (unsigned long long)offset);
    for (uint64_t at = qcow2_cluster(q, offset); at <= qcow2_cluster(q, offset + length - 1);
         at++) {
        int ret = qcow2_layout_add(q, at);

        if (ret == -EEXIST)
            return error_set(err, EIO, "%s: corrupted: %s at offset 0x%llx overlaps other metadata",
                             q->path, what, (unsigned long long)offset);
        if (ret)
            return error_set(err, -ret, "%s: out of memory", q->path);
    }
    return 0;
}

/* The snapshot table: 40 bytes, extra data, id and name for each snapshot, padded to 8 bytes. */
static int add_snapshots(struct qcow2 *q, struct error *err)
{
    uint64_t at = q->snapshot_offset;
    uint8_t head[40];
    int ret = 0;

    for (uint32_t i = 0; i < q->snapshot_count && !ret; i++) {
        uint64_t l1_bytes, length;

        ret = disk_file_read(&q->file, head, sizeof(head), at);
        if (ret)
            return error_set(err, -ret, "%s: cannot read the snapshot table", q->path);
        length = sizeof(head) + load_be16(head + 12) + load_be16(head + 14) + load_be32(head + 36);
        l1_bytes = (uint64_t)load_be32(head + 8) * 8;
        if (!range_fits(at, length, q->file.size) || l1_bytes > QCOW2_MAX_L1_BYTES)
            return error_set(err, EIO, "%s: corrupted: snapshot %u of %u", q->path, i + 1,
                             q->snapshot_count);
        ret = add_range(q, load_be64(head), l1_bytes, "a snapshot's L1 table", err);
        at = align_up(at + length, 8);
    }
    if (!ret)
        ret = add_range(q, q->snapshot_offset, q->snapshot_count ? at - q->snapshot_offset : 0,
                        "the snapshot table", err);
    return ret;
}

int qcow2_layout_read(struct qcow2 *q, struct error *err)
{
    int ret = add_range(q, 0, 1, "the header", err);

    if (!ret)
        ret = add_range(q, q->l1_offset, (uint64_t)q->l1_size * 8, "the L1 table", err);
    if (!ret)
        ret = add_range(q, q->reftable_offset, (uint64_t)q->reftable_size * 8, "the refcount table",
                        err);
    for (uint32_t i = 0; i < q->reftable_size && !ret; i++)
        if (q->reftable[i])
            ret = add_range(q, q->reftable[i], q->cluster_size, "a refcount block", err);
    for (uint32_t i = 0; i < q->l1_size && !ret; i++)
        if (q->l1[i] & QCOW2_OFFSET)
            ret = add_range(q, q->l1[i] & QCOW2_OFFSET, q->cluster_size, "an L2 table", err);
    return ret ? ret : add_snapshots(q, err);
}
