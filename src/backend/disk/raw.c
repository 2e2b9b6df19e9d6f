/* SPDX-License-Identifier: ISC */
/*
 * Raw images: the file's bytes are the disk's.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/disk/private.h"

struct raw {
    struct disk disk;
    struct disk_file file;
    uint64_t end; /* of the file; the disk's size is rounded up to sectors */
};

static struct raw *raw_of(struct disk *disk)
{
    return container_of(disk, struct raw, disk);
}

static size_t vector_length(const struct iovec *iov, int count)
{
    size_t length = 0;

    for (int i = 0; i < count; i++)
        length += iov[i].iov_len;
    return length;
}

static int raw_readv(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    struct disk_vec vec = {iov, count, 0};

    return disk_file_readv(&raw_of(disk)->file, &vec, vector_length(iov, count), offset);
}

/* A write into the last sector of an odd file would have to leave part of it out. */
static int raw_check(const struct raw *raw, uint64_t offset, uint64_t length)
{
    return offset + length > raw->end ? -EROFS : 0;
}

static int raw_writev(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    struct disk_vec vec = {iov, count, 0};
    size_t length = vector_length(iov, count);
    int ret = raw_check(raw_of(disk), offset, length);

    return ret ? ret : disk_file_writev(&raw_of(disk)->file, &vec, length, offset);
}

static int raw_flush(struct disk *disk)
{
    return disk_file_sync(&raw_of(disk)->file);
}

static int raw_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    int ret = raw_check(raw_of(disk), offset, length);

    return ret ? ret : disk_file_discard(&raw_of(disk)->file, offset, length);
}

static int raw_write_zeroes(struct disk *disk, uint64_t offset, uint64_t length, bool may_unmap)
{
    int ret = raw_check(raw_of(disk), offset, length);

    return ret ? ret : disk_file_zero(&raw_of(disk)->file, offset, length, may_unmap);
}

static void raw_close(struct disk *disk)
{
    struct raw *raw = raw_of(disk);

    disk_flush(disk);
    disk_file_close(&raw->file);
    free(raw);
}

static const struct disk_ops raw_ops = {
    .readv = raw_readv,
    .writev = raw_writev,
    .flush = raw_flush,
    .discard = raw_discard,
    .write_zeroes = raw_write_zeroes,
    .close = raw_close,
};

int disk_raw_open(struct disk **disk, struct disk_file *file, const struct disk_config *config,
                  const struct log *log, struct error *err)
{
    struct raw *raw = config->backing ? NULL : calloc(1, sizeof(*raw));

    if (!raw) {
        disk_file_close(file);
        if (config->backing)
            return error_set(err, EINVAL,
                             "%s: a raw image has no backing file; only qcow2 images do",
                             config->path);
        return error_set(err, ENOMEM, "%s: out of memory", config->path);
    }
    raw->file = *file;
    raw->end = file->size;
    raw->disk = (struct disk){
        .ops = &raw_ops,
        .size = align_up(file->size, DISK_SECTOR),
        .readonly = config->readonly,
        .log = log,
    };
    if (raw->end != raw->disk.size)
        log_warn(log,
                 "%s: its length is no multiple of %d bytes; the last sector reads as if filled "
                 "with zeros and cannot be written",
                 config->path, DISK_SECTOR);
    *disk = &raw->disk;
    return 0;
}
