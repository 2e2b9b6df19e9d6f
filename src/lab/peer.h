/* SPDX-License-Identifier: ISC */
/*
 * A peer: a host on a switch without a machine behind it, an address with TCP, UDP and ICMP that a
 * test speaks through. lwIP does the speaking, in a confined process of its own for each peer,
 * since what the wire brings is hostile and lwIP's state is one a process: no peer ever takes or
 * forwards what is for another.
 *
 * A peer asks and answers by messages on a pair of sockets: a head of one size, and as much data
 * as that says. What comes from it is checked: it may be in the hands of whoever is on the wire.
 */
#ifndef LAB_PEER_H
#define LAB_PEER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/ip.h"

#define PEER_LISTENERS 64
#define PEER_DATA      65456 /* of one message: a frame of the largest MTU fits */
#define PEER_NAME      64

enum peer_protocol { PEER_TCP, PEER_UDP, PEER_PING };
enum peer_service { PEER_ECHO, PEER_DISCARD, PEER_SAY };

struct peer_listener {
    bool udp;
    uint16_t port;
    enum peer_service service;
    const char *text; /* of SAY */
};

/* An address of one family; none: it has none of that, and then no gateway. */
struct peer_network {
    struct ip address, gateway;
    unsigned prefix; /* bits of the network; of IPv6 64 at least, which lwIP takes for a wire */
};

/* Everything stays the caller's, and is not looked at later. */
struct peer_config {
    const char *name; /* its port on the switch */
    const char *wire; /* the switch's name */
    uint8_t mac[6];   /* all zero: one that follows from the names */
    struct peer_network networks[IP_FAMILIES];
    unsigned mtu; /* 0: 1500; at most 65435 */
    const struct peer_listener *listeners;
    size_t listener_count;
};

enum peer_message_kind {
    /* to the peer */
    PEER_PROBE, /* protocol, id, remote, remote_port, local_port, data: what to say */
    PEER_TELL,  /* id, data: what to say next */
    PEER_END,   /* id: the probe is over, what is open of it is closed */
    PEER_FRAME, /* data: a frame to send as it is */
    PEER_LEND,  /* with a socket, which messages come and go by from now on, until its end */
    /* from it */
    PEER_UP,       /* it has joined */
    PEER_FAILED,   /* it has not: data is why */
    PEER_ANSWERED, /* id: TCP is connected, or the datagram or echo was answered */
    PEER_REFUSED,  /* id: a reset came (`local_port` 0), or an ICMP error, of that type and code;
                      data: a struct ip, who sent it */
    PEER_SAID,     /* id, data: what the other end sent */
    PEER_SEEN,     /* protocol, local, local_port, remote, remote_port: what asks for an answer here
                      (a SYN, a datagram, an echo request), and data, how a datagram begins */
};

struct peer_message {
    uint16_t kind, protocol; /* enum peer_message_kind, enum peer_protocol */
    uint32_t id;
    struct ip local, remote;
    uint16_t local_port, remote_port;
    uint32_t length; /* of the data that goes with it */
    uint8_t data[PEER_DATA];
};

#define PEER_HEAD offsetof(struct peer_message, data)

struct peer;

/* Starts it, and waits until it is on the switch. The caller has one thread. -ENOTSUP: this build
 * has no lwIP. Returns 0 or -errno. */
int peer_start(struct peer **peer, const struct peer_config *config, struct error *err);
void peer_stop(struct peer *peer); /* NULL is allowed */

/* Readable when there is a message, or the peer has gone. */
int peer_descriptor(const struct peer *peer);

/* Makes another line to the peer, *fd, for a test in another process; while it is open it has what
 * the peer says, and what was asked by it ends with it. Never waits. Returns 0 or -errno. */
int peer_lend(struct peer *peer, int *fd, struct error *err);

/* A peer by the line that was lent; the descriptor is its own from now on. NULL: out of memory. */
struct peer *peer_borrow(int fd);

/* Closes the connection and nothing else: it is another process's (after a fork). */
void peer_abandon(struct peer *peer);

/* Sends a message, with the first `length` bytes of its data. Returns 0, or -errno with a line. */
int peer_tell(struct peer *peer, const struct peer_message *message, struct error *err);

/* Takes the next message, checked; what is beyond its `length` stays as it was. Returns 1, 0 (there
 * is none now), or -errno: it has gone. */
int peer_hear(struct peer *peer, struct peer_message *message, struct error *err);

/* --- what both sides use --- */

/* How much of a message is to come, when its first `length` bytes have: 0, it is all there; -1, it
 * cannot be one. */
ssize_t peer_message_missing(const struct peer_message *message, size_t length);

/* --- peer_stack.c, the helper's side --- */

/* Plays the peer until the other end of `socket` closes. It joins the switch first, is confined,
 * and says so. */
void peer_play(const struct peer_config *config, int socket);

#endif
