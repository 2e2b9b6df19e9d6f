/* SPDX-License-Identifier: ISC */
/*
 * The host bridge: the ECAM window (PCIe 3.1, 7.2.2), the slots of bus 0, and what firmware would
 * do with BARs.
 */
#include "pci/pci_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"

#define ALL_ONES UINT32_MAX

/* BARs that firmware places lie this far apart at least, so that no page of a guest, of any
 * granule, holds two. */
#define BAR_SPACING (64 * KIB)

/* Bus, device and function of an ECAM offset; only functions 0 on bus 0 are there. */
static struct pci_function *decode(struct pci_host *host, uint64_t offset)
{
    if (offset >> 20 || (offset >> 12 & 7))
        return NULL;
    return host->slots[offset >> 15 & 31];
}

static uint64_t ecam_read(void *dev, uint64_t offset, unsigned size)
{
    struct pci_function *function = decode(dev, offset);
    unsigned at = offset % PCI_CONFIG_SIZE;
    uint64_t low;

    if (size == 8) {
        low = ecam_read(dev, offset, 4);
        return low | ecam_read(dev, offset + 4, 4) << 32;
    }
    return function ? pci_config_read(function, at, size) : ALL_ONES;
}

static void ecam_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_function *function = decode(dev, offset);

    if (size == 8) {
        ecam_write(dev, offset, 4, (uint32_t)value);
        ecam_write(dev, offset + 4, 4, value >> 32);
    } else if (function) {
        pci_config_write(function, offset % PCI_CONFIG_SIZE, size, (uint32_t)value);
    }
}

static const struct bus_ops ecam_ops = {ecam_read, ecam_write};

static int map_windows(struct pci_host *host)
{
    const struct pci_windows *w = &host->windows;
    int ret = bus_attach(host->bus, w->ecam_base, w->ecam_size, BUS_WIDTH_ALL, &ecam_ops, host);

    if (!ret && w->mem32_size)
        ret = bus_window(host->bus, w->mem32_base, w->mem32_size, 0xff);
    if (!ret && w->mem64_size)
        ret = bus_window(host->bus, w->mem64_base, w->mem64_size, 0xff);
    if (!ret && w->io_size)
        ret = bus_window(host->bus, w->io_base, w->io_size, 0xff);
    return ret;
}

static int add_bridge(struct pci_host *host)
{
    struct pci_function *bridge = &host->bridge;
    int ret;

    bridge->name = "pci-host";
    bridge->vendor = 0x106b;
    bridge->device = 0x1a05;
    bridge->class_code = 0x060000;
    ret = pci_function_init(bridge);
    bridge->host = host;
    host->slots[0] = bridge;
    return ret;
}

int pci_host_create(struct pci_host **out, struct bus *bus, const struct pci_windows *windows,
                    const struct msi_sink *msi, const struct irq_line intx[PCI_SLOTS],
                    const struct log *log)
{
    struct pci_host *host = calloc(1, sizeof(*host));
    int ret;

    if (!host)
        return -ENOMEM;
    pthread_mutex_init(&host->lock, NULL);
    host->bus = bus;
    host->windows = *windows;
    host->msi = *msi;
    host->log = log;
    for (unsigned i = 0; i < PCI_SLOTS; i++)
        host->intx[i] = intx[i];
    ret = add_bridge(host);
    ret = ret ? ret : map_windows(host);
    if (ret) {
        pci_host_destroy(host);
        return ret;
    }
    *out = host;
    return 0;
}

void pci_host_destroy(struct pci_host *host)
{
    if (!host)
        return;
    for (unsigned i = 1; i < PCI_SLOTS; i++)
        if (host->slots[i])
            pci_detach(host->slots[i]);
    bus_detach(host->bus, host->windows.ecam_base);
    pci_function_fini(&host->bridge);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

/* The first BAR that firmware has put into [address, address + size), or NULL. */
static const struct pci_bar *occupant(const struct pci_host *host, uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
        const struct pci_function *function = host->slots[i / PCI_BARS];
        const struct pci_bar *bar = function ? &function->bars[i % PCI_BARS] : NULL;

        if (bar && bar->assigned_at && bar->assigned_at < address + size &&
            address < bar->assigned_at + bar->size)
            return bar;
    }
    return NULL;
}

