/* SPDX-License-Identifier: ISC */
/*
 * What a network card's driver may leave to whoever takes its frames: checksums and the
 * segmentation of TCP, as virtio-net's header says it (VIRTIO 1.2, 5.1.6; RFC 9293, 791, 8200).
 * Here it is carried, checked, and undone in software for those who do not take it.
 */
#ifndef BACKEND_NET_OFFLOAD_H
#define BACKEND_NET_OFFLOAD_H

#include <sys/uio.h>

#include "base/bits.h"

#define NET_HEADER_SIZE 12 /* struct virtio_net_hdr with num_buffers, little-endian (5.1.6) */

#define NET_HDR_NEEDS_CSUM 1u
#define NET_HDR_DATA_VALID 2u
#define NET_GSO_NONE       0u
#define NET_GSO_TCPV4      1u
#define NET_GSO_TCPV6      4u
#define NET_GSO_ECN        0x80u

/* The longest frame that a driver may send: what IP can say in 16 bits, behind Ethernet and a VLAN
 * tag, with room for IPv6's own header, which its length does not count. */
#define NET_OFFLOAD_MAX_FRAME (65535 + 40 + 18)
#define NET_OFFLOAD_SEGMENTS  2048 /* made of one frame; more is no honest TCP */

/* What a side takes undone. Segmentation needs checksums. */
#define NET_OFFLOAD_CSUM BIT(0)
#define NET_OFFLOAD_TSO4 BIT(1)
#define NET_OFFLOAD_TSO6 BIT(2)
#define NET_OFFLOAD_ALL  (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6)

struct net_header {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

void net_header_read(struct net_header *header, const uint8_t bytes[NET_HEADER_SIZE]);
void net_header_write(const struct net_header *header, uint8_t bytes[NET_HEADER_SIZE]);

/* Whether a frame with this header goes out as it is. */
static inline bool net_header_plain(const struct net_header *header)
{
    return !(header->flags & NET_HDR_NEEDS_CSUM) && header->gso_type == NET_GSO_NONE;
}

/* What a side must take (NET_OFFLOAD_*) to be given a frame with this header; -EINVAL: the header
 * is none that a driver may write, or does not fit the frame, of whose `length` bytes its headers
 * are read. Any thread. */
int net_offload_needs(const struct net_header *header, const uint8_t *frame, size_t length);

/* The longest frame that this one stands for: its own length, or that of its TCP segments. The
 * header has passed net_offload_needs. */
size_t net_offload_longest(const struct net_header *header, const uint8_t *frame, size_t length);

/*
 * Makes the plain frames that `frame` of `length` bytes stands for and hands each to `send`, in
 * order, as at most two vectors, valid during the call only. `frame` is the caller's own copy and
 * is changed. A TCP segment is never longer than an IP packet of `mtu` bytes. Returns the number of
 * frames, or -EINVAL when header and frame do not fit together (nothing was sent then). Any thread.
 */
int net_offload_send(const struct net_header *header, uint8_t *frame, size_t length, unsigned mtu,
                     void (*send)(void *ctx, const struct iovec *iov, int count), void *ctx);

/* A number that is equal for the two directions of one flow: addresses, protocol and ports of IP; 0
 * for the rest. `length` bytes of the frame's start; 78 are enough. */
uint32_t net_flow_hash(const uint8_t *frame, size_t length);

#define NET_FLOW_BYTES 78

#endif
