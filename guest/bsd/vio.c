/* SPDX-License-Identifier: ISC */
/*
 * virtio-net (5.1): receiveq 0, transmitq 1, and with CTRL_VQ controlq 2. Every frame has a header
 * of 12 bytes before it (5.1.6), in both directions, whatever was negotiated.
 *
 * What the features mean to a driver:
 * - MTU (5.1.4.1): the device says in its configuration how long a packet may be, and that it will
 *   receive no longer one. A driver that accepts must not exceed it and must offer receive buffers
 *   that hold it. Apple's machine takes no driver that does not accept.
 * - MRG_RXBUF: a frame may be spread over several receive buffers, num_buffers in the first one's
 *   header. Without it one buffer must hold the longest frame that can come (5.1.6.3.1).
 * - GUEST_TSO4/6: the device may hand up TCP segments of up to 64 KiB that no wire carried. Without
 *   MRG_RXBUF that takes buffers of 65550 bytes, and without CTRL_GUEST_OFFLOADS it cannot be
 * turned off again for bridging. A driver that wants neither has to renegotiate without.
 * - HOST_TSO4/6: the same the other way. Apple's machine does not take these without the rest.
 *
 * So the features that a driver wants depend on which it gets, and negotiation is a loop: reset,
 * ask for less, until the set makes sense (negotiate(), the loop of OpenBSD's if_vio.c 1.78).
 * Before that, OpenBSD did not know MTU, and on Apple's machine FEATURES_OK did not stick: that is
 * bug 1 of docs/bsd-drivers.md.
 *
 * Boot arguments: net=new (the loop) or net=old (one try, no MTU, as if_vio.c 1.77); ping=N, the
 * length of the long ping (what the MTU allows).
 */
#include "pmap.h"
#include "virtio.h"

#define VQ_RX   0
#define VQ_TX   1
#define VQ_CTRL 2

#define NET_F_CSUM                (UINT64_C(1) << 0)
#define NET_F_GUEST_CSUM          (UINT64_C(1) << 1)
#define NET_F_CTRL_GUEST_OFFLOADS (UINT64_C(1) << 2)
#define NET_F_MTU                 (UINT64_C(1) << 3)
#define NET_F_MAC                 (UINT64_C(1) << 5)
#define NET_F_GUEST_TSO4          (UINT64_C(1) << 7)
#define NET_F_GUEST_TSO6          (UINT64_C(1) << 8)
#define NET_F_HOST_TSO4           (UINT64_C(1) << 11)
#define NET_F_HOST_TSO6           (UINT64_C(1) << 12)
#define NET_F_MRG_RXBUF           (UINT64_C(1) << 15)
#define NET_F_STATUS              (UINT64_C(1) << 16)
#define NET_F_CTRL_VQ             (UINT64_C(1) << 17)
#define NET_F_CTRL_RX             (UINT64_C(1) << 18)
#define NET_F_BASE                                                                                 \
    (NET_F_MAC | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_MRG_RXBUF | NET_F_CSUM |     \
     NET_F_GUEST_CSUM | VIRTIO_F_EVENT_IDX)
#define NET_F_GUEST_TSO (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6)
#define NET_F_TSO       (NET_F_CTRL_GUEST_OFFLOADS | NET_F_GUEST_TSO | NET_F_HOST_TSO4 | NET_F_HOST_TSO6)

#define CONFIG_MAC    0
#define CONFIG_STATUS 6
#define CONFIG_MTU    10
#define STATUS_LINK   1

#define CTRL_GUEST_OFFLOADS 5
#define CTRL_OFFLOADS_SET   0
#define CTRL_OK             0

#define ETHER_ADDR_LEN        6
#define ETHER_HDR_LEN         14
#define ETHER_MTU             1500
#define ETHER_MAX_HARDMTU_LEN 65435 /* OpenBSD's limit: what an mbuf chain can be */
#define MCLBYTES              2048
#define RX_BUFFERS            64 /* of MCLBYTES: two of the longest packets */
#define TRIES                 64

