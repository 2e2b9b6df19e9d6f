/* SPDX-License-Identifier: ISC */
/*
 * Pages and translation: 4 KiB pages, 39 bits of virtual address on each side, three levels (Arm
 * ARM D8). The kernel's half, in TTBR1:
 *
 *   0xffffff8000200000 + slide   the image, as OpenBSD links its own
 *   0xffffff8080000000 + kva     buffers that bus_dmamem_map made addressable
 *   0xffffff8200000000           devices
 *   0xffffffc000000000 + pa      all of RAM ("dmap")
 *
 * So a kernel virtual address says nothing about the physical one behind it, and its low 48 bits,
 * 0xff80..., are an address where no machine has memory. That is the whole of bug 2.
 */
#ifndef BSD_PMAP_H
#define BSD_PMAP_H

#include "bsd.h"

#define KERNBASE   UINT64_C(0xffffff8000200000)
#define KVABASE    UINT64_C(0xffffff8080000000)
#define DEVICEBASE UINT64_C(0xffffff8200000000)
#define DMAPBASE   UINT64_C(0xffffffc000000000)

/* The output address in a level 3 entry: whatever else a "physical address" has is lost here. */
#define PTE_RPGN (((UINT64_C(1) << 48) - 1) & ~(uint64_t)PAGE_MASK)

#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

/* In the low bits of a physical address that a driver's mmap returns, as in OpenBSD's pmap(9). */
#define PMAP_NOCACHE UINT64_C(1)
#define PMAP_DEVICE  UINT64_C(2)

struct pmap {
    paddr_t root;
    bool user;
};
extern struct pmap pmap_kernel, pmap_user;

/* --- page.c: physical pages --- */

void page_init(paddr_t start, uint64_t size);
void page_reserve(paddr_t start, uint64_t size);
/* `size` bytes of contiguous pages, `from` bytes into RAM or later, aligned; 0 when there are none.
 */
paddr_t page_alloc(uint64_t size, uint64_t alignment, uint64_t from);
void page_free(paddr_t start, uint64_t size);

/* --- pmap.c --- */

/* Enters one page. `pa` may have PMAP_ flags; of the rest, bits 47 to 12 go into the entry. */
void pmap_enter(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot);
/* What a virtual address means to the pmap: what a device must be told. */
bool pmap_extract(const struct pmap *pmap, vaddr_t va, paddr_t *pa);
/* Tables are reached through the direct map from now on; before, by their physical addresses. */
void pmap_init(paddr_t kernel_root);
/* An empty user address space, in TTBR0. */
void pmap_user_init(void);
/* Contiguous kernel virtual addresses for `size` bytes; nothing is entered. */
vaddr_t kva_alloc(size_t size);
/* Maps device registers. */
vaddr_t pmap_device(paddr_t pa, size_t size);
/* RAM at its address in the direct map. */
void *pmap_direct(paddr_t pa);

#endif
