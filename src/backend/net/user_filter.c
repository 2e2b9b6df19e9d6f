/* SPDX-License-Identifier: ISC */
/*
 * What never leaves the guest. libslirp connects to whatever address a packet names, on the host's
 * behalf; its option against reaching the host's loopback covers the gateway's and the broadcast
 * address only. So packets to loopback (127/8), to "this network" (0/8, which Linux takes for
 * loopback too) and to link-local addresses (169.254/16: the host's link, where clouds keep their
 * metadata) end here, as does everything that is neither ARP nor IPv4.
 *
 * That option also cuts off answers to forwarded UDP, which come from loopback. With forwarded UDP
 * it is therefore off, and `guard` does its work: to the gateway pass echo requests, DHCP, TCP that
 * opens no connection, and UDP to whoever has spoken first.
 */
#include "backend/net/user_filter.h"

#include "backend/net/private.h"
#include "base/endian.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define PROTOCOL_ICMP  1
#define PROTOCOL_TCP   6
#define PROTOCOL_UDP   17
#define TCP_ACK        0x10
#define PORT_DHCP      67

/* Offsets in an IPv4 header, and the least bytes of what follows it. */
#define IPV4_FRAGMENT 6
#define IPV4_PROTOCOL 9
#define IPV4_FROM     12
#define IPV4_TO       16
#define IPV4_HEADER   20
#define IPV4_UNBROKEN 0x4000 /* fragment field of a whole packet: at most Don't Fragment */
#define ICMP_HEADER   8
#define UDP_HEADER    8
#define TCP_HEADER    20

static const struct {
    uint32_t network, mask;
} forbidden[] = {
    {0x00000000, 0xff000000},
    {0x7f000000, 0xff000000},
    {0xa9fe0000, 0xffff0000},
};

/* What follows the header of a whole packet, if that has `least` bytes; or NULL. */
static const uint8_t *transport(const uint8_t *packet, size_t length, size_t least)
{
    size_t header = (packet[0] & 0xf) * 4u;

    if ((load_be16(packet + IPV4_FRAGMENT) & ~IPV4_UNBROKEN) || header < IPV4_HEADER ||
        length < header + least)
        return NULL;
    return packet + header;
}

static bool may_answer(const struct user_filter *filter, uint16_t guest_port, uint16_t host_port)
{
    for (size_t i = 0; i < USER_FILTER_PEERS; i++)
        if (host_port && filter->peers[i].host_port == host_port &&
            filter->peers[i].guest_port == guest_port)
            return true;
    return false;
}

static bool may_reach_gateway(const struct user_filter *filter, const uint8_t *packet,
                              size_t length)
{
    const uint8_t *head;

    switch (packet[IPV4_PROTOCOL]) {
    case PROTOCOL_ICMP: return transport(packet, length, ICMP_HEADER);
    case PROTOCOL_TCP:
        head = transport(packet, length, TCP_HEADER);
        return head && (head[13] & TCP_ACK);
    case PROTOCOL_UDP:
        head = transport(packet, length, UDP_HEADER);
        return head && (load_be16(head + 2) == PORT_DHCP ||
                        may_answer(filter, load_be16(head), load_be16(head + 2)));
    default: return false;
    }
}

bool user_filter_out(const struct user_filter *filter, const uint8_t *frame, size_t length)
{
    const uint8_t *packet = frame + NET_HEADER;
    uint16_t type;
    uint32_t to;

    if (length < NET_HEADER)
        return false;
    type = load_be16(frame + 12);
    if (type == ETHERTYPE_ARP)
        return true;
    if (type != ETHERTYPE_IPV4 || length < NET_HEADER + IPV4_HEADER)
        return false;
    to = load_be32(packet + IPV4_TO);
    for (size_t i = 0; i < nitems(forbidden); i++)
        if ((to & forbidden[i].mask) == forbidden[i].network)
            return false;
    if (filter->guard && (to == USER_GATEWAY || to == UINT32_MAX))
        return may_reach_gateway(filter, packet, length - NET_HEADER);
    return true;
}

void user_filter_in(struct user_filter *filter, const uint8_t *frame, size_t length)
{
    const uint8_t *packet = frame + NET_HEADER, *head;
    struct user_peer peer;

    if (!filter->guard || length < NET_HEADER + IPV4_HEADER ||
        load_be16(frame + 12) != ETHERTYPE_IPV4 || packet[IPV4_PROTOCOL] != PROTOCOL_UDP ||
        load_be32(packet + IPV4_FROM) != USER_GATEWAY)
        return;
    head = transport(packet, length - NET_HEADER, UDP_HEADER);
    if (!head)
        return;
    peer = (struct user_peer){load_be16(head), load_be16(head + 2)};
    if (may_answer(filter, peer.guest_port, peer.host_port))
        return;
    filter->peers[filter->next] = peer;
    filter->next = (filter->next + 1) % USER_FILTER_PEERS;
}
