/* SPDX-License-Identifier: ISC */
/*
 * virtio-rng (5.4), the smallest device: one queue, no features, no configuration. The driver
 * offers a buffer, the device fills as much of it as it likes (at least one byte) and says how
 * much.
 */
#include "virtio.h"

#define VQ_REQUEST 0
#define BYTES      64

static struct viornd_softc {
    struct virtio_softc *vsc;
    bus_dmamap_t map;
    uint8_t *buffer;
} * viornd;

void viornd_attach(struct virtio_softc *vsc)
{
    struct viornd_softc *sc = kalloc(sizeof(*sc));

    sc->vsc = vsc;
    sc->buffer = kalloc(BYTES);
    if (virtio_negotiate_features(vsc) || virtio_alloc_vq(vsc, VQ_REQUEST, 1, 16) ||
        bus_dmamap_create(vsc->dmat, BYTES, 1, BYTES, 0, BUS_DMA_NOWAIT, &sc->map) ||
        virtio_attach_finish(vsc)) {
        kprintf("FAIL %s: attach\n", vsc->name);
        virtio_failed(vsc);
        return;
    }
    viornd = sc;
}

/* Bytes got, 0 when the device gave none. */
static uint32_t get_entropy(struct viornd_softc *sc)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_REQUEST];
    unsigned slot;
    uint32_t length;

    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, 1) ||
        bus_dmamap_load(sc->vsc->dmat, sc->map, sc->buffer, BYTES, NULL, BUS_DMA_NOWAIT))
        return 0;
    bus_dmamap_sync(sc->vsc->dmat, sc->map, 0, BYTES, BUS_DMASYNC_PREREAD);
    virtio_enqueue_p(vq, slot, sc->map, 0, BYTES, false);
    virtio_enqueue_commit(vq, slot, true);
    if (virtio_wait(vq, true, &slot, &length))
        return 0;
    bus_dmamap_sync(sc->vsc->dmat, sc->map, 0, length, BUS_DMASYNC_POSTREAD);
    bus_dmamap_unload(sc->vsc->dmat, sc->map);
    virtio_dequeue_commit(vq, slot);
    return length;
}

void viornd_test(void)
{
    uint8_t first[BYTES];
    uint32_t length;

    if (!viornd)
        return;
    length = get_entropy(viornd);
    memcpy(first, viornd->buffer, BYTES);
    if (length >= 8 && get_entropy(viornd) >= 8 && memcmp(first, viornd->buffer, 8) != 0)
        kprintf("ok %s: entropy\n", viornd->vsc->name);
    else
        kprintf("FAIL %s: entropy\n", viornd->vsc->name);
}
