/* SPDX-License-Identifier: ISC */
/*
 * A machine's card on a switch: a network backend (backend/net.h) that carries offloads.
 */
#ifndef SWITCH_NET_H
#define SWITCH_NET_H

#include "backend/net.h"
#include "switch/client.h"

/* Joins the switch `name`, which is started when there is none. `capture` is a pcapng file to
 * create, or NULL. Before confinement. Returns 0 or -errno. */
int net_switch_open(struct net **net, const char *name, const struct switch_port_config *config,
                    const char *capture, const struct log *log, struct error *err);

#endif
