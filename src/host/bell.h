/* SPDX-License-Identifier: ISC */
/*
 * A bell: a descriptor that a kernel rings (for a guest that writes where a device's doorbell is),
 * heard on a loop.
 */
#ifndef HOST_BELL_H
#define HOST_BELL_H

#include <stdint.h>

#include "host/loop.h"

struct host_bell;

/* Creates a bell that `rung(ctx, count)` hears on `loop`'s thread, `count` being how often it was
 * rung since the last time. Any thread. Returns 0, -ENOTSUP where the host has no such descriptor
 * (only Linux has: eventfd(2)), or -errno. */
int host_bell_create(struct host_loop *loop, void (*rung)(void *ctx, uint64_t count), void *ctx,
                     struct host_bell **bell);

/* The descriptor to ring with; the bell's. Any thread. */
int host_bell_fd(const struct host_bell *bell);

/* Frees it: `rung` does not run any more when this has returned. Any thread; NULL is fine. */
void host_bell_destroy(struct host_bell *bell);

#endif
