/* SPDX-License-Identifier: ISC */
/*
 * Packets of IP as they are on the wire, read as far as a peer has to know them: who sends what to
 * whom (RFC 791, RFC 8200). Packets are hostile: every length is checked here, once.
 */
#ifndef LAB_PACKET_H
#define LAB_PACKET_H

#include "base/ip.h"

enum packet_protocol { PACKET_ICMP = 1, PACKET_TCP = 6, PACKET_UDP = 17, PACKET_ICMPV6 = 58 };

struct packet {
    const uint8_t *payload; /* after all IP headers, within what was read */
    size_t length;          /* of the payload */
    uint8_t protocol;       /* enum packet_protocol, or another */
    struct ip source, destination;
};

/* Reads the packet in `length` bytes. `cut`: it may be longer than that, as one that an ICMP error
 * quotes is; otherwise all of it is there. False: it is wrong, or a fragment but the first. */
bool packet_read(const uint8_t *bytes, size_t length, bool cut, struct packet *packet);

/* Whether it is an ICMP message, of its version's, that says that another packet did not arrive
 * (RFC 792, RFC 4443); then *type and *about are the message's type and code, and the packet. */
bool packet_is_error(const struct packet *packet, uint16_t *type, struct packet *about);

/* Whether it is an echo request, or a reply, with 8 bytes at least. */
bool packet_is_echo(const struct packet *packet, bool reply);

#endif
