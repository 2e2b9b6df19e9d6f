/* SPDX-License-Identifier: ISC */
/*
 * A walk over an I/O vector: what is left of it, taken from the front.
 */
#ifndef BACKEND_DISK_VEC_H
#define BACKEND_DISK_VEC_H

#include <string.h>
#include <sys/uio.h>

#include "base/bits.h"

#define DISK_VEC_PART 64 /* vectors handed to the host at once */

struct disk_vec {
    const struct iovec *iov;
    int count;
    size_t done; /* bytes of iov[0] taken already */
};

/* Puts the next at most `length` bytes into `part` (DISK_VEC_PART entries) and returns how many
 * entries they took; the walk stays where it is. */
static inline int disk_vec_peek(const struct disk_vec *vec, size_t length, struct iovec *part)
{
    size_t done = vec->done;
    int count = 0;

    for (int i = 0; i < vec->count && length && count < DISK_VEC_PART; i++) {
        size_t here = MIN(vec->iov[i].iov_len - done, length);

        if (here)
            part[count++] = (struct iovec){(char *)vec->iov[i].iov_base + done, here};
        length -= here;
        done = 0;
    }
    return count;
}

/* Goes past the next `length` bytes, and past entries without bytes. */
static inline void disk_vec_skip(struct disk_vec *vec, size_t length)
{
    while (vec->count) {
        size_t here = vec->iov->iov_len - vec->done;

        if (length < here) {
            vec->done += length;
            return;
        }
        length -= here;
        vec->iov++;
        vec->count--;
        vec->done = 0;
    }
}

/* Fills the next `length` bytes from `bytes`, or with zeros when it is NULL, and goes past them. */
static inline void disk_vec_fill(struct disk_vec *vec, const uint8_t *bytes, size_t length)
{
    while (length && vec->count) {
        size_t here = MIN(vec->iov->iov_len - vec->done, length);
        char *to = (char *)vec->iov->iov_base + vec->done;

        if (bytes && here)
            memcpy(to, bytes, here);
        else if (here)
            memset(to, 0, here);
        bytes = bytes ? bytes + here : NULL;
        length -= here;
        disk_vec_skip(vec, here);
    }
}

#endif
