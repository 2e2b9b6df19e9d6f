/* SPDX-License-Identifier: ISC */
/*
 * virtio-blk (5.2): sectors of 512 bytes, one queue. A request is a chain of three parts: a header
 * that says what and where, which the device reads; the data; and one byte of status, which it
 * writes. What a driver may send is in the features: FLUSH allows VIRTIO_BLK_T_FLUSH, and a driver
 * that accepted it has to send one before it calls data safe (5.2.6.2); RO means writes fail;
 * SIZE_MAX and SEG_MAX bound the descriptors of one request.
 *
 * Boot argument dma=kva|outside|device|end lies about the data's address: the kernel virtual one,
 * one where nothing is, one of the device's own registers, or one so near the end of RAM that the
 * range runs off it.
 */
#include "fdt.h"
#include "pmap.h"
#include "virtio.h"

#define VQ_REQUEST 0
#define SECTOR     512

#define BLK_F_SIZE_MAX   (UINT64_C(1) << 1)
#define BLK_F_SEG_MAX    (UINT64_C(1) << 2)
#define BLK_F_RO         (UINT64_C(1) << 5)
#define BLK_F_FLUSH      (UINT64_C(1) << 9)
#define CONFIG_CAPACITY  0
#define CONFIG_SIZE_MAX  8
#define BLK_T_IN         0u
#define BLK_T_OUT        1u
#define BLK_T_FLUSH      4u
#define BLK_S_OK         0
#define STATUS_UNWRITTEN 0xff
#define NOWHERE          (UINT64_C(64) << 30) /* beyond RAM, and beyond PCI's window behind it */

/* What the device and the CPU share; the parts are enqueued by their offsets. */
struct vioblk_request {
    uint32_t type, reserved;
    uint64_t sector;
    uint8_t data[SECTOR];
    uint8_t status;
};

static struct vioblk_softc {
    struct virtio_softc *vsc;
    bus_dmamap_t map;
    struct vioblk_request *request;
    uint64_t capacity;
} * vioblk;

void vioblk_attach(struct virtio_softc *vsc)
{
    struct vioblk_softc *sc;
    bus_dma_segment_t seg;
    int nsegs;

    if (vioblk) {
        kprintf("%s: not used\n", vsc->name);
        return;
    }
    sc = kalloc(sizeof(*sc));
    sc->vsc = vsc;
    vsc->driver_features = BLK_F_RO | BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_FLUSH;
    if (virtio_negotiate_features(vsc) || virtio_alloc_vq(vsc, VQ_REQUEST, 3, 64) ||
        bus_dmamem_alloc(vsc->dmat, sizeof(*sc->request), PAGE_SIZE, 0, &seg, 1, &nsegs,
                         BUS_DMA_ZERO) ||
        bus_dmamem_map(vsc->dmat, &seg, nsegs, sizeof(*sc->request), (void **)&sc->request,
                       BUS_DMA_NOWAIT) ||
        bus_dmamap_create(vsc->dmat, PAGE_SIZE, 1, PAGE_SIZE, 0, BUS_DMA_NOWAIT, &sc->map) ||
        bus_dmamap_load(vsc->dmat, sc->map, sc->request, sizeof(*sc->request), NULL,
                        BUS_DMA_NOWAIT) ||
        (virtio_has_feature(vsc, BLK_F_SIZE_MAX) &&
         virtio_read_device_config_4(vsc, CONFIG_SIZE_MAX) < SECTOR) ||
        virtio_attach_finish(vsc)) {
        kprintf("FAIL %s: attach\n", vsc->name);
        virtio_failed(vsc);
        return;
    }
    sc->capacity = virtio_read_device_config_8(vsc, CONFIG_CAPACITY);
    kprintf("%s: %lu sectors%s\n", vsc->name, sc->capacity,
            virtio_has_feature(vsc, BLK_F_RO) ? ", read-only" : "");
    vioblk = sc;
}

