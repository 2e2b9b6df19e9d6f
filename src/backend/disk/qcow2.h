/* SPDX-License-Identifier: ISC */
/*
 * QCOW2 images, versions 2 and 3, as docs/interop/qcow2.txt of QEMU describes them.
 *
 *     qcow2.c           life, and what to do about an image that contradicts itself
 *     qcow2_header.c    opening: every field is checked before it is used
 *     qcow2_layout.c    where metadata lies, so that nothing else is ever written there
 *     qcow2_cache.c     tables in memory, and the order in which they reach the medium
 *     qcow2_refcount.c  who uses which cluster: allocating and freeing
 *     qcow2_table.c     L1 and L2: from guest offsets to clusters
 *     qcow2_compress.c  compressed clusters
 *     qcow2_io.c        the operations of a disk
 *
 * Crash safety. Whatever the moment, what is on the medium may count references too many (a leak)
 * but never too few, and no table points to bytes that are not there yet. qcow2_commit keeps the
 * order:
 *
 *     data and counts that went up | L2 tables | L1 entries | counts that go down
 *
 * with a sync at each bar. A cluster that nobody uses any more is therefore only noted (qcow2_free)
 * and can be reused, or given back to the host, after the next commit.
 *
 * An image whose tables contradict each other is never written: see qcow2_corrupt.
 */
#ifndef BACKEND_DISK_QCOW2_H
#define BACKEND_DISK_QCOW2_H

#include "backend/disk/private.h"

/* L1 and L2 entries */
#define QCOW2_COPIED     BIT(63) /* the reference count is exactly one: may be written in place */
#define QCOW2_COMPRESSED BIT(62)
#define QCOW2_ZERO       BIT(0) /* L2 of version 3: reads as zeros, whatever the offset says */
#define QCOW2_OFFSET     UINT64_C(0x00fffffffffffe00)

#define QCOW2_MAX_OFFSET     BIT(56)
#define QCOW2_MAX_L1_BYTES   (32u << 20)
#define QCOW2_MAX_REFT_BYTES (8u << 20)
#define QCOW2_MAX_SNAPSHOTS  65536u

/* A table of one cluster, in memory: an L2 table or a refcount block, as on the medium
 * (big-endian). */
struct qcow2_table {
    uint64_t offset; /* in the file; 0: this place is free */
    uint8_t *bytes;
    uint64_t used; /* the cache's clock when it was used last */
    size_t dirty_from, dirty_to;
};

struct qcow2_cache {
    struct qcow2_table *tables;
    unsigned count;
    uint64_t clock;
};

/* A set of cluster numbers: an open hash table of number + 1, 0 when free. */
struct qcow2_set {
    uint64_t *slots;
    size_t capacity, count; /* capacity is a power of two */
};

struct qcow2_range {
    uint64_t cluster, count;
};

#define QCOW2_MAX_FREES 4096

struct qcow2 {
    struct disk disk;
    struct disk_file file;
    struct disk *backing; /* NULL: none */
    char *path;
    bool corrupt;

    unsigned version, cluster_bits, refcount_order, compression;
    size_t cluster_size;
    unsigned l2_bits; /* entries of an L2 table: 1 << l2_bits */
    bool has_backing; /* the header names one */
    char backing_format[16];

    uint64_t *l1; /* host order */
    uint32_t l1_size;
    uint64_t l1_offset;
    uint32_t l1_dirty_from, l1_dirty_to;

    uint64_t *reftable;     /* host order */
    uint32_t reftable_size; /* entries */
    uint64_t reftable_offset;

    uint32_t snapshot_count;
    uint64_t snapshot_offset;

    struct qcow2_cache l2, refcounts;
    struct qcow2_set metadata; /* only of an image that may be written */
    uint64_t free_hint;        /* no cluster below it is free */
    struct qcow2_range *frees; /* QCOW2_MAX_FREES of them */
    size_t free_count;

    uint8_t *cow;                /* a cluster, for copies */
    uint8_t *uncompressed;       /* the cluster that was decompressed last ... */
    uint64_t uncompressed_entry; /* ... from this L2 entry; 0: none */
    uint8_t *compressed;         /* two clusters */
};

static inline uint64_t qcow2_cluster(const struct qcow2 *q, uint64_t offset)
{
    return offset >> q->cluster_bits;
}

static inline size_t qcow2_in_cluster(const struct qcow2 *q, uint64_t offset)
{
    return offset & (q->cluster_size - 1);
}

/* Notes, once, what is wrong with the image and refuses writes from now on. Returns -EIO. */
int qcow2_corrupt(struct qcow2 *q, const char *format, ...) PRINTF(2, 3);

