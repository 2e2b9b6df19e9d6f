/* SPDX-License-Identifier: ISC */
/*
 * The host's side of a disk: raw and qcow2 images behind one set of operations.
 *
 * All I/O is synchronous and runs on the device's I/O thread (never a vCPU's); one thread at a time
 * uses a disk. A write is on the medium once disk_flush has returned 0 (fdatasync). A failed host
 * write (a full file system, say) is returned as -errno and leaves the disk usable; the log says
 * why, once for each reason.
 */
#ifndef BACKEND_DISK_H
#define BACKEND_DISK_H

#include <sys/uio.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"

#define DISK_SECTOR 512

enum disk_format { DISK_FORMAT_PROBE, DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };

struct disk_config {
    const char *path;
    /* DISK_FORMAT_PROBE: qcow2 by its magic at the start of the file, raw otherwise. */
    enum disk_format format;
    bool readonly;
    /* The backing file that the user names for a qcow2 image, opened read-only; NULL: none. An
     * image that wants one and is given none is refused: the name in the image is never followed.
     */
    const char *backing;
};

struct disk;

struct disk_ops {
    int (*readv)(struct disk *disk, const struct iovec *iov, int count, uint64_t offset);
    int (*writev)(struct disk *disk, const struct iovec *iov, int count, uint64_t offset);
    int (*flush)(struct disk *disk);
    int (*discard)(struct disk *disk, uint64_t offset, uint64_t length);
    int (*write_zeroes)(struct disk *disk, uint64_t offset, uint64_t length, bool may_unmap);
    void (*close)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    uint64_t size; /* bytes, a multiple of DISK_SECTOR */
    bool readonly;
    const struct log *log;
    char *path;  /* disk.c's, for the log; NULL while it is being opened */
    int failure; /* the errno that the log named last, of a host's write */
    bool lost;   /* a flush failed with EIO: every later one does */
};

/*
 * Opens and locks an image: two writers never share a file (-EBUSY names the file), readers may
 * share with readers. A raw image whose length is no multiple of 512 reads zeros up to the next one
 * and is read-only past its end (-EROFS). Returns 0 or -errno.
 *
 * A qcow2 image that needs what this driver does not have (-ENOTSUP), or whose tables contradict
 * each other (-EIO), is refused with the reason; so is, for writing, one that its last user left
 * with reference counts out of date, since only a full check can tell what is free in it. One that
 * turns out to be corrupted later is not written any more: writes and flushes fail with -EIO, and
 * one line of the log says where.
 */
int disk_open(struct disk **disk, const struct disk_config *config, const struct log *log,
              struct error *err);

/* Flushes and frees; NULL is allowed. */
void disk_close(struct disk *disk);

/* Byte-exact vectored I/O at `offset`; the whole range lies within the disk (-EINVAL otherwise). A
 * write that fails may have written some of it. Return 0 or -errno; writing: -EROFS when read-only.
 */
int disk_readv(struct disk *disk, const struct iovec *iov, int count, uint64_t offset);
int disk_writev(struct disk *disk, const struct iovec *iov, int count, uint64_t offset);

/* All that was written is on the medium. Returns 0 or -errno; once -EIO, always -EIO, since what
 * the host could not write it may have forgotten. */
int disk_flush(struct disk *disk);

/* The guest does not need the range any more: its bytes may keep their values or read as zeros. */
int disk_discard(struct disk *disk, uint64_t offset, uint64_t length);

/* The range reads as zeros, and keeps its space unless `may_unmap`. */
int disk_write_zeroes(struct disk *disk, uint64_t offset, uint64_t length, bool may_unmap);

#endif
