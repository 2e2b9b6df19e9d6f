/* SPDX-License-Identifier: ISC */
#include "switch/ring.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"

#define FRAME_MIN 14

static uint8_t *at(const struct ring *ring, uint64_t position)
{
    return ring->data + (position & (ring->size - 1));
}

/* --- put --- */

uint64_t ring_used(const struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);

    return MIN(ring->position - tail, ring->size);
}

int ring_put(struct ring *ring, const struct net_header *header, const struct iovec *iov, int count,
             size_t length)
{
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    uint8_t *to = at(ring, ring->position);

    if (ring->position - tail > ring->size)
        return -EPIPE;
    if (ring_record_size(length) > ring->size - (ring->position - tail))
        return -EAGAIN;
    store_le32(to, (uint32_t)length);
    net_header_write(header, to + 4);
    to += RING_HEAD;
    for (int i = 0; i < count; i++) {
        memcpy(to, iov[i].iov_base, iov[i].iov_len);
        to += iov[i].iov_len;
    }
    ring->position += ring_record_size(length);
    atomic_store_explicit(&ring->shared->head, ring->position, memory_order_release);
    return 0;
}

/* The flag is another's to set: it is cleared by whoever wakes. */
static bool take_flag(_Atomic uint32_t *flag)
{
    return atomic_load_explicit(flag, memory_order_relaxed) && atomic_exchange(flag, 0);
}

bool ring_put_wakes(struct ring *ring)
{
    atomic_thread_fence(memory_order_seq_cst);
    return take_flag(&ring->shared->take_sleeps);
}

bool ring_put_sleep(struct ring *ring, size_t length)
{
    atomic_store(&ring->shared->put_sleeps, 1);
    atomic_thread_fence(memory_order_seq_cst);
    if (ring_record_size(length) > ring->size - ring_used(ring))
        return true;
    atomic_store(&ring->shared->put_sleeps, 0);
    return false;
}

unsigned ring_accepts(const struct ring *ring)
{
    return atomic_load_explicit(&ring->shared->accepts, memory_order_relaxed) & NET_OFFLOAD_ALL;
}

/* --- take --- */

bool ring_waits(const struct ring *ring)
{
    return atomic_load_explicit(&ring->shared->head, memory_order_relaxed) != ring->position;
}

ssize_t ring_take(struct ring *ring, struct net_header *header, const uint8_t **frame)
{
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    uint64_t there = head - ring->position;
    const uint8_t *record = at(ring, ring->position);
    uint32_t length;

    if (there == 0)
        return 0;
    if (there > ring->size || there < RING_HEAD)
        return -EPIPE;
    length = load_le32(record);
    if (length < FRAME_MIN || length > NET_OFFLOAD_MAX_FRAME || ring_record_size(length) > there)
        return -EPIPE;
    net_header_read(header, record + 4);
    *frame = record + RING_HEAD;
    ring->record = ring_record_size(length);
    return (ssize_t)length;
}

void ring_done(struct ring *ring)
{
    ring->position += ring->record;
    ring->record = 0;
    atomic_store_explicit(&ring->shared->tail, ring->position, memory_order_release);
}

bool ring_take_wakes(struct ring *ring)
{
    uint64_t head;

    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&ring->shared->put_sleeps, memory_order_relaxed))
        return false;
    head = atomic_load_explicit(&ring->shared->head, memory_order_relaxed);
    return head - ring->position <= ring->size / 2 && take_flag(&ring->shared->put_sleeps);
}

bool ring_take_sleep(struct ring *ring)
{
    atomic_store(&ring->shared->take_sleeps, 1);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->shared->head, memory_order_relaxed) == ring->position)
        return true;
    atomic_store(&ring->shared->take_sleeps, 0);
    return false;
}

void ring_accept(struct ring *ring, unsigned offloads)
{
    atomic_store_explicit(&ring->shared->accepts, offloads, memory_order_relaxed);
}
