/* SPDX-License-Identifier: ISC */
/*
 * A peer's process, shared by its parts: the loop between the switch and the messages of peer.h
 * (peer_stack.c), what the peer listens with (peer_service.c), and what it asks (peer_probe.c). All
 * of it runs in one thread, called from the loop or by lwIP from there.
 */
#ifndef LAB_PLAY_H
#define LAB_PLAY_H

#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#include "lab/peer.h"

#define PLAY_DATAGRAM_MAX 65000u /* bytes that fit with every header in what lwIP counts */

/* Where messages come from: the one who keeps the lab, or a test that it lent the peer to. */
struct line {
    int fd;        /* -1: there is none */
    size_t length; /* of what has come of a message */
    struct peer_message message;
};

struct play {
    const struct peer_config *config;
    struct line keeper, test;
    struct switch_port *port;
    struct netif netif;
    ip_addr_t local[IP_FAMILIES];
    bool over;
    unsigned connections;

    /* the probe that is under way */
    uint32_t id; /* 0: none */
    enum peer_protocol protocol;
    struct ip remote;
    uint16_t remote_port, local_port;
    struct tcp_pcb *tcp;
    struct udp_pcb *udp;
    struct raw_pcb *raw;

    struct peer_message message, reply; /* the last that came, and the next that goes */
};

/* --- peer_stack.c --- */

/* An address as lwIP has it; and of another host, on the peer's wire. */
ip_addr_t play_address(const struct ip *address);
ip_addr_t play_remote(const struct play *play, const struct ip *address);

/* Whether it is an address of the peer's, or one of those that every host has for itself. */
bool play_is_own(const struct play *play, const struct ip *address);

/* Tells of the probe that is under way. What else the reply has is set in play->reply before. */
void play_tell_probe(struct play *play, enum peer_message_kind kind, const void *data,
                     size_t length);

/* --- peer_service.c --- */

/* Listens with all that the peer has to, for as long as the process is. False: out of memory. */
bool play_listen(struct play *play);

/* --- peer_probe.c: one probe at a time --- */

/* Begins what play->message asks for, in the place of the last. */
void play_probe_begin(struct play *play);
/* What else the test has to say, in play->message. */
void play_probe_say(struct play *play);
void play_probe_close(struct play *play);

#endif
