/* SPDX-License-Identifier: ISC */
/*
 * The console device (VIRTIO 1.2, 5.3) with its one port, as Apple's serial port has it: no
 * MULTIPORT.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "virtio/devices.h"
#include "virtio/queue.h"

#define QUEUE_SIZE 256
#define BATCH      16

enum { QUEUE_RECEIVE = 0, QUEUE_TRANSMIT = 1, QUEUE_COUNT };

/* Feature bits (5.3.3) */
#define F_SIZE        BIT(0)
#define F_EMERG_WRITE BIT(2)

/* Offsets in the configuration (5.3.4) */
enum {
    CONFIG_COLUMNS = 0,
    CONFIG_ROWS = 2,
    CONFIG_MAX_PORTS = 4,
    CONFIG_EMERG_WRITE = 8,
    CONFIG_SIZE = 12
};

struct virtio_console {
    struct virtio_device dev;
    struct console *console;
    _Atomic uint32_t size; /* columns, and rows in the upper half */
    struct virtq_chain chain;
};

static struct virtio_console *console_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_console, dev);
}

static uint64_t console_features(struct virtio_device *dev)
{
    return dev->host.strict ? 0 : F_SIZE | F_EMERG_WRITE;
}

static void console_config_read(struct virtio_device *dev, unsigned offset, unsigned size, void *to)
{
    uint32_t terminal = atomic_load(&console_of(dev)->size);
    uint8_t config[CONFIG_SIZE] = {0};

    store_le16(config + CONFIG_COLUMNS, (uint16_t)terminal);
    store_le16(config + CONFIG_ROWS, (uint16_t)(terminal >> 16));
    store_le32(config + CONFIG_MAX_PORTS, 1);
    memcpy(to, config + offset, size);
}

/* A character without any queue, for a guest that is not far enough to have one; needs no
 * negotiation (5.3.5). */
static void console_config_write(struct virtio_device *dev, unsigned offset, unsigned size,
                                 const void *from)
{
    if (offset == CONFIG_EMERG_WRITE && (console_features(dev) & F_EMERG_WRITE))
        console_write(console_of(dev)->console, from, 1);
}

/* Input from the host. What the guest has no buffer for stays with the backend. */
static size_t console_receive(void *ctx, const uint8_t *bytes, size_t length)
{
    struct virtio_console *console = ctx;
    struct virtio_device *dev = &console->dev;
    struct virtq *q = &dev->queues[QUEUE_RECEIVE];
    struct virtq_chain *chain = &console->chain;
    size_t taken = 0;

    if (atomic_load(&dev->paused) || !dev->running)
        return 0;
    virtq_quiet(q);
    while (taken < length) {
        size_t part;

        if (!virtq_next(q, chain)) {
            if (virtq_wait(q))
                continue;
            break;
        }
        part = virtq_chain_write(chain, 0, bytes + taken, length - taken);
        virtq_done(q, chain, (uint32_t)part);
        taken += part;
    }
    virtq_signal(q);
    return taken;
}

static void console_serve(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    for (unsigned i = 0; i < chain->readable; i++)
        console_write(console_of(dev)->console, chain->iov[i].iov_base, chain->iov[i].iov_len);
    virtq_done(q, chain, 0);
}

static void console_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_console *console = console_of(dev);

    if (index == QUEUE_RECEIVE)
        console_resume(console->console);
    else
        virtq_serve(&dev->queues[index], BATCH, &console->chain, console_serve);
}

static void console_ready(struct virtio_device *dev)
{
    console_resume(console_of(dev)->console);
}

void virtio_console_resize(struct virtio_device *dev, uint16_t columns, uint16_t rows)
{
    atomic_store(&console_of(dev)->size, columns | (uint32_t)rows << 16);
    if (console_features(dev) & F_SIZE)
        virtio_config_changed(dev);
}

static void console_free(struct virtio_device *dev)
{
    struct virtio_console *console = console_of(dev);

    virtio_device_quiesce(dev); /* neither side may find the other gone */
    console_close(console->console);
    virtio_device_fini(dev);
    free(console);
}

static const struct virtio_ops console_ops = {
    .name = "virtio-console",
    .id = VIRTIO_ID_CONSOLE,
    .pci_class = 0x078000,
    .config_size = CONFIG_SIZE,
    .features = console_features,
    .ready = console_ready,
    .notify = console_notify,
    .config_read = console_config_read,
    .config_write = console_config_write,
    .free = console_free,
};

int virtio_console_create(struct virtio_device **dev, const struct virtio_host *host,
                          const char *instance, struct console *backend)
{
    static const uint16_t sizes[QUEUE_COUNT] = {QUEUE_SIZE, QUEUE_SIZE};
    struct virtio_console *console = calloc(1, sizeof(*console));
    struct console_client client = {console_receive, console};
    int ret;

    if (!console)
        return -ENOMEM;
    console->console = backend;
    console->size = 80 | 24 << 16;
    ret = virtio_device_init(&console->dev, &console_ops, host, instance, QUEUE_COUNT, sizes);
    if (ret)
        goto free_console;
    ret = console_attach(backend, host->loop, &client);
    if (ret)
        goto fini;
    *dev = &console->dev;
    return 0;

fini:
    virtio_device_fini(&console->dev);
free_console:
    free(console);
    return ret;
}
