/* SPDX-License-Identifier: ISC */
/* The memory that random blocks run in; see fuzz_block.h and guest/fuzz.h. */
#include <string.h>

#include "arm/regs.h"
#include "base/bits.h"
#include "fuzz.h"
#include "fuzz_block.h"
#include "random.h"

#define PAGE     UINT64_C(4096)
#define LEAF     (REG_BIT(10) | UINT64_C(3) << 8) /* AF, inner shareable; MAIR index 0 */
#define DEVICE   (UINT64_C(1) << 2)
#define USER     REG_BIT(6)
#define RO       REG_BIT(7)
#define PXN      REG_BIT(53)
#define UXN      REG_BIT(54)
#define IS_TABLE UINT64_C(3)
#define IS_PAGE  UINT64_C(3)
#define IS_BLOCK UINT64_C(1)

#define ARENA_PA(page) (FUZZ_RAM + FUZZ_ARENA + (page)*PAGE)
#define TABLE_PA(at)   (uint64_t)(FUZZ_RAM + FUZZ_TABLES + (at))
#define END            (0xd4000001u | FUZZ_SVC_END << 5)

static void put(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, 8);
}

uint64_t fuzz_va(unsigned window_page)
{
    return FUZZ_WINDOW + window_page * PAGE;
}

uint64_t fuzz_sctlr(unsigned options)
{
    uint64_t value = 0x30d00980 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_UMA | SCTLR_DZE | SCTLR_UCT |
                     SCTLR_NTWI | SCTLR_NTWE | SCTLR_UCI;

    return options & FUZZ_PORTABLE ? value : value | SCTLR_SA | SCTLR_SA0;
}

/* Data is never executable. */
uint64_t fuzz_descriptor(unsigned arena_page, unsigned flags)
{
    return (ARENA_PA(arena_page) | LEAF | IS_PAGE | PXN | UXN | (flags & (USER | RO))) &
           ~(uint64_t)(flags & FUZZ_NO_AF);
}

static void fill_window(uint8_t *table, bool device)
{
    static const uint8_t order[FUZZ_DATA_PAGES] = {5, 3, 6, 4}; /* neighbours are not neighbours */

    for (unsigned i = 0; i < FUZZ_CODE_PAGES; i++) {
        uint64_t code = ARENA_PA(i) | LEAF | IS_PAGE | RO;

        put(table + (FUZZ_PAGE_CODE1 + i) * 8, code | UXN);
        put(table + (FUZZ_PAGE_CODE0 + i) * 8, code | USER | PXN);
    }
    for (unsigned i = 0; i < FUZZ_DATA_PAGES; i++)
        put(table + (FUZZ_PAGE_DATA + i) * 8, fuzz_descriptor(order[i], FUZZ_USER));
    put(table + FUZZ_PAGE_RO * 8, fuzz_descriptor(4, FUZZ_USER | FUZZ_RO));
    put(table + FUZZ_PAGE_EL1 * 8, fuzz_descriptor(3, 0));
    put(table + FUZZ_PAGE_NO_AF * 8, fuzz_descriptor(3, FUZZ_USER | FUZZ_NO_AF));
    if (device)
        put(table + FUZZ_PAGE_DEVICE * 8,
            (FUZZ_DEVICE_PA + 0x100000) | LEAF | IS_PAGE | DEVICE | USER | PXN | UXN);
}

void fuzz_arena_fill(uint8_t *arena, bool device)
{
    struct random r = {1};

    memset(arena, 0, FUZZ_ARENA_LEN);
    for (unsigned i = 0; i < FUZZ_CODE_PAGES * PAGE; i += 4)
        memcpy(arena + i, &(uint32_t){END}, 4);
    for (unsigned i = 0; i < FUZZ_DATA_PAGES * PAGE; i += 8)
        put(arena + FUZZ_DATA * PAGE + i, random_lanes(&r, random_below(&r, RANDOM_KINDS)));
    fill_window(arena + FUZZ_TABLE * PAGE, device);
}

void fuzz_arena_code(uint8_t *arena, const struct fuzz_block *b)
{
    memcpy(arena + b->start * 4, b->word, b->count * 4);
}

static unsigned index_at(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (39 - 9 * level) & 511);
}

void fuzz_tables_fill(uint8_t *tables)
{
    memset(tables, 0, FUZZ_TABLES_LEN);
    put(tables + FUZZ_L1_HIGH + index_at(FUZZ_HIGH, 1) * 8, TABLE_PA(FUZZ_L2_HIGH) | IS_TABLE);
    for (uint64_t at = 0; at < FUZZ_HIGH_LEN; at += 2 << 20)
        put(tables + FUZZ_L2_HIGH + index_at(FUZZ_HIGH + at, 2) * 8,
            (FUZZ_RAM + at) | LEAF | UXN | IS_BLOCK);
    put(tables + FUZZ_L2_HIGH + index_at(FUZZ_DEVICE, 2) * 8,
        FUZZ_DEVICE_PA | LEAF | DEVICE | PXN | UXN | IS_BLOCK);
    put(tables + FUZZ_L1_LOW + index_at(FUZZ_WINDOW, 1) * 8, TABLE_PA(FUZZ_L2_LOW) | IS_TABLE);
    put(tables + FUZZ_L2_LOW + index_at(FUZZ_WINDOW, 2) * 8, ARENA_PA(FUZZ_TABLE) | IS_TABLE);
    put(tables + FUZZ_L2_LOW + index_at(FUZZ_WRITE, 2) * 8, TABLE_PA(FUZZ_L3_WRITE) | IS_TABLE);
    for (unsigned i = 0; i < FUZZ_CODE_PAGES; i++)
        put(tables + FUZZ_L3_WRITE + i * 8, fuzz_descriptor(i, FUZZ_USER));
    put(tables + FUZZ_L3_WRITE + FUZZ_TABLE * 8, fuzz_descriptor(FUZZ_TABLE, 0));
    put(tables + FUZZ_L1_START + index_at(FUZZ_RAM, 1) * 8, FUZZ_RAM | LEAF | IS_BLOCK);
}
