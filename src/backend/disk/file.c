/* SPDX-License-Identifier: ISC */
#include "backend/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"

#define ZERO_BLOCK (64 * KIB)

static int file_size(struct disk_file *file)
{
    struct stat st;

    if (fstat(file->fd, &st))
        return -errno;
    file->device = S_ISBLK(st.st_mode);
    if (file->device)
        return disk_os_device_size(file->fd, &file->size);
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    file->size = (uint64_t)st.st_size;
    return 0;
}

int disk_file_open(struct disk_file *file, const char *path, bool readonly, struct error *err)
{
    int ret;

    /* O_NONBLOCK: a FIFO by this name must not hold us up; it means nothing to files and devices.
     */
    *file = (struct disk_file){.readonly = readonly};
    file->fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return error_set(err, errno, "%s: cannot open the disk image%s: %s", path,
                         readonly ? "" : " for writing", strerror(errno));
    ret = file_size(file);
    if (ret)
        error_set(err, -ret, "%s: %s", path,
                  ret == -EINVAL ? "neither a file nor a block device" : strerror(-ret));
    else
        ret = disk_lock(file->fd, path, !readonly, err);
    if (ret)
        disk_file_close(file);
    return ret;
}

void disk_file_close(struct disk_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

int disk_file_readv(struct disk_file *file, struct disk_vec *vec, size_t length, uint64_t offset)
{
    struct iovec part[DISK_VEC_PART];

    while (length) {
        int count = disk_vec_peek(vec, length, part);
        ssize_t done = preadv(file->fd, part, count, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        if (done == 0) {
            disk_vec_fill(vec, NULL, length);
            return 0;
        }
        disk_vec_skip(vec, (size_t)done);
        length -= (size_t)done;
        offset += (size_t)done;
    }
    return 0;
}

/* How far the file reaches now is for the host to say. */
static int write_failed(struct disk_file *file, int code)
{
    file_size(file);
    return -code;
}

int disk_file_writev(struct disk_file *file, struct disk_vec *vec, size_t length, uint64_t offset)
{
    struct iovec part[DISK_VEC_PART];

    while (length) {
        int count = disk_vec_peek(vec, length, part);
        ssize_t done = pwritev(file->fd, part, count, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return write_failed(file, done ? errno : EIO);
        disk_vec_skip(vec, (size_t)done);
        length -= (size_t)done;
        offset += (size_t)done;
        file->size = MAX(file->size, offset);
    }
    return 0;
}

int disk_file_read(struct disk_file *file, void *bytes, size_t length, uint64_t offset)
{
    const struct iovec iov = {bytes, length};
    struct disk_vec vec = {&iov, 1, 0};

    return disk_file_readv(file, &vec, length, offset);
}

int disk_file_write(struct disk_file *file, const void *bytes, size_t length, uint64_t offset)
{
    const struct iovec iov = {(void *)(uintptr_t)bytes, length};
    struct disk_vec vec = {&iov, 1, 0};

    return disk_file_writev(file, &vec, length, offset);
}

int disk_file_sync(struct disk_file *file)
{
    int ret;

    do
        ret = fdatasync(file->fd);
    while (ret && errno == EINTR);
    return ret ? -errno : 0;
}

int disk_file_discard(struct disk_file *file, uint64_t offset, uint64_t length)
{
    int ret = length ? disk_os_punch(file->fd, offset, length) : 0;

    return ret == -EOPNOTSUPP ? 0 : ret;
}

static int zero_by_writing(struct disk_file *file, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[ZERO_BLOCK];
    int ret = 0;

    while (length && !ret) {
        size_t part = MIN(length, (uint64_t)sizeof(zeros));

        ret = disk_file_write(file, zeros, part, offset);
        offset += part;
        length -= part;
    }
    return ret;
}

int disk_file_zero(struct disk_file *file, uint64_t offset, uint64_t length, bool may_unmap)
{
    int ret;

    if (length == 0)
        return 0;
    ret = may_unmap ? disk_os_punch(file->fd, offset, length)
                    : disk_os_zero_range(file->fd, offset, length);
    return ret == -EOPNOTSUPP ? zero_by_writing(file, offset, length) : ret;
}
