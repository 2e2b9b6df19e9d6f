/* SPDX-License-Identifier: ISC */
/*
 * The network device (VIRTIO 1.2, 5.1).
 *
 * Three quirks make it Apple's card: it offers the same feature bits, and refuses a driver without
 * MTU and one with HOST_TSO but not GUEST_TSO. Without them it offers more, accepts those drivers
 * too, and says once what Apple's would have done.
 *
 * A frame for the guest goes into buffers that hold all of it, or nowhere. The checksums of frames
 * that come in are not known to be right (a backend may be a real wire), so DATA_VALID is never
 * claimed; and nothing is coalesced but interrupts: frames that come in one turn of the loop are
 * announced together. What another guest's driver left undone (NEEDS_CSUM, TSO) comes in as it went
 * out, if this one takes it (5.1.6.4).
 */
#include "virtio/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

#define QUEUE_SIZE         256
#define CONTROL_QUEUE_SIZE 64
#define BATCH              64
#define MAX_RX_BUFFERS     64 /* for one frame: more are needed only if they are uselessly small */
#define FRAME_OVERHEAD     18 /* Ethernet and a VLAN tag, beyond the MTU */

/* Offsets in the configuration (5.1.4); as long as Apple's */
enum {
    CONFIG_MAC = 0,
    CONFIG_STATUS = 6,
    CONFIG_MAX_PAIRS = 8,
    CONFIG_MTU = 10,
    CONFIG_SPEED = 12,
    CONFIG_DUPLEX = 16,
    CONFIG_SIZE = 17,
};
#define STATUS_LINK_UP 1

/* lo 0x000119ab without the ring's own bits: what Apple's card offers */
#define APPLE_FEATURES                                                                             \
    (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_MAC | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | \
     NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_STATUS)
_Static_assert(APPLE_FEATURES == 0x119ab, "the bits that were measured");

static struct virtio_net *net_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_net, dev);
}

/* Negotiation */

static uint64_t net_features(struct virtio_device *dev)
{
    uint64_t features = APPLE_FEATURES;

    if (dev->host.quirks.net_apple_features)
        return features;
    features |= NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_GUEST_OFFLOADS |
                NET_F_CTRL_MAC_ADDR;
    return net_of(dev)->pairs > 1 ? features | NET_F_MQ : features;
}

static bool net_accept(struct virtio_device *dev, uint64_t features)
{
    struct virtio_net *net = net_of(dev);
    bool no_mtu = !(features & NET_F_MTU);
    bool host_tso_alone = (features & (NET_F_HOST_TSO4 | NET_F_HOST_TSO6)) &&
                          !(features & (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6));

    if (no_mtu)
        virtio_quirk(dev, "net-requires-mtu", &net->said_mtu);
    if (host_tso_alone)
        virtio_quirk(dev, "net-refuses-host-tso-alone", &net->said_tso);
    return !(no_mtu && dev->host.quirks.net_requires_mtu) &&
           !(host_tso_alone && dev->host.quirks.net_refuses_host_tso_alone);
}

/* rx0 tx0 rx1 tx1 ... and the control queue after the last pair, where without MQ there is one pair
 * (5.1.2). */
static unsigned control_index(const struct virtio_net *net)
{
    return virtio_has(&net->dev, NET_F_MQ) ? 2 * net->pairs : 2;
}

static void net_config_read(struct virtio_device *dev, unsigned offset, unsigned size, void *to)
{
    struct virtio_net *net = net_of(dev);
    uint8_t config[CONFIG_SIZE];

    memcpy(config + CONFIG_MAC, net->mac, NET_MAC_LENGTH);
    store_le16(config + CONFIG_STATUS, atomic_load(&net->link) ? STATUS_LINK_UP : 0);
    store_le16(config + CONFIG_MAX_PAIRS, (uint16_t)net->pairs);
    store_le16(config + CONFIG_MTU, net->net->mtu);
    store_le32(config + CONFIG_SPEED, UINT32_MAX); /* unknown */
    config[CONFIG_DUPLEX] = 0xff;
    memcpy(to, config + offset, size);
}

