/* SPDX-License-Identifier: ISC */
/* In place of vmnet_darwin.c elsewhere. */
#include <errno.h>

#include "backend/net.h"

int net_vmnet_open(struct net **net, const struct net_vmnet_config *config, const struct log *log,
                   struct error *err)
{
    return error_set(err, ENOTSUP,
                     "network: vmnet is macOS's; give user, switch:NAME or tap:DEVICE");
}
