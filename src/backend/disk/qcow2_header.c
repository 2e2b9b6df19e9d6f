/* SPDX-License-Identifier: ISC */
/*
 * Opening a qcow2 image. Every number of the header is bounded here, before anything is allocated
 * or read by it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/disk/qcow2.h"
#include "base/endian.h"
#include "base/units.h"

#define V2_LENGTH 72
#define V3_LENGTH 104

/* incompatible_features */
#define INCOMPATIBLE_DIRTY       BIT(0)
#define INCOMPATIBLE_CORRUPT     BIT(1)
#define INCOMPATIBLE_EXTERNAL    BIT(2)
#define INCOMPATIBLE_COMPRESSION BIT(3)
#define INCOMPATIBLE_EXTENDED_L2 BIT(4)

#define EXTENSION_BACKING_FORMAT 0xe2792acau

enum compression { COMPRESSION_ZLIB, COMPRESSION_ZSTD };

/* The header, byte for byte (V3_LENGTH and the compression type after it). */
struct header {
    uint8_t bytes[112];
};

static uint32_t field32(const struct header *header, size_t at)
{
    return load_be32(header->bytes + at);
}

static uint64_t field64(const struct header *header, size_t at)
{
    return load_be64(header->bytes + at);
}

#define HEADER_VERSION(h)           field32(h, 4)
#define HEADER_BACKING_OFFSET(h)    field64(h, 8)
#define HEADER_BACKING_LENGTH(h)    field32(h, 16)
#define HEADER_CLUSTER_BITS(h)      field32(h, 20)
#define HEADER_SIZE(h)              field64(h, 24)
#define HEADER_ENCRYPTION(h)        field32(h, 32)
#define HEADER_L1_SIZE(h)           field32(h, 36)
#define HEADER_L1_OFFSET(h)         field64(h, 40)
#define HEADER_REFTABLE_OFFSET(h)   field64(h, 48)
#define HEADER_REFTABLE_CLUSTERS(h) field32(h, 56)
#define HEADER_SNAPSHOT_COUNT(h)    field32(h, 60)
#define HEADER_SNAPSHOT_OFFSET(h)   field64(h, 64)
#define HEADER_INCOMPATIBLE(h)      field64(h, 72)
#define HEADER_REFCOUNT_ORDER(h)    field32(h, 96)
#define HEADER_LENGTH(h)            field32(h, 100)
#define HEADER_COMPRESSION(h)       ((h)->bytes[104])

#define REFTABLE_AT  48
#define AUTOCLEAR_AT 88

static int refuse(const struct qcow2 *q, struct error *err, const char *why)
{
    return error_set(err, ENOTSUP, "%s: this qcow2 image cannot be used: %s", q->path, why);
}

static int malformed(const struct qcow2 *q, struct error *err, const char *field, uint64_t value)
{
    return error_set(err, EINVAL, "%s: not a valid qcow2 image: %s is %llu", q->path, field,
                     (unsigned long long)value);
}

static int features_check(struct qcow2 *q, const struct header *h, struct error *err)
{
    uint64_t incompatible = HEADER_INCOMPATIBLE(h);

    if (incompatible & INCOMPATIBLE_CORRUPT)
        return refuse(q, err, "it is marked as corrupt; repair it with qemu-img check -r all");
    if (incompatible & INCOMPATIBLE_DIRTY && !q->disk.readonly)
        return refuse(q, err,
                      "its reference counts are not up to date since a program that used it "
                      "crashed; repair it with qemu-img check -r all, or open it read-only");
    if (incompatible & INCOMPATIBLE_EXTERNAL)
        return refuse(q, err, "its data is in another file; merge them with qemu-img convert");
    if (incompatible & INCOMPATIBLE_EXTENDED_L2)
        return refuse(q, err, "it has extended L2 entries; remove them with qemu-img convert");
    incompatible &= ~(INCOMPATIBLE_DIRTY | INCOMPATIBLE_COMPRESSION);
    if (incompatible)
        return error_set(err, ENOTSUP,
                         "%s: this qcow2 image needs features 0x%llx that are not known", q->path,
                         (unsigned long long)incompatible);
    return 0;
}

