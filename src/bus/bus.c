/* SPDX-License-Identifier: ISC */
/*
 * The bus is a sorted array of ranges under a read-write lock that is held for the lookup only. An
 * access pins its range by a count, runs the device's handler with no lock held, and unpins it.
 * So a handler may itself attach and detach other ranges (a write to configuration space moves a
 * BAR), and bus_detach waits for exactly the accesses to the range that it takes away.
 */
#include "bus/bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* pins: two for each access under way, plus one once the range is leaving. */
#define PIN     2u
#define LEAVING 1u

struct bus_range {
    uint64_t base, size;
    unsigned widths;
    const struct bus_ops *ops;
    void *dev;
    _Atomic unsigned pins;
};

struct bus_hole {
    uint64_t base, size;
    uint8_t fill;
};

struct bus {
    pthread_rwlock_t lock; /* the two arrays */
    struct bus_range **ranges;
    size_t count, capacity;
    struct bus_hole *windows;
    size_t window_count;
    pthread_mutex_t idle_lock;
    pthread_cond_t idle; /* a leaving range has lost its last pin */
    struct event_sink events;
};

int bus_create(struct bus **out)
{
    struct bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return -ENOMEM;
    pthread_rwlock_init(&bus->lock, NULL);
    pthread_mutex_init(&bus->idle_lock, NULL);
    pthread_cond_init(&bus->idle, NULL);
    *out = bus;
    return 0;
}

void bus_destroy(struct bus *bus)
{
    if (!bus)
        return;
    for (size_t i = 0; i < bus->count; i++)
        free(bus->ranges[i]);
    free(bus->ranges);
    free(bus->windows);
    pthread_cond_destroy(&bus->idle);
    pthread_mutex_destroy(&bus->idle_lock);
    pthread_rwlock_destroy(&bus->lock);
    free(bus);
}

void bus_set_events(struct bus *bus, const struct event_sink *events)
{
    bus->events = *events;
}

