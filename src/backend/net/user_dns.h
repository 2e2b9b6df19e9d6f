/* SPDX-License-Identifier: ISC */
/*
 * The guest's name server, 10.0.2.3, is the host's: packets to it are sent to the address that
 * /etc/resolv.conf names, and what comes back says 10.0.2.3 again. libslirp can do so too, but
 * reads that file anew each second, which a confined process cannot.
 */
#ifndef BACKEND_NET_USER_DNS_H
#define BACKEND_NET_USER_DNS_H

#include "base/bits.h"

struct user_dns {
    uint32_t server;             /* the host's name server, in host byte order; 0: none */
    uint8_t ports[2][65536 / 8]; /* UDP, TCP: the guest's ports that last spoke to 10.0.2.3 */
};

/* The first IPv4 name server in a resolv.conf(5), or 0. */
uint32_t user_dns_server(const char *path);

/* Rewrites a frame from the guest, or to it, where it is one of those. Checksums are kept right. */
void user_dns_out(struct user_dns *dns, uint8_t *frame, size_t length);
void user_dns_in(const struct user_dns *dns, uint8_t *frame, size_t length);

#endif