static int version3_check(struct qcow2 *q, const struct header *h, struct error *err)
{
    uint32_t length = HEADER_LENGTH(h);
    int ret = features_check(q, h, err);

    if (ret)
        return ret;
    if (length < V3_LENGTH || length % 8 || length > q->cluster_size)
        return malformed(q, err, "the header's length", length);
    q->refcount_order = HEADER_REFCOUNT_ORDER(h);
    if (q->refcount_order > 6)
        return malformed(q, err, "the refcount order", q->refcount_order);
    if (length > V3_LENGTH && HEADER_INCOMPATIBLE(h) & INCOMPATIBLE_COMPRESSION)
        q->compression = HEADER_COMPRESSION(h);
    if (q->compression != COMPRESSION_ZLIB && q->compression != COMPRESSION_ZSTD)
        return refuse(q, err, "it is compressed in a way that is neither zlib nor zstd");
    return 0;
}

/* Whether a table of `length` bytes at `offset` can be one. */
static bool table_fits(const struct qcow2 *q, uint64_t offset, uint64_t length)
{
    return !qcow2_in_cluster(q, offset) && offset != 0 && range_fits(offset, length, q->file.size);
}

static int tables_check(struct qcow2 *q, const struct header *h, struct error *err)
{
    uint64_t covered = (uint64_t)q->cluster_size << q->l2_bits; /* by one L2 table: at most 2^39 */
    uint64_t reftable = (uint64_t)HEADER_REFTABLE_CLUSTERS(h) << q->cluster_bits;

    q->l1_size = HEADER_L1_SIZE(h);
    q->l1_offset = HEADER_L1_OFFSET(h);
    if ((uint64_t)q->l1_size * 8 > QCOW2_MAX_L1_BYTES)
        return malformed(q, err, "the size of the L1 table", q->l1_size);
    if (q->disk.size > INT64_MAX / 2 || q->disk.size > q->l1_size * covered)
        return malformed(q, err, "the L1 table's size, which is too small for the disk,",
                         q->l1_size);
    if (q->l1_size && !table_fits(q, q->l1_offset, (uint64_t)q->l1_size * 8))
        return malformed(q, err, "the offset of the L1 table", q->l1_offset);
    q->reftable_offset = HEADER_REFTABLE_OFFSET(h);
    if (reftable == 0 || reftable > QCOW2_MAX_REFT_BYTES)
        return malformed(q, err, "the number of refcount table clusters",
                         HEADER_REFTABLE_CLUSTERS(h));
    if (!table_fits(q, q->reftable_offset, reftable))
        return malformed(q, err, "the offset of the refcount table", q->reftable_offset);
    q->reftable_size = (uint32_t)(reftable / 8);
    q->snapshot_count = HEADER_SNAPSHOT_COUNT(h);
    q->snapshot_offset = HEADER_SNAPSHOT_OFFSET(h);
    if (q->snapshot_count > QCOW2_MAX_SNAPSHOTS)
        return malformed(q, err, "the number of snapshots", q->snapshot_count);
    if (q->snapshot_count && !table_fits(q, q->snapshot_offset, 40 * (uint64_t)q->snapshot_count))
        return malformed(q, err, "the offset of the snapshot table", q->snapshot_offset);
    return 0;
}

static int header_check(struct qcow2 *q, const struct header *h, struct error *err)
{
    int ret = 0;

    q->version = HEADER_VERSION(h);
    if (q->version != 2 && q->version != 3)
        return malformed(q, err, "the version", q->version);
    q->cluster_bits = HEADER_CLUSTER_BITS(h);
    if (q->cluster_bits < 9 || q->cluster_bits > 21)
        return malformed(q, err, "the cluster size in bits", q->cluster_bits);
    q->cluster_size = (size_t)1 << q->cluster_bits;
    q->l2_bits = q->cluster_bits - 3;
    q->refcount_order = 4;
    if (HEADER_ENCRYPTION(h))
        return refuse(q, err, "it is encrypted; decrypt it with qemu-img convert");
    if (HEADER_SIZE(h) > INT64_MAX / 2)
        return malformed(q, err, "the size of the disk", HEADER_SIZE(h));
    q->disk.size = align_up(HEADER_SIZE(h), DISK_SECTOR);
    if (q->version == 3)
        ret = version3_check(q, h, err);
    return ret ? ret : tables_check(q, h, err);
}

