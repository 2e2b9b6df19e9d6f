/* SPDX-License-Identifier: ISC */
/* macOS's conditions wait by the wall clock, or, by an extension, for so long. */
#include <errno.h>
#include <time.h>

#include "base/units.h"
#include "host/clock.h"
#include "host/thread.h"

int host_cond_init(pthread_cond_t *cond)
{
    return -pthread_cond_init(cond, NULL);
}

int host_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    uint64_t now = host_clock_monotonic(), left = deadline_ns > now ? deadline_ns - now : 0;
    const struct timespec wait = {
        .tv_sec = (time_t)(left / NS_PER_SEC),
        .tv_nsec = (long)(left % NS_PER_SEC),
    };

    if (deadline_ns == UINT64_MAX)
        return -pthread_cond_wait(cond, lock);
    return left ? -pthread_cond_timedwait_relative_np(cond, lock, &wait) : -ETIMEDOUT;
}
