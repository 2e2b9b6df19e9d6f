/* SPDX-License-Identifier: ISC */
/*
 * Checksums and TCP segmentation in software. Every offset here comes from the guest and is checked
 * against the frame before it is used.
 */
#include "backend/net_offload.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"

#define ETHERNET_HEADER 14
#define VLAN_TAG        4
#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_IPV4  0x0800
#define ETHERTYPE_IPV6  0x86dd
#define IPV6_HEADER     40
#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17

#define TCP_SEQUENCE 4 /* offsets in the TCP header */
#define TCP_OFFSET   12
#define TCP_FLAGS    13
#define TCP_CHECKSUM 16
#define TCP_MIN      20
#define TCP_FIN      0x01
#define TCP_PSH      0x08
#define TCP_CWR      0x80
#define MAX_HEADERS  512 /* Ethernet, IP with options or extensions, TCP with options */

void net_header_read(struct net_header *header, const uint8_t bytes[NET_HEADER_SIZE])
{
    *header = (struct net_header){
        .flags = bytes[0],
        .gso_type = bytes[1],
        .hdr_len = load_le16(bytes + 2),
        .gso_size = load_le16(bytes + 4),
        .csum_start = load_le16(bytes + 6),
        .csum_offset = load_le16(bytes + 8),
        .num_buffers = load_le16(bytes + 10),
    };
}

void net_header_write(const struct net_header *header, uint8_t bytes[NET_HEADER_SIZE])
{
    bytes[0] = header->flags;
    bytes[1] = header->gso_type;
    store_le16(bytes + 2, header->hdr_len);
    store_le16(bytes + 4, header->gso_size);
    store_le16(bytes + 6, header->csum_start);
    store_le16(bytes + 8, header->csum_offset);
    store_le16(bytes + 10, header->num_buffers);
}

/* The Internet checksum's sum (RFC 1071), not yet folded. `bytes` starts at an even offset of what
 * is summed. */
static uint64_t sum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    for (; length >= 4; bytes += 4, length -= 4)
        sum += load_be32(bytes);
    if (length >= 2) {
        sum += load_be16(bytes);
        bytes += 2;
        length -= 2;
    }
    return length ? sum + ((uint64_t)bytes[0] << 8) : sum;
}

static uint16_t sum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Where IP starts, and its ethertype; false when the frame is too short. */
static bool find_ip(const uint8_t *frame, size_t length, size_t *ip, uint16_t *ethertype)
{
    *ip = ETHERNET_HEADER;
    if (length < ETHERNET_HEADER)
        return false;
    *ethertype = load_be16(frame + 12);
    if (*ethertype == ETHERTYPE_VLAN) {
        *ip += VLAN_TAG;
        if (length < *ip)
            return false;
        *ethertype = load_be16(frame + 16);
    }
    return true;
}

/* Checksum */

static bool checksum_fits(const struct net_header *header, size_t length)
{
    return header->csum_start >= ETHERNET_HEADER &&
           (size_t)header->csum_start + header->csum_offset + 2 <= length;
}

/* NEEDS_CSUM: sum from csum_start to the end, over the pseudo header's sum that the driver left in
 * the field. */
static int fill_checksum(const struct net_header *header, uint8_t *frame, size_t length)
{
    size_t field = (size_t)header->csum_start + header->csum_offset;
    uint16_t sum;

    if (!checksum_fits(header, length))
        return -EINVAL;
    sum = sum_fold(sum_add(0, frame + header->csum_start, length - header->csum_start));
    store_be16(frame + field,
               sum ? sum : 0xffff); /* UDP's 0 means none; in TCP both are the same number */
    return 0;
}

/* Segmentation */

struct segmentation {
    size_t ip, tcp, payload; /* offsets in the frame */
    bool ipv6;
    size_t size, count; /* bytes of payload in a segment; segments */
};

/* IPv4 says itself where TCP begins; behind IPv6 there may be extensions, and csum_start says it.
 */
