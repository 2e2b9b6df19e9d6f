/* SPDX-License-Identifier: ISC */
/* What the network backends share among themselves, and the two sides of the user-mode network. */
#ifndef BACKEND_NET_PRIVATE_H
#define BACKEND_NET_PRIVATE_H

#include "backend/net.h"

#define NET_HEADER 14 /* bytes of an Ethernet header */

/* Hands a frame to the client and, once it is taken, to the capture. On the loop's thread. */
bool net_deliver(struct net *net, void *frame, size_t length);
bool net_deliver_offload(struct net *net, const struct net_header *header, const void *frame,
                         size_t length);

/* Tells the client that the cable is plugged in or not, if that is news. On the loop's thread. */
void net_link(struct net *net, bool up);

/*
 * user.c talks to user_helper.c over a pair of sockets that keep messages apart. The helper's first
 * message says how its start went; every other message, in both directions, is one Ethernet frame.
 */
struct user_hello {
    int code; /* 0, or a positive errno: then the helper ends */
    char text[256];
};

/* The addresses of the user-mode network, in host byte order. */
#define USER_NETWORK 0x0a000200u /* 10.0.2.0/24 */
#define USER_MASK    0xffffff00u
#define USER_GATEWAY 0x0a000202u
#define USER_DNS     0x0a000203u
#define USER_GUEST   0x0a00020fu
#define USER_MTU     1500
#define USER_MTU_MIN 576 /* libslirp's */
#define USER_MTU_MAX 65435

/* The helper's life, in a process of its own: ends when `socket` does. */
_Noreturn void user_helper(int socket, const struct net_user_config *config);

#endif
