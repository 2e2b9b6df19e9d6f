/* SPDX-License-Identifier: ISC */
/* In place of user.c where libslirp was not found when Atoll was built. */
#include "backend/net.h"

#include <errno.h>

int net_user_open(struct net **net, const struct net_user_config *config, const struct log *log,
                  struct error *err)
{
    return error_set(err, ENOTSUP, "network: this Atoll was built without libslirp");
}

int net_user_start(const struct net_user_config *config, int *socket, struct error *err)
{
    return net_user_open(NULL, config, NULL, err);
}