bool pci_bar_at(struct pci_host *host, uint64_t address, const char **name, unsigned *bar,
                uint64_t *offset)
{
    bool found = false;

    pthread_mutex_lock(&host->lock);
    for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS && !found; i++) {
        const struct pci_function *function = host->slots[i / PCI_BARS];
        const struct pci_bar *b = function ? &function->bars[i % PCI_BARS] : NULL;

        if (!b || !b->mapped_at || address < b->mapped_at || address - b->mapped_at >= b->size)
            continue;
        *name = function->name;
        *bar = i % PCI_BARS;
        *offset = address - b->mapped_at;
        found = true;
    }
    pthread_mutex_unlock(&host->lock);
    return found;
}

static int assign_in(const struct pci_host *host, struct pci_bar *bar, uint64_t base, uint64_t size)
{
    uint64_t step = MAX(bar->size, BAR_SPACING), at = align_up(base, step);
    const struct pci_bar *other;

    while (at >= base && range_fits(at - base, bar->size, size)) {
        other = occupant(host, at, step);
        if (!other) {
            bar->assigned_at = at;
            return 0;
        }
        at = align_up(other->assigned_at + other->size, step);
    }
    return -ENOSPC;
}

/* 64-bit BARs go above 4 GiB where there is room, as Apple's firmware and Linux do. */
static int assign(const struct pci_host *host, struct pci_bar *bar)
{
    const struct pci_windows *w = &host->windows;

    if (bar->is_64bit && assign_in(host, bar, w->mem64_base, w->mem64_size) == 0)
        return 0;
    return assign_in(host, bar, w->mem32_base, w->mem32_size);
}

int pci_attach(struct pci_host *host, struct pci_function *function, unsigned slot)
{
    int ret = 0;

    if (slot == 0)
        for (slot = 1; slot < PCI_SLOTS && host->slots[slot];)
            slot++;
    if (slot >= PCI_SLOTS)
        return -ENOSPC;
    if (host->slots[slot])
        return -EBUSY;
    function->host = host;
    function->slot = slot;
    host->slots[slot] = function;
    for (unsigned i = 0; i < PCI_BARS && !ret; i++)
        if (function->bars[i].size)
            ret = assign(host, &function->bars[i]);
    if (ret)
        pci_detach(function);
    else
        pci_function_reset(function);
    return ret;
}

void pci_detach(struct pci_function *function)
{
    struct pci_host *host = function->host;

    if (!host)
        return;
    pci_intx_set(function, false);
    pci_unmap(function);
    for (unsigned i = 0; i < PCI_BARS; i++)
        function->bars[i].assigned_at = 0;
    host->slots[function->slot] = NULL;
    function->host = NULL;
}

void pci_firmware_setup(struct pci_host *host)
{
    for (unsigned i = 1; i < PCI_SLOTS; i++)
        if (host->slots[i])
            pci_config_write(host->slots[i], PCI_COMMAND, 2,
                             PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void reset(void *dev)
{
    struct pci_host *host = dev;

    for (unsigned i = 0; i < PCI_SLOTS; i++)
        if (host->slots[i])
            pci_function_reset(host->slots[i]);
}

static const struct state_field fields[] = {
    STATE_FIELD(struct pci_host, occupied, STATE_U32),
};
static const struct state_table table = {"pci", 1, fields, nitems(fields)};

static uint32_t occupied(const struct pci_host *host)
{
    uint32_t slots = 0;

    for (unsigned i = 0; i < PCI_SLOTS; i++)
        if (host->slots[i])
            slots |= 1u << i;
    return slots;
}

static void section_name(char *name, size_t size, const char *instance, unsigned slot)
{
    snprintf(name, size, "%s/slot%u", instance, slot);
}

static int save(void *dev, struct state *state, const char *instance)
{
    struct pci_host *host = dev;
    char name[64];
    int ret;

    host->occupied = occupied(host);
    ret = state_save(state, instance, &table, host);
    for (unsigned i = 0; i < PCI_SLOTS && !ret; i++) {
        section_name(name, sizeof(name), instance, i);
        if (host->slots[i])
            ret = pci_function_save(host->slots[i], state, name);
    }
    return ret;
}

static int load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    struct pci_host *host = dev;
    char name[64];
    int ret = state_load(state, instance, &table, host, err);

    if (!ret && host->occupied != occupied(host))
        ret = error_set(err, EINVAL,
                        "saved state: its machine has other PCI devices: slots %#x, here %#x",
                        host->occupied, occupied(host));
    for (unsigned i = 0; i < PCI_SLOTS && !ret; i++) {
        section_name(name, sizeof(name), instance, i);
        if (host->slots[i])
            ret = pci_function_load(host->slots[i], state, name, err);
    }
    return ret;
}

static void host_free(void *dev)
{
    pci_host_destroy(dev);
}

const struct device_ops pci_host_ops = {"pci", reset, save, load, host_free};
