/* SPDX-License-Identifier: ISC */
/*
 * Virtqueues, split (VIRTIO 1.2, 2.7) and packed (2.8); queue.h teaches both. The only place that
 * walks a ring.
 *
 * The three areas lie in RAM that never moves, so their addresses are checked once, in virtq_start,
 * and read and written with atomics from then on. Ordering against the driver: what says
 * "available" (avail idx, a head's flags) is loaded with acquire before the descriptors behind it
 * are read; what says "used" is stored with release after everything that it vouches for; the
 * two-sided announcements have a full barrier between store and load.
 */
#include "virtio/queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Descriptor flags (2.7.5, 2.8.1) */
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u
#define DESC_AVAIL    BIT(7) /* packed ring */
#define DESC_USED     BIT(15)

#define DESC_SIZE 16u

#define STREAM_LOOKS 16 /* turns of the loop, a few microseconds each */

/* Split ring: avail is flags, idx, ring[] of 2 bytes; used is flags, idx, ring[] of 8 bytes. */
#define RING_FLAGS         0u
#define RING_IDX           2u
#define RING_ENTRIES       4u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY     1u

/* Packed ring: an event suppression structure is off_wrap and flags (2.8.14). */
#define EVENT_OFF_WRAP 0u
#define EVENT_FLAGS    2u
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t link; /* split: next; packed: buffer id */
};

static uint16_t load16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_RELAXED);
}

static uint16_t load16_acquire(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static uint64_t load64(const uint8_t *at)
{
    return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
}

/* A store to an area of the ring, whose first byte is at `host` and at guest physical address
 * `area`. */
static void store16(const struct virtq *q, uint8_t *host, uint64_t area, size_t offset,
                    uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)(host + offset), value, __ATOMIC_RELAXED);
    mem_mark_dirty(q->dev->host.mem, area + offset, 2);
}

static void store16_release(const struct virtq *q, uint8_t *host, uint64_t area, size_t offset,
                            uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)(host + offset), value, __ATOMIC_RELEASE);
    mem_mark_dirty(q->dev->host.mem, area + offset, 2);
}

static void store32(const struct virtq *q, uint8_t *host, uint64_t area, size_t offset,
                    uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)(host + offset), value, __ATOMIC_RELAXED);
    mem_mark_dirty(q->dev->host.mem, area + offset, 4);
}

/* Between storing our word and loading the driver's. ThreadSanitizer does not model fences and gcc
 * says so. */