/* Transmit */

static void drop(struct virtio_net *net, _Atomic uint64_t *counter)
{
    atomic_fetch_add(counter, 1);
    atomic_fetch_add(&net->dev.dropped, 1);
}

/* Frames that one chain became go out through the backend; net_send never blocks and drops like a
 * wire. */
static void emit_frame(void *ctx, const struct iovec *iov, int count)
{
    struct virtio_net *net = ctx;

    if (net_send(net->net, iov, count))
        drop(net, &net->unsent);
}

/* The pair that sends on a flow gets what comes back on it. */
static void learn_flow(struct virtio_net *net, const struct virtq_chain *chain, unsigned pair)
{
    uint8_t start[NET_FLOW_BYTES];
    size_t length = virtq_chain_read(chain, NET_HEADER_SIZE, start, sizeof(start));

    net->flows[net_flow_hash(start, length) % VIRTIO_NET_FLOWS] = (uint8_t)pair;
}

static bool transmit(struct virtio_net *net, struct virtq_chain *chain)
{
    uint8_t bytes[NET_HEADER_SIZE];
    uint64_t length = chain->readable_bytes - NET_HEADER_SIZE;
    unsigned count = chain->readable;
    struct net_header header;
    struct iovec *iov;

    virtq_chain_read(chain, 0, bytes, sizeof(bytes));
    net_header_read(&header, bytes);
    if (length < 14 || length > sizeof(net->frame))
        return false;
    if (net_carries_offloads(net->net)) {
        if (header.gso_type == NET_GSO_NONE && length > (uint64_t)net->net->mtu + FRAME_OVERHEAD)
            return false;
        iov = virtq_iov_cut(chain->iov, &count, NET_HEADER_SIZE, length);
        if (net_send_offload(net->net, &header, iov, (int)count))
            drop(net, &net->unsent);
        return true;
    }
    if (net_header_plain(&header)) {
        if (length > (uint64_t)net->net->mtu + FRAME_OVERHEAD)
            return false;
        iov = virtq_iov_cut(chain->iov, &count, NET_HEADER_SIZE, length);
        emit_frame(net, iov, (int)count);
        return true;
    }
    if (header.gso_type == NET_GSO_NONE && length > (uint64_t)net->net->mtu + FRAME_OVERHEAD)
        return false;
    virtq_chain_read(chain, NET_HEADER_SIZE, net->frame, (size_t)length);
    return net_offload_send(&header, net->frame, length, net->net->mtu, emit_frame, net) > 0;
}

static void serve_transmit(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    struct virtio_net *net = net_of(dev);

    if (chain->readable_bytes < NET_HEADER_SIZE) {
        virtio_needs_reset(dev, q->index, "frame without a header", chain->readable_bytes);
        return;
    }
    if (net->active > 1)
        learn_flow(net, chain, q->index / 2);
    if (!transmit(net, chain))
        drop(net, &net->malformed);
    virtq_done(q, chain, 0);
}

/* Receive */

/* One frame on its way into one or more buffers. num_buffers is in the first buffer's header,
 * wherever its two bytes lie, and is known last. */
struct receive {
    const struct net_header *header;
    struct virtq_used used[MAX_RX_BUFFERS];
    unsigned count;
    size_t placed; /* bytes of the frame */
    uint8_t *num_buffers[2];
};

static uint8_t *writable_byte(const struct virtq_chain *chain, uint64_t offset)
{
    for (unsigned i = chain->readable; i < chain->readable + chain->writable; i++) {
        if (offset < chain->iov[i].iov_len)
            return (uint8_t *)chain->iov[i].iov_base + offset;
        offset -= chain->iov[i].iov_len;
    }
    return NULL;
}

