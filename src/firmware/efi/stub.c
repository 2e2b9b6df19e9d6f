/* SPDX-License-Identifier: ISC */
/*
 * The stub page: the code of stub.S, an entry for each service, page tables that map memory one to
 * one, and the stack that programs start on (UEFI 2.10, 2.3.6).
 */
#include <string.h>

#include "base/units.h"
#include "firmware/efi/core.h"
#include "firmware/efi/stub_code.h"

#define STUB_SIZE    (64 * KIB) /* runtime regions are whole 64 KiB (2.3.6) */
#define STUB_ENTRIES 0x2000u    /* where the entries begin, two instructions each */
#define STUB_START   0x100u
#define STACK_SIZE   (128 * KIB)

/* Parameters at the start of stub.S. */
enum {
    STUB_DOORBELL,
    STUB_MAIR,
    STUB_TCR,
    STUB_TTBR0,
    STUB_SCTLR,
    STUB_STACK,
    STUB_GICD,
    STUB_GICR,
    STUB_TICK,
    STUB_PARAMETERS
};

#define TICKS_PER_SECOND 100

/* Arm ARM D17.2.97, D17.2.131, D17.2.118: attribute 0 is Device-nGnRnE, 1 write-back; 4 KiB
 * granule, 48 bits of address in TTBR0 and none in TTBR1. */
#define MAIR       UINT64_C(0xff00)
#define TCR        (UINT64_C(16) | 1 << 8 | 1 << 10 | 3 << 12 | UINT64_C(16) << 16 | 1 << 23)
#define TCR_IPS(r) ((uint64_t)(r) << 32)
#define SCTLR      UINT64_C(0x30d0199d) /* MMU, caches, SP alignment; little-endian */

#define PTE_TABLE  UINT64_C(3)
#define PTE_BLOCK  UINT64_C(1)
#define PTE_AF     BIT(10)
#define PTE_INNER  (UINT64_C(3) << 8)
#define PTE_UXN    BIT(54)
#define PTE_PXN    BIT(53)
#define PTE_NORMAL (PTE_BLOCK | PTE_AF | PTE_INNER | 1 << 2 | PTE_UXN)
#define PTE_DEVICE (PTE_BLOCK | PTE_AF | PTE_UXN | PTE_PXN)

/* Instructions of an entry: MOVZ X16, #n; B gate. */
#define MOVZ_X16(n) (0xd2800010u | (uint32_t)(n) << 5)
#define BRANCH(by)  (0x14000000u | ((uint32_t)((int32_t)(by) / 4) & 0x3ffffffu))

uint64_t efi_stub_entry(const struct efi *efi, size_t index)
{
    return efi->stub + STUB_ENTRIES + index * 8;
}

static void write_entries(struct efi *efi)
{
    for (size_t i = 0; i < efi->service_count; i++) {
        uint32_t at = STUB_ENTRIES + (uint32_t)i * 8;
        const uint32_t code[] = {MOVZ_X16(i), BRANCH(STUB_GATE - (int64_t)(at + 4))};

        efi_poke(efi, efi->stub + at, code, sizeof(code));
    }
}

static bool is_ram(const struct efi *efi, uint64_t at, uint64_t size)
{
    const struct platform_range *ram = &efi->config.platform->ram;

    return at >= ram->base && range_fits(at - ram->base, size, ram->size);
}

static bool touches_ram(const struct efi *efi, uint64_t at, uint64_t size)
{
    const struct platform_range *ram = &efi->config.platform->ram;

    return at < ram->base + ram->size && ram->base < at + size;
}

/* A level 2 table for a gigabyte that is RAM in part. */
static efi_status map_mixed(struct efi *efi, uint64_t base, uint64_t *pte)
{
    uint64_t table, entries[512];
    efi_status status = efi_pages_new(efi, EFI_ALLOCATE_ANY, EFI_BOOT_DATA, 1, &table);

    if (status != EFI_SUCCESS)
        return status;
    for (unsigned i = 0; i < nitems(entries); i++) {
        uint64_t at = base + i * 2 * MIB;

        entries[i] = at | (touches_ram(efi, at, 2 * MIB) ? PTE_NORMAL : PTE_DEVICE);
    }
    efi_poke(efi, table, entries, sizeof(entries));
    *pte = table | PTE_TABLE;
    return EFI_SUCCESS;
}

static efi_status map_gigabytes(struct efi *efi, uint64_t table)
{
    uint64_t entries[512];

    for (unsigned i = 0; i < nitems(entries); i++) {
        uint64_t at = i * GIB;

        entries[i] = at | (touches_ram(efi, at, GIB) ? PTE_NORMAL : PTE_DEVICE);
        if (touches_ram(efi, at, GIB) && !is_ram(efi, at, GIB)) {
            efi_status status = map_mixed(efi, at, &entries[i]);

            if (status != EFI_SUCCESS)
                return status;
        }
    }
    efi_poke(efi, table, entries, sizeof(entries));
    return EFI_SUCCESS;
}

/* Everything below 512 GiB at its own address. */
static efi_status make_map(struct efi *efi, uint64_t *root)
{
    uint64_t tables;
    efi_status status = efi_pages_new(efi, EFI_ALLOCATE_ANY, EFI_BOOT_DATA, 2, &tables);

    if (status != EFI_SUCCESS)
        return status;
    efi_poke64(efi, tables, (tables + EFI_PAGE) | PTE_TABLE);
    *root = tables;
    return map_gigabytes(efi, tables + EFI_PAGE);
}

efi_status efi_stub_load(struct efi *efi, uint64_t *entry)
{
    const struct platform *platform = efi->config.platform;
    uint64_t parameters[STUB_PARAMETERS] = {
        [STUB_DOORBELL] = efi->config.doorbell,
        [STUB_MAIR] = MAIR,
        [STUB_TCR] = TCR | TCR_IPS(efi->config.pa_range),
        [STUB_SCTLR] = SCTLR,
        [STUB_GICD] = platform->gicd.base,
        [STUB_GICR] = platform->gicr.base,
        [STUB_TICK] = efi->config.counter_hz / TICKS_PER_SECOND,
    };
    uint64_t stack;
    efi_status status =
        efi_pages_new(efi, EFI_ALLOCATE_ANY, EFI_RUNTIME_CODE, STUB_SIZE / EFI_PAGE, &efi->stub);

    if (status == EFI_SUCCESS)
        status = efi_pages_new(efi, EFI_ALLOCATE_ANY, EFI_BOOT_DATA, STACK_SIZE / EFI_PAGE, &stack);
    if (status == EFI_SUCCESS)
        status = make_map(efi, &parameters[STUB_TTBR0]);
    if (status != EFI_SUCCESS)
        return status;
    parameters[STUB_STACK] = stack + STACK_SIZE;
    efi_poke(efi, efi->stub, stub_code, sizeof(stub_code));
    efi_poke(efi, efi->stub, parameters, sizeof(parameters));
    write_entries(efi);
    efi->config.code_written(efi->config.ctx, efi->stub, STUB_SIZE);
    *entry = efi->stub + STUB_START;
    return EFI_SUCCESS;
}