struct vio_header {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static struct vio_softc {
    struct virtio_softc *vsc;
    uint8_t mac[ETHER_ADDR_LEN], gateway_mac[ETHER_ADDR_LEN];
    size_t hardmtu, rx_size; /* the longest packet; one receive buffer, header and all */
    struct {
        bus_dmamap_t map;
        uint8_t *kva;
    } rx[RX_BUFFERS], tx, ctrl;
    unsigned rx_of_slot[RX_BUFFERS]; /* rings of no more slots than buffers */
    uint8_t *frame;                  /* the one received last, put together */
} * vio;

/* --- negotiation --- */

static int negotiate_old(struct virtio_softc *vsc)
{
    vsc->driver_features = NET_F_BASE | NET_F_TSO;
    return virtio_negotiate_features(vsc);
}

static int negotiate(struct virtio_softc *vsc)
{
    bool want_tso = true, want_mtu = true;

    for (;;) {
        unsigned mtu;

        vsc->driver_features = NET_F_BASE | (want_tso ? NET_F_TSO : 0) | (want_mtu ? NET_F_MTU : 0);
        if (virtio_negotiate_features(vsc))
            return ENXIO;
        if ((vsc->active_features & NET_F_GUEST_TSO) &&
            !virtio_has_feature(vsc, NET_F_CTRL_GUEST_OFFLOADS | NET_F_MRG_RXBUF)) {
            /* All of it goes: HOST_TSO alone is what Apple's machine refuses. */
            kprintf("%s: GUEST_TSO without CTRL_GUEST_OFFLOADS and MRG_RXBUF: again without TSO\n",
                    vsc->name);
            want_tso = false;
            continue;
        }
        mtu = virtio_read_device_config_2(vsc, CONFIG_MTU);
        if (virtio_has_feature(vsc, NET_F_MTU) && mtu > ETHER_MAX_HARDMTU_LEN) {
            kprintf("%s: mtu %u not supported\n", vsc->name, mtu);
            want_mtu = false;
            continue;
        }
        return 0;
    }
}

/* --- attachment --- */

static int alloc_buffer(struct virtio_softc *vsc, size_t size, bus_dmamap_t *map, uint8_t **kva)
{
    bus_dma_segment_t seg;
    int nsegs, error;

    error = bus_dmamap_create(vsc->dmat, size, 1, size, 0, BUS_DMA_NOWAIT, map);
    if (!error)
        error = bus_dmamem_alloc(vsc->dmat, size, PAGE_SIZE, 0, &seg, 1, &nsegs, BUS_DMA_ZERO);
    if (!error)
        error = bus_dmamem_map(vsc->dmat, &seg, nsegs, size, (void **)kva, BUS_DMA_NOWAIT);
    return error ? error : bus_dmamap_load(vsc->dmat, *map, *kva, size, NULL, BUS_DMA_NOWAIT);
}

/* How long a packet may be, and so how large a buffer has to be. Without MRG_RXBUF one buffer takes
 * all of a frame; with it they may be small. */
static void choose_sizes(struct vio_softc *sc)
{
    struct virtio_softc *vsc = sc->vsc;
    const size_t around = sizeof(struct vio_header) + ETHER_HDR_LEN;

    sc->rx_size = MCLBYTES;
    sc->hardmtu = MCLBYTES - around;
    if (virtio_has_feature(vsc, NET_F_MTU)) {
        sc->hardmtu = virtio_read_device_config_2(vsc, CONFIG_MTU);
        if (!virtio_has_feature(vsc, NET_F_MRG_RXBUF) && sc->hardmtu + around > sc->rx_size)
            sc->rx_size = sc->hardmtu + around;
    }
}

static int give_rx(struct vio_softc *sc, unsigned buffer)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_RX];
    unsigned slot;

    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, 1))
        return ENOBUFS;
    sc->rx_of_slot[slot] = buffer;
    bus_dmamap_sync(sc->vsc->dmat, sc->rx[buffer].map, 0, sc->rx_size, BUS_DMASYNC_PREREAD);
    virtio_enqueue_p(vq, slot, sc->rx[buffer].map, 0, sc->rx_size, false);
    virtio_enqueue_commit(vq, slot, true);
    return 0;
}

