/* SPDX-License-Identifier: ISC */
/* The PCI functions' configuration, shown to guests by engines that can (pci/mirror.c). */
#include <stdlib.h>

#include "machine/machine.h"

static int show(void *ctx, uint64_t ipa, uint64_t size, const void *page)
{
    struct machine *m = ctx;

    return m->engine->vm_map_reads(m->vm, ipa, size, page);
}

static void hide(void *ctx, uint64_t ipa, uint64_t size)
{
    struct machine *m = ctx;

    m->engine->vm_unmap(m->vm, ipa, size);
}

/* Without it everything works as well, more slowly. */
void mirror_create(struct machine *m)
{
    struct pci_mirror mirror = {
        .page = m->caps.host_page_size, .show = show, .hide = hide, .ctx = m};

    if (!m->engine->vm_map_reads || mirror.page > PCI_MIRROR_PAGE_MAX)
        return;
    m->mirror = aligned_alloc(mirror.page, PCI_SLOTS * mirror.page);
    mirror.pages = m->mirror;
    if (mirror.pages)
        pci_host_mirror(m->pci, &mirror);
}

void mirror_destroy(struct machine *m)
{
    free(m->mirror);
}
