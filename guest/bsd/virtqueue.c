/* SPDX-License-Identifier: ISC */
/*
 * Split virtqueues (2.7): a table of descriptors, which are addresses and lengths; a ring in which
 * the driver offers the heads of chains; and a ring in which the device returns them.
 *
 * - Addresses in descriptors are the device's, out of a loaded bus_dma map. Nothing else will do.
 * - A descriptor is written before the ring entry that names it, and that before the index that
 *   counts it (2.7.13): one barrier before the index is the whole of it.
 * - With INDIRECT_DESC, a chain of more than one lies in a table of its own and takes one slot.
 * - With EVENT_IDX, each side tells the other at which index it wants to hear again
 * (2.7.7, 2.7.10); the comparison is modulo 2^16.
 */
#include "virtio.h"

#include "pmap.h"

#define DESC_NEXT      1
#define DESC_WRITE     2 /* the device writes */
#define DESC_INDIRECT  4
#define RING_FLAGS     0
#define RING_IDX       1
#define RING_FIRST     2
#define PATIENCE_US    UINT64_C(60000000)
#define USED_NO_NOTIFY 1

/* The two event words live behind the rings (2.7.6, 2.7.8). */
static uint16_t *used_event(const struct virtqueue *vq)
{
    return &vq->avail[RING_FIRST + vq->num];
}

static volatile uint16_t *avail_event(const struct virtqueue *vq)
{
    return &vq->used[RING_FIRST + 4 * vq->num];
}

/* Part of the queue's memory: size bytes, aligned, at *offset, which moves on. */
static size_t take(size_t *offset, size_t size, size_t alignment)
{
    size_t at = (*offset + alignment - 1) & ~(alignment - 1);

    *offset = at + size;
    return at;
}

int virtq_create(struct virtqueue *vq)
{
    bus_dma_tag_t dmat = vq->vsc->dmat;
    size_t size = 0, n = vq->num;
    size_t desc = take(&size, 16 * n, 16), avail = take(&size, 6 + 2 * n, 2);
    size_t used = take(&size, 6 + 8 * n, 4);
    size_t indirect = take(&size, 16 * n * vq->maxsegs, 16);
    bus_dma_segment_t seg;
    uint8_t *kva;
    int nsegs, error;

    error = bus_dmamem_alloc(dmat, size, PAGE_SIZE, 0, &seg, 1, &nsegs, BUS_DMA_ZERO);
    if (error)
        return error;
    error = bus_dmamem_map(dmat, &seg, nsegs, size, (void **)&kva, BUS_DMA_WAITOK);
    if (error)
        return error;
    vq->desc = (struct virtq_desc *)(kva + desc);
    vq->avail = (uint16_t *)(kva + avail);
    vq->used = (uint16_t *)(kva + used);
    vq->indirect = (struct virtq_desc *)(kva + indirect);
    vq->desc_pa = seg.ds_addr + desc;
    vq->avail_pa = seg.ds_addr + avail;
    vq->used_pa = seg.ds_addr + used;
    vq->indirect_pa = seg.ds_addr + indirect;
    vq->next_free = kalloc(n * sizeof(*vq->next_free));
    vq->reserved = kalloc(n * sizeof(*vq->reserved));
    for (unsigned i = 0; i < n; i++)
        vq->next_free[i] = (uint16_t)(i + 1);
    vq->free_count = (uint16_t)n;
    return 0;
}

static unsigned take_descriptor(struct virtqueue *vq)
{
    unsigned i = vq->free_head;

    vq->free_head = vq->next_free[i];
    vq->free_count--;
    return i;
}

static void give_descriptor(struct virtqueue *vq, unsigned i)
{
    vq->next_free[i] = vq->free_head;
    vq->free_head = (uint16_t)i;
    vq->free_count++;
}

int virtio_enqueue_prep(struct virtqueue *vq, unsigned *slot)
{
    if (!vq->free_count)
        return EBUSY;
    *slot = take_descriptor(vq);
    vq->reserved[*slot] = 1;
    return 0;
}

int virtio_enqueue_reserve(struct virtqueue *vq, unsigned slot, unsigned count)
{
    unsigned last = slot;

    vq->chain.count = 0;
    vq->chain.is_indirect =
        count > 1 && count <= vq->maxsegs && virtio_has_feature(vq->vsc, VIRTIO_F_INDIRECT_DESC);
    vq->chain.at = slot;
    vq->chain.table = vq->desc;
    if (vq->chain.is_indirect) {
        vq->chain.at = 0;
        vq->chain.table = vq->indirect + slot * vq->maxsegs;
        vq->desc[slot].addr = vq->indirect_pa + slot * vq->maxsegs * sizeof(*vq->indirect);
        vq->desc[slot].len = count * (uint32_t)sizeof(*vq->indirect);
        vq->desc[slot].flags = DESC_INDIRECT;
        for (unsigned i = 0; i < count; i++)
            vq->chain.table[i].next = (uint16_t)(i + 1);
        return 0;
    }
    if (count - 1 > vq->free_count) {
        give_descriptor(vq, slot);
        return EBUSY;
    }
    for (unsigned i = 1; i < count; i++) {
        vq->desc[last].next = (uint16_t)take_descriptor(vq);
        last = vq->desc[last].next;
    }
    vq->reserved[slot] = (uint16_t)count;
    return 0;
}

