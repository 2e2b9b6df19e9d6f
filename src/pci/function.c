/* SPDX-License-Identifier: ISC */
/*
 * One PCI function: its configuration space is an array of bytes with a mask of the bits that the
 * guest may change (PCI 3.0, 6.1 and 6.2). A BAR's mask leaves out the bits below its size, which
 * is all that sizing needs (6.2.5.1).
 */
#include "pci/pci_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BAR_LEAST 16

int pci_function_init(struct pci_function *function)
{
    uint8_t *config = function->config;

    memset(config, 0, sizeof(function->config));
    memset(function->writable, 0, sizeof(function->writable));
    store_le16(&config[PCI_VENDOR_ID], function->vendor);
    store_le16(&config[PCI_DEVICE_ID], function->device);
    store_le32(&config[PCI_REVISION_ID], function->class_code << 8 | function->revision);
    store_le16(&config[PCI_SUBSYSTEM_VENDOR], function->subsystem_vendor);
    store_le16(&config[PCI_SUBSYSTEM_ID], function->subsystem);
    config[PCI_INTERRUPT_PIN] = function->interrupt_pin;
    store_le16(&function->writable[PCI_COMMAND], PCI_COMMAND_WRITABLE);
    function->writable[PCI_CACHE_LINE_SIZE] = 0xff;
    function->writable[PCI_INTERRUPT_LINE] = 0xff;
    function->next_capability = PCI_HEADER_END;
    function->last_capability = 0;
    function->mirror = NULL;
    function->acts_length = 0;
    function->host = NULL;
    return -pthread_mutex_init(&function->lock, NULL);
}

int pci_add_bar(struct pci_function *function, unsigned index, uint64_t size, bool is_64bit,
                unsigned widths, const struct bus_ops *ops, void *dev)
{
    bool prefetchable = index < PCI_BARS && function->bars[index].prefetchable;
    unsigned at = PCI_BAR0 + 4 * index;

    if (index + (is_64bit ? 1 : 0) >= PCI_BARS || !is_power_of_2(size) || size < BAR_LEAST ||
        (!is_64bit && size > BIT(31)) || function->bars[index].size)
        return -EINVAL;
    function->bars[index] = (struct pci_bar){.size = size,
                                             .is_64bit = is_64bit,
                                             .prefetchable = prefetchable,
                                             .widths = widths,
                                             .ops = ops,
                                             .dev = dev};
    function->config[at] =
        (is_64bit ? PCI_BAR_64BIT : 0) | (prefetchable ? PCI_BAR_PREFETCHABLE : 0);
    store_le32(&function->writable[at], (uint32_t) ~(size - 1));
    if (is_64bit)
        store_le32(&function->writable[at + 4], (uint32_t)(~(size - 1) >> 32));
    return 0;
}

int pci_add_capability(struct pci_function *function, uint8_t id, const void *body, size_t length)
{
    unsigned at = function->next_capability;

    if (length < 2 || !range_fits(at, length, 256))
        return -ENOSPC;
    memcpy(&function->config[at], body, length);
    function->config[at] = id;
    function->config[at + 1] = 0;
    if (function->last_capability)
        function->config[function->last_capability + 1] = (uint8_t)at;
    else
        function->config[PCI_CAPABILITIES] = (uint8_t)at;
    function->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    function->last_capability = at;
    function->next_capability = (unsigned)align_up(at + length, 4);
    return (int)at;
}