static int setup(struct vio_softc *sc)
{
    struct virtio_softc *vsc = sc->vsc;

    for (unsigned i = 0; i < ETHER_ADDR_LEN; i++)
        sc->mac[i] = virtio_read_device_config_1(vsc, CONFIG_MAC + i);
    choose_sizes(sc);
    if (virtio_alloc_vq(vsc, VQ_RX, 1, RX_BUFFERS) || virtio_alloc_vq(vsc, VQ_TX, 2, 16))
        return ENXIO;
    if (virtio_has_feature(vsc, NET_F_CTRL_VQ) && virtio_alloc_vq(vsc, VQ_CTRL, 3, 16))
        return ENXIO;
    for (unsigned i = 0; i < RX_BUFFERS; i++)
        if (alloc_buffer(vsc, sc->rx_size, &sc->rx[i].map, &sc->rx[i].kva))
            return ENOMEM;
    if (alloc_buffer(vsc, sizeof(struct vio_header) + ETHER_HDR_LEN + sc->hardmtu, &sc->tx.map,
                     &sc->tx.kva) ||
        alloc_buffer(vsc, PAGE_SIZE, &sc->ctrl.map, &sc->ctrl.kva))
        return ENOMEM;
    sc->frame = kalloc(UINT16_MAX + ETHER_HDR_LEN);
    return virtio_attach_finish(vsc);
}

/* Turns segmentation towards the guest off (5.1.6.5.6.1): this kernel has no use for it. */
static int set_offloads(struct vio_softc *sc, uint64_t offloads)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_CTRL];
    uint8_t *at = sc->ctrl.kva;
    unsigned slot;
    uint32_t length;

    at[0] = CTRL_GUEST_OFFLOADS;
    at[1] = CTRL_OFFLOADS_SET;
    memcpy(at + 2, &offloads, sizeof(offloads));
    at[10] = 0xff;
    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, 3))
        return ENOBUFS;
    bus_dmamap_sync(sc->vsc->dmat, sc->ctrl.map, 0, 11, BUS_DMASYNC_PREWRITE | BUS_DMASYNC_PREREAD);
    virtio_enqueue_p(vq, slot, sc->ctrl.map, 0, 2, true);
    virtio_enqueue_p(vq, slot, sc->ctrl.map, 2, 8, true);
    virtio_enqueue_p(vq, slot, sc->ctrl.map, 10, 1, false);
    virtio_enqueue_commit(vq, slot, true);
    if (virtio_wait(vq, true, &slot, &length))
        return EIO;
    bus_dmamap_sync(sc->vsc->dmat, sc->ctrl.map, 0, 11,
                    BUS_DMASYNC_POSTWRITE | BUS_DMASYNC_POSTREAD);
    virtio_dequeue_commit(vq, slot);
    return at[10] == CTRL_OK ? 0 : EIO;
}

void vio_attach(struct virtio_softc *vsc)
{
    struct vio_softc *sc;

    if (vio) {
        kprintf("%s: not used\n", vsc->name);
        return;
    }
    if (bootarg_is("net", "old") ? negotiate_old(vsc) : negotiate(vsc))
        return;
    sc = kalloc(sizeof(*sc));
    sc->vsc = vsc;
    if (setup(sc)) {
        kprintf("FAIL %s: attach\n", vsc->name);
        virtio_failed(vsc);
        return;
    }
    for (unsigned i = 0; i < vsc->vq[VQ_RX].num; i++)
        if (give_rx(sc, i))
            kprintf("FAIL %s: receive buffer %u\n", vsc->name, i);
    if ((vsc->active_features & NET_F_GUEST_TSO) && virtio_has_feature(vsc, NET_F_CTRL_VQ) &&
        set_offloads(sc, vsc->active_features & NET_F_GUEST_CSUM))
        kprintf("FAIL %s: offloads\n", vsc->name);
    kprintf("%s: address %02x:%02x:%02x:%02x:%02x:%02x, hardmtu %lu%s%s\n", vsc->name, sc->mac[0],
            sc->mac[1], sc->mac[2], sc->mac[3], sc->mac[4], sc->mac[5], sc->hardmtu,
            virtio_has_feature(vsc, NET_F_MTU) ? " (the device's)" : "",
            virtio_has_feature(vsc, NET_F_MRG_RXBUF) ? ", merged buffers" : "");
    if (virtio_has_feature(vsc, NET_F_STATUS) &&
        !(virtio_read_device_config_2(vsc, CONFIG_STATUS) & STATUS_LINK))
        kprintf("%s: no link\n", vsc->name);
    vio = sc;
}