void virtio_enqueue_raw(struct virtqueue *vq, unsigned slot, paddr_t address, size_t length,
                        bool write)
{
    struct virtq_desc *desc = &vq->chain.table[vq->chain.at];

    desc->addr = address;
    desc->len = (uint32_t)length;
    desc->flags = DESC_NEXT | (write ? 0 : DESC_WRITE); /* commit ends the chain */
    vq->chain.at = desc->next;
    vq->chain.count++;
}

void virtio_enqueue_p(struct virtqueue *vq, unsigned slot, bus_dmamap_t map, size_t offset,
                      size_t length, bool write)
{
    for (int i = 0; i < map->dm_nsegs && length; i++) {
        const bus_dma_segment_t *seg = &map->dm_segs[i];
        size_t part;

        if (offset >= seg->ds_len) {
            offset -= seg->ds_len;
            continue;
        }
        part = MIN(length, seg->ds_len - offset);
        virtio_enqueue_raw(vq, slot, seg->ds_addr + offset, part, write);
        offset = 0;
        length -= part;
    }
}

/* The last descriptor of the chain has no next one, and the table is as long as it turned out. */
static void end_chain(struct virtqueue *vq, unsigned slot)
{
    unsigned last = vq->chain.is_indirect ? 0 : slot;

    for (unsigned i = 1; i < vq->chain.count; i++)
        last = vq->chain.table[last].next;
    vq->chain.table[last].flags &= (uint16_t)~DESC_NEXT;
    if (vq->chain.is_indirect)
        vq->desc[slot].len = vq->chain.count * (uint32_t)sizeof(*vq->indirect);
}

static bool wants_notification(const struct virtqueue *vq, uint16_t before)
{
    if (!virtio_has_feature(vq->vsc, VIRTIO_F_EVENT_IDX))
        return !(vq->used[RING_FLAGS] & USED_NO_NOTIFY);
    return (uint16_t)(vq->avail_idx - *avail_event(vq) - 1) < (uint16_t)(vq->avail_idx - before);
}

void virtio_enqueue_commit(struct virtqueue *vq, unsigned slot, bool notify)
{
    uint16_t before = vq->avail_idx;

    end_chain(vq, slot);
    vq->avail[RING_FIRST + before % vq->num] = (uint16_t)slot;
    dmb(sy);
    *(volatile uint16_t *)&vq->avail[RING_IDX] = ++vq->avail_idx;
    dsb(sy); /* the index before the look at what the device wants */
    if (notify && wants_notification(vq, before))
        mmio_write16(vq->notify, (uint16_t)vq->index);
}

bool virtio_dequeue(struct virtqueue *vq, unsigned *slot, uint32_t *length)
{
    volatile uint32_t *entry;

    if (vq->used[RING_IDX] == vq->used_idx)
        return false;
    dmb(sy);
    entry = (volatile uint32_t *)(vq->used + RING_FIRST) + vq->used_idx % vq->num * 2;
    *slot = entry[0];
    *length = entry[1];
    if (*slot >= vq->num)
        panic("%s: queue %u: the device used descriptor %u of %u", vq->vsc->name, vq->index, *slot,
              vq->num);
    *(volatile uint16_t *)used_event(vq) = ++vq->used_idx;
    dmb(sy); /* what we want to hear of next, before the next look (2.7.7.1) */
    return true;
}

void virtio_dequeue_commit(struct virtqueue *vq, unsigned slot)
{
    unsigned count = vq->reserved[slot], i = slot;

    while (count--) {
        unsigned next = vq->desc[i].next;

        give_descriptor(vq, i);
        i = next;
    }
}

int virtio_wait(struct virtqueue *vq, bool sleep, unsigned *slot, uint32_t *length)
{
    struct virtio_softc *vsc = vq->vsc;
    uint64_t start = microtime();

    while (!virtio_dequeue(vq, slot, length)) {
        if (virtio_get_status(vsc) & VIRTIO_STATUS_NEEDS_RESET) {
            kprintf("%s: device needs reset\n", vsc->name);
            return EIO;
        }
        if (microtime() - start > PATIENCE_US) {
            kprintf("%s: queue %u: no answer\n", vsc->name, vq->index);
            return ETIMEDOUT;
        }
        if (sleep && vsc->msix)
            gic_idle();
    }
    return 0;
}
