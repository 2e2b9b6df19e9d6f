/* SPDX-License-Identifier: ISC */
/*
 * Configuration space that guests read without leaving for it: a page a function that the machine
 * shows to the guest at the function's place in the ECAM, read-only, so that writes still arrive.
 * While a guest looks for its devices it reads a thousand times and writes a hundred times.
 *
 * A register whose reading acts (function->acts) cannot be read from a page. What it does depends
 * on registers beside it that have to be written before, so the first such write takes the
 * function's page away, for good.
 */
#include <string.h>

#include "base/cache.h"
#include "pci/pci_internal.h"

#define ECAM_SLOT     PCI_MIRROR_PAGE_MAX /* eight functions of 4 KiB */
#define ECAM_FUNCTION 0x1000

/* The guest may read meanwhile: words, as it reads them. */
void pci_mirror_update(struct pci_function *function, unsigned offset, unsigned size)
{
    unsigned end = (unsigned)align_up(offset + size, 4);

    if (!function->mirror)
        return;
    for (unsigned at = offset & ~3u; at < end; at += 4) {
        uint32_t word;

        memcpy(&word, &function->config[at], sizeof(word));
        __atomic_store_n((uint32_t *)(void *)&function->mirror[at], word, __ATOMIC_RELAXED);
    }
    cache_clean(&function->mirror[offset & ~3u], end - (offset & ~3u));
}

static uint64_t place(const struct pci_function *function)
{
    return function->host->windows.ecam_base + function->slot * (uint64_t)ECAM_SLOT;
}

static void show(struct pci_function *function, const struct pci_mirror *mirror)
{
    uint8_t *page = mirror->pages + function->slot * mirror->page;

    memset(page + ECAM_FUNCTION, 0xff, mirror->page - ECAM_FUNCTION); /* functions 1 and up */
    cache_clean(page + ECAM_FUNCTION, mirror->page - ECAM_FUNCTION);
    pthread_mutex_lock(&function->lock);
    function->mirror = page;
    pci_mirror_update(function, 0, PCI_CONFIG_SIZE);
    pthread_mutex_unlock(&function->lock);
    if (mirror->show(mirror->ctx, place(function), mirror->page, page))
        function->mirror = NULL;
}

void pci_mirror_hide(struct pci_function *function)
{
    const struct pci_mirror *mirror = &function->host->mirror;
    bool shown;

    pthread_mutex_lock(&function->lock);
    shown = function->mirror != NULL;
    function->mirror = NULL;
    pthread_mutex_unlock(&function->lock);
    if (shown)
        mirror->hide(mirror->ctx, place(function), mirror->page);
}

void pci_host_mirror(struct pci_host *host, const struct pci_mirror *mirror)
{
    host->mirror = *mirror;
    for (unsigned i = 0; i < PCI_SLOTS; i++)
        if (host->slots[i])
            show(host->slots[i], mirror);
}