static bool find_tcp(const struct net_header *header, const uint8_t *frame, size_t length,
                     struct segmentation *s)
{
    const uint8_t *ip = frame + s->ip;
    size_t ip_header;

    s->tcp = header->csum_start;
    if (s->ipv6)
        return s->tcp >= s->ip + IPV6_HEADER && length >= s->tcp + TCP_MIN && ip[0] >> 4 == 6;
    if (length < s->ip + 20 || ip[0] >> 4 != 4 || ip[9] != PROTOCOL_TCP)
        return false;
    ip_header = 4 * (size_t)(ip[0] & 15);
    return ip_header >= 20 && s->tcp == s->ip + ip_header && length >= s->tcp + TCP_MIN;
}

static int plan(const struct net_header *header, const uint8_t *frame, size_t length, unsigned mtu,
                struct segmentation *s)
{
    uint16_t ethertype;
    size_t headers;

    s->ipv6 = (header->gso_type & ~NET_GSO_ECN) == NET_GSO_TCPV6;
    if (!find_ip(frame, length, &s->ip, &ethertype) ||
        ethertype != (s->ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4) ||
        header->csum_offset != TCP_CHECKSUM || !find_tcp(header, frame, length, s))
        return -EINVAL;
    s->payload = s->tcp + 4 * (size_t)(frame[s->tcp + TCP_OFFSET] >> 4);
    if (s->payload < s->tcp + TCP_MIN || s->payload > length || s->payload > MAX_HEADERS)
        return -EINVAL;
    headers = s->payload - s->ip;
    if (header->gso_size == 0 || headers >= mtu)
        return -EINVAL;
    s->size = MIN(header->gso_size, mtu - headers);
    s->count = MAX((length - s->payload + s->size - 1) / s->size, 1);
    return s->count > NET_OFFLOAD_SEGMENTS ? -EINVAL : 0;
}

static void fix_ip(const struct segmentation *s, uint8_t *headers, size_t number, size_t payload)
{
    uint8_t *ip = headers + s->ip;
    size_t length = s->payload - s->ip + payload;

    if (s->ipv6) {
        store_be16(ip + 4, (uint16_t)(length - IPV6_HEADER));
        return;
    }
    store_be16(ip + 2, (uint16_t)length);
    store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + number)); /* the identification counts on */
    store_be16(ip + 10, 0);
    store_be16(ip + 10, sum_fold(sum_add(0, ip, s->tcp - s->ip)));
}

