/* SPDX-License-Identifier: ISC */
/*
 * Partition tables as sgdisk, sfdisk and xorriso make them, and as they should not be; and device
 * paths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/device_path.h"
#include "firmware/efi/partition.h"
#include "image.h"

#define SECTOR 512u

static char said[512];
static struct partition_table table;

static void keep_line(void *ctx, enum log_level level, const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static void read_table(struct image *image)
{
    const struct log log = {keep_line, NULL, LOG_WARN};

    said[0] = 0;
    assert_int_equal(partitions_read(&image->medium, "virtio-blk0", &log, &table), 0);
}

static void expect(size_t i, unsigned number, uint64_t start, uint64_t sectors)
{
    assert_true(i < table.count);
    assert_int_equal(table.list[i].number, number);
    assert_int_equal(table.list[i].start, start * SECTOR);
    assert_int_equal(table.list[i].size, sectors * SECTOR);
    assert_int_equal(table.list[i].scheme, table.scheme);
}

static void make_gpt(struct image *image)
{
    image_make(image, 8 * MIB);
    image_must(image, "sgdisk -n 1:2048:6143 -t 1:ef00 -u 1:01234567-89AB-CDEF-0123-456789ABCDEF "
                      "-c 1:'EFI System' -n 5:6144:8191 -t 5:8300 image");
}

static void gpt(void **state)
{
    struct image *image = *state;

    make_gpt(image);
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_GPT);
    assert_int_equal(table.count, 2);
    expect(0, 1, 2048, 4096);
    expect(1, 5, 6144, 2048);
    assert_true(partition_is_esp(&table.list[0]));
    assert_false(partition_is_esp(&table.list[1]));
    assert_memory_equal(table.list[0].name, wide("EFI System"), 22);
    assert_string_equal(said, "");
}

static void gpt_backup(void **state)
{
    struct image *image = *state;

    make_gpt(image);
    image->bytes[SECTOR + 40] ^= 1;
    read_table(image);
    assert_int_equal(table.count, 2);
    assert_non_null(strstr(said, "virtio-blk0: the first partition table (GPT) is damaged"));
    make_gpt(image);
    image->bytes[2 * SECTOR + 3] ^= 1; /* an entry of the first */
    read_table(image);
    assert_int_equal(table.count, 2);
    expect(0, 1, 2048, 4096);
    image->bytes[image->size - SECTOR] ^= 1; /* and the backup */
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_NONE);
    assert_int_equal(table.count, 0);
}

/* Entries that lie beyond the disk, or in the table itself, are left out. */
static void gpt_entries_off_the_disk(void **state)
{
    struct image *image = *state;

    make_gpt(image);
    image->medium.size = 7000 * SECTOR;
    read_table(image);
    assert_int_equal(table.count, 1);
    assert_non_null(strstr(said, "1 of its partitions"));
}

static void gpt_that_was_replaced_by_mbr(void **state)
{
    struct image *image = *state;

    make_gpt(image);
    store_le32(image->bytes + 446 + 4, 0x0c);
    store_le32(image->bytes + 446 + 8, 2048);
    store_le32(image->bytes + 446 + 12, 100);
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_MBR);
    expect(0, 1, 2048, 100);
    memset(image->bytes, 0, SECTOR); /* no MBR at all: the GPT counts */
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_GPT);
}

static void make_mbr(struct image *image)
{
    image_make(image, 8 * MIB);
    image_must(image, "printf 'label: dos\\nlabel-id: 0x12345678\\n1: start=64,size=2048,type=ef\\n"
                      "2: start=4096,size=10000,type=f\\n4: start=15000,size=100,type=a6\\n"
                      "5: start=4200,size=100\\n6: start=5000,size=200,type=c\\n"
                      "7: start=9000,size=300\\n' | sfdisk image");
}

static void mbr_with_logical_partitions(void **state)
{
    struct image *image = *state;

    make_mbr(image);
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_MBR);
    assert_int_equal(table.count, 5);
    expect(0, 1, 64, 2048);
    expect(1, 4, 15000, 100);
    expect(2, 5, 4200, 100);
    expect(3, 6, 5000, 200);
    expect(4, 7, 9000, 300);
    assert_int_equal(table.list[0].mbr_signature, 0x12345678);
    assert_int_equal(table.list[3].mbr_type, 0x0c);
}

static void logical_partitions_in_a_circle(void **state)
{
    struct image *image = *state;
    uint8_t *link;

    make_mbr(image);
    link = image->bytes + 4096 * SECTOR + 462; /* of the first table, to the second */
    store_le32(link + 8, 0);
    read_table(image);
    assert_int_equal(table.count, 3);
    make_mbr(image);
    store_le32(link + 8, 0xfffffff0);
    read_table(image);
    assert_int_equal(table.count, 3);
}