static uint32_t load_bytes(const uint8_t *bytes, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

uint32_t pci_config_get(struct pci_function *function, unsigned offset, unsigned size)
{
    uint32_t value;

    pthread_mutex_lock(&function->lock);
    value = load_bytes(&function->config[offset], size);
    pthread_mutex_unlock(&function->lock);
    return value;
}

void pci_config_set(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
    pthread_mutex_lock(&function->lock);
    for (unsigned i = 0; i < size; i++)
        function->config[offset + i] = (uint8_t)(value >> (8 * i));
    pci_mirror_update(function, offset, size);
    pthread_mutex_unlock(&function->lock);
}

uint32_t pci_config_read(struct pci_function *function, unsigned offset, unsigned size)
{
    if (function->accessed)
        function->accessed(function, offset, size, false);
    return pci_config_get(function, offset, size);
}

static bool overlaps(unsigned offset, unsigned size, unsigned from, unsigned to)
{
    return offset < to && from < offset + size;
}

void pci_config_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
    bool command = overlaps(offset, size, PCI_COMMAND, PCI_COMMAND + 2);
    bool bars = overlaps(offset, size, PCI_BAR0, PCI_BARS_END);
    bool msix = function->msix && overlaps(offset, size, function->msix_offset + PCI_MSIX_CONTROL,
                                           function->msix_offset + PCI_MSIX_TABLE);

    pthread_mutex_lock(&function->lock);
    for (unsigned i = 0; i < size; i++) {
        uint8_t *byte = &function->config[offset + i], mask = function->writable[offset + i];

        *byte = (uint8_t)((*byte & ~mask) | (value >> (8 * i) & mask));
    }
    pci_mirror_update(function, offset, size);
    if (msix)
        pci_msix_flush(function);
    if (command || msix)
        pci_intx_update(function);
    pthread_mutex_unlock(&function->lock);
    if (command || bars)
        pci_remap(function->host);
    if ((command || msix) && function->changed)
        function->changed(function);
    if (overlaps(offset, size, function->acts, function->acts + function->acts_length))
        pci_mirror_hide(function);
    if (function->accessed)
        function->accessed(function, offset, size, true);
}

bool pci_in_window(const struct pci_windows *windows, uint64_t address, uint64_t size)
{
    return (address >= windows->mem32_base &&
            range_fits(address - windows->mem32_base, size, windows->mem32_size)) ||
           (address >= windows->mem64_base &&
            range_fits(address - windows->mem64_base, size, windows->mem64_size));
}

/* Where a BAR's registers and the command register want it to answer; 0: nowhere. */
static uint64_t wanted(struct pci_function *function, unsigned index)
{
    const struct pci_bar *bar = &function->bars[index];
    const uint8_t *at = &function->config[PCI_BAR0 + 4 * index];
    uint64_t address = 0;

    pthread_mutex_lock(&function->lock);
    if (bar->size && (pci_command(function) & PCI_COMMAND_MEMORY))
        address = bar->is_64bit ? load_le64(at) : load_le32(at);
    pthread_mutex_unlock(&function->lock);
    address &= ~UINT64_C(0xf);
    return pci_in_window(&function->host->windows, address, bar->size) ? address : 0;
}

static void bar_answers(struct pci_function *function, unsigned index, uint64_t address)
{
    function->bars[index].mapped_at = address;
    if (function->moved)
        function->moved(function, index);
}

static void unmap(struct pci_function *function, unsigned index)
{
    bus_detach(function->host->bus, function->bars[index].mapped_at);
    bar_answers(function, index, 0);
}

static void unmap_moved(struct pci_function *function)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        uint64_t at = function->bars[i].mapped_at;

        if (at && at != wanted(function, i))
            unmap(function, i);
    }
}

/* A BAR that would lie over another one does not answer until one of the two moves. */
static void map_wanted(struct pci_function *function)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *bar = &function->bars[i];
        uint64_t address = wanted(function, i);
        int ret;

        if (!address || bar->mapped_at)
            continue;
        ret = bus_attach(function->host->bus, address, bar->size, bar->widths, bar->ops, bar->dev);
        if (ret == 0)
            bar_answers(function, i, address);
        else
            log_debug(function->host->log, "pci: BAR %u of slot %u cannot answer at %#llx", i,
                      function->slot, (unsigned long long)address);
    }
}

void pci_remap(struct pci_host *host)
{
    pthread_mutex_lock(&host->lock);
    for (unsigned i = 0; i < PCI_SLOTS; i++)
        if (host->slots[i])
            unmap_moved(host->slots[i]);
    for (unsigned i = 0; i < PCI_SLOTS; i++)
        if (host->slots[i])
            map_wanted(host->slots[i]);
    pthread_mutex_unlock(&host->lock);
}

