/* SPDX-License-Identifier: ISC */
/* Hosts without Apple's framework. */
#include <errno.h>

#include "vz/vz.h"

int vz_probe(struct error *err)
{
    return error_set(err, ENOTSUP, "it needs macOS on Apple silicon");
}

bool vz_nested(void)
{
    return false;
}

int vz_create(struct atoll **vm, const struct atoll_config *config, vz_open_net *open_net,
              struct error *err)
{
    vz_probe(err);
    return error_prefix(err, "the engine \"vz\" is not here");
}
