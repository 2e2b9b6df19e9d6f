/* SPDX-License-Identifier: ISC */
/*
 * Disks whose partition tables lie. The input is a byte of flags and the disk's first bytes, or
 * (flag 0x80) what to damage in tables that are made here; checksums are made right again unless
 * another flag says no, since nothing behind them would be reached otherwise. Every partition that
 * comes out lies on the disk, and has a device path that is found again.
 */
#include <stdlib.h>
#include <zlib.h>

#include "base/endian.h"
#include "firmware/efi/device_path.h"
#include "firmware/efi/partition.h"
#include "fuzz.h"

#define DISK_MAX (128u << 10)

enum {
    KEEP_HEADER_CRC = 0x01,
    KEEP_ENTRIES_CRC = 0x02,
    KEEP_CATALOG = 0x04,
    SPOIL_PRIMARY = 0x08,
    MAKE_KIND = 0x30,
    MAKE = 0x80,
};

static uint8_t disk[DISK_MAX];
static size_t disk_size;

static int disk_read(void *ctx, uint64_t offset, void *to, size_t length)
{
    if (offset % MEDIUM_BLOCK || length % MEDIUM_BLOCK || !range_fits(offset, length, disk_size))
        abort();
    memcpy(to, disk + offset, length);
    return 0;
}

static uint64_t odd(struct fuzz_input *input, uint64_t usual, unsigned bytes)
{
    return fuzz_take(input, 1) % 16 == 1 ? fuzz_take(input, bytes) : usual;
}

static void make_record(uint8_t *record, struct fuzz_input *input, unsigned type, unsigned start)
{
    record[0] = (uint8_t)odd(input, 0, 1);
    record[4] = (uint8_t)odd(input, type, 1);
    store_le32(record + 8, (uint32_t)odd(input, start, 4));
    store_le32(record + 12, (uint32_t)odd(input, 8, 4));
}

static void make_mbr(struct fuzz_input *input, unsigned first_type)
{
    make_record(disk + 446, input, first_type, 1);
    make_record(disk + 462, input, 0x0c, 40);
    make_record(disk + 478, input, 0x0f, 60);
    store_le16(disk + 510, (uint16_t)odd(input, 0xaa55, 2));
    for (unsigned i = 60; i < 80; i += 4) {
        uint8_t *table = disk + i * 512;

        make_record(table + 446, input, 0xef, 1);
        make_record(table + 462, input, 0x05, i - 60 + 4);
        store_le16(table + 510, (uint16_t)odd(input, 0xaa55, 2));
    }
}

static void make_gpt_header(uint8_t *h, struct fuzz_input *input, uint64_t lba, uint64_t entries)
{
    memcpy(h, "EFI PART\0\0\1\0", 12);
    store_le32(h + 12, (uint32_t)odd(input, 92, 4));
    store_le64(h + 24, odd(input, lba, 8));
    store_le64(h + 40, odd(input, 34, 8));
    store_le64(h + 48, odd(input, 200, 8));
    store_le64(h + 72, odd(input, entries, 8));
    store_le32(h + 80, (uint32_t)odd(input, 16, 4));
    store_le32(h + 84, (uint32_t)odd(input, 128, 4));
}

static void make_gpt(struct fuzz_input *input)
{
    make_mbr(input, 0xee);
    make_gpt_header(disk + 512, input, 1, 2);
    make_gpt_header(disk + DISK_MAX - 512, input, DISK_MAX / 512 - 1, 2);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *entry = disk + 1024 + 128 * i;

        entry[0] = entry[16] = (uint8_t)(i + 1);
        store_le64(entry + 32, odd(input, 40 + 20 * i, 8));
        store_le64(entry + 40, odd(input, 59 + 20 * i, 8));
    }
}

static void make_cd(struct fuzz_input *input)
{
    uint8_t *at = disk + 16 * 2048;

    at[0] = (uint8_t)odd(input, 1, 1);
    memcpy(at + 1, "CD001\1", 6);
    store_le32(at + 80, (uint32_t)odd(input, 60, 4));
    memcpy(at + 2048, "\0CD001\1EL TORITO SPECIFICATION", 30);
    store_le32(at + 2048 + 0x47, (uint32_t)odd(input, 20, 4));
    memcpy(at + 4096, "\377CD001\1", 7);
    at = disk + 20 * 2048;
    at[0] = 1;
    at[1] = (uint8_t)odd(input, 0xef, 1);
    store_le16(at + 30, 0xaa55);
    for (unsigned i = 1; i < 8; i++) {
        static const uint8_t kinds[] = {0x88, 0x90, 0x88, 0x44, 0x00, 0x91, 0x88};

        at[32 * i] = (uint8_t)odd(input, kinds[i - 1], 1);
        at[32 * i + 1] = (uint8_t)odd(input, kinds[i - 1] & 0x10 ? 0xef : 0, 1);
        store_le16(at + 32 * i + 6, (uint16_t)odd(input, i, 2));
        store_le32(at + 32 * i + 8, (uint32_t)odd(input, 30 + i, 4));
    }
}

