/* SPDX-License-Identifier: ISC */
/*
 * A virtio device as its author writes it, and as its transport drives it. Virtual I/O Device (VIRTIO) 1.2.
 *
 * A device is one file that fills `struct virtio_ops` and never names its transport. Register accesses arrive on vCPU
 * threads and are serialised by the transport with `lock`; queue work runs on the device's loop. The ring is walked,
 * bounded and validated in virtio/queue.c alone; a device sees checked I/O vectors.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/event.h"
#include "base/log.h"
#include "base/state.h"
#include "host/loop.h"
#include "mem/mem.h"

#define VIRTIO_MAX_QUEUES 18 /* virtio-net with 8 pairs and a control queue, and one to spare */

/* Device types (5) */
enum { VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_ENTROPY = 4, VIRTIO_ID_BALLOON = 5 };

/* Device status field (2.1) */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* Reserved feature bits (6) */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)
#define VIRTIO_F_RING_PACKED   BIT(34)

struct virtio_device;
struct virtq;

struct virtio_ops {
    const char *name; /* "virtio-blk" */
    uint16_t id;
    uint32_t pci_class;
    unsigned config_size;
    /* Features that the device adds to the ring's own. */
    uint64_t (*features)(struct virtio_device *dev);
    /* Whether the driver's choice is acceptable; false clears FEATURES_OK (2.2.2). May be NULL. */
    bool (*accept)(struct virtio_device *dev, uint64_t features);
    /* DRIVER_OK was written; queues are frozen and may be used from now on. On the loop. May be NULL. */
    void (*ready)(struct virtio_device *dev);
    /* The driver made buffers available in queue `index`. On the loop. */
    void (*notify)(struct virtio_device *dev, unsigned index);
    /* Device configuration, within config_size; on a vCPU's thread under dev->lock. NULL: none. */
    void (*config_read)(struct virtio_device *dev, unsigned offset, unsigned size, void *to);
    void (*config_write)(struct virtio_device *dev, unsigned offset, unsigned size, const void *from);
    /* Back to power-on; queue work has been drained and none runs. */
    void (*reset)(struct virtio_device *dev);
    int (*save)(struct virtio_device *dev, struct state *state, const char *instance);
    int (*load)(struct virtio_device *dev, const struct state *state, const char *instance, struct error *err);
    void (*free)(struct virtio_device *dev);
};

/* What a device needs from the machine that it is built into. */
struct virtio_host {
    struct mem *mem;
    struct host_loop *loop; /* where this device's queue work runs */
    const struct log *log;
    const struct event_sink *events;
    bool strict; /* offer what Apple's machine offers and nothing more */
};

struct virtio_device {
    const struct virtio_ops *ops;
    struct virtio_host host;
    char instance[32]; /* "virtio-blk0" */
    unsigned queue_count;
    struct virtq *queues; /* queue_count of them, owned by virtio/device.c */
    uint64_t features;    /* negotiated, valid from FEATURES_OK on */
    _Atomic uint8_t status;
    _Atomic uint8_t isr;
    uint8_t config_generation;
    pthread_mutex_t lock;
    /* The transport's part: raise queue `index`'s interrupt, or the configuration interrupt. Any thread. */
    void (*signal_queue)(void *transport, unsigned index);
    void (*signal_config)(void *transport);
    void *transport;
    struct host_work **work; /* one a queue: the notification */
};

/* Prepares the common part (in virtio/device.c). `queue_sizes[i]` is the largest size of queue i. */
int virtio_device_init(struct virtio_device *dev, const struct virtio_ops *ops, const struct virtio_host *host,
                       const char *instance, unsigned queue_count, const uint16_t *queue_sizes);
void virtio_device_fini(struct virtio_device *dev);

/* The configuration space changed: new generation, configuration interrupt. Any thread. */
void virtio_config_changed(struct virtio_device *dev);

/* The driver broke a rule: NEEDS_RESET, a configuration interrupt and an event (2.1.2). Any thread. */
void virtio_needs_reset(struct virtio_device *dev, unsigned queue, const char *what, uint64_t where);

static inline bool virtio_has(const struct virtio_device *dev, uint64_t feature)
{
    return (dev->features & feature) != 0;
}

#endif
