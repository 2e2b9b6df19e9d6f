/* SPDX-License-Identifier: ISC */
/*
 * The memory map (UEFI 2.10, 7.2): ascending regions, whole RAM and the doorbell. Runtime regions
 * are whole 64 KiB, so that systems with larger pages can map them by themselves (2.3.6).
 */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "firmware/efi/core.h"

#define MAX_REGIONS 4096u
#define DESCRIPTOR_SIZE                                                                            \
    48u /* larger than the structure, as firmware has it: 7.2.3 wants that minded */
#define RUNTIME_ALIGN (64 * KIB)

#define EFI_MEMORY_UC  UINT64_C(1)
#define EFI_MEMORY_WB  UINT64_C(8)
#define RAM_ATTRIBUTES UINT64_C(0xf) /* UC, WC, WT, WB */

struct descriptor {
    uint32_t type, pad;
    uint64_t physical, virtual, pages, attributes;
};

static bool is_runtime(uint32_t type)
{
    return type == EFI_RUNTIME_CODE || type == EFI_RUNTIME_DATA;
}

static uint64_t align_of(uint32_t type)
{
    return is_runtime(type) || type == EFI_ACPI_NVS || type == EFI_RESERVED ? RUNTIME_ALIGN
                                                                            : EFI_PAGE;
}

static bool same_kind(const struct efi_region *a, const struct efi_region *b)
{
    return a->type == b->type && a->attributes == b->attributes &&
           a->start + a->pages * EFI_PAGE == b->start;
}

static uint64_t end_of(const struct efi_region *r)
{
    return r->start + r->pages * EFI_PAGE;
}

/* Makes room for `more` regions at `at`. */
static bool insert(struct efi_memory *m, size_t at, size_t more)
{
    if (m->count + more > MAX_REGIONS)
        return false;
    if (m->count + more > m->room) {
        size_t room = m->room ? m->room * 2 : 64;
        struct efi_region *regions = realloc(m->regions, room * sizeof(*regions));

        if (!regions)
            return false;
        m->regions = regions;
        m->room = room;
    }
    memmove(&m->regions[at + more], &m->regions[at], (m->count - at) * sizeof(*m->regions));
    m->count += more;
    return true;
}

static void merge(struct efi_memory *m)
{
    size_t to = 0;

    for (size_t i = 1; i < m->count; i++) {
        if (same_kind(&m->regions[to], &m->regions[i]))
            m->regions[to].pages += m->regions[i].pages;
        else
            m->regions[++to] = m->regions[i];
    }
    m->count = m->count ? to + 1 : 0;
}

/* Gives [start, start + pages), which lies within region `at`, another type. */
static bool retype(struct efi_memory *m, size_t at, uint64_t start, uint64_t pages, uint32_t type)
{
    const struct efi_region old = m->regions[at];
    const struct efi_region parts[] = {
        {old.start, (start - old.start) / EFI_PAGE, old.attributes, old.type},
        {start, pages, RAM_ATTRIBUTES | (is_runtime(type) ? EFI_MEMORY_RUNTIME : 0), type},
        {start + pages * EFI_PAGE, (end_of(&old) - start) / EFI_PAGE - pages, old.attributes,
         old.type},
    };
    size_t count = 0;

    for (size_t i = 0; i < nitems(parts); i++)
        count += parts[i].pages != 0;
    if (!insert(m, at, count - 1))
        return false;
    for (size_t i = 0; i < nitems(parts); i++)
        if (parts[i].pages)
            m->regions[at++] = parts[i];
    merge(m);
    m->key++;
    return true;
}

const struct efi_region *efi_region_at(const struct efi *efi, uint64_t address)
{
    for (size_t i = 0; i < efi->memory.count; i++) {
        const struct efi_region *r = &efi->memory.regions[i];

        if (address >= r->start && address < end_of(r))
            return r;
    }
    return NULL;
}

/* The highest place below `limit` (exclusive) for `pages` aligned pages, as firmware usually gives;
 * false: none. */
static bool find_free(const struct efi_memory *m, uint64_t pages, uint64_t align, uint64_t limit,
                      size_t *at, uint64_t *start)
{
    for (size_t i = m->count; i-- > 0;) {
        const struct efi_region *r = &m->regions[i];
        uint64_t end = MIN(end_of(r), limit);

        if (r->type != EFI_CONVENTIONAL || end <= r->start || (end - r->start) / EFI_PAGE < pages)
            continue;
        *start = align_down(end - pages * EFI_PAGE, align);
        if (*start >= r->start) {
            *at = i;
            return true;
        }
    }
    return false;
}

static efi_status take(struct efi *efi, uint32_t type, uint64_t pages, uint64_t align,
                       uint64_t limit, uint64_t *address)
{
    size_t at;

    if (!find_free(&efi->memory, pages, align, limit, &at, address) ||
        !retype(&efi->memory, at, *address, pages, type))
        return EFI_OUT_OF_RESOURCES;
    return EFI_SUCCESS;
}

static efi_status take_at(struct efi *efi, uint32_t type, uint64_t pages, uint64_t address)
{
    struct efi_memory *m = &efi->memory;

    for (size_t i = 0; i < m->count; i++) {
        struct efi_region *r = &m->regions[i];

        if (r->type != EFI_CONVENTIONAL || address < r->start ||
            !range_fits((address - r->start) / EFI_PAGE, pages, r->pages))
            continue;
        return retype(m, i, address, pages, type) ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
    }
    return EFI_NOT_FOUND;
}

efi_status efi_pages_aligned(struct efi *efi, uint32_t type, uint64_t pages, uint64_t align,
                             uint64_t *address)
{
    return take(efi, type, align_up(pages, align_of(type) / EFI_PAGE), MAX(align, align_of(type)),
                UINT64_MAX, address);
}

