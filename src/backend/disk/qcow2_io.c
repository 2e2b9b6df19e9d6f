/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing a qcow2 disk. A request is cut into runs of clusters that are treated alike:
 * one read or write of the file each.
 */
#include <errno.h>

#include "backend/disk/qcow2.h"
#include "base/units.h"

#define ZERO_BLOCK (64 * KIB)

static struct qcow2 *qcow2_of(struct disk *disk)
{
    return container_of(disk, struct qcow2, disk);
}

static uint64_t vector_length(const struct iovec *iov, int count)
{
    uint64_t length = 0;

    for (int i = 0; i < count; i++)
        length += iov[i].iov_len;
    return length;
}

/* --- reading --- */

/* Past its end a backing file reads as zeros. */
static int backing_read(struct qcow2 *q, struct disk_vec *vec, size_t length, uint64_t offset)
{
    struct iovec part[DISK_VEC_PART];
    uint64_t there = q->backing && offset < q->backing->size ? q->backing->size - offset : 0;
    size_t left = MIN((uint64_t)length, there), zeros = length - left;

    while (left) {
        int count = disk_vec_peek(vec, left, part);
        size_t here = vector_length(part, count);
        int ret = disk_readv(q->backing, part, count, offset);

        if (ret)
            return ret;
        disk_vec_skip(vec, here);
        left -= here;
        offset += here;
    }
    disk_vec_fill(vec, NULL, zeros);
    return 0;
}

/* Reads at guest offset `offset`, within one run that starts with `mapping`. */
static int mapped_read(struct qcow2 *q, const struct qcow2_mapping *mapping, struct disk_vec *vec,
                       size_t length, uint64_t offset)
{
    size_t in = qcow2_in_cluster(q, offset);
    const uint8_t *bytes;
    int ret;

    switch (mapping->kind) {
    case QCOW2_UNALLOCATED: return backing_read(q, vec, length, offset);
    case QCOW2_ZEROS: disk_vec_fill(vec, NULL, length); return 0;
    case QCOW2_PACKED:
        ret = qcow2_unpack(q, mapping->entry, &bytes);
        if (!ret)
            disk_vec_fill(vec, bytes + in, length);
        return ret;
    case QCOW2_DATA: break;
    }
    if (mapping->host >= q->file.size)
        return qcow2_corrupt(q, "a cluster past the end of the file, at 0x%llx",
                             (unsigned long long)mapping->host);
    return disk_file_readv(&q->file, vec, length, mapping->host + in);
}

/* How many bytes from `offset`, at most `length`, can be read as one run that starts with
 * `mapping`. */
static size_t read_run(struct qcow2 *q, const struct qcow2_mapping *mapping, size_t length,
                       uint64_t offset)
{
    size_t run = q->cluster_size - qcow2_in_cluster(q, offset);

    for (uint64_t host = mapping->host; run < length && mapping->kind != QCOW2_PACKED;
         run += q->cluster_size) {
        struct qcow2_mapping next;

        host += q->cluster_size;
        if (qcow2_lookup(q, offset + run, &next) || next.kind != mapping->kind ||
            (next.kind == QCOW2_DATA && next.host != host))
            break;
    }
    return MIN(run, length);
}

static int qcow2_readv(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    struct qcow2 *q = qcow2_of(disk);
    struct disk_vec vec = {iov, count, 0};
    size_t length = vector_length(iov, count);

    while (length) {
        struct qcow2_mapping mapping;
        size_t run;
        int ret = qcow2_lookup(q, offset, &mapping);

        if (ret)
            return ret;
        run = read_run(q, &mapping, length, offset);
        ret = mapped_read(q, &mapping, &vec, run, offset);
        if (ret)
            return ret;
        offset += run;
        length -= run;
    }
    return 0;
}

/* --- writing --- */

/* A run of clusters to be written: guest bytes at `offset`, L2 entries from `index` of `table`. */
struct run {
    struct qcow2_table *table;
    size_t index;
    uint64_t offset;
    size_t length;
    uint64_t host; /* of the first cluster */
    uint64_t clusters;
    bool allocated; /* for this run; otherwise the clusters were the guest's before */
    bool fresh;     /* past the end of the file: reads as zeros where nothing is written */
};

static bool mapping_is_zero(const struct qcow2 *q, const struct qcow2_mapping *mapping)
{
    return mapping->kind == QCOW2_ZEROS || (mapping->kind == QCOW2_UNALLOCATED && !q->backing);
}

/* May be written in place, as data or, once its L2 entry says so, as a cluster that was zeros. */
static bool mapping_is_ours(const struct qcow2_mapping *mapping)
{
    return mapping->copied && mapping->host &&
           (mapping->kind == QCOW2_DATA || mapping->kind == QCOW2_ZEROS);
}

