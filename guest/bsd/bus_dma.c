/* SPDX-License-Identifier: ISC */
/* See bus_dma.h. */
#include "bus_dma.h"

#include "pmap.h"

int bus_dmamap_create(bus_dma_tag_t tag, size_t size, int nsegments, size_t maxsegsz,
                      size_t boundary, int flags, bus_dmamap_t *map)
{
    bus_dmamap_t m = kalloc(sizeof(*m) + (size_t)nsegments * sizeof(m->dm_segs[0]));

    m->_dm_size = size;
    m->_dm_maxsegsz = maxsegsz;
    m->_dm_segcnt = nsegments;
    *map = m;
    return 0;
}

/* Appends a piece, to the last segment if it follows that in memory. */
static bool append(bus_dmamap_t map, paddr_t pa, size_t length)
{
    bus_dma_segment_t *last = &map->dm_segs[map->dm_nsegs - 1];

    if (map->dm_nsegs && last->ds_addr + last->ds_len == pa &&
        last->ds_len + length <= map->_dm_maxsegsz) {
        last->ds_len += length;
        return true;
    }
    if (map->dm_nsegs == map->_dm_segcnt)
        return false;
    map->dm_segs[map->dm_nsegs++] = (bus_dma_segment_t){pa, length};
    return true;
}

int bus_dmamap_load(bus_dma_tag_t tag, bus_dmamap_t map, void *buffer, size_t length, void *process,
                    int flags)
{
    vaddr_t va = (vaddr_t)buffer;

    map->dm_nsegs = 0;
    if (length > map->_dm_size)
        return EINVAL;
    while (length) {
        size_t part = MIN(length, PAGE_SIZE - (va & PAGE_MASK));
        paddr_t pa;

        if (!pmap_extract(&pmap_kernel, va, &pa))
            panic("bus_dmamap_load: nothing is mapped at 0x%lx", va);
        if (!append(map, pa, part)) {
            map->dm_nsegs = 0;
            return EINVAL;
        }
        va += part;
        length -= part;
    }
    return 0;
}

void bus_dmamap_unload(bus_dma_tag_t tag, bus_dmamap_t map)
{
    map->dm_nsegs = 0;
}

void bus_dmamap_sync(bus_dma_tag_t tag, bus_dmamap_t map, size_t offset, size_t length, int ops)
{
    if (ops & (BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE))
        dsb(sy); /* stores before the doorbell */
    if (ops & (BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE))
        dmb(sy); /* the used index before the data */
}

int bus_dmamem_alloc(bus_dma_tag_t tag, size_t size, size_t alignment, size_t boundary,
                     bus_dma_segment_t *segs, int nsegs, int *rsegs, int flags)
{
    size_t rounded = round_page(size);
    paddr_t pa = page_alloc(rounded, alignment > PAGE_SIZE ? alignment : PAGE_SIZE, tag->lowest);

    if (!pa)
        return ENOMEM;
    if (flags & BUS_DMA_ZERO)
        memset(pmap_direct(pa), 0, rounded);
    segs[0] = (bus_dma_segment_t){pa, rounded};
    *rsegs = 1;
    return 0;
}

void bus_dmamem_free(bus_dma_tag_t tag, bus_dma_segment_t *segs, int nsegs)
{
    page_free(segs[0].ds_addr, segs[0].ds_len);
}

int bus_dmamem_map(bus_dma_tag_t tag, bus_dma_segment_t *segs, int nsegs, size_t size, void **kva,
                   int flags)
{
    vaddr_t va = kva_alloc(size);
    paddr_t cache = flags & BUS_DMA_NOCACHE ? PMAP_NOCACHE : 0;

    for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE)
        pmap_enter(&pmap_kernel, va + offset, (segs[0].ds_addr + offset) | cache,
                   PROT_READ | PROT_WRITE);
    *kva = (void *)va;
    return 0;
}

paddr_t bus_dmamem_mmap(bus_dma_tag_t tag, bus_dma_segment_t *segs, int nsegs, uint64_t offset,
                        int prot, int flags)
{
    for (int i = 0; i < nsegs; i++) {
        if (offset < segs[i].ds_len)
            return (segs[i].ds_addr + offset) | (flags & BUS_DMA_NOCACHE ? PMAP_NOCACHE : 0);
        offset -= segs[i].ds_len;
    }
    return (paddr_t)-1;
}
