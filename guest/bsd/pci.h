/* SPDX-License-Identifier: ISC */
/*
 * PCI Express through ECAM ("pci-host-ecam-generic"), bus 0, function 0: configuration space, base
 * address registers, capabilities, MSI-X (PCI Local Bus 3.0, 6).
 */
#ifndef BSD_PCI_H
#define BSD_PCI_H

#include "bsd.h"

#define PCI_COMMAND         0x04
#define PCI_COMMAND_MEMORY  0x0002
#define PCI_COMMAND_MASTER  0x0004
#define PCI_COMMAND_NO_INTX 0x0400
#define PCI_CAP_MSIX        0x11
#define PCI_CAP_VENDOR      0x09
#define PCI_BARS            6
#define PCI_VENDOR_QUMRANET 0x1af4
#define PCI_NO_VECTOR       0xffff

struct pci_device {
    vaddr_t config;
    unsigned slot;
    uint16_t vendor, product;
    struct {
        paddr_t address; /* 0: not there, or no memory */
        uint64_t size;
        vaddr_t mapped; /* 0: not yet */
    } bar[PCI_BARS];
    vaddr_t msix_table;
    unsigned msix_vectors;
    uint32_t msix_data; /* vector 0's; the others follow */
};

/* Finds the bridge, and calls `attach` for each function. Base address registers that no firmware
 * set get an address from the bridge's window. */
void pci_attach(void (*attach)(struct pci_device *pci));
/* The first capability `id` after offset `from` (0: from the start); 0 when there is none. */
unsigned pci_capability(const struct pci_device *pci, uint8_t id, unsigned from);
uint32_t pci_read(const struct pci_device *pci, unsigned offset);
/* `length` bytes of a BAR, mapped; 0 when it has no so many. */
vaddr_t pci_map(struct pci_device *pci, unsigned bar, uint64_t offset, uint64_t length);
/* MSI-X with `count` vectors. 0 or ENXIO: then interrupts stay off and the driver polls. */
int pci_msix_enable(struct pci_device *pci, unsigned count);
void pci_msix_establish(struct pci_device *pci, unsigned vector, void (*handler)(void *),
                        void *arg);

#endif
