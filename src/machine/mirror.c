/* SPDX-License-Identifier: ISC */
/* Registers that engines which can show to guests as memory: the PCI functions' configuration
 * (pci/mirror.c) and the UART's (chip/pl011.c). Without it everything works as well, more slowly.
 */
#include <stdlib.h>

#include "chip/pl011.h"
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

static void mirror_pci(struct machine *m)
{
    struct pci_mirror mirror = {
        .page = m->caps.host_page_size, .show = show, .hide = hide, .ctx = m};

    if (mirror.page > PCI_MIRROR_PAGE_MAX)
        return;
    m->mirror = aligned_alloc(mirror.page, PCI_SLOTS * mirror.page);
    mirror.pages = m->mirror;
    if (mirror.pages)
        pci_host_mirror(m->pci, &mirror);
}

static int show_uart(void *ctx)
{
    struct machine *m = ctx;

    return show(m, m->platform.uart.base, PL011_SIZE, m->uart_mirror);
}

static void hide_uart(void *ctx)
{
    struct machine *m = ctx;

    hide(m, m->platform.uart.base, PL011_SIZE);
}

/* Beside it there is nothing that a larger page could show. */
static void mirror_uart(struct machine *m)
{
    struct pl011_mirror mirror = {.show = show_uart, .hide = hide_uart, .ctx = m};

    if (!m->uart || m->caps.host_page_size > PL011_SIZE)
        return;
    m->uart_mirror = mirror.page = aligned_alloc(PL011_SIZE, PL011_SIZE);
    if (mirror.page)
        pl011_mirror(m->uart, &mirror);
}

void mirror_create(struct machine *m)
{
    if (!m->engine->vm_map_reads)
        return;
    mirror_pci(m);
    mirror_uart(m);
}

void mirror_destroy(struct machine *m)
{
    free(m->mirror);
    free(m->uart_mirror);
}
