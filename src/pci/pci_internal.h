/* SPDX-License-Identifier: ISC */
/*
 * What PCI's files share: register names of a type 0 configuration header (PCI 3.0, 6.1) and of
 * MSI-X (6.8.2).
 */
#ifndef PCI_PCI_INTERNAL_H
#define PCI_PCI_INTERNAL_H

#include "base/endian.h"
#include "pci/pci.h"

#define PCI_VENDOR_ID        0x00
#define PCI_DEVICE_ID        0x02
#define PCI_COMMAND          0x04
#define PCI_STATUS           0x06
#define PCI_REVISION_ID      0x08
#define PCI_CLASS            0x09
#define PCI_CACHE_LINE_SIZE  0x0c
#define PCI_BAR0             0x10
#define PCI_BARS_END         0x28
#define PCI_SUBSYSTEM_VENDOR 0x2c
#define PCI_SUBSYSTEM_ID     0x2e
#define PCI_CAPABILITIES     0x34
#define PCI_INTERRUPT_LINE   0x3c
#define PCI_INTERRUPT_PIN    0x3d
#define PCI_HEADER_END       0x40

#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_COMMAND_WRITABLE     0x0556 /* what a function without I/O BARs can have set */
#define PCI_STATUS_INTERRUPT     0x0008
#define PCI_STATUS_CAPABILITIES  0x0010

#define PCI_BAR_64BIT        0x4
#define PCI_BAR_PREFETCHABLE 0x8

#define PCI_CAP_MSIX           0x11
#define PCI_MSIX_CONTROL       2 /* in the capability */
#define PCI_MSIX_TABLE         4
#define PCI_MSIX_PBA           8
#define PCI_MSIX_LENGTH        12
#define PCI_MSIX_ENABLE        0x8000
#define PCI_MSIX_FUNCTION_MASK 0x4000
#define PCI_MSIX_ENTRY         16 /* bytes of a table entry */
#define PCI_MSIX_MASKED        1u /* in an entry's control */

struct pci_host {
    pthread_mutex_t lock; /* while BARs move */
    struct bus *bus;
    struct pci_windows windows;
    struct msi_sink msi;
    struct irq_line intx[PCI_SLOTS];
    const struct log *log;
    struct pci_function bridge;
    struct pci_mirror mirror; /* of those functions that have one */
    struct pci_function *slots[PCI_SLOTS];
    uint32_t occupied; /* in a saved state: the slots that are taken, one bit each */
};

static inline uint16_t pci_command(const struct pci_function *function)
{
    return load_le16(&function->config[PCI_COMMAND]);
}

/* Guest accesses to configuration space; offset + size lie within it. */
uint32_t pci_config_read(struct pci_function *function, unsigned offset, unsigned size);
void pci_config_write(struct pci_function *function, unsigned offset, unsigned size,
                      uint32_t value);

/* Puts each BAR of each function where its registers say, as far as it can answer there. Takes the
 * host's lock. */
void pci_remap(struct pci_host *host);
/* Takes the function's BARs off the bus. */
void pci_unmap(struct pci_function *function);

/* Whether [address, address + size) lies in one of the windows that BARs answer in. */
bool pci_in_window(const struct pci_windows *windows, uint64_t address, uint64_t size);

/* The guest's copy of the configuration is as `function->config` again, in these bytes; with the
 * function's lock held. And it has none any more; without it. */
void pci_mirror_update(struct pci_function *function, unsigned offset, unsigned size);
void pci_mirror_hide(struct pci_function *function);

/* With the function's lock held: the INTx wire follows its gates; what is pending and no longer
 * masked is sent. */
void pci_intx_update(struct pci_function *function);
void pci_msix_flush(struct pci_function *function);
bool pci_msix_on(const struct pci_function *function);

void pci_msix_reset(struct pci_function *function);
int pci_msix_save(struct pci_function *function, struct state *state, const char *instance);
int pci_msix_load(struct pci_function *function, const struct state *state, const char *instance,
                  struct error *err);

#endif
