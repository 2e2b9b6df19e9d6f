/* SPDX-License-Identifier: ISC */
#include "host/private.h"

#include "base/bits.h"
#include "base/units.h"

/* macOS has no ppoll: milliseconds, rounded up, so that nobody comes too early and turns round. */
int host_poll(struct pollfd *fds, unsigned count, uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns / NS_PER_MSEC + (timeout_ns % NS_PER_MSEC != 0);

    return poll(fds, count, timeout_ns == UINT64_MAX ? -1 : (int)MIN(ms, (uint64_t)INT32_MAX));
}