static void store_load_fence(void)
{
#if defined(__SANITIZE_THREAD__)
    static _Thread_local _Atomic int barrier;

    atomic_fetch_add(&barrier, 1);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static bool malformed(const struct virtq *q, const char *what, uint64_t where)
{
    virtio_needs_reset(q->dev, q->index, what, where);
    return false;
}

static bool outside(const struct virtq *q, const char *what, uint64_t address, uint64_t length)
{
    virtio_bad_range(q->dev, q->index, what, address, length);
    return false;
}

static bool broken(const struct virtq *q)
{
    return !q->live || (atomic_load_explicit(&q->dev->status, memory_order_relaxed) &
                        VIRTIO_STATUS_NEEDS_RESET);
}

/* Positions */

/* Moves a position by `count` slots, which is at most the queue's size. */
static void advance(const struct virtq *q, uint16_t *position, bool *wrap, unsigned count)
{
    unsigned to = *position + count;

    if (q->packed && to >= q->size) {
        to -= q->size;
        *wrap = !*wrap;
    }
    *position = (uint16_t)to;
}

static void retreat(const struct virtq *q, uint16_t *position, bool *wrap, unsigned count)
{
    unsigned from = *position;

    if (q->packed && from < count) {
        from += q->size;
        *wrap = !*wrap;
    }
    *position = (uint16_t)(from - count);
}

/* Life */

void virtq_init(struct virtq *q, struct virtio_device *dev, unsigned index, uint16_t max_size)
{
    *q = (struct virtq){.dev = dev, .index = index, .max_size = max_size};
    virtq_reset(q);
}

void virtq_reset(struct virtq *q)
{
    *q = (struct virtq){
        .dev = q->dev,
        .index = q->index,
        .max_size = q->max_size,
        .size = q->max_size,
        .next_wrap = true, /* both wrap counters begin with 1 (2.8.1) */
        .done_wrap = true,
    };
}

struct area {
    const char *unaligned, *outside;
    uint64_t address, length, align;
    uint8_t **host;
};

static int start_area(const struct virtq *q, const struct area *area, const char **what,
                      uint64_t *where)
{
    struct iovec iov;

    *where = area->address;
    if (area->address % area->align) {
        *what = area->unaligned;
        return -EINVAL;
    }
    if (mem_iov(q->dev->host.mem, area->address, area->length, &iov)) {
        *what = area->outside;
        return -EINVAL;
    }
    *area->host = iov.iov_base;
    return 0;
}

int virtq_start(struct virtq *q, const char **what, uint64_t *where)
{
    unsigned n = q->size, event;
    int ret = 0;

    q->live = false;
    if (!q->enabled)
        return 0;
    q->packed = virtio_has(q->dev, VIRTIO_F_RING_PACKED);
    q->event_idx = virtio_has(q->dev, VIRTIO_F_EVENT_IDX);
    q->indirect = virtio_has(q->dev, VIRTIO_F_INDIRECT_DESC);
    q->quiet = false;
    *where = n;
    *what = "queue size is not possible";
    if (n == 0 || n > q->max_size || (!q->packed && !is_power_of_2(n)))
        return -EINVAL;
    *what = "ring position is not possible";
    if (q->packed && (q->next >= n || q->done >= n))
        return -EINVAL;

    event = q->event_idx ? 2 : 0;
    const struct area areas[] = {
        {"descriptor area is not 16-byte aligned", "descriptor area is not in RAM", q->desc,
         DESC_SIZE * n, 16, &q->desc_host},
        {"driver area is not aligned", "driver area is not in RAM", q->driver,
         q->packed ? 4 : RING_ENTRIES + 2 * n + event, q->packed ? 4 : 2, &q->driver_host},
        {"device area is not aligned", "device area is not in RAM", q->device,
         q->packed ? 4 : RING_ENTRIES + 8 * n + event, 4, &q->device_host},
    };
    for (unsigned i = 0; i < nitems(areas) && !ret; i++)
        ret = start_area(q, &areas[i], what, where);
    q->live = !ret;
    return ret;
}

/* Taking chains */

static struct descriptor read_split(const uint8_t *at)
{
    uint64_t rest = load64(at + 8);

    return (struct descriptor){load64(at), (uint32_t)rest, (uint16_t)(rest >> 32),
                               (uint16_t)(rest >> 48)};
}

static struct descriptor read_packed(const uint8_t *at)
{
    uint64_t rest = load64(at + 8);

    return (struct descriptor){load64(at), (uint32_t)rest, (uint16_t)(rest >> 48),
                               (uint16_t)(rest >> 32)};
}

static bool add_segment(const struct virtq *q, struct virtq_chain *chain,
                        const struct descriptor *d)
{
    bool write = d->flags & DESC_WRITE;
    unsigned n = chain->readable + chain->writable;
    struct iovec iov, *last = n ? &chain->iov[n - 1] : NULL;

    if (d->length == 0)
        return malformed(q, "descriptor of zero length", d->address);
    if (!write && chain->writable)
        return malformed(q, "readable descriptor after a writable one", d->address);
    if (mem_iov(q->dev->host.mem, d->address, d->length, &iov))
        return outside(q, "buffer is not in RAM", d->address, d->length);
    if (write)
        chain->writable_bytes += d->length;
    else
        chain->readable_bytes += d->length;
    if (last && write == (chain->writable > 0) &&
        chain->address[n - 1] + last->iov_len == d->address &&
        (uint8_t *)last->iov_base + last->iov_len == iov.iov_base) {
        last->iov_len += iov.iov_len;
        return true;
    }
    if (n == VIRTQ_MAX_SEGMENTS)
        return malformed(q, "too many segments in a chain", d->address);
    chain->iov[n] = iov;
    chain->address[n] = d->address;
    if (write)
        chain->writable++;
    else
        chain->readable++;
    return true;
}

/* An indirect table: linked by next in a split ring's format (2.7.5.3), in order and whole in a
 * packed one's (2.8.7). */
static bool walk_table(const struct virtq *q, struct virtq_chain *chain,
                       const struct descriptor *table)
{
    unsigned entries = table->length / DESC_SIZE, at = 0;
    struct iovec iov;

    if (!q->indirect)
        return malformed(q, "indirect descriptor without the feature", table->address);
    if (table->flags & DESC_NEXT)
        return malformed(q, "indirect descriptor with a successor", table->address);
    if (table->length == 0 || table->length % DESC_SIZE)
        return malformed(q, "indirect table of odd length", table->address);
    if (mem_iov(q->dev->host.mem, table->address, table->length, &iov))
        return outside(q, "indirect table is not in RAM", table->address, table->length);
    if (q->packed && entries > VIRTQ_MAX_SEGMENTS)
        return malformed(q, "indirect table is too long", table->address);
    for (unsigned n = 0; n < MIN(entries, VIRTQ_MAX_SEGMENTS); n++) {
        _Alignas(8) uint8_t copy[DESC_SIZE]; /* a table may lie at any address */
        struct descriptor d;

        memcpy(copy, (uint8_t *)iov.iov_base + (size_t)at * DESC_SIZE, sizeof(copy));
        d = q->packed ? read_packed(copy) : read_split(copy);
        if (!q->packed && (d.flags & DESC_INDIRECT))
            return malformed(q, "indirect table within an indirect table", table->address);
        if (!add_segment(q, chain, &d))
            return false;
        if (q->packed) {
            at++;
            continue;
        }
        if (!(d.flags & DESC_NEXT))
            return true;
        if (d.link >= entries)
            return malformed(q, "next is outside of the indirect table", d.link);
        at = d.link;
    }
    return q->packed || malformed(q, "indirect chain does not end", table->address);
}

static bool walk_split(const struct virtq *q, struct virtq_chain *chain, unsigned head)
{
    unsigned at = head;

    for (unsigned n = 0; n < q->size; n++) {
        struct descriptor d = read_split(q->desc_host + (size_t)at * DESC_SIZE);

        if (d.flags & DESC_INDIRECT)
            return walk_table(q, chain, &d);
        if (!add_segment(q, chain, &d))
            return false;
        if (!(d.flags & DESC_NEXT))
            return true;
        if (d.link >= q->size)
            return malformed(q, "next is outside of the descriptor table", d.link);
        at = d.link;
    }
    return malformed(q, "chain is longer than the queue", head);
}

static bool next_split(struct virtq *q, struct virtq_chain *chain)
{
    uint16_t available = load16_acquire(q->driver_host + RING_IDX);
    uint16_t waiting = (uint16_t)(available - q->next), head;

    if (waiting == 0)
        return false;
    if (waiting > q->size)
        return malformed(q, "available index is ahead by more than the queue's size", available);
    head = load16(q->driver_host + RING_ENTRIES + 2 * (q->next & (q->size - 1u)));
    if (head >= q->size)
        return malformed(q, "head is outside of the descriptor table", head);
    chain->used = (struct virtq_used){.id = head, .descriptors = 1};
    return walk_split(q, chain, head);
}

static bool packed_available(const struct virtq *q)
{
    uint16_t flags = load16_acquire(q->desc_host + (size_t)q->next * DESC_SIZE + 14);

    return !!(flags & DESC_AVAIL) == q->next_wrap && !!(flags & DESC_USED) != q->next_wrap;
}

static bool next_packed(struct virtq *q, struct virtq_chain *chain)
{
    unsigned at = q->next;

    if (!packed_available(q))
        return false;
    for (unsigned n = 1; n <= q->size; n++) {
        struct descriptor d = read_packed(q->desc_host + (size_t)at * DESC_SIZE);
        bool ok = d.flags & DESC_INDIRECT ? walk_table(q, chain, &d) : add_segment(q, chain, &d);

        if (!ok)
            return false;
        if (!(d.flags & DESC_NEXT)) {
            chain->used = (struct virtq_used){.id = d.link, .descriptors = (uint16_t)n};
            return true;
        }
        at = at + 1 == q->size ? 0 : at + 1;
    }
    return malformed(q, "chain is longer than the queue", q->next);
}

bool virtq_next(struct virtq *q, struct virtq_chain *chain)
{
    if (broken(q))
        return false;
    chain->readable = chain->writable = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    if (q->packed ? !next_packed(q, chain) : !next_split(q, chain))
        return false;
    advance(q, &q->next, &q->next_wrap, chain->used.descriptors);
    return true;
}

bool virtq_has_buffers(const struct virtq *q)
{
    if (broken(q))
        return false;
    return q->packed ? packed_available(q) : load16_acquire(q->driver_host + RING_IDX) != q->next;
}

void virtq_unget(struct virtq *q, const struct virtq_used *used, unsigned count)
{
    while (count-- > 0)
        retreat(q, &q->next, &q->next_wrap, used[count].descriptors);
}

/* Giving chains back */

void virtq_written(const struct virtq *q, const struct virtq_chain *chain, uint64_t length)
{
    for (unsigned i = chain->readable; length && i < chain->readable + chain->writable; i++) {
        uint64_t part = MIN(length, chain->iov[i].iov_len);

        mem_mark_dirty(q->dev->host.mem, chain->address[i], part);
        length -= part;
    }
}

static void done_split(struct virtq *q, const struct virtq_used *used, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t entry = RING_ENTRIES + 8 * (size_t)(q->done & (q->size - 1u));

        store32(q, q->device_host, q->device, entry, used[i].id);
        store32(q, q->device_host, q->device, entry + 4, used[i].written);
        advance(q, &q->done, &q->done_wrap, 1);
    }
    store16_release(q, q->device_host, q->device, RING_IDX, q->done);
}

