/* SPDX-License-Identifier: ISC */
/*
 * virtio over PCI, 1.x only (4.1). A function says in vendor-specific capabilities which part of
 * which BAR is what: the common configuration, the doorbells, the ISR byte, the device's own
 * configuration. Nothing about their places may be taken for granted: Apple's differ from release
 * to release.
 *
 * The handshake (3.1.1) is OpenBSD's. Its one subtlety is FEATURES_OK: the driver sets it and must
 * read it back, since a device clears it to say that it cannot work with this set of features. A
 * driver that does not look goes on with a device that will never answer.
 */
#include "virtio.h"

/* Transitional ids (4.1.2.1), whose functions may have the capabilities of 1.x as well. */
#define ID_TRANSITIONAL 0x1000u
#define ID_MODERN       0x1040u
#define ID_END          0x1080u

/* struct virtio_pci_cap (4.1.4) */
#define CAP_TYPE        3
#define CAP_BAR         4
#define CAP_OFFSET      8
#define CAP_LENGTH      12
#define CAP_NOTIFY_MULT 16
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4 };

/* struct virtio_pci_common_cfg (4.1.4.3) */
#define DEVICE_FEATURE_SELECT 0x00
#define DEVICE_FEATURE        0x04
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE        0x0c
#define CONFIG_MSIX_VECTOR    0x10
#define NUM_QUEUES            0x12
#define DEVICE_STATUS         0x14
#define QUEUE_SELECT          0x16
#define QUEUE_SIZE            0x18
#define QUEUE_MSIX_VECTOR     0x1a
#define QUEUE_ENABLE          0x1c
#define QUEUE_NOTIFY_OFF      0x1e
#define QUEUE_DESC            0x20
#define QUEUE_DRIVER          0x28
#define QUEUE_DEVICE          0x30

static unsigned transitional_type(uint16_t product)
{
    static const uint8_t types[] = {VIRTIO_ID_NET,    VIRTIO_ID_BLOCK, 5, VIRTIO_ID_CONSOLE, 8,
                                    VIRTIO_ID_ENTROPY};

    return product - ID_TRANSITIONAL < nitems(types) ? types[product - ID_TRANSITIONAL] : 0;
}

/* Maps the structure of this type; 0 when there is none. *at: its capability. */
static vaddr_t find_structure(struct pci_device *pci, unsigned type, unsigned *at)
{
    for (*at = pci_capability(pci, PCI_CAP_VENDOR, 0); *at;
         *at = pci_capability(pci, PCI_CAP_VENDOR, *at)) {
        vaddr_t cap = pci->config + *at;
        vaddr_t mapped;

        if (mmio_read8(cap + CAP_TYPE) != type)
            continue;
        mapped = pci_map(pci, mmio_read8(cap + CAP_BAR), pci_read(pci, *at + CAP_OFFSET),
                         pci_read(pci, *at + CAP_LENGTH));
        if (mapped) /* else the next: a device may offer several (4.1.4.1) */
            return mapped;
    }
    return 0;
}

int virtio_pci_attach(struct virtio_softc *vsc, struct pci_device *pci, unsigned *type)
{
    unsigned cap;

    if (pci->vendor != PCI_VENDOR_QUMRANET || pci->product < ID_TRANSITIONAL ||
        pci->product >= ID_END)
        return ENXIO;
    *type = pci->product >= ID_MODERN ? pci->product - ID_MODERN : transitional_type(pci->product);
    vsc->pci = pci;
    vsc->dmat = &vsc->dma_tag;
    vsc->common = find_structure(pci, CFG_COMMON, &cap);
    vsc->isr = find_structure(pci, CFG_ISR, &cap);
    vsc->device = find_structure(pci, CFG_DEVICE, &cap); /* may be missing */
    vsc->device_length = vsc->device ? pci_read(pci, cap + CAP_LENGTH) : 0;
    vsc->notify_base = find_structure(pci, CFG_NOTIFY, &cap);
    if (!vsc->common || !vsc->isr || !vsc->notify_base)
        return ENXIO;
    vsc->notify_multiplier = pci_read(pci, cap + CAP_NOTIFY_MULT);
    return 0;
}

uint8_t virtio_get_status(const struct virtio_softc *vsc)
{
    return mmio_read8(vsc->common + DEVICE_STATUS);
}

static void add_status(struct virtio_softc *vsc, uint8_t bits)
{
    mmio_write8(vsc->common + DEVICE_STATUS, virtio_get_status(vsc) | bits);
}

/* The reset is over when the status reads 0 (4.1.4.3.2). */
void virtio_reset(struct virtio_softc *vsc)
{
    mmio_write8(vsc->common + DEVICE_STATUS, VIRTIO_STATUS_RESET);
    while (virtio_get_status(vsc) != VIRTIO_STATUS_RESET)
        ;
    vsc->nvqs = 0;
    vsc->active_features = 0;
}

void virtio_failed(struct virtio_softc *vsc)
{
    add_status(vsc, VIRTIO_STATUS_FAILED);
}

static uint64_t read_offer(const struct virtio_softc *vsc)
{
    uint64_t offer;

    mmio_write32(vsc->common + DEVICE_FEATURE_SELECT, 0);
    offer = mmio_read32(vsc->common + DEVICE_FEATURE);
    mmio_write32(vsc->common + DEVICE_FEATURE_SELECT, 1);
    return offer | (uint64_t)mmio_read32(vsc->common + DEVICE_FEATURE) << 32;
}

