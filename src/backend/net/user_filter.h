/* SPDX-License-Identifier: ISC */
/* What the guest may send into libslirp. One thread. */
#ifndef BACKEND_NET_USER_FILTER_H
#define BACKEND_NET_USER_FILTER_H

#include "backend/net.h"

#define USER_FILTER_PEERS 64

struct user_filter {
    bool guard; /* the gateway's address is the host's loopback to libslirp, and must not be to the
                   guest */
    struct user_peer {
        uint16_t host_port, guest_port;
    } peers[USER_FILTER_PEERS]; /* UDP from the gateway that the guest may answer; a ring */
    unsigned next;
};

/* Whether a frame from the guest may pass. */
bool user_filter_out(const struct user_filter *filter, const uint8_t *frame, size_t length);

/* Notes whom a frame to the guest comes from. */
void user_filter_in(struct user_filter *filter, const uint8_t *frame, size_t length);

#endif