static int entry_at(struct qcow2 *q, const struct run *run, uint64_t i,
                    struct qcow2_mapping *mapping)
{
    return qcow2_entry_decode(q, qcow2_l2_entry(run->table, run->index + i), mapping);
}

/* Sets run->clusters, at most `most`: data clusters of our own that lie in a row, or any that are
 * not ours. */
static int run_measure(struct qcow2 *q, struct run *run, const struct qcow2_mapping *first,
                       uint64_t most)
{
    most = MIN(most, ((uint64_t)1 << q->l2_bits) - run->index);
    for (run->clusters = 1; run->clusters < most; run->clusters++) {
        struct qcow2_mapping next;
        int ret = entry_at(q, run, run->clusters, &next);

        if (ret)
            return ret;
        if (mapping_is_ours(&next) != mapping_is_ours(first))
            break;
        if (mapping_is_ours(first) && (first->kind != QCOW2_DATA || next.kind != QCOW2_DATA ||
                                       next.host != first->host + run->clusters * q->cluster_size))
            break;
    }
    return 0;
}

static int run_check(struct qcow2 *q, const struct run *run)
{
    for (uint64_t i = 0; i < run->clusters; i++)
        if (qcow2_layout_has(q, qcow2_cluster(q, run->host) + i))
            return qcow2_corrupt(q, "an L2 entry points to metadata at offset 0x%llx",
                                 (unsigned long long)(run->host + i * q->cluster_size));
    return 0;
}

/* Copies what the guest does not write now of a cluster of the run, from wherever it was. */
static int run_copy(struct qcow2 *q, const struct run *run, uint64_t at, size_t length)
{
    uint64_t into =
        at - align_down(run->offset, q->cluster_size); /* bytes from the run's first cluster */
    const struct iovec iov = {q->cow, length};
    struct disk_vec vec = {&iov, 1, 0};
    struct qcow2_mapping old;
    int ret = length ? entry_at(q, run, into >> q->cluster_bits, &old) : 0;

    if (ret || length == 0)
        return ret;
    if (run->fresh && mapping_is_zero(q, &old))
        return 0;
    ret = mapped_read(q, &old, &vec, length, at);
    return ret ? ret : disk_file_write(&q->file, q->cow, length, run->host + into);
}

static int run_fill(struct qcow2 *q, const struct run *run, struct disk_vec *vec)
{
    uint64_t end = run->offset + run->length;
    size_t head = qcow2_in_cluster(q, run->offset);
    size_t tail = (size_t)(align_up(end, q->cluster_size) - end);
    int ret = run_copy(q, run, run->offset - head, head);

    ret = ret ? ret : run_copy(q, run, end, tail);
    return ret ? ret : disk_file_writev(&q->file, vec, run->length, run->host + head);
}

/* Points the L2 entries to the run's clusters and lets go of what they pointed to. */
static int run_link(struct qcow2 *q, const struct run *run)
{
    for (uint64_t i = 0; i < run->clusters; i++) {
        struct qcow2_mapping old;
        int ret = entry_at(q, run, i, &old);

        if (ret)
            return ret;
        qcow2_l2_set(run->table, run->index + i, (run->host + i * q->cluster_size) | QCOW2_COPIED);
        if (run->allocated)
            qcow2_entry_free(q, &old);
    }
    return 0;
}

static int run_write_new(struct qcow2 *q, struct run *run, struct disk_vec *vec)
{
    int ret = run_fill(q, run, vec);

    if (ret && run->allocated)
        qcow2_unalloc(q, qcow2_cluster(q, run->host), run->clusters);
    return ret ? ret : run_link(q, run);
}

/* Writes as much as one run takes: sets run->length to it. */
static int run_write(struct qcow2 *q, struct run *run, struct disk_vec *vec)
{
    size_t head = qcow2_in_cluster(q, run->offset);
    uint64_t most = align_up(head + run->length, q->cluster_size) >> q->cluster_bits, cluster;
    struct qcow2_mapping first;
    int ret = qcow2_l2_for_write(q, run->offset, &run->table, &run->index);

    ret = ret ? ret : entry_at(q, run, 0, &first);
    ret = ret ? ret : run_measure(q, run, &first, most);
    if (ret)
        return ret;
    run->host = first.host;
    if (!mapping_is_ours(&first)) {
        ret = qcow2_alloc(q, run->clusters, &cluster, &run->clusters);
        run->host = cluster << q->cluster_bits;
        run->allocated = true;
        run->fresh = run->host >= q->file.size;
    } else {
        ret = run_check(q, run);
    }
    if (ret)
        return ret;
    run->length = MIN((uint64_t)run->length, (run->clusters << q->cluster_bits) - head);
    if (mapping_is_ours(&first) && first.kind == QCOW2_DATA)
        return disk_file_writev(&q->file, vec, run->length, run->host + head);
    return run_write_new(q, run, vec);
}

