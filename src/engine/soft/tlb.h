/* SPDX-License-Identifier: ISC */
/*
 * The soft TLB of one vCPU: what the fast path of a load or store looks at.
 *
 * Direct-mapped, pages of 4 KiB whatever the granule. It holds translations of the current ASID
 * only (a change of ASID or of a table base drops everything), so an entry is just a page and the
 * permission to touch it. There is one array for each way in which permissions differ: EL0, EL1,
 * EL1 with PAN. A tag is the page's address, top byte included, with low bits zero; a low bit that
 * is set (SOFT_TLB_SLOW) makes the fast path miss, and the slow path of access.c then does what
 * must be done on every access (dirty log, watchpoints).
 *
 * Only the vCPU's own thread touches it; other vCPUs post requests (soft/maintain.h).
 */
#ifndef ENGINE_SOFT_TLB_H
#define ENGINE_SOFT_TLB_H

#include "base/bits.h"

#define SOFT_PAGE_SHIFT 12
#define SOFT_PAGE_SIZE  (UINT64_C(1) << SOFT_PAGE_SHIFT)
#define SOFT_PAGE_MASK  (~(SOFT_PAGE_SIZE - 1))

#define SOFT_TLB_SIZE  512
#define SOFT_ETLB_SIZE 256
#define SOFT_TLB_SLOW  UINT64_C(0x800)

enum soft_access { SOFT_READ, SOFT_WRITE, SOFT_FETCH };

/* Whose permissions an array of the TLB holds. */
enum soft_tlb_context { SOFT_CTX_EL0, SOFT_CTX_EL1, SOFT_CTX_EL1_PAN, SOFT_CTX_COUNT };

struct soft_tlb_entry {
    uint64_t tag[2]; /* by enum soft_access: page address, or UINT64_MAX */
    uintptr_t host;  /* host address of the page minus the page's virtual address */
    uint64_t pa;     /* of the page; SOFT_TLB_DEVICE below */
};
#define SOFT_TLB_DEVICE UINT64_C(1) /* Device memory: unaligned accesses fault */

/* A page that instructions are fetched from. */
struct soft_etlb_entry {
    uint64_t tag;
    uint64_t pa;
    const uint8_t *host;
};

struct soft_tlb {
    struct soft_tlb_entry data[SOFT_CTX_COUNT][SOFT_TLB_SIZE];
    struct soft_etlb_entry code[2][SOFT_ETLB_SIZE]; /* by EL */
    bool used[SOFT_CTX_COUNT], code_used;           /* anything there since the last flush? */
    uint64_t blocks[8];    /* Bloom filter of the block mappings here, for TLBI by address */
    uint64_t block_shifts; /* their sizes: bit n for 2^n bytes */
    uint8_t page_shift;    /* log2 of the largest page (not block) here */
};

static inline struct soft_tlb_entry *soft_tlb_slot(struct soft_tlb_entry *array, uint64_t va)
{
    return &array[(va >> SOFT_PAGE_SHIFT) % SOFT_TLB_SIZE];
}

/* What the tag is when an aligned access of `size` bytes at va hits; an unaligned one never
 * matches. */
static inline uint64_t soft_tlb_key(uint64_t va, unsigned size)
{
    return va & (SOFT_PAGE_MASK | (size - 1));
}

/* Single-copy atomic accesses to naturally aligned host addresses of guest RAM, relaxed. */
static inline uint64_t soft_host_load(uintptr_t host, unsigned size)
{
    switch (size) {
    case 1: return __atomic_load_n((uint8_t *)host, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((uint16_t *)host, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((uint32_t *)host, __ATOMIC_RELAXED);
    default: return __atomic_load_n((uint64_t *)host, __ATOMIC_RELAXED);
    }
}

static inline void soft_host_store(uintptr_t host, unsigned size, uint64_t value)
{
    switch (size) {
    case 1: __atomic_store_n((uint8_t *)host, (uint8_t)value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)host, (uint16_t)value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)host, (uint32_t)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)host, value, __ATOMIC_RELAXED); break;
    }
}

#endif
