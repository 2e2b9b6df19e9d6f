/* SPDX-License-Identifier: ISC */
#include "virtio/doorbell.h"

static void rung(void *ctx, uint64_t count)
{
    virtio_device_rung(ctx, count);
}

void virtio_doorbells_init(struct virtio_doorbells *bells, struct virtio_device *dev,
                           uint32_t stride)
{
    *bells = (struct virtio_doorbells){.dev = dev, .stride = stride};
    pthread_mutex_init(&bells->lock, NULL);
    if (!dev->host.ring || host_bell_create(dev->host.loop, rung, dev, &bells->bell))
        bells->bell = NULL;
}

static int ring(struct virtio_doorbells *bells, unsigned queue, int fd)
{
    const struct virtio_host *host = &bells->dev->host;

    return host->ring(host->ring_ctx, bells->base + (uint64_t)queue * bells->stride, fd);
}

/* With the lock held. */
static void take_back(struct virtio_doorbells *bells)
{
    for (unsigned i = 0; i < bells->dev->queue_count; i++)
        if (bells->hung & BIT(i))
            ring(bells, i, -1);
    bells->hung = 0;
}

static void hang(struct virtio_doorbells *bells)
{
    if (!bells->bell || !bells->base)
        return;
    for (unsigned i = 0; i < bells->dev->queue_count; i++)
        if ((bells->wanted & BIT(i)) && ring(bells, i, host_bell_fd(bells->bell)) == 0)
            bells->hung |= (uint32_t)BIT(i);
}

void virtio_doorbells_move(struct virtio_doorbells *bells, uint64_t base)
{
    pthread_mutex_lock(&bells->lock);
    if (base != bells->base) {
        take_back(bells);
        bells->base = base;
        hang(bells);
    }
    pthread_mutex_unlock(&bells->lock);
}

void virtio_doorbells_want(struct virtio_doorbells *bells, uint32_t queues)
{
    pthread_mutex_lock(&bells->lock);
    if (queues != bells->wanted) {
        take_back(bells);
        bells->wanted = queues;
        hang(bells);
    }
    pthread_mutex_unlock(&bells->lock);
}

void virtio_doorbells_fini(struct virtio_doorbells *bells)
{
    virtio_doorbells_want(bells, 0);
    host_bell_destroy(bells->bell);
    pthread_mutex_destroy(&bells->lock);
}
