/* SPDX-License-Identifier: ISC */
#include "firmware/efi/medium.h"

#include <errno.h>
#include <string.h>

static int check_range(const struct medium *medium, uint64_t offset, size_t length)
{
    return range_fits(offset, length, align_down(medium->size, MEDIUM_BLOCK)) ? 0 : -ERANGE;
}

/* How many of `length` bytes from `offset` can be moved at once: whole blocks, or a part of one. */
static size_t step(uint64_t offset, size_t length)
{
    size_t within = offset % MEDIUM_BLOCK;

    if (within || length < MEDIUM_BLOCK)
        return MIN(length, MEDIUM_BLOCK - within);
    return align_down(length, MEDIUM_BLOCK);
}

int medium_read(const struct medium *medium, uint64_t offset, void *to, size_t length)
{
    int ret = check_range(medium, offset, length);

    while (length && !ret) {
        size_t n = step(offset, length), within = offset % MEDIUM_BLOCK;
        uint64_t at = medium->start + offset - within;
        uint8_t block[MEDIUM_BLOCK];

        if (n >= MEDIUM_BLOCK) {
            ret = medium->read(medium->ctx, at, to, n);
        } else {
            ret = medium->read(medium->ctx, at, block, sizeof(block));
            if (!ret)
                memcpy(to, block + within, n);
        }
        to = (uint8_t *)to + n;
        offset += n;
        length -= n;
    }
    return ret;
}

int medium_write(const struct medium *medium, uint64_t offset, const void *from, size_t length)
{
    int ret = medium->write ? check_range(medium, offset, length) : -EROFS;

    while (length && !ret) {
        size_t n = step(offset, length), within = offset % MEDIUM_BLOCK;
        uint64_t at = medium->start + offset - within;
        uint8_t block[MEDIUM_BLOCK];

        if (n >= MEDIUM_BLOCK) {
            ret = medium->write(medium->ctx, at, from, n);
        } else {
            ret = medium->read(medium->ctx, at, block, sizeof(block));
            memcpy(block + within, from, n);
            if (!ret)
                ret = medium->write(medium->ctx, at, block, sizeof(block));
        }
        from = (const uint8_t *)from + n;
        offset += n;
        length -= n;
    }
    return ret;
}

int medium_flush(const struct medium *medium)
{
    return medium->write && medium->flush ? medium->flush(medium->ctx) : 0;
}

struct medium medium_part(const struct medium *whole, uint64_t start, uint64_t size)
{
    struct medium part = *whole;

    start = MIN(align_down(start, MEDIUM_BLOCK), whole->size);
    part.start += start;
    part.size = MIN(size, whole->size - start);
    return part;
}
