/* SPDX-License-Identifier: ISC */
/* What the files of the client's side share. */
#ifndef SWITCH_CLIENT_PRIVATE_H
#define SWITCH_CLIENT_PRIVATE_H

#include "switch/client.h"
#include "host/map.h"
#include "switch/message.h"
#include "switch/ring.h"

struct switch_client {
    int socket;
    uint64_t id; /* of the last question */
    char name[SWITCH_NAME_MAX + 1];
    struct message_input input;
};

/* Waits for a message, which is the caller's. Returns 0 or -errno. */
int client_receive(struct switch_client *client, json_t **message, struct error *err);

/* Compiles a pcap expression (pcap-filter(7)) for Ethernet to a list of instructions, each [code,
 * jt, jf, k], which is the caller's. Returns 0 or -EINVAL with what libpcap says. */
int filter_compile(const char *expression, json_t **program, struct error *err);

/* The shared memory of a port: two rings' words in the first HOST_EXCHANGE_ALIGN bytes, and whether
 * the cable is plugged in, then the rings' data. */
#define PORT_RING_FROM   (UINT64_C(2) << 20) /* bytes of frames to the switch */
#define PORT_RING_TO     (UINT64_C(4) << 20) /* and from it */
#define PORT_WORDS       HOST_EXCHANGE_ALIGN
#define PORT_MEMORY_SIZE (PORT_WORDS + PORT_RING_FROM + PORT_RING_TO)

/* Why a port is no more. */
enum port_end {
    PORT_LEFT, /* what was behind it hung up: its process has ended, or does not want it */
    PORT_TAKEN_OUT,
    PORT_STOPPED, /* with the switch */
    PORT_BROKE,   /* the rules of its connection */
};

struct port_words {
    struct ring_shared from, to;
    /* The switch's to write; a byte says that it has, or the end. */
    _Alignas(64) _Atomic uint32_t unplugged;
    _Atomic uint32_t end; /* enum port_end */
    /* The client's: frames that the first ring had no room for. */
    _Alignas(64) _Atomic uint64_t unsent;
};

#endif