/* The first descriptor's flags are stored last: the driver stops there until then. */
static void done_packed(struct virtq *q, const struct virtq_used *used, unsigned count)
{
    size_t first = (size_t)q->done * DESC_SIZE;
    uint16_t first_flags = 0;

    for (unsigned i = 0; i < count; i++) {
        size_t entry = (size_t)q->done * DESC_SIZE;
        uint16_t flags = (uint16_t)((q->done_wrap ? DESC_AVAIL | DESC_USED : 0) |
                                    (used[i].written ? DESC_WRITE : 0));

        store32(q, q->desc_host, q->desc, entry + 8, used[i].written);
        store16(q, q->desc_host, q->desc, entry + 12, used[i].id);
        if (i == 0)
            first_flags = flags;
        else
            store16_release(q, q->desc_host, q->desc, entry + 14, flags);
        advance(q, &q->done, &q->done_wrap, used[i].descriptors);
    }
    store16_release(q, q->desc_host, q->desc, first + 14, first_flags);
}

void virtq_done_all(struct virtq *q, const struct virtq_used *used, unsigned count)
{
    unsigned moved = 0;

    if (count == 0)
        return;
    if (q->packed)
        done_packed(q, used, count);
    else
        done_split(q, used, count);
    for (unsigned i = 0; i < count; i++)
        moved += used[i].descriptors;
    q->unsignalled = (uint16_t)MIN(q->unsignalled + moved, UINT16_MAX);
    atomic_fetch_add_explicit(&q->dev->requests, count, memory_order_relaxed);
}

