/* SPDX-License-Identifier: ISC */
/*
 * Disks: opening an image by its format, and the checks that every format can rely on.
 */
#include "backend/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/disk/private.h"

static const uint8_t qcow2_magic[] = {'Q', 'F', 'I', 0xfb};

static int format_probe(struct disk_file *file, enum disk_format *format)
{
    uint8_t start[sizeof(qcow2_magic)];
    int ret = disk_file_read(file, start, sizeof(start), 0);

    *format = memcmp(start, qcow2_magic, sizeof(start)) ? DISK_FORMAT_RAW : DISK_FORMAT_QCOW2;
    return ret;
}

int disk_open(struct disk **disk, const struct disk_config *config, const struct log *log,
              struct error *err)
{
    enum disk_format format = config->format;
    struct disk_file file;
    int ret = disk_file_open(&file, config->path, config->readonly, err);

    if (ret)
        return ret;
    if (format == DISK_FORMAT_PROBE) {
        ret = format_probe(&file, &format);
        if (ret) {
            disk_file_close(&file);
            return error_set(err, -ret, "%s: cannot be read: %s", config->path, strerror(-ret));
        }
    }
    ret = format == DISK_FORMAT_QCOW2 ? disk_qcow2_open(disk, &file, config, log, err)
                                      : disk_raw_open(disk, &file, config, log, err);
    if (ret)
        return ret;
    (*disk)->path = strdup(config->path);
    if ((*disk)->path)
        return 0;
    disk_close(*disk);
    return error_set(err, ENOMEM, "%s: out of memory", config->path);
}

void disk_close(struct disk *disk)
{
    char *path = disk ? disk->path : NULL;

    if (disk)
        disk->ops->close(disk);
    free(path);
}

/* The guest sees an I/O error; why there was one is for the user to know. */
static int written(struct disk *disk, int ret)
{
    bool guests = ret == -EINVAL || ret == -EROFS || ret == -ENOTSUP;

    if (ret && !guests && disk->failure != -ret) {
        disk->failure = -ret;
        log_warn(disk->log, "%s: cannot be written: %s; the guest gets an I/O error", disk->path,
                 strerror(-ret));
    }
    return ret;
}

static int vector_check(const struct disk *disk, const struct iovec *iov, int count,
                        uint64_t offset)
{
    uint64_t length = 0;

    for (int i = 0; i < count; i++)
        if (__builtin_add_overflow(length, iov[i].iov_len, &length))
            return -EINVAL;
    return count >= 0 && range_fits(offset, length, disk->size) ? 0 : -EINVAL;
}

int disk_readv(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    int ret = vector_check(disk, iov, count, offset);

    return ret ? ret : disk->ops->readv(disk, iov, count, offset);
}

int disk_writev(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    int ret = vector_check(disk, iov, count, offset);

    if (disk->readonly)
        return -EROFS;
    return ret ? ret : written(disk, disk->ops->writev(disk, iov, count, offset));
}

/*
 * After fdatasync has failed with EIO the kernel may have dropped what it could not write, and
 * reports it only once: the next call would say that all is well. What was lost stays lost, so the
 * disk goes on saying so.
 */
int disk_flush(struct disk *disk)
{
    int ret;

    if (disk->readonly)
        return 0;
    if (disk->lost)
        return -EIO;
    ret = disk->ops->flush(disk);
    disk->lost = ret == -EIO;
    return written(disk, ret);
}

int disk_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    if (disk->readonly)
        return -EROFS;
    return range_fits(offset, length, disk->size) ? disk->ops->discard(disk, offset, length)
                                                  : -EINVAL;
}

int disk_write_zeroes(struct disk *disk, uint64_t offset, uint64_t length, bool may_unmap)
{
    if (disk->readonly)
        return -EROFS;
    if (!range_fits(offset, length, disk->size))
        return -EINVAL;
    return written(disk, disk->ops->write_zeroes(disk, offset, length, may_unmap));
}
