/* SPDX-License-Identifier: ISC */
/*
 * The pool (UEFI 2.10, 7.2.4): slabs of one page for small pieces of one size and memory type,
 * whole pages for the rest. What is free is known on the host's side only: a program that writes
 * past its piece harms nobody's bookkeeping.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/core.h"

#define SMALLEST      32u
#define LARGEST       2048u
#define MAX_SLABS     (1u << 16)
#define RUNTIME_PAGES 16u /* runtime regions are whole 64 KiB (memory.c) */

struct efi_slab {
    uint64_t base, pages;
    uint32_t type, size; /* of a piece; 0: the whole is one */
    uint32_t used;
    uint64_t map[RUNTIME_PAGES * EFI_PAGE / SMALLEST / 64]; /* 1: in use */
};

static uint32_t size_class(size_t length)
{
    uint32_t size = SMALLEST;

    while (size < length)
        size *= 2;
    return size;
}

static uint32_t pieces(const struct efi_slab *slab)
{
    return (uint32_t)(slab->pages * EFI_PAGE / slab->size);
}

static struct efi_slab *add_slab(struct efi *efi, uint32_t type, uint32_t size, uint64_t pages)
{
    struct efi_memory *m = &efi->memory;
    struct efi_slab *slab;
    uint64_t base;

    if (m->slab_count == m->slab_room) {
        size_t room = m->slab_room ? m->slab_room * 2 : 64;
        struct efi_slab *slabs =
            room <= MAX_SLABS ? realloc(m->slabs, room * sizeof(*slabs)) : NULL;

        if (!slabs)
            return NULL;
        m->slabs = slabs;
        m->slab_room = room;
    }
    if (efi_pages_new(efi, EFI_ALLOCATE_ANY, type, pages, &base) != EFI_SUCCESS)
        return NULL;
    slab = &m->slabs[m->slab_count++];
    *slab = (struct efi_slab){.base = base, .pages = pages, .type = type, .size = size};
    return slab;
}

static struct efi_slab *slab_with_room(struct efi *efi, uint32_t type, uint32_t size)
{
    bool runtime = type == EFI_RUNTIME_CODE || type == EFI_RUNTIME_DATA || type == EFI_ACPI_NVS ||
                   type == EFI_RESERVED;

    for (size_t i = efi->memory.slab_count; i-- > 0;) {
        struct efi_slab *slab = &efi->memory.slabs[i];

        if (slab->type == type && slab->size == size && slab->used < pieces(slab))
            return slab;
    }
    return add_slab(efi, type, size, runtime ? RUNTIME_PAGES : 1);
}

efi_status efi_pool_typed(struct efi *efi, uint32_t type, size_t length, uint64_t *address)
{
    struct efi_slab *slab;
    uint32_t piece = 0;

    if (length > LARGEST) {
        slab = length < SIZE_MAX - EFI_PAGE
                   ? add_slab(efi, type, 0, (length + EFI_PAGE - 1) / EFI_PAGE)
                   : NULL;
        if (!slab)
            return EFI_OUT_OF_RESOURCES;
        *address = slab->base;
        return EFI_SUCCESS;
    }
    slab = slab_with_room(efi, type, size_class(length));
    if (!slab)
        return EFI_OUT_OF_RESOURCES;
    while (slab->map[piece / 64] & BIT(piece % 64))
        piece++;
    slab->map[piece / 64] |= BIT(piece % 64);
    slab->used++;
    *address = slab->base + piece * slab->size;
    return EFI_SUCCESS;
}

efi_status efi_pool_new(struct efi *efi, size_t length, uint64_t *guest)
{
    return efi_pool_typed(efi, EFI_BOOT_DATA, length, guest);
}

static efi_status drop_slab(struct efi *efi, struct efi_slab *slab)
{
    struct efi_slab gone = *slab;

    *slab = efi->memory.slabs[--efi->memory.slab_count];
    return efi_pages_free(efi, gone.base, gone.pages);
}

efi_status efi_pool_free(struct efi *efi, uint64_t address)
{
    for (size_t i = 0; i < efi->memory.slab_count; i++) {
        struct efi_slab *slab = &efi->memory.slabs[i];
        uint64_t offset = address - slab->base;
        uint32_t piece;

        if (address < slab->base || offset >= slab->pages * EFI_PAGE)
            continue;
        if (!slab->size)
            return offset ? EFI_INVALID_PARAMETER : drop_slab(efi, slab);
        piece = (uint32_t)(offset / slab->size);
        if (offset % slab->size || !(slab->map[piece / 64] & BIT(piece % 64)))
            return EFI_INVALID_PARAMETER;
        slab->map[piece / 64] &= ~BIT(piece % 64);
        return --slab->used ? EFI_SUCCESS : drop_slab(efi, slab);
    }
    return EFI_INVALID_PARAMETER;
}

void efi_pool_stop(struct efi *efi)
{
    free(efi->memory.slabs);
    efi->memory.slabs = NULL;
    efi->memory.slab_count = efi->memory.slab_room = 0;
}

/* AllocatePool(PoolType, Size, **Buffer) */
efi_status efi_allocate_pool(struct efi_call *call)
{
    uint32_t type = (uint32_t)call->arg[0];
    uint64_t address;
    efi_status status;

    if (type == EFI_CONVENTIONAL || type == EFI_PERSISTENT || type == EFI_MMIO ||
        (type >= EFI_MEMORY_TYPES && type < 0x70000000) || !call->arg[2])
        return EFI_INVALID_PARAMETER;
    status = efi_pool_typed(call->efi, type, call->arg[1], &address);
    if (status == EFI_SUCCESS && efi_write_u64(call, call->arg[2], address)) {
        efi_pool_free(call->efi, address);
        return EFI_INVALID_PARAMETER;
    }
    return status;
}

/* FreePool(Buffer) */
efi_status efi_free_pool(struct efi_call *call)
{
    return efi_pool_free(call->efi, call->arg[0]);
}
