/* SPDX-License-Identifier: ISC */
/*
 * Who is at the other end of a connection over the loopback, which every user of this computer may
 * open: a display without a password is for the user who runs the machine, and for root.
 */
#ifndef VIEWER_PEER_H
#define VIEWER_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peers {
    int tables[2]; /* the system's connections; -1: not to be had */
    uid_t owner;
};

/* Before the process is confined: it opens no file afterwards. */
void peers_open(struct peers *peers);

/* Whether it can be told who connects. */
bool peers_known(const struct peers *peers);

/* Whether the socket `fd` was accepted from another user of this computer, or from somebody who
 * cannot be told, having hung up already. One thread at a time. */
bool peers_stranger(const struct peers *peers, int fd);

#endif