efi_status efi_pages_new(struct efi *efi, enum efi_allocate how, uint32_t type, uint64_t pages,
                         uint64_t *address)
{
    uint64_t align = align_of(type), limit = UINT64_MAX;

    if (pages == 0 || pages > UINT64_MAX / EFI_PAGE - RUNTIME_ALIGN)
        return pages ? EFI_OUT_OF_RESOURCES : EFI_INVALID_PARAMETER;
    if (how == EFI_ALLOCATE_ADDRESS)
        return *address % align ? EFI_NOT_FOUND
                                : take_at(efi, type, align_up(pages, align / EFI_PAGE), *address);
    if (how == EFI_ALLOCATE_MAX && *address != UINT64_MAX)
        limit = *address + 1;
    return take(efi, type, align_up(pages, align / EFI_PAGE), align, limit, address);
}

efi_status efi_pages_free(struct efi *efi, uint64_t address, uint64_t pages)
{
    struct efi_memory *m = &efi->memory;

    if (address % EFI_PAGE || pages == 0)
        return EFI_INVALID_PARAMETER;
    for (size_t i = 0; i < m->count; i++) {
        const struct efi_region *r = &m->regions[i];

        if (address < r->start || !range_fits((address - r->start) / EFI_PAGE, pages, r->pages))
            continue;
        if (r->type == EFI_CONVENTIONAL || r->type == EFI_MMIO)
            return EFI_NOT_FOUND;
        pages =
            MIN(align_up(pages, align_of(r->type) / EFI_PAGE), (end_of(r) - address) / EFI_PAGE);
        return retype(m, i, address, pages, EFI_CONVENTIONAL) ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
    }
    return EFI_NOT_FOUND;
}

efi_status efi_memory_start(struct efi *efi)
{
    const struct platform_range *ram = &efi->config.platform->ram;
    struct efi_memory *m = &efi->memory;
    const struct efi_region regions[] = {
        {efi->config.doorbell, EFI_DOORBELL_SIZE / EFI_PAGE, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME,
         EFI_MMIO},
        {ram->base, ram->size / EFI_PAGE, RAM_ATTRIBUTES, EFI_CONVENTIONAL},
    };

    m->count = 0;
    if (!insert(m, 0, nitems(regions)))
        return EFI_OUT_OF_RESOURCES;
    memcpy(m->regions, regions, sizeof(regions));
    m->key++;
    return EFI_SUCCESS;
}

void efi_memory_stop(struct efi *efi)
{
    free(efi->memory.regions);
    efi->memory.regions = NULL;
    efi->memory.count = efi->memory.room = 0;
}

/* AllocatePages(Type, MemoryType, Pages, *Memory) */
efi_status efi_allocate_pages(struct efi_call *call)
{
    uint32_t how = (uint32_t)call->arg[0], type = (uint32_t)call->arg[1];
    uint64_t address = 0;
    efi_status status;

    if (how > EFI_ALLOCATE_ADDRESS || type == EFI_CONVENTIONAL || type == EFI_PERSISTENT ||
        (type >= EFI_MEMORY_TYPES && type < 0x70000000) ||
        efi_read_u64(call, call->arg[3], &address))
        return EFI_INVALID_PARAMETER;
    if (how == EFI_ALLOCATE_ADDRESS && address % EFI_PAGE)
        return EFI_NOT_FOUND;
    status = efi_pages_new(call->efi, (enum efi_allocate)how, type, call->arg[2], &address);
    if (status == EFI_SUCCESS && efi_write_u64(call, call->arg[3], address)) {
        efi_pages_free(call->efi, address, call->arg[2]);
        return EFI_INVALID_PARAMETER;
    }
    return status;
}

/* FreePages(Memory, Pages) */
efi_status efi_free_pages(struct efi_call *call)
{
    return efi_pages_free(call->efi, call->arg[0], call->arg[1]);
}

static efi_status write_map(struct efi_call *call, uint64_t to)
{
    const struct efi_memory *m = &call->efi->memory;

    for (size_t i = 0; i < m->count; i++) {
        const struct efi_region *r = &m->regions[i];
        uint8_t out[DESCRIPTOR_SIZE] = {0};
        const struct descriptor d = {
            .type = r->type, .physical = r->start, .pages = r->pages, .attributes = r->attributes};

        memcpy(out, &d, sizeof(d));
        if (efi_write(call, to + i * DESCRIPTOR_SIZE, out, sizeof(out)))
            return EFI_INVALID_PARAMETER;
    }
    return EFI_SUCCESS;
}

/* GetMemoryMap(*MemoryMapSize, *MemoryMap, *MapKey, *DescriptorSize, *DescriptorVersion) */
efi_status efi_get_memory_map(struct efi_call *call)
{
    uint64_t room, need = call->efi->memory.count * DESCRIPTOR_SIZE;
    efi_status status;

    if (efi_read_u64(call, call->arg[0], &room) || efi_write_u64(call, call->arg[0], need))
        return EFI_INVALID_PARAMETER;
    if (call->arg[3] && efi_write_u64(call, call->arg[3], DESCRIPTOR_SIZE))
        return EFI_INVALID_PARAMETER;
    if (call->arg[4] && efi_write_u32(call, call->arg[4], 1))
        return EFI_INVALID_PARAMETER;
    if (room < need)
        return EFI_BUFFER_TOO_SMALL;
    status = write_map(call, call->arg[1]);
    if (status == EFI_SUCCESS && call->arg[2] &&
        efi_write_u64(call, call->arg[2], call->efi->memory.key))
        return EFI_INVALID_PARAMETER;
    return status;
}
