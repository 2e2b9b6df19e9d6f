/* SPDX-License-Identifier: ISC */
/*
 * What a virtio driver (viogpu.c ...) and the transport (virtio_pci.c) know of each other, and
 * split virtqueues (virtqueue.c). Virtual I/O Device (VIRTIO) 1.2; sections are cited where they
 * rule.
 *
 * A driver attaches in this order (3.1.1), and no device answers before the last step:
 *
 *   virtio_negotiate_features   reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK
 *   virtio_alloc_vq             for each queue
 *   virtio_attach_finish        interrupts, DRIVER_OK
 */
#ifndef BSD_VIRTIO_H
#define BSD_VIRTIO_H

#include "bus_dma.h"
#include "pci.h"

/* Device status (2.1) */
#define VIRTIO_STATUS_RESET       0x00
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER      0x02
#define VIRTIO_STATUS_DRIVER_OK   0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED      0x80

/* Features of every device (6) */
#define VIRTIO_F_INDIRECT_DESC   (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX       (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1       (UINT64_C(1) << 32)
#define VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)

/* Device types (5) */
#define VIRTIO_ID_NET     1
#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_ENTROPY 4
#define VIRTIO_ID_GPU     16

#define VIRTIO_VQ_MAX 4

struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct virtqueue {
    struct virtio_softc *vsc;
    unsigned index, num, maxsegs;
    uint16_t *avail;         /* flags, idx, ring[num], used_event (2.7.6) */
    volatile uint16_t *used; /* flags, idx, ring[num] of two words, avail_event (2.7.8) */
    struct virtq_desc *desc, *indirect; /* indirect: a table of maxsegs for each slot */
    paddr_t desc_pa, avail_pa, used_pa, indirect_pa;
    uint16_t free_head, free_count, avail_idx, used_idx;
    vaddr_t notify;
    struct { /* the chain that is being built */
        struct virtq_desc *table;
        unsigned count, at;
        bool is_indirect;
    } chain;
    uint16_t *next_free; /* by descriptor */
    uint16_t *reserved;  /* by slot: descriptors of its chain */
};

struct virtio_softc {
    const char *name; /* "vio0" */
    struct pci_device *pci;
    struct bus_dma_tag dma_tag;
    bus_dma_tag_t dmat;
    vaddr_t common, notify_base, isr, device;
    uint32_t notify_multiplier, device_length;
    uint64_t driver_features; /* what the driver would like */
    uint64_t device_features, active_features;
    struct virtqueue vq[VIRTIO_VQ_MAX];
    unsigned nvqs;
    bool msix;
    volatile unsigned interrupts, config_interrupts;
};

/* --- virtio_pci.c --- */

/* Finds the structures of a virtio 1.x function; the device type in *type. ENXIO: it is none. */
int virtio_pci_attach(struct virtio_softc *vsc, struct pci_device *pci, unsigned *type);
/* Resets the device, offers driver_features and settles on what both want; ENXIO, after a line on
 * the console, when the device does not accept that. May be called again after virtio_reset. */
int virtio_negotiate_features(struct virtio_softc *vsc);
void virtio_reset(struct virtio_softc *vsc);
uint8_t virtio_get_status(const struct virtio_softc *vsc);
static inline bool virtio_has_feature(const struct virtio_softc *vsc, uint64_t feature)
{
    return (vsc->active_features & feature) == feature;
}
/* Sets up queue `index` for chains of at most `maxsegs` descriptors, and no more than `most` slots.
 */
int virtio_alloc_vq(struct virtio_softc *vsc, unsigned index, unsigned maxsegs, unsigned most);
/* MSI-X with a vector for each queue if it can be had, then DRIVER_OK. */
int virtio_attach_finish(struct virtio_softc *vsc);
/* The driver gives up (3.1.1). */
void virtio_failed(struct virtio_softc *vsc);
/* Device-specific configuration (4.1.4.6); 0 where the device has none. */
uint8_t virtio_read_device_config_1(const struct virtio_softc *vsc, unsigned offset);
uint16_t virtio_read_device_config_2(const struct virtio_softc *vsc, unsigned offset);
uint32_t virtio_read_device_config_4(const struct virtio_softc *vsc, unsigned offset);
uint64_t virtio_read_device_config_8(const struct virtio_softc *vsc, unsigned offset);

/* --- virtqueue.c --- */

/* Memory and free list of a queue whose index, num and maxsegs are set. */
int virtq_create(struct virtqueue *vq);
/* A free slot; EBUSY when the ring is full. */
int virtio_enqueue_prep(struct virtqueue *vq, unsigned *slot);
/* Room for a chain of `count` descriptors. On failure the slot is free again. */
int virtio_enqueue_reserve(struct virtqueue *vq, unsigned slot, unsigned count);
/* Adds bytes of a loaded map; `write` is the driver's view: true, the device reads them. */
void virtio_enqueue_p(struct virtqueue *vq, unsigned slot, bus_dmamap_t map, size_t offset,
                      size_t length, bool write);
/* One descriptor with any address, for the boot arguments that lie to the device. */
void virtio_enqueue_raw(struct virtqueue *vq, unsigned slot, paddr_t address, size_t length,
                        bool write);
/* Makes the chain available, and tells the device if it wants to be told. */
void virtio_enqueue_commit(struct virtqueue *vq, unsigned slot, bool notify);
/* The next chain that the device has used; false when there is none. */
bool virtio_dequeue(struct virtqueue *vq, unsigned *slot, uint32_t *length);
/* Its descriptors are free again. */
void virtio_dequeue_commit(struct virtqueue *vq, unsigned slot);
/* Waits for virtio_dequeue, asleep if there are interrupts and `sleep`. ETIMEDOUT after a minute,
 * EIO when the device says DEVICE_NEEDS_RESET; both after a line on the console. */
int virtio_wait(struct virtqueue *vq, bool sleep, unsigned *slot, uint32_t *length);

/* --- the drivers: attach to a device found; each says on the console how that went --- */

void viogpu_attach(struct virtio_softc *vsc);
void vio_attach(struct virtio_softc *vsc);
void vioblk_attach(struct virtio_softc *vsc);
void viornd_attach(struct virtio_softc *vsc);
void viocon_attach(struct virtio_softc *vsc);

/* --- and what each of them does to show that it works --- */

uint64_t viogpu_info(void); /* width << 32 | height; 0 without one */
void viogpu_test(void);     /* the user program paints */
void vio_test(void);        /* ARP and ICMP with the gateway */
void vioblk_test(void);     /* a sector written, flushed, read back */
void viornd_test(void);
void viocon_test(void);

#endif
