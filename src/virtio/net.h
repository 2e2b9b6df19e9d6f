/* SPDX-License-Identifier: ISC */
/*
 * What the files of virtio-net share: net.c (frames) and net_control.c (the control queue).
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include "virtio/devices.h"
#include "backend/net_offload.h"
#include "virtio/queue.h"

#define VIRTIO_NET_MAX_PAIRS 8
#define VIRTIO_NET_FLOWS     256

/* Feature bits (5.1.3) */
#define NET_F_CSUM                BIT(0)
#define NET_F_GUEST_CSUM          BIT(1)
#define NET_F_CTRL_GUEST_OFFLOADS BIT(2)
#define NET_F_MTU                 BIT(3)
#define NET_F_MAC                 BIT(5)
#define NET_F_GUEST_TSO4          BIT(7)
#define NET_F_GUEST_TSO6          BIT(8)
#define NET_F_HOST_TSO4           BIT(11)
#define NET_F_HOST_TSO6           BIT(12)
#define NET_F_MRG_RXBUF           BIT(15)
#define NET_F_STATUS              BIT(16)
#define NET_F_CTRL_VQ             BIT(17)
#define NET_F_CTRL_RX             BIT(18)
#define NET_F_MQ                  BIT(22)
#define NET_F_CTRL_MAC_ADDR       BIT(23)

struct virtio_net {
    struct virtio_device dev;
    struct net *net;
    unsigned pairs;                    /* that there are */
    unsigned active;                   /* that the driver uses; the loop's */
    unsigned offloads;                 /* NET_OFFLOAD_* that the driver takes; the loop's */
    uint8_t permanent[NET_MAC_LENGTH]; /* the address that it was made with */
    uint8_t mac[NET_MAC_LENGTH];       /* in force; under dev->lock */
    _Atomic bool link;
    bool untold;                     /* the driver has not heard of it; the loop's */
    bool said_mtu, said_tso;         /* quirks that were mentioned */
    uint8_t flows[VIRTIO_NET_FLOWS]; /* the pair that last sent on a flow (5.1.6.5.6.1) */
    _Atomic uint64_t too_long, no_driver, malformed, unsent;
    struct virtq_chain chain;
    uint8_t frame[NET_OFFLOAD_MAX_FRAME]; /* a frame that needs work before it goes out */
};

/* Notes and tells the backend what a driver with these feature bits takes. On the loop. */
void virtio_net_offloads(struct virtio_net *net, uint64_t features);

/* One command of the control queue (5.1.6.5). */
void virtio_net_control(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain);

#endif