/* The address that the boot arguments want the device to be told; 0: the right one. */
static paddr_t wrong_address(const struct vioblk_softc *sc)
{
    struct fdt_node memory = fdt_path("/memory");
    uint64_t ram, size;

    if (bootarg_is("dma", "kva"))
        return (paddr_t)sc->request->data;
    fdt_reg(&memory, 0, &ram, &size);
    if (bootarg_is("dma", "outside"))
        return ram + size + NOWHERE;
    if (bootarg_is("dma", "device"))
        return sc->vsc->pci->bar[0].address;
    return bootarg_is("dma", "end") ? ram + size - SECTOR / 2 : 0;
}

/* One request from beginning to end; its status, or STATUS_UNWRITTEN. */
static uint8_t do_request(struct vioblk_softc *sc, uint32_t type, uint64_t sector)
{
    struct virtqueue *vq = &sc->vsc->vq[VQ_REQUEST];
    struct vioblk_request *r = sc->request;
    bool has_data = type != BLK_T_FLUSH, device_reads = type == BLK_T_OUT;
    paddr_t wrong = wrong_address(sc);
    size_t data = offsetof(struct vioblk_request, data);
    unsigned slot;
    uint32_t length;

    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, has_data ? 3 : 2))
        return STATUS_UNWRITTEN;
    r->type = type;
    r->sector = sector;
    r->status = STATUS_UNWRITTEN;
    bus_dmamap_sync(sc->vsc->dmat, sc->map, 0, sizeof(*r),
                    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    virtio_enqueue_p(vq, slot, sc->map, 0, data, true);
    if (has_data && wrong) {
        kprintf("%s: buffer kva 0x%lx pa 0x%lx, given as 0x%lx\n", sc->vsc->name, (uint64_t)r->data,
                sc->map->dm_segs[0].ds_addr + data, wrong);
        virtio_enqueue_raw(vq, slot, wrong, SECTOR, device_reads);
    } else if (has_data) {
        virtio_enqueue_p(vq, slot, sc->map, data, SECTOR, device_reads);
    }
    virtio_enqueue_p(vq, slot, sc->map, offsetof(struct vioblk_request, status), 1, false);
    virtio_enqueue_commit(vq, slot, true);
    if (virtio_wait(vq, true, &slot, &length))
        return STATUS_UNWRITTEN;
    bus_dmamap_sync(sc->vsc->dmat, sc->map, 0, sizeof(*r),
                    BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    virtio_dequeue_commit(vq, slot);
    return r->status;
}

/* Writes a pattern into the disk's last sector, makes it safe and reads it back. */
static bool exercise(struct vioblk_softc *sc)
{
    uint64_t sector = sc->capacity - 1;

    if (do_request(sc, BLK_T_IN, 0) != BLK_S_OK)
        return false;
    if (virtio_has_feature(sc->vsc, BLK_F_RO))
        return true;
    for (unsigned i = 0; i < SECTOR; i++)
        sc->request->data[i] = (uint8_t)(i * 7 + 1);
    if (do_request(sc, BLK_T_OUT, sector) != BLK_S_OK)
        return false;
    if (virtio_has_feature(sc->vsc, BLK_F_FLUSH) && do_request(sc, BLK_T_FLUSH, 0) != BLK_S_OK)
        return false;
    memset(sc->request->data, 0, SECTOR);
    if (do_request(sc, BLK_T_IN, sector) != BLK_S_OK)
        return false;
    for (unsigned i = 0; i < SECTOR; i++)
        if (sc->request->data[i] != (uint8_t)(i * 7 + 1))
            return false;
    return true;
}

void vioblk_test(void)
{
    if (vioblk && vioblk->capacity)
        kprintf("%s %s: a sector written, flushed and read\n", exercise(vioblk) ? "ok" : "FAIL",
                vioblk->vsc->name);
}
