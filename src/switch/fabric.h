/* SPDX-License-Identifier: ISC */
/*
 * The switch itself, without any socket or clock: frames come in at ports and go out at ports (IEEE
 * 802.1Q, 8.6). It learns where addresses are, floods what it does not know, and passes VLAN tags
 * through, each VLAN with addresses of its own.
 *
 * Every port may be hostile. Frames are bounded by the port's MTU; what a port may have waiting at
 * another is never more than what is still free there, so that nobody is shut out, nor more than
 * FABRIC_SHARE frames, so that nobody waits long; and what goes to everybody is limited for each
 * port by how many copies that makes (FABRIC_FLOOD_*), as every other one pays for it.
 *
 * A frame carries its offloads from port to port as they came. They are undone for a port that does
 * not take them, and by a link that does anything to frames, because it does so to those on the
 * wire.
 *
 * One thread.
 */
#ifndef SWITCH_FABRIC_H
#define SWITCH_FABRIC_H

#include "backend/net_offload.h"
#include "base/bits.h"
#include "switch/link.h"

#define FABRIC_PORTS       64
#define FABRIC_FLOOD_RATE  4000 /* copies a second, beyond the first, of one port's frames */
#define FABRIC_FLOOD_BURST 4096 /* copies at once */
#define FABRIC_SHARE       1024 /* frames of one port in another's queue */
#define FABRIC_SEGMENTS    128  /* that a frame may stand for: 64 KiB at the smallest usual MSS */
#define FABRIC_OVERHEAD    18   /* bytes of a frame beyond the MTU: Ethernet and a VLAN tag */
#define FABRIC_MTU_MIN     68
#define FABRIC_MTU_MAX     65435

struct fabric_port_ops {
    /* Puts a frame into the port's queue. Returns 0 or -EAGAIN (it is full). */
    int (*send)(void *ctx, const struct net_header *header, const void *frame, size_t length);
    /* NET_OFFLOAD_* that the port takes now. */
    unsigned (*accepts)(void *ctx);
    /* Bytes in the queue, each frame as ring_record_size has it, and how many there can be; 0 of 0:
     * not known. */
    size_t (*queued)(void *ctx, size_t *most);
};

enum fabric_direction {
    FABRIC_FROM, /* from what is behind the port */
    FABRIC_TO,   /* to it */
};

struct fabric_counters {
    uint64_t frames, bytes;
    uint64_t malformed; /* came in with a header that does not fit */
    uint64_t too_long;  /* for the port's MTU */
    uint64_t forged;    /* came in with an address that is another port's */
    uint64_t limited;   /* came in for everybody, and too many of them */
    uint64_t queue_full;
};

struct fabric;

struct fabric_hooks {
    /* A frame passed the edge of a port: for captures. NULL: none. */
    void (*passed)(void *ctx, unsigned port, enum fabric_direction direction, const void *frame,
                   size_t length);
    void *ctx;
};

/* `seed` is nobody's to know. NULL: out of memory. */
struct fabric *fabric_create(uint64_t seed, const struct fabric_hooks *hooks);
void fabric_destroy(struct fabric *fabric);

/* Returns the port's number, -ENOSPC, or -ENOMEM. */
int fabric_add(struct fabric *fabric, const struct fabric_port_ops *ops, void *ctx, uint16_t mtu);

/* What is under way to the port, and from it, is gone as well. */
void fabric_remove(struct fabric *fabric, unsigned port);

/* The address is this port's alone. False: it is another's. */
bool fabric_reserve(struct fabric *fabric, unsigned port, const uint8_t mac[6]);

/* A frame came in. `frame` is the caller's private copy, and may be changed. */
void fabric_receive(struct fabric *fabric, unsigned port, uint64_t now_ns,
                    const struct net_header *header, uint8_t *frame, size_t length);

/* Lets out of the links what is due; and when to call it again (UINT64_MAX: no need to). */
void fabric_run(struct fabric *fabric, uint64_t now_ns);
uint64_t fabric_deadline(const struct fabric *fabric);

struct link *fabric_link(struct fabric *fabric, unsigned port, enum fabric_direction direction);
const struct fabric_counters *fabric_counters(const struct fabric *fabric, unsigned port,
                                              enum fabric_direction direction);
unsigned fabric_addresses(const struct fabric *fabric, unsigned port);

#endif
