/* SPDX-License-Identifier: ISC */
#include "switch/fabric.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "switch/addresses.h"
#include "switch/ring.h"

#define HEADER         14
#define ETHERTYPE_VLAN 0x8100
#define VLAN_ID        0x0fff
#define SHARE_RECORDS  (FABRIC_PORTS * FABRIC_SHARE)

_Static_assert(FABRIC_PORTS == ADDRESSES_PORTS, "a table for as many ports");

/* Frames in a queue, in their order: who sent them. */
struct share_record {
    uint32_t bytes;
    uint32_t from;
};

struct port {
    const struct fabric_port_ops *ops; /* NULL: there is none */
    void *ctx;
    uint16_t mtu;
    struct link *links[2];
    struct fabric_counters counters[2];
    uint64_t flood_credit; /* copies, in 1/NS_PER_SEC */
    uint64_t flood_time;   /* when it was counted */

    /* What each port has in this one's queue */
    uint64_t shares[FABRIC_PORTS];
    uint32_t share_frames[FABRIC_PORTS];
    uint64_t outstanding; /* the sum of them */
    struct share_record *records;
    uint32_t first, count;
};

struct fabric {
    struct addresses *addresses;
    struct fabric_hooks hooks;
    struct port ports[FABRIC_PORTS];
};

static const struct net_header plain;

struct fabric *fabric_create(uint64_t seed, const struct fabric_hooks *hooks)
{
    struct fabric *fabric = calloc(1, sizeof(*fabric));

    if (!fabric)
        return NULL;
    fabric->hooks = *hooks;
    fabric->addresses = addresses_create(seed);
    if (!fabric->addresses) {
        free(fabric);
        return NULL;
    }
    return fabric;
}

void fabric_destroy(struct fabric *fabric)
{
    if (!fabric)
        return;
    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        fabric_remove(fabric, i);
    addresses_destroy(fabric->addresses);
    free(fabric);
}

static void port_free(struct port *port)
{
    link_destroy(port->links[FABRIC_FROM]);
    link_destroy(port->links[FABRIC_TO]);
    free(port->records);
    *port = (struct port){0};
}

int fabric_add(struct fabric *fabric, const struct fabric_port_ops *ops, void *ctx, uint16_t mtu)
{
    for (unsigned i = 0; i < FABRIC_PORTS; i++) {
        struct port *port = &fabric->ports[i];

        if (port->ops)
            continue;
        port->links[FABRIC_FROM] = link_create();
        port->links[FABRIC_TO] = link_create();
        port->records = calloc(SHARE_RECORDS, sizeof(*port->records));
        if (!port->links[FABRIC_FROM] || !port->links[FABRIC_TO] || !port->records) {
            port_free(port);
            return -ENOMEM;
        }
        port->ops = ops;
        port->ctx = ctx;
        port->mtu = mtu;
        port->flood_credit = FABRIC_FLOOD_BURST * NS_PER_SEC;
        return (int)i;
    }
    return -ENOSPC;
}

void fabric_remove(struct fabric *fabric, unsigned number)
{
    struct port *port = &fabric->ports[number];

    if (!port->ops)
        return;
    addresses_forget(fabric->addresses, number);
    port_free(port);
}

bool fabric_reserve(struct fabric *fabric, unsigned port, const uint8_t mac[6])
{
    return addresses_reserve(fabric->addresses, mac, port);
}

static void passed(struct fabric *fabric, unsigned port, enum fabric_direction direction,
                   const void *frame, size_t length)
{
    if (fabric->hooks.passed)
        fabric->hooks.passed(fabric->hooks.ctx, port, direction, frame, length);
}

/* --- out of a port --- */

/* Forgets the frames that have left the queue. */
static void settle_shares(struct port *port, size_t queued)
{
    while (port->count) {
        const struct share_record *record = &port->records[port->first];

        if (port->outstanding - record->bytes < queued)
            return;
        port->outstanding -= record->bytes;
        port->shares[record->from] -= record->bytes;
        port->share_frames[record->from]--;
        port->first = (port->first + 1) % SHARE_RECORDS;
        port->count--;
    }
}

/* No more of one port than what is free for all: so there is always room for another
 * (Choudhury and Hahne, dynamic queue length thresholds, 1998). */
static bool has_share(struct port *port, unsigned from, size_t length)
{
    size_t most = 0, queued = port->ops->queued(port->ctx, &most);
    uint64_t room = ring_record_size(length);

    if (!most)
        return true;
    settle_shares(port, queued);
    return port->share_frames[from] < FABRIC_SHARE && queued + room <= most &&
           port->shares[from] + room <= most - queued;
}

