/* SPDX-License-Identifier: ISC */
/*
 * The host's file, or block device, under an image: whole reads and writes, locked against other
 * programs.
 */
#ifndef BACKEND_DISK_FILE_H
#define BACKEND_DISK_FILE_H

#include "backend/disk/vec.h"
#include "base/bits.h"
#include "base/error.h"

struct disk_file {
    int fd;
    bool readonly;
    bool device;   /* a block device: its size is fixed */
    uint64_t size; /* bytes; writes past it extend a file */
};

/* Opens and locks `path`: shared when read-only, exclusive otherwise. Returns 0, -EBUSY or another
 * -errno. */
int disk_file_open(struct disk_file *file, const char *path, bool readonly, struct error *err);
void disk_file_close(struct disk_file *file);

/* The next `length` bytes of `vec`, read from or written to `offset`. Bytes past the end read as
 * zeros. Return 0 or -errno; after a failed write some of the bytes may be there. */
int disk_file_readv(struct disk_file *file, struct disk_vec *vec, size_t length, uint64_t offset);
int disk_file_writev(struct disk_file *file, struct disk_vec *vec, size_t length, uint64_t offset);

int disk_file_read(struct disk_file *file, void *bytes, size_t length, uint64_t offset);
int disk_file_write(struct disk_file *file, const void *bytes, size_t length, uint64_t offset);

/* What was written is on the medium. Returns 0 or -errno. */
int disk_file_sync(struct disk_file *file);

/* Gives the space back, if the host can; the bytes read as zeros or as they were. Returns 0 or
 * -errno. */
int disk_file_discard(struct disk_file *file, uint64_t offset, uint64_t length);

/* Zeros, if the host's way, without space of their own when `may_unmap`. Returns 0 or -errno. */
int disk_file_zero(struct disk_file *file, uint64_t offset, uint64_t length, bool may_unmap);

/* --- each system's own: file_linux.c, ... --- */

/* The size of an open block device. Returns 0 or -errno. */
int disk_os_device_size(int fd, uint64_t *size);

/* Makes a range a hole, or zeros with space. -EOPNOTSUPP when the file system cannot. */
int disk_os_punch(int fd, uint64_t offset, uint64_t length);
int disk_os_zero_range(int fd, uint64_t offset, uint64_t length);

/* --- lock.c --- */

/* Locks the whole of an open file. Returns 0, or -EBUSY with `err` naming `path` and, where the
 * host tells, the process that holds it. Released by close. */
int disk_lock(int fd, const char *path, bool exclusive, struct error *err);

#endif
