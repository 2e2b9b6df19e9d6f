/* SPDX-License-Identifier: ISC */
/*
 * What never leaves the guest. libslirp connects to whatever address a packet names, on the host's
 * behalf; its option against reaching the host's loopback covers the gateway's address only. So
 * packets to loopback (127/8), to "this network" (0/8, which Linux takes for loopback too) and to
 * link-local addresses (169.254/16: the host's link, where clouds keep their metadata) end here, as
 * does everything that is neither ARP nor IPv4.
 */
#include "backend/net/private.h"
#include "base/endian.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define IPV4_HEADER    20
#define IPV4_TO        16 /* the destination's offset in the header */

static const struct {
    uint32_t network, mask;
} forbidden[] = {
    {0x00000000, 0xff000000},
    {0x7f000000, 0xff000000},
    {0xa9fe0000, 0xffff0000},
};

bool user_filter(const uint8_t *frame, size_t length)
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
    return true;
}