/* The index of the first range that ends above `address`. With the lock held. */
static size_t lower_bound(const struct bus *bus, uint64_t address)
{
    size_t low = 0, high = bus->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (bus->ranges[middle]->base + (bus->ranges[middle]->size - 1) < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert(struct bus *bus, struct bus_range *range)
{
    size_t at = lower_bound(bus, range->base);

    if (at < bus->count && bus->ranges[at]->base <= range->base + (range->size - 1))
        return -EEXIST;
    if (bus->count == bus->capacity) {
        size_t capacity = bus->capacity * 2 + 16;
        struct bus_range **ranges = realloc(bus->ranges, capacity * sizeof(*ranges));

        if (!ranges)
            return -ENOMEM;
        bus->ranges = ranges;
        bus->capacity = capacity;
    }
    memmove(&bus->ranges[at + 1], &bus->ranges[at], (bus->count - at) * sizeof(*bus->ranges));
    bus->ranges[at] = range;
    bus->count++;
    return 0;
}

int bus_attach(struct bus *bus, uint64_t base, uint64_t size, unsigned widths,
               const struct bus_ops *ops, void *dev)
{
    struct bus_range *range;
    int ret;

    if (size == 0 || base + (size - 1) < base)
        return -EINVAL;
    range = malloc(sizeof(*range));
    if (!range)
        return -ENOMEM;
    *range =
        (struct bus_range){.base = base, .size = size, .widths = widths, .ops = ops, .dev = dev};
    pthread_rwlock_wrlock(&bus->lock);
    ret = insert(bus, range);
    pthread_rwlock_unlock(&bus->lock);
    if (ret)
        free(range);
    return ret;
}

static struct bus_range *take_out(struct bus *bus, uint64_t base)
{
    struct bus_range *range = NULL;
    size_t at;

    pthread_rwlock_wrlock(&bus->lock);
    at = lower_bound(bus, base);
    if (at < bus->count && bus->ranges[at]->base == base) {
        range = bus->ranges[at];
        bus->count--;
        memmove(&bus->ranges[at], &bus->ranges[at + 1], (bus->count - at) * sizeof(*bus->ranges));
    }
    pthread_rwlock_unlock(&bus->lock);
    return range;
}

void bus_detach(struct bus *bus, uint64_t base)
{
    struct bus_range *range = take_out(bus, base);

    if (!range)
        return;
    atomic_fetch_or(&range->pins, LEAVING);
    pthread_mutex_lock(&bus->idle_lock);
    while (atomic_load(&range->pins) != LEAVING)
        pthread_cond_wait(&bus->idle, &bus->idle_lock);
    pthread_mutex_unlock(&bus->idle_lock);
    free(range);
}

int bus_window(struct bus *bus, uint64_t base, uint64_t size, uint8_t fill)
{
    struct bus_hole *windows;
    int ret = -ENOMEM;

    if (size == 0 || base + (size - 1) < base)
        return -EINVAL;
    pthread_rwlock_wrlock(&bus->lock);
    windows = realloc(bus->windows, (bus->window_count + 1) * sizeof(*windows));
    if (windows) {
        windows[bus->window_count++] = (struct bus_hole){base, size, fill};
        bus->windows = windows;
        ret = 0;
    }
    pthread_rwlock_unlock(&bus->lock);
    return ret;
}

/* What a lookup found: a pinned range, or what a hole reads as. */
struct target {
    struct bus_range *range;
    bool backed;
    uint8_t fill;
};

static struct target find(struct bus *bus, uint64_t address)
{
    struct target target = {0};
    size_t at;

    pthread_rwlock_rdlock(&bus->lock);
    at = lower_bound(bus, address);
    if (at < bus->count && bus->ranges[at]->base <= address) {
        target.range = bus->ranges[at];
        target.backed = true;
        atomic_fetch_add_explicit(&target.range->pins, PIN, memory_order_acquire);
    }
    for (size_t i = 0; i < bus->window_count; i++)
        if (address - bus->windows[i].base < bus->windows[i].size) {
            target.backed = true;
            target.fill = bus->windows[i].fill;
            break;
        }
    pthread_rwlock_unlock(&bus->lock);
    return target;
}

static void unpin(struct bus *bus, struct bus_range *range)
{
    /* The range may be gone once the count has fallen: only the old value is looked at. */
    if (atomic_fetch_sub_explicit(&range->pins, PIN, memory_order_acq_rel) != (PIN | LEAVING))
        return;
    pthread_mutex_lock(&bus->idle_lock);
    pthread_cond_broadcast(&bus->idle);
    pthread_mutex_unlock(&bus->idle_lock);
}

static uint64_t fill_value(uint8_t fill, unsigned size)
{
    return (fill * UINT64_C(0x0101010101010101)) & bits_mask(size * 8);
}

static void report(const struct bus *bus, enum event_kind kind, uint64_t address, unsigned size,
                   bool write)
{
    const struct event event = {.kind = kind, .write = write, .cpu = -1, .a = address, .b = size};

    event_emit(&bus->events, &event);
}

/* One access that is aligned, or a byte. -EAGAIN: it crosses the end of its range. */
static int access_aligned(struct bus *bus, uint64_t address, unsigned size, uint64_t *value,
                          bool write)
{
    struct target target = find(bus, address);
    struct bus_range *range = target.range;
    int ret = 0;

    if (!write)
        *value = fill_value(target.fill, size);
    if (!range) {
        if (!target.backed)
            report(bus, EVENT_ACCESS_UNBACKED, address, size, write);
        return target.backed ? 0 : -EFAULT;
    }
    if (!range_fits(address - range->base, size, range->size))
        ret = -EAGAIN;
    else if (!(range->widths & size))
        report(bus, EVENT_ACCESS_BAD_WIDTH, address, size, write);
    else if (write)
        range->ops->write(range->dev, address - range->base, size, *value & bits_mask(size * 8));
    else
        *value = range->ops->read(range->dev, address - range->base, size) & bits_mask(size * 8);
    unpin(bus, range);
    return ret;
}

static int access_bytes(struct bus *bus, uint64_t address, unsigned size, uint64_t *value,
                        bool write)
{
    uint64_t result = 0;

    for (unsigned i = 0; i < size; i++) {
        uint64_t byte = *value >> (8 * i) & 0xff;
        int ret = access_aligned(bus, address + i, 1, &byte, write);

        if (ret)
            return ret;
        result |= byte << (8 * i);
    }
    *value = result;
    return 0;
}

static int access_any(struct bus *bus, uint64_t address, unsigned size, uint64_t *value, bool write)
{
    int ret = -EAGAIN;

    if (address % size == 0)
        ret = access_aligned(bus, address, size, value, write);
    return ret == -EAGAIN ? access_bytes(bus, address, size, value, write) : ret;
}

int bus_read(struct bus *bus, uint64_t address, unsigned size, uint64_t *value)
{
    *value = 0;
    return access_any(bus, address, size, value, false);
}

int bus_write(struct bus *bus, uint64_t address, unsigned size, uint64_t value)
{
    return access_any(bus, address, size, &value, true);
}
