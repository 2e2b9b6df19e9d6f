/* SPDX-License-Identifier: ISC */
/*
 * A virtio device as its author writes it, and as its transport drives it. Virtual I/O Device
 * (VIRTIO) 1.2.
 *
 * A device is one file that fills `struct virtio_ops` and never names its transport. Register
 * accesses arrive on vCPU threads and are serialised by the transport with `lock`; queue work runs
 * on the device's loop. The ring is walked, bounded and validated in virtio/queue.c alone; a device
 * sees checked I/O vectors.
 *
 * Who may touch what: the driver's view (features, the queues' configuration) is written under
 * `lock` until DRIVER_OK and frozen from then on; everything that queue work changes (`running`,
 * ring positions, the device's own state) belongs to the loop's thread. A reset is asked for on a
 * vCPU's thread and happens on the loop, after the queue work that was under way; the status reads
 * zero when it is complete and not before. Callbacks of the loop may take `lock`, so nobody waits
 * for the loop while holding it.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/event.h"
#include "base/log.h"
#include "base/state.h"
#include "host/loop.h"
#include "mem/mem.h"

#define VIRTIO_MAX_QUEUES 18 /* virtio-net with 8 pairs and a control queue, and one to spare */

/* Device types (5) */
enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_GPU = 16,
    VIRTIO_ID_INPUT = 18
};

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
    /* DRIVER_OK was written; queues are frozen and may be used from now on. On the loop. May be
     * NULL. */
    void (*ready)(struct virtio_device *dev);
    /* The driver made buffers available in queue `index`. On the loop. */
    void (*notify)(struct virtio_device *dev, unsigned index);
    /* Device configuration, within config_size; on a vCPU's thread under dev->lock. NULL: none. */
    void (*config_read)(struct virtio_device *dev, unsigned offset, unsigned size, void *to);
    void (*config_write)(struct virtio_device *dev, unsigned offset, unsigned size,
                         const void *from);
    /* Back to power-on; queue work has been drained and none runs. On the loop, under dev->lock.
     * May be NULL. */
    void (*reset)(struct virtio_device *dev);
    /* The device's own part. May be NULL. */
    int (*save)(struct virtio_device *dev, struct state *state, const char *instance);
    int (*load)(struct virtio_device *dev, const struct state *state, const char *instance,
                struct error *err);
    /* Closes the backend, calls virtio_device_fini and frees `dev`. */
    void (*free)(struct virtio_device *dev);
};

/* Apple's behaviours that a device can be given one by one (machine/quirk.h). */
struct virtio_quirks {
    bool net_requires_mtu; /* FEATURES_OK is refused unless the driver accepts VIRTIO_NET_F_MTU */
    bool net_refuses_host_tso_alone; /* and for HOST_TSO4/6 without the other offloads */
    bool net_apple_features;         /* virtio-net offers Apple's features only */
    uint8_t interrupt_pin;           /* of the PCI function: 1 INTA, 2 INTB; 0 means INTA */
};

/* What a device needs from the machine that it is built into. */
struct virtio_host {
    struct mem *mem;
    struct host_loop *loop; /* where this device's queue work runs */
    const struct log *log;
    const struct event_sink *events;
    bool strict; /* offer what Apple's machine offers and nothing more */
    struct virtio_quirks quirks;
    /* Has a guest's write at bus address `at`, of any size, ring `fd` (host/bell.h) instead of
     * coming to the device; -1 takes that back. Returns 0 or -errno. Any thread. NULL where the
     * engine cannot. */
    int (*ring)(void *ctx, uint64_t at, int fd);
    void *ring_ctx;
};

