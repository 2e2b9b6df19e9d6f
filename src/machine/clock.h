/* SPDX-License-Identifier: ISC */
/*
 * The machine clock: nanoseconds of guest time. It stands still while the machine is paused and
 * goes on from a saved value after a restore. Everything that a guest can tell time by reads it,
 * but the wall clock (PL031), which follows the host.
 */
#ifndef MACHINE_CLOCK_H
#define MACHINE_CLOCK_H

#include <stdatomic.h>

#include "base/bits.h"

struct clock {
    uint64_t (*source)(void); /* a host clock in nanoseconds */
    _Atomic uint64_t offset;  /* guest time = source - offset while it runs */
    _Atomic uint64_t frozen;  /* guest time while it stands */
    atomic_bool running;
};

/* Starts at zero, standing still. */
void clock_init(struct clock *clock);

/* Guest time now. Any thread. Fits engine_vm_config.clock_ns. */
uint64_t clock_now(void *clock);

/* The host_clock_monotonic() time of guest time `ns`, UINT64_MAX for ever. Any thread. */
uint64_t clock_to_host(const struct clock *clock, uint64_t ns);

/* With the vCPUs parked. */
void clock_start(struct clock *clock);
void clock_stop(struct clock *clock);
void clock_set(struct clock *clock, uint64_t ns); /* while it stands */

#endif
