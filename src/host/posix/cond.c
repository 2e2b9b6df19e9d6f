/* SPDX-License-Identifier: ISC */
#include <pthread.h>
#include <time.h>

#include "base/units.h"
#include "host/thread.h"

int host_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int ret = pthread_condattr_init(&attr);

    if (ret)
        return -ret;
    ret = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (!ret)
        ret = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return -ret;
}

int host_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_SEC),
        .tv_nsec = (long)(deadline_ns % NS_PER_SEC),
    };

    if (deadline_ns == UINT64_MAX)
        return -pthread_cond_wait(cond, lock);
    return -pthread_cond_timedwait(cond, lock, &deadline);
}
