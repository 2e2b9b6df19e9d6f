/* SPDX-License-Identifier: ISC */
/*
 * Compressed clusters, which are read and never written: a raw deflate stream, or one zstd frame,
 * at any byte of the file, in whole sectors but for the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "backend/disk/qcow2.h"

#define COMPRESSION_ZSTD 1

void qcow2_packed_range(const struct qcow2 *q, uint64_t entry, uint64_t *offset, size_t *length)
{
    unsigned size_bits = q->cluster_bits - 8, offset_bits = 62 - size_bits;
    size_t sectors = (size_t)bits_get(entry, 61, offset_bits) + 1;

    *offset = entry & bits_mask(offset_bits);
    *length = sectors * DISK_SECTOR - (*offset & (DISK_SECTOR - 1));
}

static bool unpack_deflate(struct qcow2 *q, size_t length)
{
    z_stream stream = {
        .next_in = q->compressed,
        .avail_in = (uInt)length,
        .next_out = q->uncompressed,
        .avail_out = (uInt)q->cluster_size,
    };

    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) /* negative: without zlib's header */
        return false;
    inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return stream.avail_out == 0;
}

/* The frame's length is not in the table; what follows it in its last sector is not part of it. */
static bool unpack_zstd(struct qcow2 *q, size_t length)
{
    size_t frame = ZSTD_findFrameCompressedSize(q->compressed, length);

    return !ZSTD_isError(frame) && ZSTD_decompress(q->uncompressed, q->cluster_size, q->compressed,
                                                   frame) == q->cluster_size;
}

static int buffers_create(struct qcow2 *q)
{
    if (!q->uncompressed)
        q->uncompressed = malloc(q->cluster_size);
    if (!q->compressed)
        q->compressed = malloc(2 * q->cluster_size);
    return q->uncompressed && q->compressed ? 0 : -ENOMEM;
}

int qcow2_unpack(struct qcow2 *q, uint64_t entry, const uint8_t **bytes)
{
    uint64_t offset;
    size_t length;
    bool ok;
    int ret = buffers_create(q);

    *bytes = q->uncompressed;
    if (ret || q->uncompressed_entry == entry)
        return ret;
    q->uncompressed_entry = 0;
    qcow2_packed_range(q, entry, &offset, &length);
    if (offset >= q->file.size)
        return qcow2_corrupt(q, "a compressed cluster past the end of the file, at 0x%llx",
                             (unsigned long long)offset);
    ret = disk_file_read(&q->file, q->compressed, length, offset);
    if (ret)
        return ret;
    ok = q->compression == COMPRESSION_ZSTD ? unpack_zstd(q, length) : unpack_deflate(q, length);
    if (!ok)
        return qcow2_corrupt(q, "the compressed cluster at offset 0x%llx",
                             (unsigned long long)offset);
    q->uncompressed_entry = entry;
    return 0;
}
