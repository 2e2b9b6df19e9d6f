/* SPDX-License-Identifier: ISC */
#include "backend/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

int disk_os_device_size(int fd, uint64_t *size)
{
    return ioctl(fd, BLKGETSIZE64, size) ? -errno : 0;
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t length)
{
    int ret;

    do
        ret = fallocate(fd, mode, (off_t)offset, (off_t)length);
    while (ret && errno == EINTR);
    /* EINVAL: a block device whose sectors are larger than the guest's. */
    if (ret && (errno == ENOSYS || errno == EINVAL))
        return -EOPNOTSUPP;
    return ret ? -errno : 0;
}

int disk_os_punch(int fd, uint64_t offset, uint64_t length)
{
    return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int disk_os_zero_range(int fd, uint64_t offset, uint64_t length)
{
    return allocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
}