static void fix_tcp(const struct segmentation *s, uint8_t *headers, size_t number,
                    const uint8_t *payload, size_t length)
{
    uint8_t *tcp = headers + s->tcp;
    const uint8_t *ip = headers + s->ip;
    size_t tcp_header = s->payload - s->tcp;
    uint64_t sum = PROTOCOL_TCP + tcp_header + length; /* the pseudo header's, with the addresses */

    store_be32(tcp + TCP_SEQUENCE, load_be32(tcp + TCP_SEQUENCE) + (uint32_t)(number * s->size));
    if (number + 1 < s->count)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (number > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    store_be16(tcp + TCP_CHECKSUM, 0);
    sum = s->ipv6 ? sum_add(sum, ip + 8, 32) : sum_add(sum, ip + 12, 8);
    sum = sum_add(sum, tcp, tcp_header);
    store_be16(tcp + TCP_CHECKSUM, sum_fold(sum_add(sum, payload, length)));
}

static int segment(const struct net_header *header, uint8_t *frame, size_t length, unsigned mtu,
                   void (*send)(void *ctx, const struct iovec *iov, int count), void *ctx)
{
    struct segmentation s = {0};
    int ret = plan(header, frame, length, mtu, &s);

    if (ret)
        return ret;
    for (size_t i = 0; i < s.count; i++) {
        uint8_t headers[MAX_HEADERS];
        uint8_t *payload = frame + s.payload + i * s.size;
        size_t part = MIN(s.size, length - s.payload - i * s.size);
        struct iovec iov[2] = {{headers, s.payload}, {payload, part}};

        memcpy(headers, frame, s.payload);
        fix_ip(&s, headers, i, part);
        fix_tcp(&s, headers, i, payload, part);
        send(ctx, iov, part ? 2 : 1);
    }
    return (int)s.count;
}

int net_offload_needs(const struct net_header *header, const uint8_t *frame, size_t length)
{
    struct segmentation s = {0};

    if (header->flags & ~(NET_HDR_NEEDS_CSUM | NET_HDR_DATA_VALID))
        return -EINVAL;
    if (header->gso_type != NET_GSO_NONE) {
        unsigned type = header->gso_type & ~NET_GSO_ECN;

        if ((type != NET_GSO_TCPV4 && type != NET_GSO_TCPV6) ||
            !(header->flags & NET_HDR_NEEDS_CSUM) || plan(header, frame, length, UINT16_MAX, &s))
            return -EINVAL;
        return (int)(NET_OFFLOAD_CSUM |
                     (type == NET_GSO_TCPV4 ? NET_OFFLOAD_TSO4 : NET_OFFLOAD_TSO6));
    }
    if (!(header->flags & NET_HDR_NEEDS_CSUM))
        return 0;
    return checksum_fits(header, length) ? (int)NET_OFFLOAD_CSUM : -EINVAL;
}

size_t net_offload_longest(const struct net_header *header, const uint8_t *frame, size_t length)
{
    struct segmentation s = {0};

    if (header->gso_type == NET_GSO_NONE || plan(header, frame, length, UINT16_MAX, &s))
        return length;
    return MIN(length, s.payload + s.size);
}

int net_offload_send(const struct net_header *header, uint8_t *frame, size_t length, unsigned mtu,
                     void (*send)(void *ctx, const struct iovec *iov, int count), void *ctx)
{
    struct iovec iov = {frame, length};

    switch (header->gso_type & ~NET_GSO_ECN) {
    case NET_GSO_NONE: break;
    case NET_GSO_TCPV4:
    case NET_GSO_TCPV6:
        if (!(header->flags & NET_HDR_NEEDS_CSUM)) /* the driver must (5.1.6.2) */
            return -EINVAL;
        return segment(header, frame, length, mtu, send, ctx);
    default: return -EINVAL;
    }
    if ((header->flags & NET_HDR_NEEDS_CSUM) && fill_checksum(header, frame, length))
        return -EINVAL;
    send(ctx, &iov, 1);
    return 1;
}

/* Flows */

uint32_t net_flow_hash(const uint8_t *frame, size_t length)
{
    size_t ip, ports, addresses, at;
    uint16_t ethertype;
    uint8_t protocol;
    uint32_t hash = 0;

    if (!find_ip(frame, length, &ip, &ethertype))
        return 0;
    if (ethertype == ETHERTYPE_IPV4 && length >= ip + 20) {
        protocol = frame[ip + 9];
        at = ip + 12;
        addresses = 8;
        ports = ip + 4 * (size_t)(frame[ip] & 15);
    } else if (ethertype == ETHERTYPE_IPV6 && length >= ip + IPV6_HEADER) {
        protocol = frame[ip + 6];
        at = ip + 8;
        addresses = 32;
        ports = ip + IPV6_HEADER;
    } else {
        return 0;
    }
    for (size_t i = 0; i < addresses; i += 4)
        hash ^= load_be32(frame + at + i);
    if ((protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP) && length >= ports + 4)
        hash ^= (uint32_t)(load_be16(frame + ports) ^ load_be16(frame + ports + 2)) << 8;
    hash = (hash ^ protocol) * UINT32_C(0x9e3779b1); /* Fibonacci hashing spreads the low bits */
    return hash ^ hash >> 16;
}
