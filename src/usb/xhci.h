/* SPDX-License-Identifier: ISC */
/*
 * A USB host controller: eXtensible Host Controller Interface (xHCI) 1.1, as on Apple's machine.
 *
 * 106b:1a06; 8 ports of USB 2 and 8 of USB 3, 16 device slots, 32 interrupters with MSI-X, contexts
 * of 32 bytes, one event ring segment, no scratchpad, no streams. Registers are answered on the
 * vCPU's thread under the controller's lock; rings are worked on its loop, under the same lock and
 * so much at a time.
 */
#ifndef USB_XHCI_H
#define USB_XHCI_H

#include "base/log.h"
#include "bus/bus.h"
#include "host/loop.h"
#include "mem/mem.h"
#include "pci/pci.h"
#include "usb/device.h"

struct xhci;

/* What a controller needs from the machine that it is built into. */
struct xhci_host {
    struct mem *mem;
    struct host_loop *loop;
    const struct log *log;
    uint8_t interrupt_pin; /* of the PCI function: 1 INTA, 2 INTB; 0 means INTA */
};

/* Plugs a controller without devices into `slot` (0: the next free one). 0 or -errno. */
int xhci_create(struct xhci **xhci, const struct xhci_host *host, struct pci_host *pci,
                unsigned slot);

/* Connects a full-speed device to `port`, one of USB 2's (1 to 8); the controller frees it. Before
 * anything runs. 0, -EINVAL (no such port) or -EBUSY. */
int xhci_connect(struct xhci *xhci, unsigned port, struct usb_device *device);

/* Stands still: no ring is worked on from the moment it returns; and goes on. */
void xhci_quiesce(struct xhci *xhci);
void xhci_resume(struct xhci *xhci);

extern const struct device_ops xhci_ops;

#endif
