/* SPDX-License-Identifier: ISC */
#include "machine/clock.h"

#include "host/clock.h"

void clock_init(struct clock *clock)
{
    clock->source = host_clock_monotonic;
    atomic_init(&clock->offset, 0);
    atomic_init(&clock->frozen, 0);
    atomic_init(&clock->running, false);
}

uint64_t clock_now(void *ctx)
{
    struct clock *clock = ctx;

    if (!atomic_load_explicit(&clock->running, memory_order_acquire))
        return atomic_load_explicit(&clock->frozen, memory_order_relaxed);
    return clock->source() - atomic_load_explicit(&clock->offset, memory_order_relaxed);
}

uint64_t clock_to_host(const struct clock *clock, uint64_t ns)
{
    int64_t offset = (int64_t)atomic_load_explicit(&clock->offset, memory_order_relaxed);
    uint64_t host;

    /* A restored guest may be older than the host is up: then the offset is negative. */
    if (ns == UINT64_MAX || __builtin_add_overflow(ns, offset, &host))
        return UINT64_MAX;
    return host;
}

void clock_start(struct clock *clock)
{
    atomic_store(&clock->offset, clock->source() - atomic_load(&clock->frozen));
    atomic_store_explicit(&clock->running, true, memory_order_release);
}

void clock_stop(struct clock *clock)
{
    atomic_store(&clock->frozen, clock_now(clock));
    atomic_store_explicit(&clock->running, false, memory_order_release);
}

void clock_set(struct clock *clock, uint64_t ns)
{
    atomic_store(&clock->frozen, ns);
}