static void fix_gpt(uint8_t *header, unsigned flags)
{
    uint64_t lba = load_le64(header + 72);
    uint64_t length = (uint64_t)load_le32(header + 80) * load_le32(header + 84);
    uint32_t size = load_le32(header + 12);

    if (!(flags & KEEP_ENTRIES_CRC) && lba < DISK_MAX / 512 &&
        range_fits(lba * 512, length, disk_size))
        store_le32(header + 88, (uint32_t)crc32_z(0, disk + lba * 512, length));
    if (flags & KEEP_HEADER_CRC || size > 512)
        return;
    store_le32(header + 16, 0);
    store_le32(header + 16, (uint32_t)crc32_z(0, header, size));
}

static void fix_catalog(uint8_t *record)
{
    uint16_t sum = 0;

    store_le16(record + 28, 0);
    for (unsigned i = 0; i < 32; i += 2)
        sum = (uint16_t)(sum + load_le16(record + i));
    store_le16(record + 28, (uint16_t)-sum);
}

static void make_disk(struct fuzz_input *input, unsigned flags)
{
    memset(disk, 0, sizeof(disk));
    disk_size = sizeof(disk);
    if (flags & MAKE && (flags & MAKE_KIND) == 0x30)
        make_gpt(input);
    else if (flags & MAKE && flags & 0x20)
        make_cd(input);
    else if (flags & MAKE)
        make_mbr(input, 0x06);
    if (!(flags & MAKE)) {
        disk_size = align_down(MIN((size_t)(input->end - input->at), sizeof(disk)), 512);
        memcpy(disk, input->at, disk_size);
    }
    if (flags & SPOIL_PRIMARY)
        disk[512] = 0;
    if (disk_size >= 3 * 512) {
        fix_gpt(disk + 512, flags);
        fix_gpt(disk + disk_size - 512, flags);
    }
    if (!(flags & KEEP_CATALOG) && disk_size >= 18 * 2048) {
        uint64_t catalog = load_le32(disk + 17 * 2048 + 0x47) * UINT64_C(2048);

        if (range_fits(catalog, 2048, disk_size))
            fix_catalog(disk + catalog);
    }
}

/* Its device path leads to it and to nothing else of the table with another identity. */
static void check(const struct partition *p)
{
    struct device_path path;
    struct device_node node;
    size_t at = 0, rest;
    uint16_t name[64];
    char text[256];
    int ret;

    if (p->size == 0 || !range_fits(p->start, p->size, disk_size) || p->start == 0)
        abort();
    device_path_pci(&path, 3);
    if (device_path_add_partition(&path, p) ||
        device_path_add_file(&path, (const uint16_t[]){'\\', 'x', 0}))
        abort();
    device_path_text(path.bytes, path.length, text, sizeof(text));
    if (device_path_size(path.bytes, sizeof(path.bytes)) != path.length || !text[0])
        abort();
    for (unsigned i = 0; i < 3; i++) {
        if (device_path_next(path.bytes, path.length, &at, &node) != 1)
            abort();
    }
    if (p->scheme != PARTITION_CD && !device_path_names_partition(&node, p))
        abort();
    ret = device_path_file(path.bytes, path.length, at, name, nitems(name));
    if (ret || name[1] != 'x' || !device_path_begins(path.bytes, path.length, &path, &rest))
        abort();
}

/* The same bytes as a path that a guest gives. */
static void walk(const uint8_t *bytes, size_t length)
{
    struct device_node node;
    uint16_t name[16];
    char text[64];
    size_t at = 0;

    device_path_size(bytes, length);
    device_path_text(bytes, length, text, sizeof(text));
    while (device_path_next(bytes, length, &at, &node) == 1)
        device_path_file(bytes, length, at, name, nitems(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    static struct partition_table table;
    const struct medium medium = {.read = disk_read};
    struct medium whole = medium;
    unsigned flags = (unsigned)fuzz_take(&input, 1);

    walk(input.at, MIN((size_t)(input.end - input.at), 1024));
    make_disk(&input, flags);
    whole.size = disk_size;
    if (partitions_read(&whole, "disk", NULL, &table))
        abort();
    if (table.count > PARTITIONS_MAX || (table.count && table.scheme == PARTITION_NONE))
        abort();
    for (size_t i = 0; i < table.count; i++) {
        if (table.list[i].scheme != table.scheme)
            abort();
        check(&table.list[i]);
    }
    return 0;
}