static void mbr_records_off_the_disk(void **state)
{
    struct image *image = *state;

    make_mbr(image);
    store_le32(image->bytes + 446 + 8, 0xffffffff);
    store_le32(image->bytes + 494 + 12, 0xffffffff);
    read_table(image);
    assert_int_equal(table.count, 3);
    expect(0, 5, 4200, 100);
}

/* The boot sector of a file system has the MBR's magic too. */
static void volume_without_table(void **state)
{
    struct image *image = *state;

    image_make(image, 8 * MIB);
    image_must(image, "mkfs.vfat image");
    read_table(image);
    assert_int_equal(table.count, 0);
    image_make(image, 0x1000);
    read_table(image);
    assert_int_equal(table.count, 0);
    image->medium.size = 100;
    read_table(image);
    assert_int_equal(table.count, 0);
}

static void make_cd(struct image *image, const char *options)
{
    char command[400];

    snprintf(command, sizeof(command),
             "rm -rf cd && mkdir cd && truncate -s 1440K cd/efi.img && mkfs.vfat cd/efi.img && "
             "xorriso -as mkisofs -o iso %s -e efi.img -no-emul-boot cd && "
             "truncate -s 8M image && dd if=iso of=image conv=notrunc",
             options);
    image_make(image, 8 * MIB);
    image_must(image, "%s", command);
}

static void cd_with_boot_catalog(void **state)
{
    struct image *image = *state;
    const struct partition *p = &table.list[0];
    uint8_t *catalog;

    make_cd(image, "");
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_CD);
    assert_int_equal(table.count, 1);
    assert_int_equal(p->size, 1440 * KIB);
    assert_int_equal(image->bytes[p->start], 0xeb);
    /* A size of 0 or 1 goes as far as the volume. */
    catalog = image->bytes + load_le32(image->bytes + 17 * 2048 + 0x47) * 2048;
    for (unsigned sectors = 0; sectors < 2; sectors++) {
        store_le16(catalog + 32 + 6, (uint16_t)sectors);
        read_table(image);
        assert_int_equal(p->start + p->size,
                         load_le32(image->bytes + 16 * 2048 + 80) * UINT64_C(2048));
    }
    catalog[4] ^= 1; /* the checksum */
    read_table(image);
    assert_int_equal(table.count, 0);
}

/* BIOS first, EFI in a section of its own; and the MBR that makes it bootable from a stick gives
 * way. */
static void cd_for_bios_and_efi(void **state)
{
    struct image *image = *state;

    make_cd(image, "-b efi.img -no-emul-boot -eltorito-alt-boot");
    read_table(image);
    assert_int_equal(table.scheme, PARTITION_CD);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.list[0].number, 1);
    assert_int_equal(image->bytes[table.list[0].start], 0xeb);
}

static void path_of_a_gpt_partition(void **state)
{
    struct image *image = *state;
    struct device_path path;
    struct device_node node;
    uint16_t name[64];
    char text[200];
    size_t at = 0;

    make_gpt(image);
    read_table(image);
    device_path_pci(&path, 2);
    assert_int_equal(path.length, 12 + 6 + 4);
    assert_int_equal(device_path_add_partition(&path, &table.list[0]), 0);
    assert_int_equal(path.length, 12 + 6 + 42 + 4);
    assert_int_equal(device_path_add_file(&path, wide("\\EFI\\BOOT\\BOOTAA64.EFI")), 0);
    device_path_text(path.bytes, path.length, text, sizeof(text));
    assert_string_equal(text, "PcieRoot(0x0)/Pci(0x2,0x0)/HD(1,GPT,01234567-89AB-CDEF-0123-"
                              "456789ABCDEF,0x800,0x1000)/\\EFI\\BOOT\\BOOTAA64.EFI");
    device_path_text(path.bytes, path.length, text, 20);
    assert_string_equal(text, "PcieRoot(0x0)/Pci(0");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(device_path_next(path.bytes, path.length, &at, &node), 1);
    assert_true(device_path_names_partition(&node, &table.list[0]));
    assert_false(device_path_names_partition(&node, &table.list[1]));
    assert_int_equal(device_path_file(path.bytes, path.length, at, name, 64), 0);
    assert_memory_equal(name, wide("\\EFI\\BOOT\\BOOTAA64.EFI"), 46);
    assert_int_equal(device_path_file(path.bytes, path.length, at, name, 10), -ENAMETOOLONG);
    assert_int_equal(device_path_file(path.bytes, path.length, 0, name, 64), -EINVAL);
}

