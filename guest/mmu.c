/* SPDX-License-Identifier: ISC */
/* Translation tables for the test guests: 4K granule, 39 bits, TTBR0 only. See guest.h. */
#include "guest.h"

#define TABLES 16

static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t spare[TABLES][512] __attribute__((aligned(4096)));
static unsigned used;

/* Device memory below 1 GiB, RAM above, as blocks of 1 GiB. */
static void fill(void)
{
    level1[0] = 0x00000000 | PTE_AF | PTE_DEVICE | PTE_UXN | PTE_PXN | 1;
    level1[1] = 0x40000000 | PTE_AF | PTE_NORMAL | 1;
}

void mmu_on(void)
{
    if (!level1[1])
        fill();
    dsb();
    write_sysreg(mair_el1, 0x04ff);
    write_sysreg(tcr_el1, 25 | 25 << 16 | 1 << 23 | UINT64_C(2) << 30 | UINT64_C(2) << 32);
    write_sysreg(ttbr0_el1, (uint64_t)level1);
    isb();
    write_sysreg(sctlr_el1, SCTLR_PLAIN | 1 | 1 << 2 | 1 << 12);
    isb();
}

static uint64_t *next_level(uint64_t *entry)
{
    if (!(*entry & 1))
        *entry = (uint64_t)spare[used++ % TABLES] | 3;
    return (uint64_t *)(*entry & 0xfffffffff000);
}

uint64_t *mmu_pte(uint64_t va)
{
    uint64_t *level2 = next_level(&level1[va >> 30 & 511]);
    uint64_t *level3 = next_level(&level2[va >> 21 & 511]);

    return &level3[va >> 12 & 511];
}

void mmu_map(uint64_t va, uint64_t pte)
{
    *(volatile uint64_t *)mmu_pte(va) = pte;
    dsb();
    __asm__ volatile("tlbi vae1is, %0" : : "r"(va >> 12 & 0xfffffffffff) : "memory");
    dsb();
    isb();
}
