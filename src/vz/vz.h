/* SPDX-License-Identifier: ISC */
/*
 * A machine that Apple's Virtualization.framework runs, from the same configuration as Atoll's own:
 * the one behind --engine vz (macOS 11 and later; 13 for EFI).
 *
 * The framework runs the guest in a process of its own and gives a dispatch queue per machine:
 * every method of the machine is called there, and its completion handlers and its delegate run
 * there. What it does with the guest (CPUs, interrupts, devices, firmware) nobody sees; what it
 * cannot do is refused by name before anything is opened.
 */
#ifndef VZ_VZ_H
#define VZ_VZ_H

#include "backend/net.h"
#include "lib/ops.h"

#define VZ_ENGINE "vz" /* struct atoll_config's engine */

/* Opens what the configuration's network card `index` is plugged into. Returns 0 or -errno. */
typedef int vz_open_net(struct net **net, const struct atoll_config *config, size_t index,
                        const struct log *log, struct error *err);

/* Whether this host can run such machines. Returns 0, or -ENOTSUP with why not and the remedy. */
int vz_probe(struct error *err);

/* Whether its guests may run guests of their own (macOS 15, and newer processors). Where vz_probe
 * says 0. */
bool vz_nested(void);

/*
 * Makes a machine, powered off, from a configuration that has been checked and in which what
 * depends on other values is settled. It and its strings stay the caller's. Returns 0 or -errno
 * (-ENOTSUP: the framework, or this version of it, cannot do what is asked).
 */
int vz_create(struct atoll **vm, const struct atoll_config *config, vz_open_net *open_net,
              struct error *err);

#endif
