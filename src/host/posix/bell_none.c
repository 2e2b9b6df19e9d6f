/* SPDX-License-Identifier: ISC */
#include "host/bell.h"

#include <errno.h>

int host_bell_create(struct host_loop *loop, void (*rung)(void *ctx, uint64_t count), void *ctx,
                     struct host_bell **bell)
{
    return -ENOTSUP;
}

int host_bell_fd(const struct host_bell *bell)
{
    return -1;
}

void host_bell_destroy(struct host_bell *bell)
{
}
