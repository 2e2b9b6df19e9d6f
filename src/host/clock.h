/* SPDX-License-Identifier: ISC */
/*
 * The host's clocks.
 */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that never goes back and stops while the host sleeps (CLOCK_MONOTONIC).
 * Any thread. */
uint64_t host_clock_monotonic(void);

/* Nanoseconds since 1970-01-01 UTC. Any thread. */
uint64_t host_clock_realtime(void);

/* Sleeps for `ns` nanoseconds at least. Any thread. */
void host_sleep(uint64_t ns);

#endif
