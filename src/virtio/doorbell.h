/* SPDX-License-Identifier: ISC */
/*
 * Doorbells: notifications (VIRTIO 1.2, 4.1.5.2) that an engine's kernel takes and rings a bell
 * for, so that a guest's write costs it no exit to us. Where engine or host cannot, there is no
 * bell, and notifications come as the writes that they are.
 *
 * All queues of a device share one bell, as the loop that hears it would look at each anyway; it
 * rings only for queues that are enabled, after DRIVER_OK. So what a driver must not do still
 * arrives as a write, and is told.
 */
#ifndef VIRTIO_DOORBELL_H
#define VIRTIO_DOORBELL_H

#include "host/bell.h"
#include "virtio/virtio.h"

struct virtio_doorbells {
    struct virtio_device *dev;
    struct host_bell *bell; /* or NULL */
    uint32_t stride;        /* bytes from a queue's doorbell to the next */
    pthread_mutex_t lock;   /* guards the rest; below the device's lock and PCI's */
    uint64_t base;          /* bus address of queue 0's; 0: nowhere */
    uint32_t wanted, hung;  /* one bit a queue: that may be rung, that the engine rings for */
};

/* Before the device can be used. Never fails: what cannot be had is done without. */
void virtio_doorbells_init(struct virtio_doorbells *bells, struct virtio_device *dev,
                           uint32_t stride);

/* Takes them all back, and waits for the bell's callback. With the device quiesced; not on its
 * loop's thread. */
void virtio_doorbells_fini(struct virtio_doorbells *bells);

/* The doorbells lie at bus address `base` from now on; 0: nowhere. Any thread. */
void virtio_doorbells_move(struct virtio_doorbells *bells, uint64_t base);

/* The queues in `queues`, one bit each, may be rung from now on, and no others. Any thread. */
void virtio_doorbells_want(struct virtio_doorbells *bells, uint32_t queues);

#endif
