/* SPDX-License-Identifier: ISC */
/*
 * A queue in words, for people: what the driver configured, and the chain that it made available
 * last. Only looks: indexes are the rings' own, read from guest memory as they are now, and nothing
 * about them is believed.
 */
#include <stdio.h>

#include "virtio/queue.h"

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u
#define MAX_LINES     16u

/* What the driver configured, as it was when `lock` was held. */
struct areas {
    unsigned size;
    uint64_t desc, driver, device;
    bool packed;
};

static struct areas areas_of(struct virtio_device *dev, unsigned queue)
{
    const struct virtq *q = &dev->queues[queue];
    struct areas a;

    pthread_mutex_lock(&dev->lock);
    a = (struct areas){q->size, q->desc, q->driver, q->device,
                       virtio_has(dev, VIRTIO_F_RING_PACKED)};
    pthread_mutex_unlock(&dev->lock);
    return a;
}

static uint64_t load(const struct virtio_device *dev, uint64_t address, unsigned size)
{
    uint64_t value = 0;

    mem_load(dev->host.mem, address, size, &value);
    return value;
}

struct descriptor {
    uint64_t address;
    unsigned length, flags, next;
};

static struct descriptor descriptor_at(const struct virtio_device *dev, uint64_t address)
{
    return (struct descriptor){
        load(dev, address, 8),
        (unsigned)load(dev, address + 8, 4),
        (unsigned)load(dev, address + 12, 2),
        (unsigned)load(dev, address + 14, 2),
    };
}

/* Descriptor `n` of the last available chain, in the ring's own table or in an indirect one. False:
 * it has fewer. */
static bool chain_descriptor(const struct virtio_device *dev, const struct areas *a, unsigned n,
                             struct descriptor *d)
{
    unsigned last = (unsigned)(load(dev, a->driver + 2, 2) - 1) % a->size;
    uint64_t table = a->desc;
    unsigned size = a->size;

    *d = (struct descriptor){.flags = DESC_NEXT,
                             .next = (unsigned)load(dev, a->driver + 4 + 2 * last, 2)};
    for (unsigned i = 0; i <= n; i++) {
        if (d->flags & DESC_INDIRECT) {
            table = d->address;
            size = d->length / 16;
            d->next = 0;
        } else if (!(d->flags & DESC_NEXT)) {
            return false;
        }
        if (d->next >= size)
            return false;
        *d = descriptor_at(dev, table + 16 * (uint64_t)d->next);
    }
    return true;
}

bool virtio_queue_line(struct virtio_device *dev, unsigned queue, unsigned line, char *text,
                       size_t room)
{
    struct descriptor d;
    struct areas a;

    if (queue >= dev->queue_count || line > MAX_LINES)
        return false;
    a = areas_of(dev, queue);
    if (line == 0) {
        snprintf(text, room,
                 "%s ring of %u, descriptors at 0x%llx, driver area at 0x%llx (index %llu), device "
                 "area at 0x%llx (index %llu)",
                 a.packed ? "packed" : "split", a.size, (unsigned long long)a.desc,
                 (unsigned long long)a.driver, (unsigned long long)load(dev, a.driver + 2, 2),
                 (unsigned long long)a.device, (unsigned long long)load(dev, a.device + 2, 2));
        return true;
    }
    if (a.packed || a.size == 0 || !chain_descriptor(dev, &a, line - 1, &d))
        return false;
    snprintf(text, room, "the last chain's descriptor %u: address 0x%llx, %u bytes%s%s", line - 1,
             (unsigned long long)d.address, d.length,
             d.flags & DESC_WRITE ? ", for the device to write" : "",
             d.flags & DESC_INDIRECT ? ", an indirect table" : "");
    return true;
}
