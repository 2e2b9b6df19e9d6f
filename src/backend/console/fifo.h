/* SPDX-License-Identifier: ISC */
/*
 * A queue of bytes that grows up to a limit.
 */
#ifndef BACKEND_CONSOLE_FIFO_H
#define BACKEND_CONSOLE_FIFO_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

struct fifo {
    uint8_t *data;
    size_t start, length, capacity; /* capacity is 0 or a power of two */
    size_t limit;                   /* capacity never exceeds it; a power of two */
};

static inline bool fifo_grow(struct fifo *fifo)
{
    size_t capacity = fifo->capacity ? fifo->capacity * 2 : MIN(fifo->limit, (size_t)4096);
    size_t first = MIN(fifo->length, fifo->capacity - fifo->start);
    uint8_t *data;

    if (capacity == 0 || capacity > fifo->limit || (data = malloc(capacity)) == NULL)
        return false;
    if (fifo->length) {
        memcpy(data, fifo->data + fifo->start, first);
        memcpy(data + first, fifo->data, fifo->length - first);
    }
    free(fifo->data);
    fifo->data = data;
    fifo->capacity = capacity;
    fifo->start = 0;
    return true;
}

/* Appends what there is room for and returns how many bytes that is. */
static inline size_t fifo_put(struct fifo *fifo, const uint8_t *bytes, size_t length)
{
    size_t done = 0;

    while (fifo->capacity - fifo->length < length && fifo_grow(fifo))
        ;
    length = MIN(length, fifo->capacity - fifo->length);
    while (done < length) {
        size_t end = (fifo->start + fifo->length) & (fifo->capacity - 1);
        size_t part = MIN(length - done, fifo->capacity - end);

        memcpy(fifo->data + end, bytes + done, part);
        fifo->length += part;
        done += part;
    }
    return done;
}

/* The first bytes that lie together: sets *bytes and returns their number. */
static inline size_t fifo_peek(const struct fifo *fifo, const uint8_t **bytes)
{
    *bytes = fifo->data + fifo->start;
    return MIN(fifo->length, fifo->capacity - fifo->start);
}

/* Takes the first `length` bytes away; length is at most fifo->length. */
static inline void fifo_drop(struct fifo *fifo, size_t length)
{
    fifo->length -= length;
    fifo->start = fifo->length ? (fifo->start + length) & (fifo->capacity - 1) : 0;
}

static inline void fifo_free(struct fifo *fifo)
{
    free(fifo->data);
    fifo->data = NULL;
    fifo->start = fifo->length = fifo->capacity = 0;
}

#endif
