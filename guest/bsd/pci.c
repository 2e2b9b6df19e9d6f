/* SPDX-License-Identifier: ISC */
/* See pci.h. */
#include "pci.h"

#include "fdt.h"
#include "pmap.h"

#define PCI_VENDOR_ID       0x00
#define PCI_HEADER_TYPE     0x0e
#define PCI_BAR0            0x10
#define PCI_CAP_POINTER     0x34
#define BAR_IO              1u
#define BAR_64              4u
#define MSIX_CONTROL        2
#define MSIX_CONTROL_ENABLE 0x8000u
#define MSIX_TABLE          4
#define MSIX_ENTRY          16
#define SLOTS               32
#define SLOT_SIZE           0x8000 /* of ECAM: eight functions */
#define RANGE_CELLS         7
#define RANGE_MEM32         2 /* space code in the first cell of `ranges` */

static struct {
    paddr_t next, end;
} window; /* 32-bit memory that no device has */

uint32_t pci_read(const struct pci_device *pci, unsigned offset)
{
    return mmio_read32(pci->config + offset);
}

unsigned pci_capability(const struct pci_device *pci, uint8_t id, unsigned from)
{
    unsigned at = mmio_read8(pci->config + (from ? from + 1 : PCI_CAP_POINTER)) & 0xfc;

    for (unsigned left = 48; at && left--; at = mmio_read8(pci->config + at + 1) & 0xfc)
        if (mmio_read8(pci->config + at) == id)
            return at;
    return 0;
}

/* The size of a BAR is what it does with ones (PCI Local Bus 3.0, 6.2.5.1). */
static uint64_t bar_size(vaddr_t reg, bool wide)
{
    uint32_t low = mmio_read32(reg), high = wide ? mmio_read32(reg + 4) : 0;
    uint64_t mask;

    mmio_write32(reg, UINT32_MAX);
    mask = mmio_read32(reg) & ~UINT64_C(15);
    mmio_write32(reg, low);
    if (!wide)
        return mask ? (~mask & UINT32_MAX) + 1 : 0;
    mmio_write32(reg + 4, UINT32_MAX);
    mask |= (uint64_t)mmio_read32(reg + 4) << 32;
    mmio_write32(reg + 4, high);
    return mask ? ~mask + 1 : 0;
}

static paddr_t place(uint64_t size)
{
    paddr_t at = (window.next + size - 1) & ~(size - 1);

    if (at + size > window.end)
        return 0;
    window.next = at + size;
    return at;
}

static void read_bars(struct pci_device *pci)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        vaddr_t reg = pci->config + PCI_BAR0 + 4 * i;
        uint32_t low = mmio_read32(reg);
        bool wide = (low & 7) == BAR_64;
        paddr_t address = low & ~15u;
        uint64_t size;

        if (low & BAR_IO)
            continue;
        size = bar_size(reg, wide);
        if (wide)
            address |= (uint64_t)mmio_read32(reg + 4) << 32;
        if (size && !address) {
            address = place(size);
            mmio_write32(reg, (uint32_t)address);
            if (wide)
                mmio_write32(reg + 4, 0);
        }
        pci->bar[i].address = address;
        pci->bar[i].size = size;
        i += wide;
    }
}

static void find_window(const struct fdt_node *bridge)
{
    uint32_t length = 0;
    const uint32_t *range = fdt_property(bridge, "ranges", &length);

    for (; length >= RANGE_CELLS * 4; length -= RANGE_CELLS * 4, range += RANGE_CELLS) {
        if ((fdt_number(range, 1) >> 24 & 3) != RANGE_MEM32)
            continue;
        /* From the middle on: firmware hands out the lower half first, if there is any. */
        window.end = fdt_number(range + 3, 2) + fdt_number(range + 5, 2);
        window.next = window.end - fdt_number(range + 5, 2) / 2;
    }
}

void pci_attach(void (*attach)(struct pci_device *pci))
{
    struct fdt_node bridge = fdt_compatible("pci-host-ecam-generic");
    uint64_t ecam, size;
    vaddr_t config;

    if (!bridge.at || !fdt_reg(&bridge, 0, &ecam, &size))
        panic("no PCI host bridge in the device tree");
    find_window(&bridge);
    kprintf("pciecam0: configuration space at 0x%lx\n", ecam);
    config = pmap_device(ecam, SLOTS * SLOT_SIZE);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        vaddr_t at = config + slot * SLOT_SIZE;
        struct pci_device *pci;

        if (mmio_read16(at + PCI_VENDOR_ID) == 0xffff || (mmio_read8(at + PCI_HEADER_TYPE) & 0x7f))
            continue;
        pci = kalloc(sizeof(*pci));
        pci->config = at;
        pci->slot = slot;
        pci->vendor = mmio_read16(at + PCI_VENDOR_ID);
        pci->product = mmio_read16(at + PCI_VENDOR_ID + 2);
        read_bars(pci);
        mmio_write16(at + PCI_COMMAND,
                     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
        attach(pci);
    }
}

vaddr_t pci_map(struct pci_device *pci, unsigned bar, uint64_t offset, uint64_t length)
{
    if (bar >= PCI_BARS || !pci->bar[bar].address || offset > pci->bar[bar].size ||
        length > pci->bar[bar].size - offset)
        return 0;
    if (!pci->bar[bar].mapped)
        pci->bar[bar].mapped = pmap_device(pci->bar[bar].address, pci->bar[bar].size);
    return pci->bar[bar].mapped + offset;
}

int pci_msix_enable(struct pci_device *pci, unsigned count)
{
    unsigned cap = pci_capability(pci, PCI_CAP_MSIX, 0);
    uint16_t control;
    uint32_t table, data;
    paddr_t doorbell;

    if (!cap)
        return ENXIO;
    control = mmio_read16(pci->config + cap + MSIX_CONTROL);
    table = mmio_read32(pci->config + cap + MSIX_TABLE);
    if (count > (control & 0x7ffu) + 1 || gic_msi_allocate(count, &doorbell, &data))
        return ENXIO;
    pci->msix_table = pci_map(pci, table & 7, table & ~7u, (uint64_t)count * MSIX_ENTRY);
    if (!pci->msix_table)
        return ENXIO;
    for (unsigned i = 0; i < count; i++) {
        vaddr_t entry = pci->msix_table + i * MSIX_ENTRY;

        mmio_write32(entry, (uint32_t)doorbell);
        mmio_write32(entry + 4, (uint32_t)(doorbell >> 32));
        mmio_write32(entry + 8, data + i);
        mmio_write32(entry + 12, 0); /* not masked */
    }
    mmio_write16(pci->config + cap + MSIX_CONTROL, control | MSIX_CONTROL_ENABLE);
    pci->msix_vectors = count;
    pci->msix_data = data;
    return 0;
}

void pci_msix_establish(struct pci_device *pci, unsigned vector, void (*handler)(void *), void *arg)
{
    gic_msi_establish(pci->msix_data + vector, handler, arg);
}
