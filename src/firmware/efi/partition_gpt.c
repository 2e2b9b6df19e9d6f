/* SPDX-License-Identifier: ISC */
/*
 * GUID partition tables (UEFI 2.10, 5.3). The header at block 1 counts, or the backup in the last
 * block when that one, or its array of entries, is damaged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/partition.h"

enum {
    HEADER_SIZE = 12,
    HEADER_CRC = 16,
    HEADER_LBA = 24,
    HEADER_FIRST = 40,
    HEADER_LAST = 48,
    HEADER_ENTRIES = 72,
    HEADER_COUNT = 80,
    HEADER_ENTRY_SIZE = 84,
    HEADER_ENTRIES_CRC = 88,
    HEADER_MIN = 92,

    ENTRY_TYPE = 0,
    ENTRY_GUID = 16,
    ENTRY_FIRST = 32,
    ENTRY_LAST = 40,
    ENTRY_ATTRIBUTES = 48,
    ENTRY_NAME = 56,
    ENTRY_MIN = 128,
};

#define MAX_ENTRIES_SIZE MIB

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B */
static const uint8_t esp_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

struct gpt {
    uint64_t first, last; /* usable blocks */
    uint32_t count, entry_size;
    uint8_t *entries;
};

bool partition_is_esp(const struct partition *partition)
{
    return memcmp(partition->type, esp_type, sizeof(esp_type)) == 0;
}

static uint32_t crc(const uint8_t *bytes, size_t length)
{
    return (uint32_t)crc32_z(0, bytes, length);
}

static bool header_sound(uint8_t *header, uint64_t lba)
{
    uint32_t size = load_le32(header + HEADER_SIZE), expected = load_le32(header + HEADER_CRC);

    if (memcmp(header, "EFI PART", 8) != 0 || size < HEADER_MIN || size > MEDIUM_BLOCK ||
        load_le64(header + HEADER_LBA) != lba)
        return false;
    store_le32(header + HEADER_CRC, 0);
    return crc(header, size) == expected;
}

static bool entries_read(const struct medium *medium, const uint8_t *header, struct gpt *gpt)
{
    uint64_t size = (uint64_t)gpt->count * gpt->entry_size;
    uint64_t lba = load_le64(header + HEADER_ENTRIES);

    if (gpt->entry_size < ENTRY_MIN || gpt->entry_size % 8 || size > MAX_ENTRIES_SIZE ||
        lba > medium->size / MEDIUM_BLOCK)
        return false;
    gpt->entries = malloc(size + 1);
    return gpt->entries && medium_read(medium, lba * MEDIUM_BLOCK, gpt->entries, size) == 0 &&
           crc(gpt->entries, size) == load_le32(header + HEADER_ENTRIES_CRC);
}

static bool gpt_read(const struct medium *medium, uint64_t lba, struct gpt *gpt)
{
    uint8_t header[MEDIUM_BLOCK];

    *gpt = (struct gpt){0};
    if (medium_read(medium, lba * MEDIUM_BLOCK, header, sizeof(header)) ||
        !header_sound(header, lba))
        return false;
    gpt->first = load_le64(header + HEADER_FIRST);
    gpt->last = load_le64(header + HEADER_LAST);
    gpt->count = load_le32(header + HEADER_COUNT);
    gpt->entry_size = load_le32(header + HEADER_ENTRY_SIZE);
    if (entries_read(medium, header, gpt))
        return true;
    free(gpt->entries);
    return false;
}

static bool add(const struct medium *medium, const struct gpt *gpt, uint32_t i,
                struct partition_table *table)
{
    static const uint8_t unused[16];
    const uint8_t *entry = gpt->entries + (size_t)i * gpt->entry_size;
    uint64_t first = load_le64(entry + ENTRY_FIRST), last = load_le64(entry + ENTRY_LAST);
    struct partition *p = &table->list[table->count];

    if (memcmp(entry + ENTRY_TYPE, unused, sizeof(unused)) == 0)
        return true;
    if (first < 2 || first < gpt->first || last > gpt->last || first > last ||
        last >= medium->size / MEDIUM_BLOCK || table->count == PARTITIONS_MAX)
        return false;
    *p = (struct partition){.scheme = PARTITION_GPT, .number = i + 1};
    p->start = first * MEDIUM_BLOCK;
    p->size = (last - first + 1) * MEDIUM_BLOCK;
    memcpy(p->type, entry + ENTRY_TYPE, sizeof(p->type));
    memcpy(p->guid, entry + ENTRY_GUID, sizeof(p->guid));
    memcpy(p->name, entry + ENTRY_NAME, sizeof(p->name));
    p->attributes = load_le64(entry + ENTRY_ATTRIBUTES);
    table->count++;
    return true;
}

bool partitions_gpt(const struct medium *medium, const char *name, const struct log *log,
                    struct partition_table *table)
{
    uint64_t blocks = medium->size / MEDIUM_BLOCK;
    unsigned refused = 0;
    struct gpt gpt;

    if (blocks < 3)
        return false;
    if (!gpt_read(medium, 1, &gpt)) {
        if (!gpt_read(medium, blocks - 1, &gpt))
            return false;
        log_warn(log, "%s: the first partition table (GPT) is damaged; the backup is used", name);
    }
    for (uint32_t i = 0; i < gpt.count; i++)
        refused += !add(medium, &gpt, i, table);
    free(gpt.entries);
    if (refused)
        log_warn(log, "%s: %u of its partitions (GPT) do not lie on the disk and are left out",
                 name, refused);
    return table->count > 0;
}