static void note_share(struct port *port, unsigned from, size_t length)
{
    uint64_t room = ring_record_size(length);

    if (port->count == SHARE_RECORDS) /* a queue whose length nobody knows */
        return;
    port->records[(port->first + port->count++) % SHARE_RECORDS] =
        (struct share_record){(uint32_t)room, from};
    port->outstanding += room;
    port->shares[from] += room;
    port->share_frames[from]++;
}

static void output(struct fabric *fabric, unsigned to, unsigned from,
                   const struct net_header *header, const void *frame, size_t length)
{
    struct port *port = &fabric->ports[to];
    struct fabric_counters *counters = &port->counters[FABRIC_TO];

    if (!has_share(port, from, length) || port->ops->send(port->ctx, header, frame, length)) {
        counters->queue_full++;
        return;
    }
    note_share(port, from, length);
    counters->frames++;
    counters->bytes += length;
    passed(fabric, to, FABRIC_TO, frame, length);
}

/* --- plain frames out of one with offloads --- */

struct undo {
    struct fabric *fabric;
    unsigned to, from;
    uint64_t now;
    uint8_t *room; /* for a frame in one piece */
};

static size_t gather(uint8_t *to, const struct iovec *iov, int count)
{
    size_t length = 0;

    for (int i = 0; i < count; i++) {
        memcpy(to + length, iov[i].iov_base, iov[i].iov_len);
        length += iov[i].iov_len;
    }
    return length;
}

static void undone_into_link(void *ctx, const struct iovec *iov, int count)
{
    const struct undo *undo = ctx;
    uint8_t segment[NET_OFFLOAD_MAX_FRAME];
    size_t length = gather(segment, iov, count);

    link_submit(undo->fabric->ports[undo->to].links[FABRIC_TO], undo->now, segment, length,
                undo->from);
}

static void undone_out(void *ctx, const struct iovec *iov, int count)
{
    const struct undo *undo = ctx;
    uint8_t segment[NET_OFFLOAD_MAX_FRAME];
    size_t length = gather(segment, iov, count);

    output(undo->fabric, undo->to, undo->from, &plain, segment, length);
}

/* To one port, by its link. The frame stays as it is: it may go to others. */
static void deliver(struct fabric *fabric, unsigned to, unsigned from, uint64_t now,
                    const struct net_header *header, const uint8_t *frame, size_t length, int needs)
{
    struct port *port = &fabric->ports[to];
    bool idle = link_idle(port->links[FABRIC_TO]);
    struct undo undo = {.fabric = fabric, .to = to, .from = from, .now = now};
    uint8_t copy[NET_OFFLOAD_MAX_FRAME];

    if (net_offload_longest(header, frame, length) > (size_t)port->mtu + FABRIC_OVERHEAD) {
        port->counters[FABRIC_TO].too_long++;
        return;
    }
    if (idle && !((unsigned)needs & ~port->ops->accepts(port->ctx))) {
        output(fabric, to, from, header, frame, length);
        return;
    }
    if (!needs) {
        link_submit(port->links[FABRIC_TO], now, frame, length, from);
        return;
    }
    memcpy(copy, frame, length);
    net_offload_send(header, copy, length, port->mtu, idle ? undone_out : undone_into_link, &undo);
}

/* --- into the switch --- */

static uint16_t vlan_of(const uint8_t *frame, size_t length)
{
    return length >= HEADER + 4 && load_be16(frame + 12) == ETHERTYPE_VLAN
               ? load_be16(frame + 14) & VLAN_ID
               : 0;
}

/* A link's own pause frames (802.3, 31B) do not leave it. */
static bool stays(const uint8_t *frame)
{
    static const uint8_t pause[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};

    return memcmp(frame, pause, sizeof(pause)) == 0;
}

/* What it is on a wire, at most. */
static uint64_t segments_of(const struct net_header *header, size_t length)
{
    return header->gso_type == NET_GSO_NONE ? 1 : length / header->gso_size + 1;
}

static unsigned others(const struct fabric *fabric, unsigned from)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        count += i != from && fabric->ports[i].ops;
    return count;
}

/* With one receiver it is as if that had been known. */
static bool may_flood(struct port *port, uint64_t now, uint64_t copies)
{
    uint64_t cost = copies ? (copies - 1) * NS_PER_SEC : 0;
    uint64_t passed_ns = MIN(now - port->flood_time, NS_PER_SEC);

    port->flood_time = now;
    port->flood_credit =
        MIN(port->flood_credit + passed_ns * FABRIC_FLOOD_RATE, FABRIC_FLOOD_BURST * NS_PER_SEC);
    if (port->flood_credit < cost)
        return false;
    port->flood_credit -= cost;
    return true;
}

