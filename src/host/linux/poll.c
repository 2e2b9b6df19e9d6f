/* SPDX-License-Identifier: ISC */
#include "host/private.h"

#include <time.h>

#include "base/units.h"

int host_poll(struct pollfd *fds, unsigned count, uint64_t timeout_ns)
{
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / NS_PER_SEC),
        .tv_nsec = (long)(timeout_ns % NS_PER_SEC),
    };

    return ppoll(fds, count, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);
}