static int qcow2_writev(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    struct qcow2 *q = qcow2_of(disk);
    struct disk_vec vec = {iov, count, 0};
    size_t length = vector_length(iov, count);

    while (length) {
        struct run run = {.offset = offset, .length = length};
        int ret = q->corrupt ? -EIO : run_write(q, &run, &vec);

        if (ret)
            return ret;
        offset += run.length;
        length -= run.length;
    }
    return 0;
}

/* --- discarding and zeroing --- */

enum zeroing { ZERO_DISCARD, ZERO_UNMAP, ZERO_KEEP };

static int write_zeros(struct qcow2 *q, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[ZERO_BLOCK];
    int ret = 0;

    while (length && !ret) {
        struct iovec iov = {(void *)(uintptr_t)zeros, MIN(length, (uint64_t)sizeof(zeros))};

        ret = qcow2_writev(&q->disk, &iov, 1, offset);
        offset += iov.iov_len;
        length -= iov.iov_len;
    }
    return ret;
}

/* Less than a cluster. */
static int zero_part(struct qcow2 *q, uint64_t offset, uint64_t length)
{
    struct qcow2_mapping mapping;
    int ret = length ? qcow2_lookup(q, offset, &mapping) : 0;

    if (ret || length == 0 || mapping_is_zero(q, &mapping))
        return ret;
    return write_zeros(q, offset, length);
}

/* The entry of a cluster that is to read as zeros. */
static uint64_t zero_entry(const struct qcow2 *q, const struct qcow2_mapping *old, enum zeroing how)
{
    if (how == ZERO_KEEP && mapping_is_ours(old))
        return old->host | QCOW2_COPIED | QCOW2_ZERO;
    return q->backing ? QCOW2_ZERO : 0;
}

static int zero_cluster(struct qcow2 *q, uint64_t offset, enum zeroing how)
{
    struct qcow2_table *table;
    struct qcow2_mapping old;
    uint64_t entry;
    size_t index;
    int ret = qcow2_lookup(q, offset, &old);

    if (ret || (mapping_is_zero(q, &old) && (how == ZERO_KEEP || !old.host)))
        return ret;
    if (q->version < 3 && (q->backing || how == ZERO_KEEP)) /* there is no entry that says so */
        return how == ZERO_DISCARD ? 0 : write_zeros(q, offset, q->cluster_size);
    if (how == ZERO_DISCARD && old.kind == QCOW2_UNALLOCATED)
        return 0; /* the backing file shows through as before */
    ret = qcow2_l2_for_write(q, offset, &table, &index);
    if (ret)
        return ret;
    entry = zero_entry(q, &old, how);
    qcow2_l2_set(table, index, entry);
    if ((entry & QCOW2_OFFSET) == 0)
        qcow2_entry_free(q, &old);
    return q->corrupt ? -EIO : 0;
}

/* Whole clusters; where no L2 table is and no backing file, all is zeros already. */
static int zero_clusters(struct qcow2 *q, uint64_t offset, uint64_t end, enum zeroing how)
{
    uint64_t covered = (uint64_t)q->cluster_size << q->l2_bits;
    int ret = q->corrupt ? -EIO : 0;

    while (offset < end && !ret) {
        if (!q->backing && !qcow2_l2_exists(q, offset)) {
            offset = align_down(offset, covered) + covered;
            continue;
        }
        ret = zero_cluster(q, offset, how);
        offset += q->cluster_size;
    }
    return ret;
}

static int zero_range(struct qcow2 *q, uint64_t offset, uint64_t length, enum zeroing how)
{
    uint64_t end = offset + length, first, last;
    int ret = 0;

    /* What lies past the end of the disk in its last cluster is nobody's. */
    first = align_up(offset, q->cluster_size);
    last = end == q->disk.size ? align_up(end, q->cluster_size) : align_down(end, q->cluster_size);
    if (first > last)
        return how == ZERO_DISCARD ? 0 : zero_part(q, offset, length);
    if (how != ZERO_DISCARD)
        ret = zero_part(q, offset, MIN(first, end) - offset);
    if (!ret && how != ZERO_DISCARD && end > last)
        ret = zero_part(q, last, end - last);
    return ret ? ret : zero_clusters(q, first, last, how);
}

static int qcow2_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    return zero_range(qcow2_of(disk), offset, length, ZERO_DISCARD);
}

static int qcow2_write_zeroes(struct disk *disk, uint64_t offset, uint64_t length, bool may_unmap)
{
    return zero_range(qcow2_of(disk), offset, length, may_unmap ? ZERO_UNMAP : ZERO_KEEP);
}

static int qcow2_flush(struct disk *disk)
{
    return qcow2_commit(qcow2_of(disk));
}

const struct disk_ops qcow2_ops = {
    .readv = qcow2_readv,
    .writev = qcow2_writev,
    .flush = qcow2_flush,
    .discard = qcow2_discard,
    .write_zeroes = qcow2_write_zeroes,
    .close = qcow2_close,
};
