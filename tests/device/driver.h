/* SPDX-License-Identifier: ISC */
/*
 * A tiny virtio driver in the same process: it finds a device by its PCI capabilities and works its
 * rings through the bus and guest memory, as a guest's would. One thread at a time.
 */
#ifndef DEVICE_DRIVER_H
#define DEVICE_DRIVER_H

#include "rig.h"
#include "virtio/virtio.h"

#define DRVQ_MAX 256

struct driver {
    struct rig *rig;
    unsigned slot;
    uint16_t device_id;
    uint64_t common, notify, isr, config; /* bus addresses */
    uint32_t multiplier;
    unsigned msix;  /* the capability's place in configuration space */
    uint64_t table; /* the MSI-X table's bus address */
    uint64_t offered, features;
};

struct buffer {
    uint64_t address;
    uint32_t length;
    bool write; /* by the device */
};

struct drvq {
    struct driver *driver;
    unsigned index;
    uint16_t size;
    bool packed, event_idx;
    bool poll; /* wants no interrupts */
    uint64_t desc, avail, used;
    uint8_t *desc_host, *avail_host, *used_host;
    uint16_t next, last; /* where the driver adds, and where it looks for what was used */
    bool next_wrap, last_wrap;
    uint16_t kicked; /* split: `next` at the last kick; packed: descriptors added since */
    uint16_t free_slots, free_ids;
    uint16_t id_stack[DRVQ_MAX]; /* ids that are free; in a split ring also descriptors */
    uint16_t slots[DRVQ_MAX];    /* by id: descriptors taken */
    uint16_t linked[DRVQ_MAX];   /* split, by descriptor: the next one of its chain */
    uint64_t tables[DRVQ_MAX];   /* by id: room for an indirect table */
    unsigned kicks, silent;      /* notifications made, and those that the device did not want */
};

/* Registers of the transport and of the device's configuration. */
uint64_t reg_read(struct driver *d, uint64_t address, unsigned size);
void reg_write(struct driver *d, uint64_t address, unsigned size, uint64_t value);
uint32_t config_read32(struct driver *d, unsigned offset);
uint32_t pci_read(struct driver *d, unsigned offset, unsigned size);
void pci_write(struct driver *d, unsigned offset, unsigned size, uint32_t value);

#define COMMON_STATUS 0x14

void driver_probe(struct driver *d, struct rig *rig, unsigned slot);
void driver_reset(struct driver *d);
uint8_t driver_status(struct driver *d);
void driver_set_status(struct driver *d, uint8_t bits);
/* Resets and negotiates; false when FEATURES_OK does not stick. VERSION_1 is added. */
bool driver_negotiate(struct driver *d, uint64_t features);
/* Vector `v` sends message `v`; vector 0 is for the configuration and queue n has vector n + 1. */
void driver_enable_msix(struct driver *d, unsigned vectors);
void driver_queue(struct driver *d, struct drvq *q, unsigned index, uint16_t size);
void driver_ok(struct driver *d);

/* Adds a chain; returns its id, or -1 when the ring is full. `indirect`: through a table. */
int drvq_add(struct drvq *q, const struct buffer *buffers, unsigned count, bool indirect);
/* Makes what was added available, and notifies the device if it wants to know. */
void drvq_kick(struct drvq *q);
void drvq_notify(struct drvq *q);
/* The next used chain's id, or -1. */
int drvq_poll(struct drvq *q, uint32_t *written);
/* Lets the device work until a chain is used (or ten seconds have passed: a failure). */
int drvq_wait(struct drvq *q, uint32_t *written);
/* Adds, kicks and waits for this one chain; returns the bytes written. */
uint32_t drvq_do(struct drvq *q, const struct buffer *buffers, unsigned count, bool indirect);

#endif
