/* SPDX-License-Identifier: ISC */
/*
 * What a virtio device needs around it, without a machine: memory, a bus, a PCI host, a loop; and a
 * place where events, messages and interrupt levels gather for a test to look at.
 */
#ifndef DEVICE_RIG_H
#define DEVICE_RIG_H

#include <stdatomic.h>

#include "backend/disk.h"
#include "backend/net.h"
#include "bus/bus.h"
#include "host/loop.h"
#include "mem/mem.h"
#include "pci/pci.h"
#include "virtio/devices.h"

#define RIG_RAM      UINT64_C(0x70000000)
#define RIG_RAM_SIZE (UINT64_C(32) << 20)
#define RIG_ECAM     UINT64_C(0x40000000)
#define RIG_DOORBELL UINT64_C(0x1fff0040)
#define RIG_MESSAGES 64

struct rig {
    struct mem *mem;
    struct bus *bus;
    struct pci_host *pci;
    struct host_loop *loop;
    struct virtio_host host;
    struct event_sink sink;
    uint64_t next; /* guest memory that rig_alloc has not given out */
    _Atomic unsigned events[EVENT_KINDS];
    const char *_Atomic text;                /* of the last EVENT_RING_MALFORMED or EVENT_QUIRK */
    _Atomic unsigned messages[RIG_MESSAGES]; /* by MSI data */
    _Atomic bool intx[PCI_SLOTS];
};

void rig_make(struct rig *rig, bool strict);
void rig_free(struct rig *rig);

/* The same memory under a new bus, PCI host and loop, as after loading a state into a new machine.
 */
void rig_rebuild(struct rig *rig);

/* Guest memory, zeroed, aligned to `align`. */
uint64_t rig_alloc(struct rig *rig, uint64_t size, uint64_t align);
uint8_t *rig_host(struct rig *rig, uint64_t address, uint64_t size);

/* Plugs a device into the next slot; the function's memory space and bus mastering are on. */
struct virtio_pci *rig_plug(struct rig *rig, struct virtio_device *dev);

/* A disk in memory that can fail, and counts. */
struct fake_disk {
    struct disk disk;
    uint8_t bytes[1 << 20];
    int fail; /* what the next requests return instead of running */
    unsigned reads, writes, flushes, discards, zeroes;
    uint64_t offset, length; /* of the last discard or write_zeroes */
    bool unmap;
};
void fake_disk_init(struct fake_disk *fake);

/* A network that keeps what is sent, and gives frames to the guest. It lives on the loop's thread;
 * what was sent can be looked at when the driver has its buffer back. */
#define FAKE_FRAMES 64
struct fake_net {
    struct net net;
    struct host_loop *loop;
    uint8_t sent[FAKE_FRAMES][2048]; /* the start of each */
    uint8_t last[NET_MAX_FRAME];     /* the last one, whole */
    size_t sent_length[FAKE_FRAMES];
    unsigned sent_count, resumed;
    const void *held; /* the frame that the guest had no buffers for */
    size_t held_length;
};
void fake_net_init(struct fake_net *fake, struct rig *rig, uint16_t mtu);
/* Gives the device a frame, on the loop. `frame` stays valid until it was taken. */
void fake_net_receive(struct fake_net *fake, const void *frame, size_t length);
/* Whether the device has yet to take it. */
bool fake_net_held(struct fake_net *fake);

#endif
