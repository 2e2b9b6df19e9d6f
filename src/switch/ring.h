/* SPDX-License-Identifier: ISC */
/*
 * Frames between two processes through shared memory, in one direction: one side puts, the other
 * takes. Either may be hostile: what the other side writes is read once and checked, and the worst
 * that it can do is to end the connection (-EPIPE) or to hand over wrong bytes as frames.
 *
 * The data is mapped twice in a row, so that every record lies in one piece. A record is a length,
 * virtio-net's header and the frame, padded to RING_ALIGN.
 *
 * Nobody is woken who does not sleep. Who finds nothing to take, or no room, says so in a flag and
 * looks again; who puts or takes then looks at the other's flag; with a full barrier in between on
 * either side, one of the two sees the other's. How to wake is the caller's: a byte on a socket.
 */
#ifndef SWITCH_RING_H
#define SWITCH_RING_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "backend/net_offload.h"
#include "base/bits.h"

#define RING_ALIGN 16
#define RING_HEAD  16 /* bytes of a record before its frame */

/* In shared memory; each word has one writer, but for the flags, which are cleared by the other
 * side. Positions count bytes for ever. */
struct ring_shared {
    _Alignas(64) _Atomic uint64_t head; /* where the next record is put */
    _Atomic uint32_t put_sleeps;        /* wants to be woken when there is room */
    _Alignas(64) _Atomic uint64_t tail; /* where the next record is taken */
    _Atomic uint32_t take_sleeps;       /* wants to be woken when there is a record */
    _Atomic uint32_t accepts;           /* NET_OFFLOAD_* that the taking side takes */
};

/* One side's view. */
struct ring {
    struct ring_shared *shared;
    uint8_t *data; /* mapped twice */
    uint64_t size; /* a power of two */
    uint64_t position;
    uint64_t record; /* bytes of the record at hand, of the taking side */
};

/* Bytes that a frame takes. */
static inline uint64_t ring_record_size(size_t length)
{
    return align_up(RING_HEAD + (uint64_t)length, RING_ALIGN);
}

/* --- the side that puts --- */

/* Bytes that are not taken yet, at most ring->size whatever the other side claims. */
uint64_t ring_used(const struct ring *ring);

/* Returns 0, -EAGAIN (there is no room; ring_put_sleep says when there is), or -EPIPE (the other
 * side broke the rules). The frame is at most size / 2 bytes. */
int ring_put(struct ring *ring, const struct net_header *header, const struct iovec *iov, int count,
             size_t length);

/* Whether the other side sleeps and must be woken now. After ring_put. */
bool ring_put_wakes(struct ring *ring);

/* Asks to be woken when `length` bytes of frame have room; false: they have it already. */
bool ring_put_sleep(struct ring *ring, size_t length);

unsigned ring_accepts(const struct ring *ring);

/* --- the side that takes --- */

/* The record at hand, until ring_done: its length, 0 (there is none; ring_take_sleep), or -EPIPE.
 * The frame lies in shared memory: what matters is read once. */
ssize_t ring_take(struct ring *ring, struct net_header *header, const uint8_t **frame);
void ring_done(struct ring *ring);

/* Whether there may be a record, without more than a look. */
bool ring_waits(const struct ring *ring);

/* Whether the other side waits for room, has enough of it and must be woken now. After ring_done.
 */
bool ring_take_wakes(struct ring *ring);

/* Asks to be woken when there is a record; false: there is one. */
bool ring_take_sleep(struct ring *ring);

void ring_accept(struct ring *ring, unsigned offloads);

#endif