static void path_of_an_mbr_partition(void **state)
{
    struct image *image = *state;
    struct device_path path;
    struct device_node node;
    char text[200];
    size_t at = 0;

    make_mbr(image);
    read_table(image);
    device_path_empty(&path);
    device_path_add_partition(&path, &table.list[3]);
    device_path_text(path.bytes, path.length, text, sizeof(text));
    assert_string_equal(text, "HD(6,MBR,0x12345678,0x1388,0xC8)");
    assert_int_equal(device_path_next(path.bytes, path.length, &at, &node), 1);
    assert_true(device_path_names_partition(&node, &table.list[3]));
    assert_false(device_path_names_partition(&node, &table.list[2]));
}

static void paths_of_other_kinds(void **state)
{
    static const uint8_t initrd[18] = {0x27, 0xe4, 0x68, 0x55, 0xfc, 0x68, 0x3d, 0x4f, 0xac,
                                       0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68, 1,    2};
    static const uint8_t cd[20] = {1, 0, 0, 0, 0x20};
    struct device_path path;
    char text[200];

    device_path_empty(&path);
    device_path_add(&path, DEVICE_PATH_MEDIA, DEVICE_PATH_VENDOR, initrd, 16);
    device_path_add(&path, DEVICE_PATH_HARDWARE, DEVICE_PATH_VENDOR, initrd, 18);
    device_path_add(&path, DEVICE_PATH_MEDIA, DEVICE_PATH_CD, cd, sizeof(cd));
    device_path_add(&path, 3, 11, cd, 5);
    device_path_text(path.bytes, path.length, text, sizeof(text));
    assert_string_equal(text, "VenMedia(5568E427-68FC-4F3D-AC74-CA555231CC68)/VenHw("
                              "5568E427-68FC-4F3D-AC74-CA555231CC68,0102)/"
                              "CDROM(0x1,0x20,0x0)/Path(3,11)");
}

/* File Path nodes are joined by one backslash, whoever brings it. */
static void file_names_in_parts(void **state)
{
    static const struct {
        const char *parts[3], *whole;
    } names[] = {
        {{"\\EFI\\BOOT", "BOOTAA64.EFI"}, "\\EFI\\BOOT\\BOOTAA64.EFI"},
        {{"\\EFI\\", "\\BOOT\\", "X"}, "\\EFI\\BOOT\\X"},
        {{"EFI", "\\X"}, "EFI\\X"},
        {{""}, ""},
        {{"\\"}, "\\"},
    };
    struct device_path path;
    uint16_t name[64];

    for (unsigned i = 0; i < nitems(names); i++) {
        device_path_empty(&path);
        for (unsigned j = 0; j < 3 && names[i].parts[j]; j++)
            device_path_add_file(&path, wide(names[i].parts[j]));
        assert_int_equal(device_path_file(path.bytes, path.length, 0, name, 64), 0);
        assert_memory_equal(name, wide(names[i].whole), 2 * strlen(names[i].whole) + 2);
    }
}

static void damaged_paths_end(void **state)
{
    struct device_path path;
    struct device_node node;
    char text[100];
    size_t at = 0;

    device_path_pci(&path, 1);
    for (size_t length = 0; length < path.length; length++)
        assert_int_equal(device_path_size(path.bytes, length), 0);
    assert_int_equal(device_path_size(path.bytes, path.length), path.length);
    assert_int_equal(device_path_size(path.bytes, path.length + 50), path.length);
    store_le16(path.bytes + 2, 3);
    assert_int_equal(device_path_size(path.bytes, path.length), 0);
    assert_int_equal(device_path_next(path.bytes, path.length, &at, &node), -EINVAL);
    store_le16(path.bytes + 2, 0xffff);
    assert_int_equal(device_path_size(path.bytes, path.length), 0);
    device_path_text(path.bytes, path.length, text, sizeof(text));
    assert_string_equal(text, "(damaged)");
}

static void path_has_an_end(void **state)
{
    static uint16_t name[600];
    struct device_path path;

    for (unsigned i = 0; i < 600 - 1; i++)
        name[i] = 'x';
    device_path_pci(&path, 1);
    assert_int_equal(device_path_add_file(&path, name), -ENOSPC);
    assert_int_equal(device_path_size(path.bytes, path.length), 22);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, image_setup, image_teardown)
    const struct CMUnitTest tests[] = {
        TEST(gpt),
        TEST(gpt_backup),
        TEST(gpt_entries_off_the_disk),
        TEST(gpt_that_was_replaced_by_mbr),
        TEST(mbr_with_logical_partitions),
        TEST(logical_partitions_in_a_circle),
        TEST(mbr_records_off_the_disk),
        TEST(volume_without_table),
        TEST(cd_with_boot_catalog),
        TEST(cd_for_bios_and_efi),
        TEST(path_of_a_gpt_partition),
        TEST(path_of_an_mbr_partition),
        cmocka_unit_test(paths_of_other_kinds),
        cmocka_unit_test(file_names_in_parts),
        cmocka_unit_test(damaged_paths_end),
        cmocka_unit_test(path_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