/* --- frames --- */

/* Room for the frame that transmit sends. */
static uint8_t *tx_frame(struct vio_softc *sc)
{
    return sc->tx.kva + sizeof(struct vio_header);
}

static int transmit(struct vio_softc *sc, size_t length)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_TX];
    size_t header = sizeof(struct vio_header);
    unsigned slot;
    uint32_t written;

    memset(sc->tx.kva, 0, header); /* no checksum to fill in, no segmentation */
    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, 2))
        return ENOBUFS;
    bus_dmamap_sync(sc->vsc->dmat, sc->tx.map, 0, header + length, BUS_DMASYNC_PREWRITE);
    virtio_enqueue_p(vq, slot, sc->tx.map, 0, header, true);
    virtio_enqueue_p(vq, slot, sc->tx.map, header, length, true);
    virtio_enqueue_commit(vq, slot, true);
    if (virtio_wait(vq, true, &slot, &written))
        return EIO;
    bus_dmamap_sync(sc->vsc->dmat, sc->tx.map, 0, header + length, BUS_DMASYNC_POSTWRITE);
    virtio_dequeue_commit(vq, slot);
    return 0;
}

/* How many buffers the frame that begins in this one takes; a device that says 0 means 1. */
static unsigned merged_buffers(const struct vio_softc *sc, unsigned buffer)
{
    unsigned count = ((const struct vio_header *)sc->rx[buffer].kva)->num_buffers;

    return count ? count : 1;
}

/* Waits for a frame and puts it together in sc->frame; its length, 0 when there is none. */
static size_t receive(struct vio_softc *sc)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_RX];
    size_t total = 0;

    for (unsigned left = 1, first = 1; left; left--, first = 0) {
        size_t skip = first ? sizeof(struct vio_header) : 0;
        unsigned slot, buffer;
        uint32_t length;

        if (virtio_wait(vq, true, &slot, &length))
            return 0;
        buffer = sc->rx_of_slot[slot];
        bus_dmamap_sync(sc->vsc->dmat, sc->rx[buffer].map, 0, length, BUS_DMASYNC_POSTREAD);
        if (first && virtio_has_feature(sc->vsc, NET_F_MRG_RXBUF))
            left = merged_buffers(sc, buffer);
        if (length < skip || length > sc->rx_size ||
            total + length - skip > UINT16_MAX + ETHER_HDR_LEN)
            return 0;
        memcpy(sc->frame + total, sc->rx[buffer].kva + skip, length - skip);
        total += length - skip;
        virtio_dequeue_commit(vq, slot);
        if (give_rx(sc, buffer))
            return 0;
    }
    return total;
}

/* --- a conversation with the gateway: ARP (RFC 826), ICMP echo (RFC 792) --- */

static const uint8_t our_ip[4] = {10, 0, 2, 15}, gateway_ip[4] = {10, 0, 2, 2};

#define ARP_LEN  28
#define IP_LEN   20
#define ICMP_LEN 8

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned internet_checksum(const uint8_t *at, size_t length)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static uint8_t *put_ethernet(struct vio_softc *sc, const uint8_t *to, unsigned type)
{
    uint8_t *frame = tx_frame(sc);

    memcpy(frame, to, ETHER_ADDR_LEN);
    memcpy(frame + 6, sc->mac, ETHER_ADDR_LEN);
    put16(frame + 12, type);
    return frame + ETHER_HDR_LEN;
}

