/* SPDX-License-Identifier: ISC */
/*
 * The soft TLB of one vCPU: what the fast path of a load or store, a fetch, and the translator's
 * jumps look at.
 *
 * It is made of views (struct soft_view). A view is what one context may touch: EL1, EL1 with PAN,
 * and EL0 in one address space, which is an ASID with the bases of both tables. Each has
 * direct-mapped arrays of pages of 4 KiB, whatever the granule, so that an entry is just a page and
 * the permission to touch it. Several address spaces keep their EL0 views while others run: a
 * switch drops nothing but what EL1 had seen of the old space that is not global. Behind the views
 * is one cache of walks (walk.h).
 *
 * A tag is the page's address, top byte included, with low bits zero; a low bit that is set
 * (SOFT_TLB_SLOW) makes the fast path miss, and the slow path of access.c then does what must be
 * done on every access: watchpoints, alignment where memory is Device or SCTLR_EL1.A is set. So an
 * access of any alignment that stays within a page whose tag is clean may be done at once: ((va +
 * size - 1) & SOFT_PAGE_MASK) == tag, where va chose the entry.
 *
 * A page that somebody watches (mem/watch.c) is not for stores until one comes; then it is marked,
 * and stores are as fast as elsewhere until it has to be marked again (SOFT_REARM).
 *
 * Only the vCPU's own thread touches it; other vCPUs post requests (maintain.c).
 */
#ifndef ENGINE_SOFT_TLB_H
#define ENGINE_SOFT_TLB_H

#include "base/bits.h"
#include "engine/soft/walk.h"

#define SOFT_PAGE_SHIFT 12
#define SOFT_PAGE_SIZE  (UINT64_C(1) << SOFT_PAGE_SHIFT)
#define SOFT_PAGE_MASK  (~(SOFT_PAGE_SIZE - 1))

/* Powers of two: translated code has them as constants. Guests go through more data than a small
 * TLB covers; this one covers 64 MiB. */
#define SOFT_TLB_SIZE   16384
#define SOFT_ETLB_SIZE  512
#define SOFT_JUMP_SIZE  16384
#define SOFT_CODE_PAGES 16384 /* bits for pages of code, by number modulo this */
#define SOFT_USER_VIEWS 8
#define SOFT_TLB_SLOW   UINT64_C(0x800)

enum soft_access { SOFT_READ, SOFT_WRITE, SOFT_FETCH };

/*
 * Zeros are an empty entry in all arrays, so that nobody has to touch what is not used: the address
 * 0 belongs to the first slot only, or to the last when an access to data goes on at 0 after the
 * top of the address space, and those are never zero. Arrays are emptied by groups of entries; a
 * set has a bit for each group.
 */
#define SOFT_GROUP             16
#define SOFT_GROUP_WORDS(size) (((size) / SOFT_GROUP + 63) / 64)

/* Adds the group of entry `number`, modulo the array's `size`, to a set. */
static inline void soft_group_add(uint64_t *set, uint64_t number, unsigned size)
{
    unsigned group = (unsigned)(number % size) / SOFT_GROUP;

    set[group / 64] |= BIT(group % 64);
}

/* A page that is loaded from and stored to. */
struct soft_tlb_entry {
    uint64_t tag[2]; /* by enum soft_access: page address, or UINT64_MAX: not for such accesses */
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

/* Where a virtual address goes in translated code. The engine fills it (soft_jump_enter); it is
 * emptied with the translations that it rests on. */
struct soft_jump {
    uint64_t va;
    const void *code;
};

struct soft_view {
    struct soft_tlb_entry data[SOFT_TLB_SIZE];
    struct soft_etlb_entry code[SOFT_ETLB_SIZE];
    struct soft_jump jump[SOFT_JUMP_SIZE];
    /* Groups in which something was entered since they were emptied; and something that is not
     * global. */
    uint64_t data_used[SOFT_GROUP_WORDS(SOFT_TLB_SIZE)],
        data_local[SOFT_GROUP_WORDS(SOFT_TLB_SIZE)];
    uint64_t code_used[SOFT_GROUP_WORDS(SOFT_ETLB_SIZE)],
        code_local[SOFT_GROUP_WORDS(SOFT_ETLB_SIZE)];
    uint64_t jump_used[SOFT_GROUP_WORDS(SOFT_JUMP_SIZE)];
    uint64_t code_pages[SOFT_CODE_PAGES / 64]; /* fetched from; `jump` has no others */
    bool any_global;
    /* Block mappings here, which one TLBI by address drops whole: a Bloom filter and their sizes
     * (bit n for 2^n bytes). */
    uint64_t blocks[32], block_shifts;
    uint8_t context;    /* SOFT_CONTEXT_ bits that `jump` is for */
    uint8_t page_shift; /* log2 of the largest page (not block) here */
};

struct soft_view_key {
    uint64_t space[2]; /* by half of the address space (walk.h) */
    uint64_t last_use; /* grows */
};

struct soft_tlb {
    uint64_t space[2];       /* now, by half (walk.h) */
    struct soft_view *user;  /* of EL0 in them; NULL: not looked for since the last switch */
    struct soft_view el1[2]; /* by PSTATE.PAN */
    struct soft_view el0[SOFT_USER_VIEWS];
    struct soft_tlb_entry nothing[SOFT_TLB_SIZE]; /* never anything but empty */
    struct soft_view_key key[SOFT_USER_VIEWS];    /* of el0 */
    uint64_t uses;                                /* of views of EL0 so far */
    struct soft_walk_cache walks;
};

static inline struct soft_tlb_entry *soft_tlb_slot(struct soft_tlb_entry *array, uint64_t va)
{
    return &array[(va >> SOFT_PAGE_SHIFT) % SOFT_TLB_SIZE];
}

static inline struct soft_etlb_entry *soft_etlb_slot(struct soft_etlb_entry *array, uint64_t va)
{
    return &array[(va >> SOFT_PAGE_SHIFT) % SOFT_ETLB_SIZE];
}

static inline struct soft_jump *soft_jump_slot(struct soft_jump *array, uint64_t va)
{
    return &array[(va >> 2) % SOFT_JUMP_SIZE];
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