int virtio_negotiate_features(struct virtio_softc *vsc)
{
    uint64_t wanted = vsc->driver_features | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_VERSION_1 |
                      VIRTIO_F_ACCESS_PLATFORM;

    virtio_reset(vsc);
    add_status(vsc, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(vsc, VIRTIO_STATUS_DRIVER);
    vsc->device_features = read_offer(vsc);
    wanted &= vsc->device_features;
    mmio_write32(vsc->common + DRIVER_FEATURE_SELECT, 0);
    mmio_write32(vsc->common + DRIVER_FEATURE, (uint32_t)wanted);
    mmio_write32(vsc->common + DRIVER_FEATURE_SELECT, 1);
    mmio_write32(vsc->common + DRIVER_FEATURE, (uint32_t)(wanted >> 32));
    add_status(vsc, VIRTIO_STATUS_FEATURES_OK);
    if (!(virtio_get_status(vsc) & VIRTIO_STATUS_FEATURES_OK) || !(wanted & VIRTIO_F_VERSION_1)) {
        kprintf("%s: Feature negotiation failed\n", vsc->name);
        virtio_failed(vsc);
        return ENXIO;
    }
    vsc->active_features = wanted;
    return 0;
}

static void write_address(vaddr_t reg, paddr_t pa)
{
    mmio_write32(reg, (uint32_t)pa);
    mmio_write32(reg + 4, (uint32_t)(pa >> 32));
}

int virtio_alloc_vq(struct virtio_softc *vsc, unsigned index, unsigned maxsegs, unsigned most)
{
    struct virtqueue *vq = &vsc->vq[index];
    unsigned size;
    int error;

    mmio_write16(vsc->common + QUEUE_SELECT, (uint16_t)index);
    size = mmio_read16(vsc->common + QUEUE_SIZE);
    if (index >= VIRTIO_VQ_MAX || size == 0)
        return ENXIO;
    *vq = (struct virtqueue){.vsc = vsc, .index = index, .maxsegs = maxsegs};
    for (vq->num = size; vq->num > most; vq->num /= 2)
        ;
    error = virtq_create(vq);
    if (error)
        return error;
    vq->notify = vsc->notify_base +
                 (uint64_t)mmio_read16(vsc->common + QUEUE_NOTIFY_OFF) * vsc->notify_multiplier;
    mmio_write16(vsc->common + QUEUE_SIZE, (uint16_t)vq->num);
    write_address(vsc->common + QUEUE_DESC, vq->desc_pa);
    write_address(vsc->common + QUEUE_DRIVER, vq->avail_pa);
    write_address(vsc->common + QUEUE_DEVICE, vq->used_pa);
    if (index >= vsc->nvqs)
        vsc->nvqs = index + 1;
    return 0;
}

static void queue_interrupt(void *arg)
{
    struct virtqueue *vq = arg;

    vq->vsc->interrupts++; /* gic_idle has done its work by returning */
}

static void config_interrupt(void *arg)
{
    struct virtio_softc *vsc = arg;

    vsc->config_interrupts++;
}

/* One vector for the configuration and one for each queue; a device that cannot take a vector reads
 * back as "none" (4.1.5.1.2). */
static bool take_vector(struct virtio_softc *vsc, unsigned reg, uint16_t vector)
{
    mmio_write16(vsc->common + reg, vector);
    return mmio_read16(vsc->common + reg) == vector;
}

static int establish_interrupts(struct virtio_softc *vsc)
{
    if (!vsc->pci->msix_vectors && pci_msix_enable(vsc->pci, vsc->nvqs + 1))
        return ENXIO;
    if (!take_vector(vsc, CONFIG_MSIX_VECTOR, 0))
        return ENXIO;
    pci_msix_establish(vsc->pci, 0, config_interrupt, vsc);
    for (unsigned i = 0; i < vsc->nvqs; i++) {
        mmio_write16(vsc->common + QUEUE_SELECT, (uint16_t)i);
        if (!take_vector(vsc, QUEUE_MSIX_VECTOR, (uint16_t)(i + 1)))
            return ENXIO;
        pci_msix_establish(vsc->pci, i + 1, queue_interrupt, &vsc->vq[i]);
    }
    return 0;
}

int virtio_attach_finish(struct virtio_softc *vsc)
{
    vsc->msix = establish_interrupts(vsc) == 0;
    for (unsigned i = 0; i < vsc->nvqs; i++) {
        mmio_write16(vsc->common + QUEUE_SELECT, (uint16_t)i);
        mmio_write16(vsc->common + QUEUE_ENABLE, 1);
    }
    add_status(vsc, VIRTIO_STATUS_DRIVER_OK);
    kprintf("%s: %s, features 0x%lx\n", vsc->name, vsc->msix ? "msix per-VQ" : "polled",
            vsc->active_features);
    return 0;
}

uint8_t virtio_read_device_config_1(const struct virtio_softc *vsc, unsigned offset)
{
    return offset + 1 <= vsc->device_length ? mmio_read8(vsc->device + offset) : 0;
}

uint16_t virtio_read_device_config_2(const struct virtio_softc *vsc, unsigned offset)
{
    return offset + 2 <= vsc->device_length ? mmio_read16(vsc->device + offset) : 0;
}

uint32_t virtio_read_device_config_4(const struct virtio_softc *vsc, unsigned offset)
{
    return offset + 4 <= vsc->device_length ? mmio_read32(vsc->device + offset) : 0;
}

/* Two reads of 32 bits: the only width there is for a 64-bit field (4.1.3.1). */
uint64_t virtio_read_device_config_8(const struct virtio_softc *vsc, unsigned offset)
{
    return virtio_read_device_config_4(vsc, offset) |
           (uint64_t)virtio_read_device_config_4(vsc, offset + 4) << 32;
}