void virtq_done(struct virtq *q, struct virtq_chain *chain, uint32_t written)
{
    chain->used.written = written;
    virtq_written(q, chain, written);
    virtq_done_all(q, &chain->used, 1);
}

/* Notifications */

/* Whether moving from `old` to `now` crosses `event`, modulo 2^16 (2.7.7.2). */
static bool crosses(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static bool wants_interrupt_split(const struct virtq *q)
{
    if (!q->event_idx)
        return !(load16(q->driver_host + RING_FLAGS) & AVAIL_NO_INTERRUPT);
    return q->unsignalled > q->size ||
           crosses(load16(q->driver_host + RING_ENTRIES + 2 * (size_t)q->size), q->done,
                   (uint16_t)(q->done - q->unsignalled));
}

static bool wants_interrupt_packed(const struct virtq *q)
{
    uint16_t flags = load16_acquire(q->driver_host + EVENT_FLAGS) & 3;
    uint16_t off_wrap = load16(q->driver_host + EVENT_OFF_WRAP);
    uint16_t event = off_wrap & 0x7fff;

    if (flags != EVENT_DESC || !q->event_idx)
        return flags != EVENT_DISABLE;
    if ((off_wrap >> 15) != q->done_wrap)
        event = (uint16_t)(event - q->size); /* in the round before this one */
    return q->unsignalled >= q->size ||
           crosses(event, q->done, (uint16_t)(q->done - q->unsignalled));
}

void virtq_signal(struct virtq *q)
{
    struct virtio_device *dev = q->dev;
    bool wanted;

    if (!q->live || q->unsignalled == 0)
        return;
    store_load_fence();
    wanted = q->packed ? wants_interrupt_packed(q) : wants_interrupt_split(q);
    q->unsignalled = 0;
    if (!wanted || !dev->signal_queue)
        return;
    atomic_fetch_add_explicit(&dev->interrupts, 1, memory_order_relaxed);
    dev->signal_queue(dev->transport, q->index);
}

void virtq_quiet(struct virtq *q)
{
    if (broken(q) || q->quiet)
        return;
    q->quiet = true;
    if (q->packed)
        store16(q, q->device_host, q->device, EVENT_FLAGS, EVENT_DISABLE);
    else if (!q->event_idx)
        store16(q, q->device_host, q->device, RING_FLAGS, USED_NO_NOTIFY);
    else /* a place that the driver has passed */
        store16(q, q->device_host, q->device, RING_ENTRIES + 8 * (size_t)q->size,
                (uint16_t)(q->next - 1));
}

bool virtq_wait(struct virtq *q)
{
    if (broken(q))
        return false;
    q->quiet = false;
    if (q->packed) {
        if (q->event_idx)
            store16(q, q->device_host, q->device, EVENT_OFF_WRAP,
                    (uint16_t)(q->next | q->next_wrap << 15));
        store16_release(q, q->device_host, q->device, EVENT_FLAGS,
                        q->event_idx ? EVENT_DESC : EVENT_ENABLE);
    } else if (q->event_idx) {
        store16(q, q->device_host, q->device, RING_ENTRIES + 8 * (size_t)q->size, q->next);
    } else {
        store16(q, q->device_host, q->device, RING_FLAGS, 0);
    }
    store_load_fence();
    return virtq_has_buffers(q);
}

static unsigned serve_some(struct virtq *q, unsigned most, struct virtq_chain *chain,
                           virtq_server serve)
{
    unsigned served = 0;

    while (served < most && virtq_next(q, chain)) {
        serve(q->dev, q, chain);
        served++;
    }
    virtq_signal(q);
    return served;
}

void virtq_serve(struct virtq *q, unsigned batch, struct virtq_chain *chain, virtq_server serve)
{
    unsigned left = batch;

    virtq_quiet(q);
    do {
        left -= serve_some(q, left, chain, serve);
        if (left == 0) {
            virtio_device_schedule(q->dev, q->index);
            return;
        }
    } while (virtq_wait(q));
}

void virtq_serve_stream(struct virtq *q, unsigned batch, struct virtq_chain *chain,
                        virtq_server serve)
{
    virtq_quiet(q);
    if (serve_some(q, batch, chain, serve) > 0) {
        q->looks = STREAM_LOOKS;
        q->answers = true;
    } else if (q->looks > 0) {
        q->looks--;
    }
    if (q->looks > 0 || virtq_wait(q))
        virtio_device_schedule(q->dev, q->index);
}

void virtq_expect(struct virtq *q)
{
    if (!q->live || !q->answers)
        return;
    q->answers = false;
    q->looks = STREAM_LOOKS;
    virtq_quiet(q);
    virtio_device_schedule(q->dev, q->index);
}

/* State */

static const struct state_field virtq_fields[] = {
    STATE_FIELD(struct virtq, size, STATE_U16),
    STATE_FIELD(struct virtq, enabled, STATE_BOOL),
    STATE_FIELD(struct virtq, desc, STATE_U64),
    STATE_FIELD(struct virtq, driver, STATE_U64),
    STATE_FIELD(struct virtq, device, STATE_U64),
    STATE_FIELD(struct virtq, next, STATE_U16),
    STATE_FIELD(struct virtq, done, STATE_U16),
    STATE_FIELD(struct virtq, next_wrap, STATE_BOOL),
    STATE_FIELD(struct virtq, done_wrap, STATE_BOOL),
    STATE_FIELD(struct virtq, unsignalled, STATE_U16),
};
static const struct state_table virtq_table = {"virtq", 1, virtq_fields, nitems(virtq_fields)};

static void section_name(const struct virtq *q, char name[64])
{
    snprintf(name, 64, "%s/queue%u", q->dev->instance, q->index);
}

int virtq_save(const struct virtq *q, struct state *state)
{
    char name[64];

    section_name(q, name);
    return state_save(state, name, &virtq_table, q);
}

int virtq_load(struct virtq *q, const struct state *state, struct error *err)
{
    char name[64];
    int ret;

    section_name(q, name);
    virtq_reset(q);
    ret = state_load(state, name, &virtq_table, q, err);
    if (ret)
        virtq_reset(q);
    return ret;
}
