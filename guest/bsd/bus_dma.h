/* SPDX-License-Identifier: ISC */
/*
 * bus_dma(9): memory that a device reaches. The names, arguments and meanings are OpenBSD's, as far
 * as virtio's drivers use them, so that a driver written over this file reads the same there.
 *
 * The point of the interface is that it keeps three addresses apart which a careless driver mixes
 * up: what the CPU uses (a `void *` from bus_dmamem_map), what a device uses (ds_addr, in a segment
 * of a loaded map), and what a page-table entry uses (the paddr_t from bus_dmamem_mmap). On this
 * machine the last two are the same number. The first never is.
 *
 * Devices see the caches here (dma-coherent), so bus_dmamap_sync has ordering to give and nothing
 * to flush; a driver calls it all the same, in pairs around each transfer.
 */
#ifndef BSD_BUS_DMA_H
#define BSD_BUS_DMA_H

#include "bsd.h"

#define BUS_DMA_WAITOK   0x0000
#define BUS_DMA_NOWAIT   0x0001
#define BUS_DMA_ALLOCNOW 0x0002
#define BUS_DMA_ZERO     0x0800
#define BUS_DMA_NOCACHE  0x1000

#define BUS_DMASYNC_PREREAD   0x01 /* before the device writes */
#define BUS_DMASYNC_POSTREAD  0x02 /* after it, before the CPU reads */
#define BUS_DMASYNC_PREWRITE  0x04 /* after the CPU wrote, before the device reads */
#define BUS_DMASYNC_POSTWRITE 0x08 /* after it */

typedef struct {
    paddr_t ds_addr;
    size_t ds_len;
} bus_dma_segment_t;

/* How a device reaches memory: this one sees all of it, and may be given none below `lowest` bytes
 * into RAM, which moves its buffers about. */
typedef struct bus_dma_tag {
    uint64_t lowest;
} * bus_dma_tag_t;

typedef struct bus_dmamap {
    size_t _dm_size, _dm_maxsegsz;
    int _dm_segcnt;
    int dm_nsegs; /* of the load; 0: not loaded */
    bus_dma_segment_t dm_segs[];
} * bus_dmamap_t;

/* A map for transfers of up to `size` bytes in at most `nsegments` pieces of at most `maxsegsz`. */
int bus_dmamap_create(bus_dma_tag_t tag, size_t size, int nsegments, size_t maxsegsz,
                      size_t boundary, int flags, bus_dmamap_t *map);
/* Finds the physical pieces of a kernel buffer; EINVAL when they do not fit into the map. */
int bus_dmamap_load(bus_dma_tag_t tag, bus_dmamap_t map, void *buffer, size_t length, void *process,
                    int flags);
void bus_dmamap_unload(bus_dma_tag_t tag, bus_dmamap_t map);
/* Orders the CPU's accesses to part of a loaded map with the device's. */
void bus_dmamap_sync(bus_dma_tag_t tag, bus_dmamap_t map, size_t offset, size_t length, int ops);

/* Physical memory, in one segment. */
int bus_dmamem_alloc(bus_dma_tag_t tag, size_t size, size_t alignment, size_t boundary,
                     bus_dma_segment_t *segs, int nsegs, int *rsegs, int flags);
void bus_dmamem_free(bus_dma_tag_t tag, bus_dma_segment_t *segs, int nsegs);
/* Gives it a kernel virtual address. */
int bus_dmamem_map(bus_dma_tag_t tag, bus_dma_segment_t *segs, int nsegs, size_t size, void **kva,
                   int flags);
/* What a driver's mmap function returns for byte `offset` of it: a physical address with the pmap's
 * flags, or -1 outside. */
paddr_t bus_dmamem_mmap(bus_dma_tag_t tag, bus_dma_segment_t *segs, int nsegs, uint64_t offset,
                        int prot, int flags);

#endif
