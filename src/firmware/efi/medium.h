/* SPDX-License-Identifier: ISC */
/*
 * Bytes on a disk, or on a part of one: what partitions, volumes and EFI's block protocols read and
 * write. Checked against its bounds here and nowhere else. Blocking; one thread at a time.
 */
#ifndef FIRMWARE_EFI_MEDIUM_H
#define FIRMWARE_EFI_MEDIUM_H

#include "base/bits.h"

#define MEDIUM_BLOCK 512u

struct medium {
    /* Whole blocks at block boundaries, inside of the disk. Return 0 or -errno. */
    int (*read)(void *ctx, uint64_t offset, void *to, size_t length);
    int (*write)(void *ctx, uint64_t offset, const void *from, size_t length); /* NULL: read-only */
    int (*flush)(void *ctx);                                                   /* may be NULL */
    void *ctx;
    uint64_t start, size; /* bytes; start is a block's */
};

/* Any bytes of the medium. -ERANGE beyond its end, -EROFS, or what the disk answers. A last block
 * that is not whole cannot be reached. */
int medium_read(const struct medium *medium, uint64_t offset, void *to, size_t length);
int medium_write(const struct medium *medium, uint64_t offset, const void *from, size_t length);
int medium_flush(const struct medium *medium);

/* [start, start + size) of `whole`, cut where `whole` ends. */
struct medium medium_part(const struct medium *whole, uint64_t start, uint64_t size);

#endif