static bool place_header(struct receive *rx, const struct virtq_chain *chain)
{
    uint8_t bytes[NET_HEADER_SIZE];

    if (chain->writable_bytes < NET_HEADER_SIZE)
        return false;
    net_header_write(rx->header, bytes);
    virtq_chain_write(chain, 0, bytes, sizeof(bytes));
    rx->num_buffers[0] = writable_byte(chain, 10);
    rx->num_buffers[1] = writable_byte(chain, 11);
    return true;
}

enum placed { PLACED, NO_BUFFERS, TRY_AGAIN, DOES_NOT_FIT };

/* Fills buffers until the frame is in. A buffer that is not enough is fine with MRG_RXBUF only. */
static enum placed place(struct virtio_net *net, struct virtq *q, struct receive *rx,
                         const uint8_t *frame, size_t length)
{
    struct virtq_chain *chain = &net->chain;
    bool merge = virtio_has(&net->dev, NET_F_MRG_RXBUF);

    while (rx->placed < length) {
        size_t skip = rx->count ? 0 : NET_HEADER_SIZE, part;

        if (rx->count == MAX_RX_BUFFERS)
            return DOES_NOT_FIT;
        if (!virtq_next(q, chain))
            return NO_BUFFERS;
        rx->used[rx->count++] = chain->used;
        if (skip && !place_header(rx, chain))
            return DOES_NOT_FIT;
        if (!merge && chain->writable_bytes < skip + length)
            return DOES_NOT_FIT;
        part = virtq_chain_write(chain, skip, frame + rx->placed, length - rx->placed);
        rx->placed += part;
        rx->used[rx->count - 1].written = (uint32_t)(skip + part);
        virtq_written(q, chain, skip + part);
    }
    return PLACED;
}

static enum placed receive_into(struct virtio_net *net, struct virtq *q,
                                const struct net_header *header, const void *frame, size_t length)
{
    struct receive rx = {.header = header};
    enum placed placed = place(net, q, &rx, frame, length);

    /* What is waited for comes after the buffers that were there, which are put back only then. */
    if (placed == NO_BUFFERS && virtq_wait(q))
        placed = TRY_AGAIN;
    if (placed != PLACED) {
        virtq_unget(q, rx.used, rx.count);
        return placed;
    }
    *rx.num_buffers[0] = (uint8_t)rx.count;
    *rx.num_buffers[1] = (uint8_t)(rx.count >> 8);
    virtq_done_all(q, rx.used, rx.count);
    virtio_device_schedule(&net->dev, q->index); /* one interrupt for all frames of a turn */
    return PLACED;
}

static struct virtq *receive_queue(struct virtio_net *net, const void *frame, size_t length)
{
    unsigned pair = 0;

    if (net->active > 1)
        pair = net->flows[net_flow_hash(frame, length) % VIRTIO_NET_FLOWS] % net->active;
    return &net->dev.queues[2 * pair];
}

/* A frame from the backend. What has nowhere to go for good is dropped; what waits for buffers
 * stays with the backend. */
static bool receive(struct virtio_net *net, const struct net_header *header, const void *frame,
                    size_t length)
{
    struct virtq *q;
    enum placed placed;

    if (atomic_load(&net->dev.paused))
        return false;
    if (!net->dev.running || !atomic_load(&net->link) || length == 0) {
        drop(net, &net->no_driver);
        return true;
    }
    q = receive_queue(net, frame, length);
    virtq_quiet(q);
    do
        placed = receive_into(net, q, header, frame, length);
    while (placed == TRY_AGAIN);
    if (placed == DOES_NOT_FIT)
        drop(net, &net->too_long);
    return placed != NO_BUFFERS;
}

static bool net_receive(void *ctx, const void *frame, size_t length)
{
    static const struct net_header plain = {.num_buffers = 1};

    return receive(ctx, &plain, frame, length);
}

