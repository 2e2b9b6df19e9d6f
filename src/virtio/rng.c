/* SPDX-License-Identifier: ISC */
/*
 * The entropy device (VIRTIO 1.2, 5.4): fills what the driver offers with the host's randomness.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "host/entropy.h"
#include "virtio/devices.h"
#include "virtio/queue.h"

#define QUEUE_SIZE 64
#define BATCH      8
#define MAX_BYTES  (64 * KIB) /* for one buffer; a device may use less of it (5.4.6) */

struct virtio_rng {
    struct virtio_device dev;
    struct virtq_chain chain;
};

static struct virtio_rng *rng_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_rng, dev);
}

static void rng_serve(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    uint32_t written = 0;

    for (unsigned i = chain->readable; i < chain->readable + chain->writable; i++) {
        size_t part = MIN(chain->iov[i].iov_len, MAX_BYTES - written);

        if (part == 0 || host_entropy(chain->iov[i].iov_base, part))
            break;
        written += (uint32_t)part;
    }
    virtq_done(q, chain, written);
}

static void rng_notify(struct virtio_device *dev, unsigned index)
{
    virtq_serve(&dev->queues[index], BATCH, &rng_of(dev)->chain, rng_serve);
}

static void rng_free(struct virtio_device *dev)
{
    virtio_device_fini(dev);
    free(rng_of(dev));
}

static const struct virtio_ops rng_ops = {
    .name = "virtio-rng",
    .id = VIRTIO_ID_ENTROPY,
    .pci_class = 0x100000,
    .notify = rng_notify,
    .free = rng_free,
};

int virtio_rng_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance)
{
    static const uint16_t sizes[] = {QUEUE_SIZE};
    struct virtio_rng *rng = calloc(1, sizeof(*rng));
    int ret;

    if (!rng)
        return -ENOMEM;
    ret = virtio_device_init(&rng->dev, &rng_ops, host, instance, nitems(sizes), sizes);
    if (ret) {
        free(rng);
        return ret;
    }
    *dev = &rng->dev;
    return 0;
}
