/* SPDX-License-Identifier: ISC */
/*
 * MSI-X (PCI 3.0, 6.8.2): a table of messages and an array of pending bits, in a BAR that holds
 * nothing else. A vector that is signalled while masked becomes pending, and is sent once when the
 * mask goes.
 */
#include "pci/pci_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS_MAX 2048
#define BAR_LEAST   64

static uint64_t table_size(const struct pci_function *function)
{
    return (uint64_t)function->msix_vectors * PCI_MSIX_ENTRY;
}

static unsigned pending_words(unsigned vectors)
{
    return (vectors + 63) / 64;
}

static uint16_t control(const struct pci_function *function)
{
    return load_le16(&function->config[function->msix_offset + PCI_MSIX_CONTROL]);
}

bool pci_msix_on(const struct pci_function *function)
{
    return function->msix && (control(function) & PCI_MSIX_ENABLE);
}

/* Sends `vector` if it is pending and nothing masks it. */
static void flush_vector(struct pci_function *function, unsigned vector)
{
    const struct pci_msix_entry *entry = &function->msix[vector];
    uint64_t *word = &function->msix_pending[vector / 64], bit = BIT(vector % 64);

    if (!(*word & bit) || !pci_msix_on(function) || (control(function) & PCI_MSIX_FUNCTION_MASK) ||
        (entry->control & PCI_MSIX_MASKED))
        return;
    *word &= ~bit;
    if (function->host)
        msi_send(&function->host->msi, entry->address, entry->data);
}

void pci_msix_flush(struct pci_function *function)
{
    for (unsigned i = 0; i < function->msix_vectors; i++)
        flush_vector(function, i);
}

void pci_msix_signal(struct pci_function *function, unsigned vector)
{
    pthread_mutex_lock(&function->lock);
    if (pci_msix_on(function) && vector < function->msix_vectors) {
        function->msix_pending[vector / 64] |= BIT(vector % 64);
        flush_vector(function, vector);
    }
    pthread_mutex_unlock(&function->lock);
}

bool pci_msix_enabled(struct pci_function *function)
{
    bool on;

    pthread_mutex_lock(&function->lock);
    on = pci_msix_on(function);
    pthread_mutex_unlock(&function->lock);
    return on;
}

static uint32_t read_word(const struct pci_function *function, uint64_t offset)
{
    const struct pci_msix_entry *entry = &function->msix[offset / PCI_MSIX_ENTRY];

    if (offset >= table_size(function)) {
        uint64_t word = (offset - table_size(function)) / 8;

        return word < pending_words(function->msix_vectors)
                   ? (uint32_t)(function->msix_pending[word] >> (offset % 8 * 8))
                   : 0;
    }
    switch (offset % PCI_MSIX_ENTRY) {
    case 0: return (uint32_t)entry->address;
    case 4: return (uint32_t)(entry->address >> 32);
    case 8: return entry->data;
    default: return entry->control;
    }
}

/* The pending bits are read-only. */
static void write_word(struct pci_function *function, uint64_t offset, uint32_t value)
{
    struct pci_msix_entry *entry = &function->msix[offset / PCI_MSIX_ENTRY];

    if (offset >= table_size(function))
        return;
    switch (offset % PCI_MSIX_ENTRY) {
    case 0: entry->address = (entry->address & ~UINT64_C(0xffffffff)) | (value & ~3u); break;
    case 4: entry->address = (uint32_t)entry->address | (uint64_t)value << 32; break;
    case 8: entry->data = value; break;
    default:
        entry->control = value & PCI_MSIX_MASKED;
        flush_vector(function, (unsigned)(offset / PCI_MSIX_ENTRY));
        break;
    }
}

static uint64_t bar_read(void *dev, uint64_t offset, unsigned size)
{
    struct pci_function *function = dev;
    uint64_t value;

    pthread_mutex_lock(&function->lock);
    value = read_word(function, offset);
    if (size == 8)
        value |= (uint64_t)read_word(function, offset + 4) << 32;
    pthread_mutex_unlock(&function->lock);
    return value;
}

static void bar_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_function *function = dev;

    pthread_mutex_lock(&function->lock);
    write_word(function, offset, (uint32_t)value);
    if (size == 8)
        write_word(function, offset + 4, (uint32_t)(value >> 32));
    pthread_mutex_unlock(&function->lock);
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