struct virtio_device {
    const struct virtio_ops *ops;
    struct virtio_host host;
    char instance[32]; /* "virtio-blk0" */
    unsigned queue_count;
    struct virtq *queues;     /* queue_count of them, owned by virtio/device.c */
    uint64_t driver_features; /* what the driver has written so far */
    uint64_t features;        /* negotiated, valid from FEATURES_OK on */
    _Atomic uint8_t status;
    _Atomic uint8_t isr;
    _Atomic uint8_t config_generation;
    bool running;           /* DRIVER_OK has been taken note of; the loop's */
    _Atomic bool paused;    /* quiesced: queue work waits */
    _Atomic bool resetting; /* a reset was asked for and is not complete */
    pthread_mutex_t lock;
    /* The transport's part: raise queue `index`'s interrupt, or the configuration interrupt; any
     * thread. The queues in `enabled` may be rung, or no queue any more; with `lock` held or the
     * device quiesced. Registers back to power-on; on the loop with `lock` held. All NULL until a
     * transport takes the device. */
    void (*signal_queue)(void *transport, unsigned index);
    void (*signal_config)(void *transport);
    void (*transport_enable)(void *transport, uint32_t queues);
    void (*transport_reset)(void *transport);
    void *transport;
    struct host_work *work;   /* runs the queue work of `pending` */
    _Atomic uint32_t pending; /* one bit a queue, and the two of virtio/device.c */
    _Atomic uint32_t enabled; /* one bit a queue: as they are from DRIVER_OK on */
    /* Since the machine was made: chains given back, notifications, and queues' interrupts. */
    _Atomic uint64_t requests, notifications, interrupts;
    _Atomic uint64_t
        dropped; /* frames that got lost between a network card's driver and the host */
};

/* Prepares the common part (in virtio/device.c). `queue_sizes[i]` is the largest size of queue i, a
 * power of two. Returns 0 or -errno; after a failure virtio_device_fini must not be called. */
int virtio_device_init(struct virtio_device *dev, const struct virtio_ops *ops,
                       const struct virtio_host *host, const char *instance, unsigned queue_count,
                       const uint16_t *queue_sizes);

/* Ends queue work (it waits for what is under way) and frees the common part. Not on the loop's
 * thread. */
void virtio_device_fini(struct virtio_device *dev);

/* Everything that the device offers: its own features, VERSION_1 and the ring's. */
uint64_t virtio_device_features(const struct virtio_device *dev);

/* The driver wrote `value` to the device status field (2.1). Bits are only ever added; 0 asks for a
 * reset, which goes on in the background while the status keeps its old value. Any thread without
 * `lock`. */
void virtio_device_set_status(struct virtio_device *dev, uint8_t value);

/* The driver notified queue `index`. Any thread; never blocks. */
void virtio_device_notify(struct virtio_device *dev, unsigned index);

/* The driver notified queues that are enabled, `count` times; nobody knows which. On the loop. */
void virtio_device_rung(struct virtio_device *dev, uint64_t count);

/* Has queue `index`'s notify run on the loop, without a notification. Any thread. */
void virtio_device_schedule(struct virtio_device *dev, unsigned index);

/* Power-on reset, complete when it returns. With vCPUs stopped; not on the loop's thread. */
void virtio_device_reset(struct virtio_device *dev);

/* Stops queue work: when it returns no request is in flight, and none starts (input from a backend
 * included) before virtio_device_resume. With vCPUs stopped; not on the loop's thread. */
void virtio_device_quiesce(struct virtio_device *dev);
void virtio_device_resume(struct virtio_device *dev);

/* The whole device, its queues and its own part, as sections that begin with its instance. A device
 * is saved while quiesced. Loading quiesces it; it goes on at virtio_device_resume, when guest
 * memory is there as well. Returns 0 or -errno. */
int virtio_device_save(struct virtio_device *dev, struct state *state);
int virtio_device_load(struct virtio_device *dev, const struct state *state, struct error *err);

/* The configuration space changed: new generation, configuration interrupt. Any thread. */
void virtio_config_changed(struct virtio_device *dev);

/* The driver broke a rule: NEEDS_RESET, a configuration interrupt and an event (2.1.2). `what` is a
 * short fact; `where` the guest physical address or index at fault. Any thread. */
void virtio_needs_reset(struct virtio_device *dev, unsigned queue, const char *what,
                        uint64_t where);

/* The same when `length` bytes at a guest physical address are not all RAM. */
void virtio_bad_range(struct virtio_device *dev, unsigned queue, const char *what, uint64_t address,
                      uint64_t length);

/* Line `line` of a description of a queue and of the chain that was made available last, for
 * people. False past the last. Any thread that does not hold `lock`. */
bool virtio_queue_line(struct virtio_device *dev, unsigned queue, unsigned line, char *text,
                       size_t room);

/* Says once what Apple's machine would have done (EVENT_QUIRK); `*said` remembers it. */
void virtio_quirk(struct virtio_device *dev, const char *name, bool *said);

static inline bool virtio_has(const struct virtio_device *dev, uint64_t feature)
{
    return (dev->features & feature) != 0;
}

#endif
