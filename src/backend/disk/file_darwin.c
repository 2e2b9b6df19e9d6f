/* SPDX-License-Identifier: ISC */
#include "backend/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/disk.h>
#include <sys/ioctl.h>

int disk_os_device_size(int fd, uint64_t *size)
{
    uint64_t blocks;
    uint32_t length;

    if (ioctl(fd, DKIOCGETBLOCKCOUNT, &blocks) || ioctl(fd, DKIOCGETBLOCKSIZE, &length))
        return -errno;
    *size = blocks * length;
    return 0;
}

/* APFS makes holes of whole blocks of its own alone. */
int disk_os_punch(int fd, uint64_t offset, uint64_t length)
{
    struct fpunchhole hole = {.fp_offset = (off_t)offset, .fp_length = (off_t)length};

    if (fcntl(fd, F_PUNCHHOLE, &hole) == 0)
        return 0;
    return errno == EINVAL || errno == ENOTSUP || errno == ENOTTY ? -EOPNOTSUPP : -errno;
}

/* There is no such call. */
int disk_os_zero_range(int fd, uint64_t offset, uint64_t length)
{
    return -EOPNOTSUPP;
}
