/* SPDX-License-Identifier: ISC */
/*
 * Locks on images: one writer or many readers.
 *
 * Open file description locks (fcntl(2), F_OFD_SETLK) belong to the open file and not to the
 * process: two machines in one process exclude each other too, and closing another descriptor of
 * the file releases nothing. QEMU locks bytes of its images the same way, so the two keep out of
 * each other's. A host without them has flock, with the same meaning.
 */
#include "backend/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#ifdef F_OFD_SETLK

static struct flock whole_file(bool exclusive)
{
    return (struct flock){.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
}

static int lock_try(int fd, bool exclusive)
{
    struct flock lock = whole_file(exclusive);

    return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

/* The process that holds a classic record lock; -1 for an open file description's, which has no one
 * owner. */
static int lock_owner(int fd, bool exclusive)
{
    struct flock lock = whole_file(exclusive);

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? (int)lock.l_pid : -1;
}

#else

static int lock_try(int fd, bool exclusive)
{
    return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) ? -errno : 0;
}

static int lock_owner(int fd, bool exclusive)
{
    return -1;
}

#endif

int disk_lock(int fd, const char *path, bool exclusive, struct error *err)
{
    int ret = lock_try(fd, exclusive), owner;
    char who[32] = "";

    if (ret == 0)
        return 0;
    if (ret != -EAGAIN && ret != -EACCES && ret != -EWOULDBLOCK)
        return error_set(err, -ret, "%s: cannot lock the image: %s", path, strerror(-ret));
    owner = lock_owner(fd, exclusive);
    if (owner > 0)
        snprintf(who, sizeof(who), " (process %d)", owner);
    return error_set(err, EBUSY, "%s: another virtual machine or tool uses this image%s%s", path,
                     who,
                     exclusive ? "; stop it, or open the image read-only in both" : " for writing");
}