/* Reads a table of big-endian 64-bit numbers. */
static int table_read(struct qcow2 *q, uint64_t offset, size_t count, uint64_t **table)
{
    int ret;

    *table = calloc(MAX(count, (size_t)1), sizeof(**table));
    if (!*table)
        return -ENOMEM;
    ret = disk_file_read(&q->file, *table, count * sizeof(**table), offset);
    for (size_t i = 0; i < count; i++)
        (*table)[i] = load_be64(&(*table)[i]);
    return ret;
}

/* Extensions are u32 type, u32 length, data padded to 8 bytes, up to type 0 or the backing file's
 * name. */
static int extensions_read(struct qcow2 *q, const struct header *h, struct error *err)
{
    uint64_t at = q->version == 3 ? HEADER_LENGTH(h) : V2_LENGTH;
    uint64_t end = q->has_backing ? HEADER_BACKING_OFFSET(h) : q->cluster_size;
    uint8_t head[8];
    int ret = 0;

    while (at + sizeof(head) <= end && !ret) {
        uint32_t type, length;

        ret = disk_file_read(&q->file, head, sizeof(head), at);
        type = load_be32(head);
        length = load_be32(head + 4);
        at += sizeof(head);
        if (ret || type == 0)
            break;
        if (length > end - at)
            return malformed(q, err, "the length of a header extension", length);
        if (type == EXTENSION_BACKING_FORMAT && length < sizeof(q->backing_format))
            ret = disk_file_read(&q->file, q->backing_format, length, at);
        at = align_up(at + length, 8);
    }
    return ret ? error_set(err, -ret, "%s: cannot be read: %s", q->path, strerror(-ret)) : 0;
}

static int backing_check(struct qcow2 *q, const struct header *h, struct error *err)
{
    uint64_t offset = HEADER_BACKING_OFFSET(h);
    uint32_t length = HEADER_BACKING_LENGTH(h);

    q->has_backing = offset != 0 && length != 0;
    if (q->has_backing && (length > 1023 || !range_fits(offset, length, q->cluster_size)))
        return malformed(q, err, "the offset of the backing file's name", offset);
    return 0;
}

int qcow2_header_read(struct qcow2 *q, struct error *err)
{
    struct header header = {0};
    int ret = disk_file_read(&q->file, header.bytes, sizeof(header.bytes), 0);

    if (ret)
        return error_set(err, -ret, "%s: cannot be read: %s", q->path, strerror(-ret));
    if (memcmp(header.bytes, "QFI\xfb", 4))
        return error_set(err, EINVAL, "%s: not a qcow2 image", q->path);
    ret = header_check(q, &header, err);
    ret = ret ? ret : backing_check(q, &header, err);
    ret = ret ? ret : extensions_read(q, &header, err);
    if (ret)
        return ret;
    ret = table_read(q, q->l1_offset, q->l1_size, &q->l1);
    ret = ret ? ret : table_read(q, q->reftable_offset, q->reftable_size, &q->reftable);
    return ret ? error_set(err, -ret, "%s: cannot read the tables: %s", q->path, strerror(-ret))
               : 0;
}

int qcow2_header_begin_writing(struct qcow2 *q, struct error *err)
{
    uint8_t autoclear[8];
    int ret;

    if (q->version < 3)
        return 0;
    ret = disk_file_read(&q->file, autoclear, sizeof(autoclear), AUTOCLEAR_AT);
    if (!ret && load_be64(autoclear) != 0) {
        memset(autoclear, 0, sizeof(autoclear));
        ret = disk_file_write(&q->file, autoclear, sizeof(autoclear), AUTOCLEAR_AT);
        ret = ret ? ret : disk_file_sync(&q->file);
    }
    return ret ? error_set(err, -ret, "%s: cannot write the header: %s", q->path, strerror(-ret))
               : 0;
}

int qcow2_header_set_reftable(struct qcow2 *q, uint64_t offset, uint32_t clusters)
{
    uint8_t bytes[12]; /* both fields at once, within one sector */
    int ret;

    store_be64(bytes, offset);
    store_be32(bytes + 8, clusters);
    ret = disk_file_write(&q->file, bytes, sizeof(bytes), REFTABLE_AT);
    return ret ? ret : disk_file_sync(&q->file);
}
