/* SPDX-License-Identifier: ISC */
/*
 * The boot catalog of a CD image (El Torito 1.0). Its EFI entries (platform 0xEF) are small FAT
 * volumes; everything is counted in blocks of 2048 bytes, except an entry's size, which is in
 * sectors of 512.
 */
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/partition.h"

#define CD_BLOCK        UINT64_C(2048)
#define FIRST_VOLUME    16u /* descriptor (ECMA-119, 6.2.1) */
#define MAX_DESCRIPTORS 32u

enum {
    DESCRIPTOR_BOOT = 0,
    DESCRIPTOR_PRIMARY = 1,
    DESCRIPTOR_END = 255,
    PRIMARY_SPACE = 80,
    BOOT_CATALOG = 0x47,

    RECORD_SIZE = 32,
    RECORD_VALIDATION = 0x01,
    RECORD_HEADER = 0x90,
    RECORD_HEADER_LAST = 0x91,
    RECORD_EXTENSION = 0x44,
    RECORD_BOOTABLE = 0x88,

    ENTRY_MEDIA = 1, /* low half: kind of emulation */
    ENTRY_SECTORS = 6,
    ENTRY_LBA = 8,

    PLATFORM_EFI = 0xef,
};

/* The catalog's block and the volume's size in blocks, from the descriptors. */
static bool find_catalog(const struct medium *medium, uint32_t *catalog, uint32_t *space)
{
    uint8_t descriptor[96];
    bool found = false;

    *space = 0;
    for (unsigned i = 0; i < MAX_DESCRIPTORS; i++) {
        if (medium_read(medium, (FIRST_VOLUME + i) * CD_BLOCK, descriptor, sizeof(descriptor)) ||
            memcmp(descriptor + 1, "CD001", 5) != 0 || descriptor[0] == DESCRIPTOR_END)
            break;
        if (descriptor[0] == DESCRIPTOR_PRIMARY)
            *space = load_le32(descriptor + PRIMARY_SPACE);
        if (descriptor[0] == DESCRIPTOR_BOOT &&
            memcmp(descriptor + 7, "EL TORITO SPECIFICATION", 23) == 0) {
            *catalog = load_le32(descriptor + BOOT_CATALOG);
            found = true;
        }
    }
    return found;
}

static bool validation_sound(const uint8_t *record)
{
    uint16_t sum = 0;

    for (unsigned i = 0; i < RECORD_SIZE; i += 2)
        sum = (uint16_t)(sum + load_le16(record + i));
    return record[0] == RECORD_VALIDATION && load_le16(record + 30) == 0xaa55 && sum == 0;
}

static void add(const struct medium *medium, const uint8_t *record, unsigned number, uint32_t space,
                struct partition_table *table)
{
    uint64_t start = load_le32(record + ENTRY_LBA) * CD_BLOCK, size, end = medium->size;
    unsigned sectors = load_le16(record + ENTRY_SECTORS);
    struct partition *p = &table->list[table->count];

    if (space && space * CD_BLOCK < end)
        end = space * CD_BLOCK;
    if (record[0] != RECORD_BOOTABLE || start == 0 || start >= end ||
        table->count == PARTITIONS_MAX)
        return;
    /* 0 and 1 stand for "as far as the volume goes": sizes of 32 MiB and more do not fit. */
    size = sectors < 2 ? end - start : align_up((uint64_t)sectors * MEDIUM_BLOCK, CD_BLOCK);
    *p = (struct partition){
        .scheme = PARTITION_CD, .number = number, .start = start, .size = MIN(size, end - start)};
    table->count++;
}

bool partitions_el_torito(const struct medium *medium, struct partition_table *table)
{
    uint8_t catalog[CD_BLOCK];
    uint32_t lba, space;
    uint8_t platform;
    unsigned number = 0;

    if (!find_catalog(medium, &lba, &space) ||
        medium_read(medium, lba * CD_BLOCK, catalog, sizeof(catalog)) || !validation_sound(catalog))
        return false;
    platform = catalog[1];
    for (size_t at = RECORD_SIZE; at < sizeof(catalog); at += RECORD_SIZE) {
        const uint8_t *record = catalog + at;

        if (record[0] == RECORD_HEADER || record[0] == RECORD_HEADER_LAST) {
            platform = record[1];
        } else if (record[0] != RECORD_EXTENSION) {
            if (platform == PLATFORM_EFI)
                add(medium, record, number, space, table);
            number++;
        }
    }
    return table->count > 0;
}
