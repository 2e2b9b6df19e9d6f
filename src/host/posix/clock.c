/* SPDX-License-Identifier: ISC */
#include "host/clock.h"

#include <errno.h>
#include <time.h>

#include "base/units.h"

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* macOS's CLOCK_MONOTONIC goes on while the host sleeps, and is not the counter that guests see. */
#ifdef CLOCK_UPTIME_RAW
#define MONOTONIC CLOCK_UPTIME_RAW
#else
#define MONOTONIC CLOCK_MONOTONIC
#endif

uint64_t host_clock_monotonic(void)
{
    return clock_read(MONOTONIC);
}

uint64_t host_clock_realtime(void)
{
    return clock_read(CLOCK_REALTIME);
}

void host_sleep(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC)};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}
