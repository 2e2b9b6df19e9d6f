/* SPDX-License-Identifier: ISC */
/*
 * Where switches listen, and how one is started: the sockets NAME.sock in the folder "switch" of
 * the user's runtime folder. Whoever starts or removes one holds the folder's lock, so that two
 * machines that start at the same time meet on one switch.
 */
#ifndef SWITCH_PLACE_H
#define SWITCH_PLACE_H

#include <sys/un.h>

#include "base/bits.h"
#include "base/error.h"

#define PLACE_SUFFIX ".sock"

/* Locks the folder, waiting for others. Returns a descriptor, whose close unlocks it, or -errno. */
int place_lock(struct error *err);

/* The address of a switch. Returns 0 or -errno. */
int place_address(const char *name, struct sockaddr_un *address, struct error *err);

/* The names of all sockets there, of switches that may be dead; NULL-terminated, free each and the
 * array. Returns 0 or -errno. */
int place_list(char ***names, struct error *err);

/* Connects to the switch, which is started if `start` and there is none. Returns a socket, -ENOENT,
 * or -errno. */
int place_connect(const char *name, bool start, struct error *err);

/* Whether the switch's socket is there. */
bool place_exists(const char *name);

/* Removes a socket that nobody listens to any more. */
void place_remove(const char *name);

#endif
