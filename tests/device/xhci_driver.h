/* SPDX-License-Identifier: ISC */
/*
 * A tiny xHCI driver in the same process: it works the controller's registers through the bus and
 * its rings in guest memory, as a guest's would. One thread at a time; nothing is asserted but that
 * the bus answers, so that a fuzzer can use it too.
 */
#ifndef DEVICE_XHCI_DRIVER_H
#define DEVICE_XHCI_DRIVER_H

#include "backend/input.h"
#include "rig.h"
#include "usb/hid.h"
#include "usb/xhci.h"
#include "usb/xhci_internal.h"

#define XD_RING   64 /* TRBs in a ring, its link included */
#define XD_EVENTS 32

/* Registers by their offsets in BAR 0, where the controller of the test puts them */
#define XD_USBCMD            0x20
#define XD_USBSTS            0x24
#define XD_CRCR              0x38
#define XD_DCBAAP            0x50
#define XD_CONFIG            0x58
#define XD_PORTSC(port)      (0x420 + 0x10 * ((port)-1))
#define XD_DOORBELL(slot)    (0x800 + 4 * (slot))
#define XD_MFINDEX           0xa00
#define XD_INTERRUPTER(n, r) (0xa20 + 0x20 * (n) + (r))

struct xd_ring {
    uint64_t base;
    unsigned next;
    bool cycle;
};

struct xd_slot {
    unsigned id;
    uint64_t context;
    struct xd_ring rings[XHCI_ENDPOINTS];
};

struct xhci_driver {
    struct rig *rig;
    struct input *input;
    struct xhci *xhci;
    uint64_t bar, table; /* bus addresses: registers, MSI-X table */
    unsigned msix;       /* the capability */
    uint64_t dcbaa, input_context, buffer;
    struct xd_ring command;
    struct {
        uint64_t table, base;
        unsigned next;
        bool cycle;
    } events;
};

/* The controller with both devices, behind its PCI function. */
void xd_create(struct xhci_driver *d, struct rig *rig);
void xd_destroy(struct xhci_driver *d);

uint64_t xd_read(struct xhci_driver *d, uint64_t offset, unsigned size);
void xd_write(struct xhci_driver *d, uint64_t offset, unsigned size, uint64_t value);
uint32_t xd_pci_read(struct xhci_driver *d, unsigned offset, unsigned size);
void xd_pci_write(struct xhci_driver *d, unsigned offset, unsigned size, uint32_t value);

/* HCRST, rings, Run: as a driver's attach does it. Guest memory is allocated the first time. */
void xd_start(struct xhci_driver *d);
void xd_enable_msix(struct xhci_driver *d);
void xd_settle(struct xhci_driver *d); /* the loop has done all its work */

/* Adds a TRB; its address. The cycle bit is the ring's. */
uint64_t xd_push(struct xhci_driver *d, struct xd_ring *ring, uint64_t parameter, uint32_t status,
                 uint32_t control);
void xd_ring_make(struct xhci_driver *d, struct xd_ring *ring);

/* The next event; false: none. ERDP follows with EHB. */
bool xd_event(struct xhci_driver *d, struct xhci_trb *event);
/* The next event of type `type`, dropping others; control is 0 when there is none. */
struct xhci_trb xd_event_of(struct xhci_driver *d, unsigned type);

/* One command: its completion code, 0 when no event came. */
uint8_t xd_command(struct xhci_driver *d, uint64_t parameter, uint32_t status, uint32_t control,
                   unsigned *slot);

/* Resets the port, makes a slot, addresses the device. The completion code. */
uint8_t xd_attach(struct xhci_driver *d, struct xd_slot *slot, unsigned port);
/* The input context of Address Device, and what is in it of an endpoint. */
void xd_input_slot(struct xhci_driver *d, uint32_t drop, uint32_t add, unsigned port,
                   unsigned entries);
void xd_input_endpoint(struct xhci_driver *d, unsigned dci, unsigned type, unsigned packet,
                       const struct xd_ring *ring);
/* Adds endpoint 1 IN (index 3). The completion code. */
uint8_t xd_add_interrupt(struct xhci_driver *d, struct xd_slot *slot);

/* A control transfer by the data buffer: the completion code of its last event; *moved: bytes. */
uint8_t xd_control(struct xhci_driver *d, struct xd_slot *slot, uint8_t type, uint8_t request,
                   uint16_t value, uint16_t index, uint16_t length, unsigned *moved);
/* Queues one interrupt transfer of `length` bytes to xd_report_at and rings the doorbell. */
uint64_t xd_report_at(const struct xhci_driver *d, const struct xd_slot *slot);
uint64_t xd_ask(struct xhci_driver *d, struct xd_slot *slot, uint32_t length);

/* SET_CONFIGURATION, the endpoint, and a first transfer: the device is ready. */
void xd_ready(struct xhci_driver *d, struct xd_slot *slot, unsigned port);

#endif