/* The header is another guest's: only what 5.1.6.4 has a device say is passed on. */
static bool net_receive_offload(void *ctx, const struct net_header *from, const void *frame,
                                size_t length)
{
    struct virtio_net *net = ctx;
    struct net_header header = *from;
    int needs = net_offload_needs(&header, frame, length);

    if (needs < 0 || ((unsigned)needs & ~net->offloads)) { /* sent before another driver came */
        drop(net, &net->no_driver);
        return true;
    }
    header.flags &= NET_HDR_NEEDS_CSUM;
    header.num_buffers = 1;
    return receive(net, &header, frame, length);
}

static void net_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_net *net = net_of(dev);
    struct virtq *q = &dev->queues[index];

    if (net->untold) {
        net->untold = false;
        virtio_config_changed(dev);
    }
    if (virtio_has(dev, NET_F_CTRL_VQ) && index == control_index(net)) {
        virtq_serve(q, BATCH, &net->chain, virtio_net_control);
    } else if (index % 2) {
        virtq_serve_stream(q, BATCH, &net->chain, serve_transmit);
    } else {
        net_resume(net->net);
        if (q->unsignalled)
            virtq_expect(q + 1);
        virtq_signal(q);
    }
}

void virtio_net_offloads(struct virtio_net *net, uint64_t features)
{
    net->offloads = (features & NET_F_GUEST_CSUM ? NET_OFFLOAD_CSUM : 0) |
                    (features & NET_F_GUEST_TSO4 ? NET_OFFLOAD_TSO4 : 0) |
                    (features & NET_F_GUEST_TSO6 ? NET_OFFLOAD_TSO6 : 0);
    net_accept_offloads(net->net, net->offloads);
}

static void net_ready(struct virtio_device *dev)
{
    struct virtio_net *net = net_of(dev);

    virtio_net_offloads(net, dev->features);
    net_resume(net->net);
}

void virtio_net_link(struct virtio_device *dev, bool up)
{
    if (atomic_exchange(&net_of(dev)->link, up) != up)
        virtio_config_changed(dev);
}

static void net_link_changed(void *ctx, bool up)
{
    struct virtio_net *net = ctx;

    virtio_net_link(&net->dev, up);
}

void virtio_net_drops(struct virtio_device *dev, struct virtio_net_drops *drops)
{
    struct virtio_net *net = net_of(dev);

    drops->too_long = atomic_load(&net->too_long);
    drops->no_driver = atomic_load(&net->no_driver);
    drops->malformed = atomic_load(&net->malformed);
    drops->unsent = atomic_load(&net->unsent);
}

/* Life */

static void net_reset(struct virtio_device *dev)
{
    struct virtio_net *net = net_of(dev);

    net->active = 1;
    virtio_net_offloads(net, 0);
    memcpy(net->mac, net->permanent, sizeof(net->mac));
    memset(net->flows, 0, sizeof(net->flows));
    net_resume(
        net->net); /* a frame that waited for the old driver's buffers has no taker any more */
}

struct net_state {
    uint8_t mac[NET_MAC_LENGTH], flows[VIRTIO_NET_FLOWS];
    uint16_t active, mtu, offloads;
    bool link;
};

static const struct state_field net_fields[] = {
    STATE_ARRAY(struct net_state, mac, STATE_U8, NET_MAC_LENGTH),
    STATE_ARRAY(struct net_state, flows, STATE_U8, VIRTIO_NET_FLOWS),
    STATE_FIELD(struct net_state, active, STATE_U16),
    STATE_FIELD(struct net_state, mtu, STATE_U16),
    STATE_FIELD(struct net_state, offloads, STATE_U16),
    STATE_FIELD(struct net_state, link, STATE_BOOL),
};
static const struct state_table net_table = {"virtio-net", 2, net_fields, nitems(net_fields)};