static bool arp(struct vio_softc *sc)
{
    static const uint8_t everybody[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    uint8_t *p = put_ethernet(sc, everybody, 0x0806);

    memset(p, 0, 60 - ETHER_HDR_LEN);
    memcpy(p, request, sizeof(request));
    memcpy(p + 8, sc->mac, ETHER_ADDR_LEN);
    memcpy(p + 14, our_ip, 4);
    memcpy(p + 24, gateway_ip, 4);
    if (transmit(sc, 60))
        return false;
    for (unsigned i = 0; i < TRIES; i++) {
        size_t length = receive(sc);
        const uint8_t *answer = sc->frame + ETHER_HDR_LEN;

        if (length == 0)
            return false;
        if (length < ETHER_HDR_LEN + ARP_LEN || sc->frame[12] != 0x08 || sc->frame[13] != 0x06 ||
            answer[7] != 2 || memcmp(answer + 14, gateway_ip, 4) != 0)
            continue;
        memcpy(sc->gateway_mac, answer + 8, ETHER_ADDR_LEN);
        return true;
    }
    return false;
}

static bool is_echo_of(const struct vio_softc *sc, size_t length, size_t payload)
{
    const uint8_t *ip = sc->frame + ETHER_HDR_LEN, *icmp = ip + IP_LEN;

    if (length < ETHER_HDR_LEN + IP_LEN + ICMP_LEN + payload || sc->frame[12] != 0x08 ||
        sc->frame[13] != 0x00 || ip[9] != 1 || memcmp(ip + 12, gateway_ip, 4) != 0 || icmp[0] != 0)
        return false;
    for (size_t i = 0; i < payload; i++)
        if (icmp[ICMP_LEN + i] != (uint8_t)(i * 13))
            return false;
    return true;
}

static bool ping(struct vio_softc *sc, size_t payload)
{
    static const uint8_t ip_start[12] = {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 1, 0, 0};
    uint8_t *ip = put_ethernet(sc, sc->gateway_mac, 0x0800), *icmp = ip + IP_LEN;

    memcpy(ip, ip_start, sizeof(ip_start));
    put16(ip + 2, (unsigned)(IP_LEN + ICMP_LEN + payload));
    memcpy(ip + 12, our_ip, 4);
    memcpy(ip + 16, gateway_ip, 4);
    put16(ip + 10, internet_checksum(ip, IP_LEN));
    memset(icmp, 0, ICMP_LEN);
    icmp[0] = 8;
    put16(icmp + 4, 0x4154);
    put16(icmp + 6, (unsigned)payload & 0xffff);
    for (size_t i = 0; i < payload; i++)
        icmp[ICMP_LEN + i] = (uint8_t)(i * 13);
    put16(icmp + 2, internet_checksum(icmp, ICMP_LEN + payload));
    if (transmit(sc, ETHER_HDR_LEN + IP_LEN + ICMP_LEN + payload))
        return false;
    for (unsigned i = 0; i < TRIES; i++) {
        size_t length = receive(sc);

        if (length == 0)
            return false;
        if (is_echo_of(sc, length, payload))
            return true;
    }
    return false;
}

void vio_test(void)
{
    size_t most;

    if (!vio)
        return;
    most = virtio_has_feature(vio->vsc, NET_F_MTU) ? vio->hardmtu : ETHER_MTU;
    most = bootarg_number("ping", most - IP_LEN - ICMP_LEN);
    kprintf("%s %s: arp\n", arp(vio) ? "ok" : "FAIL", vio->vsc->name);
    kprintf("%s %s: ping of 56 bytes\n", ping(vio, 56) ? "ok" : "FAIL", vio->vsc->name);
    if (most + IP_LEN + ICMP_LEN <= vio->hardmtu)
        kprintf("%s %s: ping of %lu bytes\n", ping(vio, most) ? "ok" : "FAIL", vio->vsc->name,
                most);
}