static int add_capability(struct pci_function *function)
{
    uint8_t body[PCI_MSIX_LENGTH] = {0};
    int at;

    store_le16(&body[PCI_MSIX_CONTROL], (uint16_t)(function->msix_vectors - 1));
    store_le32(&body[PCI_MSIX_TABLE], function->msix_bar);
    store_le32(&body[PCI_MSIX_PBA], (uint32_t)table_size(function) | function->msix_bar);
    at = pci_add_capability(function, PCI_CAP_MSIX, body, sizeof(body));
    if (at < 0)
        return at;
    function->msix_offset = (unsigned)at;
    store_le16(&function->writable[at + PCI_MSIX_CONTROL],
               PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
    return 0;
}

int pci_add_msix(struct pci_function *function, unsigned bar, unsigned vectors)
{
    uint64_t need = vectors * PCI_MSIX_ENTRY + pending_words(vectors) * 8, size = BAR_LEAST;
    int ret;

    if (vectors < 1 || vectors > VECTORS_MAX || function->msix)
        return -EINVAL;
    while (size < need)
        size *= 2;
    function->msix_vectors = vectors;
    function->msix_bar = bar;
    ret = pci_add_bar(function, bar, size, false, BUS_WIDTH_4 | BUS_WIDTH_8, &bar_ops, function);
    ret = ret ? ret : add_capability(function);
    if (ret)
        return ret;
    function->msix = calloc(vectors, sizeof(*function->msix));
    function->msix_pending = calloc(pending_words(vectors), sizeof(*function->msix_pending));
    if (!function->msix || !function->msix_pending)
        return -ENOMEM;
    pci_msix_reset(function);
    return 0;
}

void pci_msix_reset(struct pci_function *function)
{
    for (unsigned i = 0; i < function->msix_vectors; i++)
        function->msix[i] = (struct pci_msix_entry){.control = PCI_MSIX_MASKED};
    for (unsigned i = 0; i < pending_words(function->msix_vectors); i++)
        function->msix_pending[i] = 0;
}

void pci_function_fini(struct pci_function *function)
{
    free(function->msix);
    free(function->msix_pending);
    function->msix = NULL;
    function->msix_pending = NULL;
    pthread_mutex_destroy(&function->lock);
}

/* The saved form is the BAR's contents as the guest would read them: table, then pending bits. */
static size_t saved_size(const struct pci_function *function)
{
    return table_size(function) + pending_words(function->msix_vectors) * 8;
}

int pci_msix_save(struct pci_function *function, struct state *state, const char *instance)
{
    size_t length = saved_size(function);
    char name[96];
    uint8_t *bytes;
    int ret;

    if (!function->msix)
        return 0;
    bytes = malloc(length);
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < length; i += 4)
        store_le32(&bytes[i], read_word(function, i));
    snprintf(name, sizeof(name), "%s/msix", instance);
    ret = state_save_bytes(state, name, bytes, length);
    free(bytes);
    return ret;
}

/* Nothing is sent: what was pending and unmasked has been sent before the save. */
static void load_table(struct pci_function *function, const uint8_t *bytes)
{
    unsigned vectors = function->msix_vectors;

    for (unsigned i = 0; i < vectors; i++) {
        const uint8_t *at = &bytes[i * PCI_MSIX_ENTRY];

        function->msix[i] = (struct pci_msix_entry){.address = load_le64(at) & ~UINT64_C(3),
                                                    .data = load_le32(at + 8),
                                                    .control = at[12] & PCI_MSIX_MASKED};
    }
    for (unsigned i = 0; i < pending_words(vectors); i++)
        function->msix_pending[i] =
            load_le64(&bytes[table_size(function) + i * 8]) & bits_mask(MIN(vectors - i * 64, 64u));
}

int pci_msix_load(struct pci_function *function, const struct state *state, const char *instance,
                  struct error *err)
{
    char name[96];
    const void *bytes;
    size_t length;
    int ret;

    if (!function->msix)
        return 0;
    snprintf(name, sizeof(name), "%s/msix", instance);
    ret = state_load_bytes(state, name, &bytes, &length, err);
    if (ret)
        return ret;
    if (length != saved_size(function))
        return error_set(err, EINVAL, "saved state: \"%s\" has %zu bytes, expected %zu", name,
                         length, saved_size(function));
    load_table(function, bytes);
    return 0;
}