static int net_save(struct virtio_device *dev, struct state *state, const char *instance)
{
    struct virtio_net *net = net_of(dev);
    struct net_state own = {.active = (uint16_t)net->active,
                            .mtu = net->net->mtu,
                            .offloads = (uint16_t)net->offloads,
                            .link = net->link};

    memcpy(own.mac, net->mac, sizeof(own.mac));
    memcpy(own.flows, net->flows, sizeof(own.flows));
    return state_save(state, instance, &net_table, &own);
}

static int net_load(struct virtio_device *dev, const struct state *state, const char *instance,
                    struct error *err)
{
    struct virtio_net *net = net_of(dev);
    struct net_state own;
    int ret = state_load(state, instance, &net_table, &own, err);

    if (ret)
        return ret;
    if (own.active == 0 || own.active > net->pairs)
        return error_set(err, EINVAL, "%s: the state uses %u queue pairs, this device has %u",
                         instance, own.active, net->pairs);
    if (own.mtu != net->net->mtu)
        return error_set(err, EINVAL,
                         "%s: the state was saved with an MTU of %u, the network has %u", instance,
                         own.mtu, net->net->mtu);
    memcpy(net->mac, own.mac, sizeof(own.mac));
    memcpy(net->flows, own.flows, sizeof(own.flows));
    net->active = own.active;
    net->offloads = own.offloads & NET_OFFLOAD_ALL;
    net_accept_offloads(net->net, net->offloads);
    /* The cable is the one of here and now; where it was another, the driver hears of it when it
     * runs again, as interrupts do not reach it before. */
    atomic_store(&net->link, net_is_up(net->net));
    net->untold = own.link != net_is_up(net->net);
    return 0;
}

static void net_free(struct virtio_device *dev)
{
    struct virtio_net *net = net_of(dev);

    virtio_device_quiesce(dev); /* neither side may find the other gone */
    net_close(net->net);
    virtio_device_fini(dev);
    free(net);
}

static const struct virtio_ops net_ops = {
    .name = "virtio-net",
    .id = VIRTIO_ID_NET,
    .pci_class = 0x020000,
    .config_size = CONFIG_SIZE,
    .features = net_features,
    .accept = net_accept,
    .ready = net_ready,
    .notify = net_notify,
    .config_read = net_config_read,
    .reset = net_reset,
    .save = net_save,
    .load = net_load,
    .free = net_free,
};

static int net_init(struct virtio_net *net, const struct virtio_host *host, const char *instance)
{
    unsigned queues = 2 * net->pairs + !host->quirks.net_apple_features;
    uint16_t sizes[VIRTIO_MAX_QUEUES];

    for (unsigned i = 0; i < queues; i++)
        sizes[i] = i < 2 * net->pairs ? QUEUE_SIZE : CONTROL_QUEUE_SIZE;
    return virtio_device_init(&net->dev, &net_ops, host, instance, queues, sizes);
}

int virtio_net_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance, struct net *backend, const uint8_t mac[NET_MAC_LENGTH],
                      unsigned pairs)
{
    struct virtio_net *net;
    struct net_client client;
    int ret;

    if (pairs == 0 || pairs > VIRTIO_NET_MAX_PAIRS)
        return -EINVAL;
    net = calloc(1, sizeof(*net));
    if (!net)
        return -ENOMEM;
    net->net = backend;
    net->pairs = host->quirks.net_apple_features ? 1 : pairs;
    net->active = 1;
    net->link = true;
    memcpy(net->permanent, mac, NET_MAC_LENGTH);
    memcpy(net->mac, mac, NET_MAC_LENGTH);
    ret = net_init(net, host, instance);
    if (ret)
        goto free_net;
    client = (struct net_client){.receive = net_receive,
                                 .ctx = net,
                                 .receive_offload = net_receive_offload,
                                 .link = net_link_changed};
    ret = net_attach(backend, host->loop, &client);
    if (ret)
        goto fini;
    *dev = &net->dev;
    return 0;

fini:
    virtio_device_fini(&net->dev);
free_net:
    free(net);
    return ret;
}
