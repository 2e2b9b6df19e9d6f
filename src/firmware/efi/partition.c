/* SPDX-License-Identifier: ISC */
/*
 * The disk's partitions, and those of an MBR (UEFI 2.10, 5.2).
 */
#include "firmware/efi/partition.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"

enum {
    MBR_DISK_SIGNATURE = 440,
    MBR_RECORDS = 446,
    MBR_MAGIC = 510,

    RECORD_BOOT = 0,
    RECORD_TYPE = 4,
    RECORD_START = 8,
    RECORD_SIZE = 12,
    RECORD_LENGTH = 16,

    TYPE_EXTENDED = 0x05,
    TYPE_EXTENDED_LBA = 0x0f,
    TYPE_EXTENDED_LINUX = 0x85,
    TYPE_GPT_PROTECTIVE = 0xee,
};

#define FIRST_LOGICAL 5u
#define MAX_LOGICAL   64u

static bool has_magic(const uint8_t *sector)
{
    return load_le16(sector + MBR_MAGIC) == 0xaa55;
}

static const uint8_t *record_of(const uint8_t *sector, unsigned i)
{
    return sector + MBR_RECORDS + i * RECORD_LENGTH;
}

static bool is_extended(const uint8_t *record)
{
    return record[RECORD_TYPE] == TYPE_EXTENDED || record[RECORD_TYPE] == TYPE_EXTENDED_LBA ||
           record[RECORD_TYPE] == TYPE_EXTENDED_LINUX;
}

/* `base`: what the record's start is relative to, in blocks. */
static void add(const struct medium *medium, const uint8_t *record, unsigned number, uint64_t base,
                struct partition_table *table)
{
    uint64_t start = (base + load_le32(record + RECORD_START)) * MEDIUM_BLOCK;
    uint64_t size = (uint64_t)load_le32(record + RECORD_SIZE) * MEDIUM_BLOCK;
    struct partition *p;

    if (record[RECORD_TYPE] == 0 || record[RECORD_TYPE] == TYPE_GPT_PROTECTIVE || size == 0 ||
        start < MEDIUM_BLOCK || !range_fits(start, size, medium->size) ||
        table->count == PARTITIONS_MAX)
        return;
    p = &table->list[table->count++];
    *p =
        (struct partition){.scheme = PARTITION_MBR, .number = number, .start = start, .size = size};
    p->mbr_type = record[RECORD_TYPE];
    memcpy(p->record, record, RECORD_LENGTH);
}

/* Each logical partition has a table of its own: its record, relative to the table, and a link to
 * the next table, relative to the first one. A chain that goes back, as a loop does, ends there. */
static void add_logical(const struct medium *medium, const uint8_t *extended,
                        struct partition_table *table)
{
    uint64_t first = load_le32(extended + RECORD_START), at = first, last = 0;
    uint8_t sector[MEDIUM_BLOCK];

    for (unsigned i = 0; i < MAX_LOGICAL && at > last; i++) {
        const uint8_t *link = record_of(sector, 1);

        if (medium_read(medium, at * MEDIUM_BLOCK, sector, sizeof(sector)) || !has_magic(sector))
            return;
        add(medium, record_of(sector, 0), FIRST_LOGICAL + i, at, table);
        if (!is_extended(link))
            return;
        last = at;
        at = first + load_le32(link + RECORD_START);
    }
}

bool partitions_mbr(const struct medium *medium, const uint8_t *mbr, struct partition_table *table)
{
    const uint8_t *extended = NULL;

    if (!has_magic(mbr))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        /* The boot sector of an undivided volume has the magic too, and code or text here. */
        if (record_of(mbr, i)[RECORD_BOOT] & 0x7f)
            return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *record = record_of(mbr, i);

        if (!is_extended(record))
            add(medium, record, i + 1, 0, table);
        else if (!extended)
            extended = record;
    }
    if (extended)
        add_logical(medium, extended, table);
    for (size_t i = 0; i < table->count; i++)
        table->list[i].mbr_signature = load_le32(mbr + MBR_DISK_SIGNATURE);
    return table->count > 0;
}

/* A GPT counts when the MBR says so, or when there is no MBR at all: a disk that was divided again
 * by an old tool may still have the old GPT. */
static bool may_be_gpt(const uint8_t *mbr)
{
    if (!has_magic(mbr))
        return true;
    for (unsigned i = 0; i < 4; i++) {
        if (record_of(mbr, i)[RECORD_TYPE] == TYPE_GPT_PROTECTIVE)
            return true;
    }
    return false;
}

int partitions_read(const struct medium *medium, const char *name, const struct log *log,
                    struct partition_table *table)
{
    uint8_t mbr[MEDIUM_BLOCK];
    int ret;

    table->scheme = PARTITION_NONE;
    table->count = 0;
    if (medium->size < MEDIUM_BLOCK)
        return 0;
    ret = medium_read(medium, 0, mbr, sizeof(mbr));
    if (ret)
        return ret;
    if (may_be_gpt(mbr) && partitions_gpt(medium, name, log, table))
        table->scheme = PARTITION_GPT;
    else if (partitions_el_torito(medium, table))
        table->scheme = PARTITION_CD;
    else if (partitions_mbr(medium, mbr, table))
        table->scheme = PARTITION_MBR;
    return 0;
}
