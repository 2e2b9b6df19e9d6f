/* SPDX-License-Identifier: ISC */
/* See uvm.h. */
#include "uvm.h"

#include "pmap.h"

#define DEVICE_VA UINT64_C(0x40000000) /* where mmap puts the device */

static struct {
    device_mmap mmap;
    void *device;
    uint64_t size;
} screen;

static struct {
    vaddr_t start, end;
    uint64_t offset;
    unsigned prot;
} mapping;

void uvm_device(device_mmap mmap, void *device, uint64_t size)
{
    screen.mmap = mmap;
    screen.device = device;
    screen.size = size;
}

void uvm_map_pages(vaddr_t va, paddr_t pa, uint64_t size, unsigned prot)
{
    for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE)
        pmap_enter(&pmap_user, va + offset, pa + offset, prot);
}

vaddr_t uvm_map_device(uint64_t size, uint64_t offset, unsigned prot)
{
    if (!screen.mmap || size == 0 || size > UINT32_MAX || (offset & PAGE_MASK) || mapping.start)
        return 0;
    mapping.start = DEVICE_VA;
    mapping.end = DEVICE_VA + round_page(size);
    mapping.offset = offset;
    mapping.prot = prot;
    return mapping.start;
}

paddr_t uvm_device_page(vaddr_t va)
{
    uint64_t offset = trunc_page(va) - mapping.start + mapping.offset;

    return screen.mmap(screen.device, offset, (int)mapping.prot);
}

int uvm_fault(vaddr_t va, unsigned access)
{
    paddr_t pa;

    if (va < mapping.start || va >= mapping.end)
        return EFAULT;
    if (access & ~mapping.prot)
        return EACCES;
    pa = uvm_device_page(va);
    if (pa == (paddr_t)-1)
        return EFAULT;
    pmap_enter(&pmap_user, trunc_page(va), pa, mapping.prot);
    return 0;
}

bool uvm_readable(vaddr_t va, uint64_t size)
{
    paddr_t pa;

    if (size > PAGE_SIZE)
        return false;
    return pmap_extract(&pmap_user, va, &pa) && pmap_extract(&pmap_user, va + size, &pa);
}
