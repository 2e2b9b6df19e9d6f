/* SPDX-License-Identifier: ISC */
/*
 * virtio-console (5.3), port 0 only: receiveq 0, transmitq 1. Without MULTIPORT a port is there
 * from the start and the control queues are not. SIZE only says that config has columns and rows.
 *
 * On Apple's machine it is the one serial console there is, and OpenBSD's arm64 kernel has no
 * driver for it; a kernel that has one says all it kept in its message buffer as soon as this
 * attaches.
 */
#include "virtio.h"

#define VQ_RECEIVE     0
#define VQ_TRANSMIT    1
#define CONSOLE_F_SIZE (UINT64_C(1) << 0)
#define CHUNK          1024

static struct viocon_softc {
    struct virtio_softc *vsc;
    bus_dmamap_t map;
    uint8_t *buffer;
    bool busy;
} * viocon;

/* Polls: it is called with interrupts masked, and from a panic. */
static bool send(struct viocon_softc *sc, const char *text, size_t length)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_TRANSMIT];
    unsigned slot;
    uint32_t written;

    memcpy(sc->buffer, text, length);
    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, 1) ||
        bus_dmamap_load(sc->vsc->dmat, sc->map, sc->buffer, length, NULL, BUS_DMA_NOWAIT))
        return false;
    bus_dmamap_sync(sc->vsc->dmat, sc->map, 0, length, BUS_DMASYNC_PREWRITE);
    virtio_enqueue_p(vq, slot, sc->map, 0, length, true);
    virtio_enqueue_commit(vq, slot, true);
    if (virtio_wait(vq, false, &slot, &written))
        return false;
    bus_dmamap_sync(sc->vsc->dmat, sc->map, 0, length, BUS_DMASYNC_POSTWRITE);
    virtio_dequeue_commit(vq, slot);
    return true;
}

static void viocon_write(void *ctx, const char *text, size_t length)
{
    struct viocon_softc *sc = ctx;

    if (sc->busy) /* a failure here is said on the other console only */
        return;
    sc->busy = true;
    for (size_t at = 0; at < length; at += CHUNK)
        if (!send(sc, text + at, MIN(length - at, CHUNK)))
            return;
    sc->busy = false;
}

void viocon_attach(struct virtio_softc *vsc)
{
    struct viocon_softc *sc = kalloc(sizeof(*sc));

    sc->vsc = vsc;
    sc->buffer = kalloc(CHUNK);
    vsc->driver_features = CONSOLE_F_SIZE;
    if (virtio_negotiate_features(vsc) || virtio_alloc_vq(vsc, VQ_RECEIVE, 1, 16) ||
        virtio_alloc_vq(vsc, VQ_TRANSMIT, 2, 16) ||
        bus_dmamap_create(vsc->dmat, CHUNK, 2, CHUNK, 0, BUS_DMA_NOWAIT, &sc->map) ||
        virtio_attach_finish(vsc)) {
        kprintf("FAIL %s: attach\n", vsc->name);
        virtio_failed(vsc);
        return;
    }
    viocon = sc;
    console_attach(viocon_write, sc);
}

void viocon_test(void)
{
    if (viocon)
        kprintf("%s %s: console\n", viocon->busy ? "FAIL" : "ok", viocon->vsc->name);
}
