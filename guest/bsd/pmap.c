/* SPDX-License-Identifier: ISC */
/* Translation tables (Arm ARM D8.3). See pmap.h for what is where. */
#include "pmap.h"

#define LEVELS   3
#define PER_PAGE 512

#define PTE_TABLE   UINT64_C(3)
#define PTE_PAGE    UINT64_C(3)
#define PTE_ATTR(n) ((uint64_t)(n) << 2) /* of MAIR_EL1, as locore.S sets it */
#define PTE_USER    (UINT64_C(1) << 6)
#define PTE_RDONLY  (UINT64_C(1) << 7)
#define PTE_INNER   (UINT64_C(3) << 8)
#define PTE_AF      (UINT64_C(1) << 10)
#define PTE_NG      (UINT64_C(1) << 11)
#define PTE_PXN     (UINT64_C(1) << 53)
#define PTE_UXN     (UINT64_C(1) << 54)

#define ATTR_WRITE_BACK 0
#define ATTR_DEVICE     1
#define ATTR_NOCACHE    2

struct pmap pmap_kernel, pmap_user;
static uint64_t direct_base; /* 0 while the MMU is off */

void *pmap_direct(paddr_t pa)
{
    return (void *)(pa + direct_base);
}

static paddr_t new_table(void)
{
    paddr_t pa = page_alloc(PAGE_SIZE, PAGE_SIZE, 0);
    uint8_t *table = memset(pmap_direct(pa), 0, PAGE_SIZE);

    /* The table may be filled with the caches off and walked with them on. */
    for (unsigned i = 0; i < PAGE_SIZE; i += 64)
        __asm__ volatile("dc civac, %0" : : "r"(table + i) : "memory");
    dsb(sy);
    return pa;
}

/* The level 3 entry of `va`; NULL when there is no table for it and `make` is false. */
static uint64_t *walk(paddr_t *root, vaddr_t va, bool make)
{
    paddr_t table;
    uint64_t *entry;

    if (!*root) {
        if (!make)
            return NULL;
        *root = new_table();
    }
    table = *root;
    for (unsigned level = LEVELS; level > 1; level--) {
        entry = pmap_direct(table);
        entry += va >> (PAGE_SHIFT + 9 * (level - 1)) & (PER_PAGE - 1);
        if (!*entry) {
            if (!make)
                return NULL;
            *entry = new_table() | PTE_TABLE;
        }
        table = *entry & PTE_RPGN;
    }
    entry = pmap_direct(table);
    return entry + (va >> PAGE_SHIFT & (PER_PAGE - 1));
}

static uint64_t attributes(const struct pmap *pmap, paddr_t pa, unsigned prot)
{
    uint64_t pte = PTE_PAGE | PTE_AF | PTE_INNER;

    if (pa & PMAP_DEVICE)
        pte |= PTE_ATTR(ATTR_DEVICE);
    else
        pte |= PTE_ATTR(pa & PMAP_NOCACHE ? ATTR_NOCACHE : ATTR_WRITE_BACK);
    if (!(prot & PROT_WRITE))
        pte |= PTE_RDONLY;
    if (pmap->user)
        pte |= PTE_USER | PTE_NG | PTE_PXN | (prot & PROT_EXEC ? 0 : PTE_UXN);
    else
        pte |= PTE_UXN | (prot & PROT_EXEC ? 0 : PTE_PXN);
    return pte;
}

void pmap_enter(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot)
{
    *walk(&pmap->root, va, true) = (pa & PTE_RPGN) | attributes(pmap, pa, prot);
    dsb(ishst);
    __asm__ volatile("tlbi vaae1is, %0" : : "r"(va >> PAGE_SHIFT & 0xfffffffffff));
    dsb(ish);
    isb();
}

bool pmap_extract(const struct pmap *pmap, vaddr_t va, paddr_t *pa)
{
    paddr_t root = pmap->root;
    const uint64_t *pte = walk(&root, va, false);

    if (!pte || !*pte)
        return false;
    *pa = (*pte & PTE_RPGN) | (va & PAGE_MASK);
    return true;
}

void pmap_init(paddr_t kernel_root)
{
    pmap_kernel.root = kernel_root;
    direct_base = DMAPBASE;
}

void pmap_user_init(void)
{
    pmap_user = (struct pmap){new_table(), true};
    write_sysreg(ttbr0_el1, pmap_user.root);
    isb();
    __asm__ volatile("tlbi vmalle1" : : : "memory");
    dsb(ish);
    isb();
}

vaddr_t kva_alloc(size_t size)
{
    static vaddr_t next;
    vaddr_t va;

    if (!next)
        next = KVABASE + trunc_page(bootarg_number("kva", 0));
    va = next;
    next += round_page(size) + PAGE_SIZE; /* a page that faults between any two */
    return va;
}

vaddr_t pmap_device(paddr_t pa, size_t size)
{
    static vaddr_t next = DEVICEBASE;
    paddr_t first = trunc_page(pa);
    vaddr_t va = next + (pa & PAGE_MASK);

    for (uint64_t end = round_page(pa + size); first < end; first += PAGE_SIZE, next += PAGE_SIZE)
        pmap_enter(&pmap_kernel, next, first | PMAP_DEVICE, PROT_READ | PROT_WRITE);
    next += PAGE_SIZE;
    return va;
}