void pci_unmap(struct pci_function *function)
{
    pthread_mutex_lock(&function->host->lock);
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (function->bars[i].mapped_at)
            unmap(function, i);
    pthread_mutex_unlock(&function->host->lock);
}

void pci_intx_update(struct pci_function *function)
{
    bool level = function->intx_level && function->interrupt_pin;

    if (function->intx_level)
        function->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    else
        function->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
    pci_mirror_update(function, PCI_STATUS, 1);
    if ((pci_command(function) & PCI_COMMAND_INTX_DISABLE) || pci_msix_on(function))
        level = false;
    if (function->host)
        irq_set(&function->host->intx[function->slot], level);
}

void pci_intx_set(struct pci_function *function, bool level)
{
    pthread_mutex_lock(&function->lock);
    function->intx_level = level;
    pci_intx_update(function);
    pthread_mutex_unlock(&function->lock);
}

bool pci_bus_master(struct pci_function *function)
{
    return pci_config_get(function, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

static void bar_reset(struct pci_function *function, unsigned index)
{
    const struct pci_bar *bar = &function->bars[index];
    uint8_t *at = &function->config[PCI_BAR0 + 4 * index];

    store_le32(at, (uint32_t)bar->assigned_at | (at[0] & 0xf));
    if (bar->is_64bit)
        store_le32(at + 4, (uint32_t)(bar->assigned_at >> 32));
}

void pci_function_reset(struct pci_function *function)
{
    pthread_mutex_lock(&function->lock);
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
        function->config[i] &= (uint8_t)~function->writable[i];
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (function->bars[i].size)
            bar_reset(function, i);
    pci_msix_reset(function);
    pci_mirror_update(function, 0, PCI_CONFIG_SIZE);
    function->intx_level = false;
    pci_intx_update(function);
    pthread_mutex_unlock(&function->lock);
    if (function->host)
        pci_remap(function->host);
}

static const struct state_field fields[] = {
    STATE_ARRAY(struct pci_function, config, STATE_U8, PCI_CONFIG_SIZE),
    STATE_FIELD(struct pci_function, intx_level, STATE_BOOL),
};
static const struct state_table table = {"pci-function", 1, fields, nitems(fields)};

int pci_function_save(struct pci_function *function, struct state *state, const char *instance)
{
    int ret;

    pthread_mutex_lock(&function->lock);
    ret = state_save(state, instance, &table, function);
    ret = ret ? ret : pci_msix_save(function, state, instance);
    pthread_mutex_unlock(&function->lock);
    return ret;
}

/* Of the saved configuration the guest's bits are taken; the identity must be this function's. */
static int merge(struct pci_function *function, const uint8_t *own, const char *instance,
                 struct error *err)
{
    bool same = load_le32(own) == load_le32(function->config);
    unsigned vendor = load_le16(function->config), device = load_le16(&function->config[2]);

    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t mask = same ? function->writable[i] : 0;

        function->config[i] = (uint8_t)((own[i] & ~mask) | (function->config[i] & mask));
    }
    if (same)
        return 0;
    return error_set(err, EINVAL,
                     "saved state: \"%s\" is of PCI device %04x:%04x, here is %04x:%04x", instance,
                     vendor, device, function->vendor, function->device);
}

int pci_function_load(struct pci_function *function, const struct state *state,
                      const char *instance, struct error *err)
{
    uint8_t own[PCI_CONFIG_SIZE];
    int ret;

    pthread_mutex_lock(&function->lock);
    memcpy(own, function->config, sizeof(own));
    ret = state_load(state, instance, &table, function, err);
    if (ret)
        memcpy(function->config, own, sizeof(own));
    ret = ret ? ret : merge(function, own, instance, err);
    ret = ret ? ret : pci_msix_load(function, state, instance, err);
    pci_mirror_update(function, 0, PCI_CONFIG_SIZE);
    pci_intx_update(function);
    pthread_mutex_unlock(&function->lock);
    if (function->host)
        pci_remap(function->host);
    return ret;
}
