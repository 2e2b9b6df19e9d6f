/* SPDX-License-Identifier: ISC */
/*
 * What all virtio devices have in common: status and feature negotiation (VIRTIO 1.2, 2.1, 2.2
 * and 3.1.1), the hand-over of queue work to the loop, reset, standing still, and saved state.
 *
 * vCPU threads set bits in `pending` and wake the loop; the loop takes them all at once and works
 * in a fixed order: a reset first (what else was pending came from the driver that is gone), then
 * DRIVER_OK, then the queues.
 */
#include "virtio/virtio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/queue.h"

#define PENDING_RESET  BIT(31)
#define PENDING_READY  BIT(30)
#define PENDING_QUEUES bits_mask(VIRTIO_MAX_QUEUES)

#define RING_FEATURES (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED)

/* What the driver may write; NEEDS_RESET is the device's. */
#define DRIVER_STATUS                                                                              \
    (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |                  \
     VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

_Static_assert(VIRTIO_MAX_QUEUES <= 30, "one bit a queue below the two others");

static void emit_status(struct virtio_device *dev, uint8_t status, uint8_t written)
{
    const struct event event = {.kind = EVENT_DEVICE_STATUS,
                                .cpu = -1,
                                .device = dev->instance,
                                .a = status,
                                .b = written,
                                .c = dev->features};

    event_emit(dev->host.events, &event);
}

static void emit(struct virtio_device *dev, enum event_kind kind, const char *text, uint64_t a,
                 uint64_t b)
{
    const struct event event = {
        .kind = kind, .cpu = -1, .device = dev->instance, .text = text, .a = a, .b = b};

    event_emit(dev->host.events, &event);
}

static void wake(struct virtio_device *dev, uint64_t bits)
{
    atomic_fetch_or(&dev->pending, (uint32_t)bits);
    host_work_post(dev->work);
}

/* The loop's side */

/* Queues that the driver left in a bad state stop the device before it has begun. */
static void start_queues(struct virtio_device *dev)
{
    const char *what;
    uint64_t where;

    for (unsigned i = 0; i < dev->queue_count; i++)
        if (virtq_start(&dev->queues[i], &what, &where))
            virtio_needs_reset(dev, i, what, where);
    dev->running = true;
}

static void reset_now(void *ctx)
{
    struct virtio_device *dev = ctx;

    pthread_mutex_lock(&dev->lock);
    dev->running = false;
    for (unsigned i = 0; i < dev->queue_count; i++)
        virtq_reset(&dev->queues[i]);
    if (dev->ops->reset)
        dev->ops->reset(dev);
    dev->driver_features = 0;
    dev->features = 0;
    atomic_store(&dev->isr, 0);
    if (dev->transport_reset)
        dev->transport_reset(dev->transport);
    atomic_store(&dev->status, 0);
    atomic_store(&dev->resetting, false);
    pthread_mutex_unlock(&dev->lock);
}

static void run_queues(struct virtio_device *dev, uint32_t queues)
{
    if (!dev->running || atomic_load(&dev->paused)) /* virtio_device_resume has all queues run */
        return;
    for (unsigned i = 0; i < dev->queue_count; i++)
        if ((queues & BIT(i)) && dev->queues[i].live && dev->ops->notify)
            dev->ops->notify(dev, i);
}

static void run_pending(void *ctx)
{
    struct virtio_device *dev = ctx;
    uint32_t pending = atomic_exchange(&dev->pending, 0);

    if (pending & PENDING_RESET) {
        reset_now(dev);
        return;
    }
    if (pending & PENDING_READY) {
        start_queues(dev);
        if (dev->ops->ready)
            dev->ops->ready(dev);
    }
    run_queues(dev, (uint32_t)(pending & PENDING_QUEUES));
}

/* Negotiation */

uint64_t virtio_device_features(const struct virtio_device *dev)
{
    struct virtio_device *d = (struct virtio_device *)(uintptr_t)dev;

    return (dev->ops->features ? dev->ops->features(d) : 0) | RING_FEATURES | VIRTIO_F_VERSION_1;
}

/* FEATURES_OK sticks when the driver took nothing that was not offered, took VERSION_1 (there is no
 * legacy interface) and the device can live with the rest (2.2.2). */
static bool negotiate(struct virtio_device *dev)
{
    uint64_t offered = virtio_device_features(dev), wanted = dev->driver_features;
    bool ok = !(wanted & ~offered) && (wanted & VIRTIO_F_VERSION_1) &&
              (!dev->ops->accept || dev->ops->accept(dev, wanted));

    if (ok)
        dev->features = wanted;
    emit(dev, ok ? EVENT_FEATURES_ACCEPTED : EVENT_FEATURES_REFUSED, NULL, wanted, offered);
    log_debug(dev->host.log, "%s: features %#llx of %#llx %s", dev->instance,
              (unsigned long long)wanted, (unsigned long long)offered, ok ? "accepted" : "refused");
    return ok;
}

/* A queue is as its driver left it at DRIVER_OK; whoever rings takes no lock to look. */
static void freeze_queues(struct virtio_device *dev)
{
    uint32_t enabled = 0;

    for (unsigned i = 0; i < dev->queue_count; i++)
        if (dev->queues[i].enabled)
            enabled |= (uint32_t)BIT(i);
    atomic_store(&dev->enabled, enabled);
    if (dev->transport_enable)
        dev->transport_enable(dev->transport, enabled);
}

static void request_reset(struct virtio_device *dev)
{
    uint8_t status = atomic_load(&dev->status);

    if (status)
        emit(dev, EVENT_DEVICE_RESET, NULL, status, 0);
    atomic_store(&dev->resetting, true);
    wake(dev, PENDING_RESET);
}

void virtio_device_set_status(struct virtio_device *dev, uint8_t value)
{
    uint8_t status, added;

    if (value == 0) {
        request_reset(dev);
        return;
    }
    /* A driver polls for zero before it goes on (4.1.4.3.2). One that does not is made to wait
     * here. */
    if (atomic_load(&dev->resetting))
        host_loop_drain(dev->host.loop);
    pthread_mutex_lock(&dev->lock);
    status = atomic_load(&dev->status);
    added = value & DRIVER_STATUS & ~status;
    if ((added & VIRTIO_STATUS_FEATURES_OK) && !negotiate(dev))
        added &= ~VIRTIO_STATUS_FEATURES_OK;
    if (!((status | added) & VIRTIO_STATUS_FEATURES_OK))
        added &= ~VIRTIO_STATUS_DRIVER_OK; /* 3.1.1: step 6 comes before step 8 */
    if (added & VIRTIO_STATUS_DRIVER_OK)
        freeze_queues(dev);
    atomic_fetch_or(&dev->status, added);
    emit_status(dev, status | added, value);
    if (added & VIRTIO_STATUS_DRIVER_OK)
        wake(dev, PENDING_READY);
    pthread_mutex_unlock(&dev->lock);
}

/* Notifications */

void virtio_device_notify(struct virtio_device *dev, unsigned index)
{
    if (index >= dev->queue_count)
        return;
    if (!(atomic_load(&dev->status) & VIRTIO_STATUS_DRIVER_OK)) {
        emit(dev, EVENT_QUEUE_BEFORE_OK, NULL, index, 0);
        return;
    }
    if (!(atomic_load(&dev->enabled) & BIT(index)))
        emit(dev, EVENT_QUEUE_DISABLED, NULL, index, 0);
    atomic_fetch_add_explicit(&dev->notifications, 1, memory_order_relaxed);
    wake(dev, BIT(index));
}

void virtio_device_rung(struct virtio_device *dev, uint64_t count)
{
    atomic_fetch_add_explicit(&dev->notifications, count, memory_order_relaxed);
    atomic_fetch_or(&dev->pending, atomic_load(&dev->enabled));
    run_pending(dev);
}

void virtio_device_schedule(struct virtio_device *dev, unsigned index)
{
    wake(dev, BIT(index));
}

/* No interrupt before DRIVER_OK (2.1.2). */
static void signal_config(struct virtio_device *dev)
{
    if ((atomic_load(&dev->status) & VIRTIO_STATUS_DRIVER_OK) && dev->signal_config)
        dev->signal_config(dev->transport);
}

void virtio_config_changed(struct virtio_device *dev)
{
    atomic_fetch_add(&dev->config_generation, 1);
    signal_config(dev);
}

void virtio_bad_range(struct virtio_device *dev, unsigned queue, const char *what, uint64_t where,
                      uint64_t length)
{
    const struct event event = {.kind = EVENT_RING_MALFORMED,
                                .cpu = -1,
                                .device = dev->instance,
                                .text = what,
                                .a = queue,
                                .b = where,
                                .c = length};
    uint8_t before = atomic_fetch_or(&dev->status, VIRTIO_STATUS_NEEDS_RESET);

    if (before & VIRTIO_STATUS_NEEDS_RESET)
        return;
    log_warn(dev->host.log, "%s: queue %u: %s (%#llx); the device needs a reset", dev->instance,
             queue, what, (unsigned long long)where);
    event_emit(dev->host.events, &event);
    signal_config(dev);
}

void virtio_needs_reset(struct virtio_device *dev, unsigned queue, const char *what, uint64_t where)
{
    virtio_bad_range(dev, queue, what, where, 0);
}

void virtio_quirk(struct virtio_device *dev, const char *name, bool *said)
{
    if (*said)
        return;
    *said = true;
    emit(dev, EVENT_QUIRK, name, 0, 0);
}

/* Life */

int virtio_device_init(struct virtio_device *dev, const struct virtio_ops *ops,
                       const struct virtio_host *host, const char *instance, unsigned queue_count,
                       const uint16_t *queue_sizes)
{
    int ret;

    memset(dev, 0, sizeof(*dev));
    if (queue_count == 0 || queue_count > VIRTIO_MAX_QUEUES ||
        strlen(instance) >= sizeof(dev->instance))
        return -EINVAL;
    for (unsigned i = 0; i < queue_count; i++)
        if (!is_power_of_2(queue_sizes[i]) || queue_sizes[i] > VIRTQ_MAX_SIZE)
            return -EINVAL;
    dev->ops = ops;
    dev->host = *host;
    snprintf(dev->instance, sizeof(dev->instance), "%s", instance);
    dev->queue_count = queue_count;
    dev->queues = calloc(queue_count, sizeof(*dev->queues));
    if (!dev->queues)
        return -ENOMEM;
    for (unsigned i = 0; i < queue_count; i++)
        virtq_init(&dev->queues[i], dev, i, queue_sizes[i]);
    ret = -pthread_mutex_init(&dev->lock, NULL);
    if (ret)
        goto free_queues;
    ret = host_work_create(host->loop, run_pending, dev, &dev->work);
    if (ret)
        goto free_lock;
    return 0;

free_lock:
    pthread_mutex_destroy(&dev->lock);
free_queues:
    free(dev->queues);
    return ret;
}

void virtio_device_fini(struct virtio_device *dev)
{
    host_work_destroy(dev->work);
    pthread_mutex_destroy(&dev->lock);
    free(dev->queues);
}

void virtio_device_reset(struct virtio_device *dev)
{
    request_reset(dev);
    host_loop_drain(dev->host.loop);
}

void virtio_device_quiesce(struct virtio_device *dev)
{
    atomic_store(&dev->paused, true);
    host_loop_drain(dev->host.loop);
}

void virtio_device_resume(struct virtio_device *dev)
{
    atomic_store(&dev->paused, false);
    /* Buffers and input that came meanwhile have nobody else to announce them. */
    wake(dev, bits_mask(dev->queue_count));
}

/* State */

struct common_state {
    uint64_t driver_features, features;
    uint8_t status, isr, config_generation;
    uint16_t queue_count;
};

static const struct state_field common_fields[] = {
    STATE_FIELD(struct common_state, driver_features, STATE_U64),
    STATE_FIELD(struct common_state, features, STATE_U64),
    STATE_FIELD(struct common_state, status, STATE_U8),
    STATE_FIELD(struct common_state, isr, STATE_U8),
    STATE_FIELD(struct common_state, config_generation, STATE_U8),
    STATE_FIELD(struct common_state, queue_count, STATE_U16),
};
static const struct state_table common_table = {"virtio", 1, common_fields, nitems(common_fields)};

static void section_name(const struct virtio_device *dev, char name[64])
{
    snprintf(name, 64, "%s/virtio", dev->instance);
}

int virtio_device_save(struct virtio_device *dev, struct state *state)
{
    const struct common_state common = {
        .driver_features = dev->driver_features,
        .features = dev->features,
        .status = atomic_load(&dev->status),
        .isr = atomic_load(&dev->isr),
        .config_generation = atomic_load(&dev->config_generation),
        .queue_count = (uint16_t)dev->queue_count,
    };
    char name[64];
    int ret;

    section_name(dev, name);
    ret = state_save(state, name, &common_table, &common);
    for (unsigned i = 0; i < dev->queue_count && !ret; i++)
        ret = virtq_save(&dev->queues[i], state);
    if (!ret && dev->ops->save)
        ret = dev->ops->save(dev, state, dev->instance);
    return ret;
}

static int check_common(const struct virtio_device *dev, const struct common_state *common,
                        struct error *err)
{
    uint64_t offered = virtio_device_features(dev);

    if (common->queue_count != dev->queue_count)
        return error_set(err, EINVAL, "%s: the state has %u queues, this device has %u",
                         dev->instance, common->queue_count, dev->queue_count);
    if (common->features & ~offered)
        return error_set(
            err, EINVAL, "%s: the state's driver uses features %#llx, this device offers %#llx",
            dev->instance, (unsigned long long)common->features, (unsigned long long)offered);
    return 0;
}

/* Queues that ran when the state was saved run again; one that cannot is an error of the state. */
static int restart_queues(struct virtio_device *dev, struct error *err)
{
    const char *what;
    uint64_t where;

    for (unsigned i = 0; i < dev->queue_count; i++)
        if (virtq_start(&dev->queues[i], &what, &where))
            return error_set(err, EINVAL, "%s: queue %u of the state: %s (%#llx)", dev->instance, i,
                             what, (unsigned long long)where);
    dev->running = true;
    return 0;
}

int virtio_device_load(struct virtio_device *dev, const struct state *state, struct error *err)
{
    struct common_state common;
    char name[64];
    int ret;

    virtio_device_quiesce(dev);
    section_name(dev, name);
    ret = state_load(state, name, &common_table, &common, err);
    ret = ret ? ret : check_common(dev, &common, err);
    for (unsigned i = 0; i < dev->queue_count && !ret; i++)
        ret = virtq_load(&dev->queues[i], state, err);
    if (!ret && dev->ops->load)
        ret = dev->ops->load(dev, state, dev->instance, err);
    if (ret)
        return ret;
    dev->driver_features = common.driver_features;
    dev->features = common.features;
    dev->running = false;
    freeze_queues(dev);
    atomic_store(&dev->status, common.status);
    atomic_store(&dev->isr, common.isr);
    atomic_store(&dev->config_generation, common.config_generation);
    if ((common.status & VIRTIO_STATUS_DRIVER_OK) && !(common.status & VIRTIO_STATUS_NEEDS_RESET))
        ret = restart_queues(dev, err);
    return ret;
}