void qcow2_close(struct disk *disk);

/* --- qcow2_header.c --- */

/* Reads and checks the header, the L1 table and the refcount table. Returns 0 or -errno. */
int qcow2_header_read(struct qcow2 *q, struct error *err);

/* Says in the header that extensions which this program does not keep up to date are stale. */
int qcow2_header_begin_writing(struct qcow2 *q, struct error *err);

/* Makes the header point to another refcount table, on the medium. Returns 0 or -errno. */
int qcow2_header_set_reftable(struct qcow2 *q, uint64_t offset, uint32_t clusters);

/* --- qcow2_layout.c --- */

/* Collects where all metadata lies. Returns 0, -ENOMEM, or -EIO with `err` when two tables overlap.
 */
int qcow2_layout_read(struct qcow2 *q, struct error *err);
bool qcow2_layout_has(const struct qcow2 *q, uint64_t cluster);
int qcow2_layout_add(struct qcow2 *q, uint64_t cluster); /* 0, -EEXIST or -ENOMEM */
void qcow2_layout_remove(struct qcow2 *q, uint64_t cluster);

/* --- qcow2_cache.c --- */

int qcow2_cache_init(struct qcow2 *q, struct qcow2_cache *cache);
void qcow2_cache_free(struct qcow2_cache *cache);

/* The table at `offset`, read if need be, or new and zero. Valid until the next call for the same
 * cache. Return 0 or -errno. */
int qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, uint64_t offset,
                    struct qcow2_table **table);
int qcow2_cache_new(struct qcow2 *q, struct qcow2_cache *cache, uint64_t offset,
                    struct qcow2_table **table);

/* `length` bytes from `from` of the table were changed. */
void qcow2_table_dirty(struct qcow2_table *table, size_t from, size_t length);

/* Writes all that is dirty in the order above and syncs. Returns 0 or -errno; what could not be
 * written stays dirty. */
int qcow2_commit(struct qcow2 *q);

/* --- qcow2_refcount.c --- */

/* Finds 1 to `want` free clusters in a row and counts one reference to each. Returns 0 or -errno.
 */
int qcow2_alloc(struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *count);

/* Takes back an allocation that no table points to yet. */
void qcow2_unalloc(struct qcow2 *q, uint64_t cluster, uint64_t count);

/* One reference less to each of `count` clusters, after the next commit. */
void qcow2_free(struct qcow2 *q, uint64_t cluster, uint64_t count);

/* qcow2_commit's last step. */
void qcow2_frees_apply(struct qcow2 *q);

/* --- qcow2_table.c --- */

enum qcow2_kind { QCOW2_UNALLOCATED, QCOW2_ZEROS, QCOW2_DATA, QCOW2_PACKED };

/* What an L2 entry says. */
struct qcow2_mapping {
    enum qcow2_kind kind;
    uint64_t host;  /* QCOW2_DATA, and QCOW2_ZEROS with a cluster of its own (0: without) */
    uint64_t entry; /* as it is in the table */
    bool copied;
};

/* Looks up the cluster at guest offset `offset`. Returns 0 or -EIO. */
int qcow2_lookup(struct qcow2 *q, uint64_t offset, struct qcow2_mapping *mapping);

/* Makes the L2 table that covers `offset` exist and be this image's alone, then returns it and the
 * first index. Returns 0 or -errno. */
int qcow2_l2_for_write(struct qcow2 *q, uint64_t offset, struct qcow2_table **table, size_t *index);

/* Whether there is an L2 table for guest offset `offset`. */
bool qcow2_l2_exists(const struct qcow2 *q, uint64_t offset);

uint64_t qcow2_l2_entry(const struct qcow2_table *table, size_t index);
void qcow2_l2_set(struct qcow2_table *table, size_t index, uint64_t entry);

/* Decodes an entry. Returns 0, or -EIO for one that cannot be. */
int qcow2_entry_decode(struct qcow2 *q, uint64_t entry, struct qcow2_mapping *mapping);

/* Drops the references of an entry that is in no table any more. */
void qcow2_entry_free(struct qcow2 *q, const struct qcow2_mapping *mapping);

/* --- qcow2_compress.c --- */

/* Where a compressed cluster's bytes lie. */
void qcow2_packed_range(const struct qcow2 *q, uint64_t entry, uint64_t *offset, size_t *length);

/* The cluster that a compressed entry stands for: *bytes is valid until the next call. Returns 0 or
 * -errno. */
int qcow2_unpack(struct qcow2 *q, uint64_t entry, const uint8_t **bytes);

/* --- qcow2_io.c --- */

extern const struct disk_ops qcow2_ops;

#endif
