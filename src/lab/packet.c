/* SPDX-License-Identifier: ISC */
#include "lab/packet.h"

#include <string.h>

#include "base/bits.h"
#include "base/endian.h"

#define V4_HEADER      20
#define V6_HEADER      40
#define EXTENSIONS_MAX 8 /* more are none that a host means */
#define ICMP_HEADER    8

/* IPv6's extension headers, RFC 8200 4; AH is RFC 4302. */
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION = 60 };

/* RFC 792; RFC 4443 for IPv6. */
enum { V4_ECHO_REPLY = 0, V4_UNREACHABLE = 3, V4_ECHO_REQUEST = 8, V4_TIME_EXCEEDED = 11 };
enum { V6_UNREACHABLE = 1, V6_PARAMETER = 4, V6_ECHO_REQUEST = 128, V6_ECHO_REPLY = 129 };

static bool read_v4(const uint8_t *bytes, size_t length, bool cut, struct packet *p)
{
    size_t header, total;

    if (length < V4_HEADER)
        return false;
    header = (size_t)(bytes[0] & 15) * 4;
    total = load_be16(bytes + 2);
    if (cut)
        total = MIN(total, length);
    if (header < V4_HEADER || header > total || total > length ||
        (load_be16(bytes + 6) & 0x1fff)) /* the fragment's offset */
        return false;
    *p = (struct packet){.payload = bytes + header,
                         .length = total - header,
                         .protocol = bytes[9],
                         .source = ip_from_v4(load_be32(bytes + 12)),
                         .destination = ip_from_v4(load_be32(bytes + 16))};
    return true;
}

/* Steps over an extension header. Returns whether there is one, and it is right; *wrong: there is
 * one that is not. */
static bool skip_extension(struct packet *p, bool *wrong)
{
    size_t length;

    switch (p->protocol) {
    case HOP_BY_HOP:
    case ROUTING:
    case DESTINATION: length = p->length >= 8 ? ((size_t)p->payload[1] + 1) * 8 : 0; break;
    case AUTHENTICATION: length = p->length >= 8 ? ((size_t)p->payload[1] + 2) * 4 : 0; break;
    case FRAGMENT: length = p->length >= 8 && !(load_be16(p->payload + 2) & 0xfff8) ? 8 : 0; break;
    default: return false;
    }
    *wrong = length == 0 || length > p->length;
    if (*wrong)
        return false;
    p->protocol = p->payload[0];
    p->payload += length;
    p->length -= length;
    return true;
}

static bool read_v6(const uint8_t *bytes, size_t length, bool cut, struct packet *p)
{
    bool wrong = false;
    size_t payload;

    if (length < V6_HEADER)
        return false;
    payload = load_be16(bytes + 4);
    if (cut)
        payload = MIN(payload, length - V6_HEADER);
    if (payload > length - V6_HEADER)
        return false;
    *p = (struct packet){.payload = bytes + V6_HEADER, .length = payload, .protocol = bytes[6]};
    memcpy(p->source.bytes, bytes + 8, 16);
    memcpy(p->destination.bytes, bytes + 24, 16);
    for (unsigned i = 0; i < EXTENSIONS_MAX && skip_extension(p, &wrong); i++)
        continue;
    return !wrong && ip_family(&p->source) == IP_V6 && ip_family(&p->destination) == IP_V6;
}

bool packet_read(const uint8_t *bytes, size_t length, bool cut, struct packet *packet)
{
    if (length == 0)
        return false;
    return bytes[0] >> 4 == 4   ? read_v4(bytes, length, cut, packet)
           : bytes[0] >> 4 == 6 ? read_v6(bytes, length, cut, packet)
                                : false;
}

static bool is_icmp(const struct packet *p)
{
    return p->length >= ICMP_HEADER &&
           p->protocol == (ip_family(&p->source) == IP_V4 ? PACKET_ICMP : PACKET_ICMPV6);
}

bool packet_is_error(const struct packet *packet, uint16_t *type, struct packet *about)
{
    uint8_t kind;

    if (!is_icmp(packet))
        return false;
    kind = packet->payload[0];
    *type = load_be16(packet->payload);
    if (packet->protocol == PACKET_ICMP ? kind != V4_UNREACHABLE && kind != V4_TIME_EXCEEDED
                                        : kind < V6_UNREACHABLE || kind > V6_PARAMETER)
        return false;
    return packet_read(packet->payload + ICMP_HEADER, packet->length - ICMP_HEADER, true, about);
}

bool packet_is_echo(const struct packet *packet, bool reply)
{
    if (!is_icmp(packet))
        return false;
    return packet->payload[0] == (packet->protocol == PACKET_ICMP
                                      ? reply ? V4_ECHO_REPLY : V4_ECHO_REQUEST
                                  : reply ? V6_ECHO_REPLY
                                          : V6_ECHO_REQUEST);
}
