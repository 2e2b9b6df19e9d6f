/* SPDX-License-Identifier: ISC */
/* In place of tap_linux.c elsewhere. */
#include <errno.h>

#include "backend/net.h"

int net_tap_descriptor(const char *device, struct error *err)
{
    return error_set(err, ENOTSUP, "network: %s: this system has no tap devices for Atoll", device);
}

int net_tap_open(struct net **net, const struct net_tap_config *config, const struct log *log,
                 struct error *err)
{
    return net_tap_descriptor(config->device, err);
}