/* A frame that has come through its port's link. */
static void forward(struct fabric *fabric, unsigned from, uint64_t now,
                    const struct net_header *header, const uint8_t *frame, size_t length, int needs)
{
    struct port *port = &fabric->ports[from];
    uint16_t vlan = vlan_of(frame, length);
    int to;

    if (stays(frame))
        return;
    if (!(frame[6] & 1) && !addresses_learn(fabric->addresses, frame + 6, vlan, from, now)) {
        port->counters[FABRIC_FROM].forged++;
        return;
    }
    to = frame[0] & 1 ? -1 : addresses_find(fabric->addresses, frame, vlan, now);
    if (to >= 0) {
        if ((unsigned)to != from)
            deliver(fabric, (unsigned)to, from, now, header, frame, length, needs);
        return;
    }
    if (!may_flood(port, now, others(fabric, from) * segments_of(header, length))) {
        port->counters[FABRIC_FROM].limited++;
        return;
    }
    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        if (i != from && fabric->ports[i].ops)
            deliver(fabric, i, from, now, header, frame, length, needs);
}

static void undone_from(void *ctx, const struct iovec *iov, int count)
{
    const struct undo *undo = ctx;
    size_t length = gather(undo->room, iov, count);

    link_submit(undo->fabric->ports[undo->from].links[FABRIC_FROM], undo->now, undo->room, length,
                undo->from);
}

void fabric_receive(struct fabric *fabric, unsigned number, uint64_t now,
                    const struct net_header *header, uint8_t *frame, size_t length)
{
    struct port *port = &fabric->ports[number];
    struct fabric_counters *counters = &port->counters[FABRIC_FROM];
    uint8_t segment[NET_OFFLOAD_MAX_FRAME];
    struct undo undo = {.fabric = fabric, .from = number, .now = now, .room = segment};
    int needs;

    if (length < HEADER || length > NET_OFFLOAD_MAX_FRAME ||
        (needs = net_offload_needs(header, frame, length)) < 0 ||
        segments_of(header, length) > FABRIC_SEGMENTS) {
        counters->malformed++;
        return;
    }
    if (net_offload_longest(header, frame, length) > (size_t)port->mtu + FABRIC_OVERHEAD) {
        counters->too_long++;
        return;
    }
    counters->frames++;
    counters->bytes += length;
    passed(fabric, number, FABRIC_FROM, frame, length);
    if (link_idle(port->links[FABRIC_FROM])) {
        forward(fabric, number, now, header, frame, length, needs);
        return;
    }
    net_offload_send(header, frame, length, port->mtu, undone_from, &undo);
    fabric_run(fabric, now);
}

/* --- links --- */

static void run_from(struct fabric *fabric, unsigned number, uint64_t now)
{
    struct link *link = fabric->ports[number].links[FABRIC_FROM];
    const void *frame;
    size_t length;
    uint32_t tag;

    while (link_deadline(link) <= now && link_take(link, now, &frame, &length, &tag))
        forward(fabric, number, now, &plain, frame, length, 0);
}

/* Senders that have gone since count as the port that took their number, if any. */
static void run_to(struct fabric *fabric, unsigned number, uint64_t now)
{
    struct link *link = fabric->ports[number].links[FABRIC_TO];
    const void *frame;
    size_t length;
    uint32_t from;

    while (link_deadline(link) <= now && link_take(link, now, &frame, &length, &from))
        output(fabric, number, from, &plain, frame, length);
}

void fabric_run(struct fabric *fabric, uint64_t now)
{
    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        if (fabric->ports[i].ops)
            run_from(fabric, i, now);
    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        if (fabric->ports[i].ops)
            run_to(fabric, i, now);
}

uint64_t fabric_deadline(const struct fabric *fabric)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < FABRIC_PORTS; i++) {
        const struct port *port = &fabric->ports[i];

        if (!port->ops)
            continue;
        first = MIN(first, link_deadline(port->links[FABRIC_FROM]));
        first = MIN(first, link_deadline(port->links[FABRIC_TO]));
    }
    return first;
}

struct link *fabric_link(struct fabric *fabric, unsigned port, enum fabric_direction direction)
{
    return fabric->ports[port].links[direction];
}

const struct fabric_counters *fabric_counters(const struct fabric *fabric, unsigned port,
                                              enum fabric_direction direction)
{
    return &fabric->ports[port].counters[direction];
}

unsigned fabric_addresses(const struct fabric *fabric, unsigned port)
{
    return addresses_count(fabric->addresses, port);
}
