/* SPDX-License-Identifier: ISC */
/* Section numbers are those of DSP0134 3.3.0. Numbers are little-endian and unaligned. */
#include "firmware/smbios.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

#define PACKED __attribute__((packed))

/* 5.2.1 */
struct entry32 {
    char anchor[4];
    uint8_t checksum, length, major, minor;
    uint16_t max_structure_size;
    uint8_t entry_point_revision, formatted_area[5];
    char intermediate_anchor[5];
    uint8_t intermediate_checksum;
    uint16_t table_length;
    uint32_t table_address;
    uint16_t structure_count;
    uint8_t bcd_revision;
} PACKED;

/* 5.2.2 */
struct entry64 {
    char anchor[5];
    uint8_t checksum, length, major, minor, docrev, entry_point_revision, reserved;
    uint32_t table_max_size;
    uint64_t table_address;
} PACKED;

/* 6.1.2 */
struct header {
    uint8_t type, length;
    uint16_t handle;
} PACKED;

/* What a field of strings holds is the number of one of those that follow, from 1 on (6.1.3). */
struct bios_information { /* 7.1 */
    struct header header;
    uint8_t vendor, version;
    uint16_t starting_segment;
    uint8_t release_date, rom_size;
    uint64_t characteristics;
    uint8_t characteristics_extension[2], major, minor, ec_major, ec_minor;
    uint16_t extended_rom_size;
} PACKED;

struct system_information { /* 7.2 */
    struct header header;
    uint8_t manufacturer, product, version, serial, uuid[16], wake_up, sku, family;
} PACKED;

struct memory_array { /* 7.17 */
    struct header header;
    uint8_t location, use, error_correction;
    uint32_t maximum_capacity;
    uint16_t error_handle, device_count;
    uint64_t extended_maximum_capacity;
} PACKED;

struct memory_device { /* 7.18 */
    struct header header;
    uint16_t array_handle, error_handle, total_width, data_width, size;
    uint8_t form_factor, device_set, device_locator, bank_locator, memory_type;
    uint16_t type_detail, speed;
    uint8_t manufacturer, serial, asset_tag, part_number, attributes;
    uint32_t extended_size;
    uint16_t configured_speed, voltages[3];
    uint8_t technology;
    uint16_t operating_modes;
    uint8_t firmware_version;
    uint16_t ids[4];
    uint64_t non_volatile_size, volatile_size, cache_size, logical_size;
    uint32_t extended_speed, extended_configured_speed;
} PACKED;

struct memory_mapped_address { /* 7.20 */
    struct header header;
    uint32_t start, end;
    uint16_t array_handle;
    uint8_t partition_width;
    uint64_t extended_start, extended_end;
} PACKED;

struct boot_information { /* 7.33 */
    struct header header;
    uint8_t reserved[6], status;
} PACKED;

_Static_assert(sizeof(struct entry32) == 0x1f && sizeof(struct entry64) == 0x18, "5.2");
_Static_assert(sizeof(struct bios_information) == 0x1a, "7.1");
_Static_assert(sizeof(struct system_information) == 0x1b, "7.2");
_Static_assert(sizeof(struct memory_array) == 0x17, "7.17");
_Static_assert(sizeof(struct memory_device) == 0x5c, "7.18");
_Static_assert(sizeof(struct memory_mapped_address) == 0x1f, "7.20");
_Static_assert(sizeof(struct boot_information) == 0x0b, "7.33");

enum {
    BIOS_CHARACTERISTICS_UNKNOWN = 1 << 3, /* table 7 */
    BIOS_UEFI = 1 << 3,                    /* table 9 */
    BIOS_VIRTUAL_MACHINE = 1 << 4,
    BIOS_NO_RELEASE = 0xff,
    WAKE_UP_POWER_SWITCH = 6,
    LOCATION_SYSTEM_BOARD = 3,
    USE_SYSTEM_MEMORY = 3,
    NO_ERROR_CORRECTION = 3,
    CAPACITY_EXTENDED = UINT32_C(0x80000000),
    NO_ERROR_INFORMATION = 0xfffe,
    WIDTH_UNKNOWN = 0xffff,
    SIZE_EXTENDED = 0x7fff,
    FORM_FACTOR_OTHER = 1,
    MEMORY_RAM = 7,
    TYPE_DETAIL_OTHER = 1 << 1,
    TECHNOLOGY_OTHER = 1,
    OPERATING_MODE_VOLATILE = 1 << 3,
    ADDRESS_EXTENDED = UINT32_C(0xffffffff),
};

enum {
    TYPE_BIOS = 0,
    TYPE_SYSTEM = 1,
    TYPE_MEMORY_ARRAY = 16,
    TYPE_MEMORY_DEVICE = 17,
    TYPE_MEMORY_MAPPED_ADDRESS = 19,
    TYPE_BOOT = 32,
    TYPE_END = 127,
};

struct builder {
    uint8_t *blob;
    size_t room, used;
    uint16_t structures, largest;
    bool full;
};

static void put(struct builder *b, const void *bytes, size_t length)
{
    if (b->full || length > b->room - b->used) {
        b->full = true;
        return;
    }
    memcpy(b->blob + b->used, bytes, length);
    b->used += length;
}

/* A structure and its strings, each with a NUL and another one behind the last (6.1.3). */
static void add(struct builder *b, const void *structure, size_t length, const char *const *strings)
{
    size_t start = b->used;

    put(b, structure, length);
    for (; strings && *strings; strings++)
        put(b, *strings, strlen(*strings) + 1);
    put(b, "\0", strings ? 1 : 2);
    b->structures++;
    b->largest = (uint16_t)MAX(b->largest, b->used - start);
}

/* Handles count up. */
static struct header header(const struct builder *b, uint8_t type, size_t length)
{
    return (struct header){.type = type, .length = (uint8_t)length, .handle = b->structures};
}

/* The version is the framework's build, of macOS 15. */
static void bios(struct builder *b)
{
    static const char *const strings[] = {"Apple Inc.", "2069.0.0.0.0", "08/03/2024", NULL};
    const struct bios_information s = {
        .header = header(b, TYPE_BIOS, sizeof(s)),
        .vendor = 1,
        .version = 2,
        .release_date = 3,
        .characteristics = BIOS_CHARACTERISTICS_UNKNOWN,
        .characteristics_extension = {0, BIOS_UEFI | BIOS_VIRTUAL_MACHINE},
        .major = BIOS_NO_RELEASE,
        .minor = BIOS_NO_RELEASE,
        .ec_major = BIOS_NO_RELEASE,
        .ec_minor = BIOS_NO_RELEASE,
    };

    add(b, &s, sizeof(s), strings);
}

/* The UUID's bytes in their order, in the structure and in the serial number: programs that print
 * the former swap its first three fields (7.2.1). */
static void system_identity(struct builder *b, const uint8_t *u)
{
    char serial[64];
    const char *const strings[] = {"Apple Inc.", "Apple Virtualization Generic Platform", "1",
                                   serial, NULL};
    struct system_information s = {.header = header(b, TYPE_SYSTEM, sizeof(s)),
                                   .manufacturer = 1,
                                   .product = 2,
                                   .version = 3,
                                   .serial = 4,
                                   .wake_up = WAKE_UP_POWER_SWITCH};

    memcpy(s.uuid, u, sizeof(s.uuid));
    snprintf(serial, sizeof(serial),
             "Virtualization-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
             u[14], u[15]);
    add(b, &s, sizeof(s), strings);
}

static void memory(struct builder *b, const struct platform_range *ram)
{
    static const char *const strings[] = {"RAM", NULL};
    const struct memory_array array = {.header = header(b, TYPE_MEMORY_ARRAY, sizeof(array)),
                                       .location = LOCATION_SYSTEM_BOARD,
                                       .use = USE_SYSTEM_MEMORY,
                                       .error_correction = NO_ERROR_CORRECTION,
                                       .maximum_capacity = CAPACITY_EXTENDED,
                                       .error_handle = NO_ERROR_INFORMATION,
                                       .device_count = 1,
                                       .extended_maximum_capacity = ram->size};
    struct memory_device device = {.array_handle = array.header.handle,
                                   .error_handle = NO_ERROR_INFORMATION,
                                   .total_width = WIDTH_UNKNOWN,
                                   .data_width = WIDTH_UNKNOWN,
                                   .size = (uint16_t)MIN(ram->size / MIB, SIZE_EXTENDED),
                                   .form_factor = FORM_FACTOR_OTHER,
                                   .device_locator = 1,
                                   .memory_type = MEMORY_RAM,
                                   .type_detail = TYPE_DETAIL_OTHER,
                                   .extended_size = (uint32_t)(ram->size / MIB),
                                   .technology = TECHNOLOGY_OTHER,
                                   .operating_modes = OPERATING_MODE_VOLATILE,
                                   .volatile_size = ram->size};
    struct memory_mapped_address mapped = {.start = ADDRESS_EXTENDED,
                                           .end = ADDRESS_EXTENDED,
                                           .array_handle = array.header.handle,
                                           .partition_width = 1,
                                           .extended_start = ram->base,
                                           .extended_end = ram->base + ram->size - 1};

    if (device.size < SIZE_EXTENDED)
        device.extended_size = 0;
    add(b, &array, sizeof(array), NULL);
    device.header = header(b, TYPE_MEMORY_DEVICE, sizeof(device));
    add(b, &device, sizeof(device), strings);
    mapped.header = header(b, TYPE_MEMORY_MAPPED_ADDRESS, sizeof(mapped));
    add(b, &mapped, sizeof(mapped), NULL);
}

static void boot_and_end(struct builder *b)
{
    const struct boot_information boot = {.header = header(b, TYPE_BOOT, sizeof(boot))};
    struct header end;

    add(b, &boot, sizeof(boot), NULL);
    end = header(b, TYPE_END, sizeof(end));
    add(b, &end, sizeof(end), NULL);
}

static uint8_t checksum(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint8_t sum = 0;

    while (length-- > 0)
        sum += *at++;
    return (uint8_t)-sum;
}

static void entry64(struct entry64 *to, uint64_t table, size_t length)
{
    *to = (struct entry64){.anchor = {'_', 'S', 'M', '3', '_'},
                           .length = sizeof(*to),
                           .major = 3,
                           .minor = 3,
                           .entry_point_revision = 1,
                           .table_max_size = (uint32_t)length,
                           .table_address = table};
    to->checksum = checksum(to, sizeof(*to));
}

static void entry32(const struct builder *b, struct entry32 *to, uint64_t table, size_t length)
{
    const size_t intermediate = offsetof(struct entry32, intermediate_anchor);

    *to = (struct entry32){.anchor = {'_', 'S', 'M', '_'},
                           .length = sizeof(*to),
                           .major = 3,
                           .minor = 3,
                           .max_structure_size = b->largest,
                           .intermediate_anchor = {'_', 'D', 'M', 'I', '_'},
                           .table_length = (uint16_t)length,
                           .table_address = (uint32_t)table,
                           .structure_count = b->structures,
                           .bcd_revision = 0x33};
    to->intermediate_checksum =
        checksum((const uint8_t *)to + intermediate, sizeof(*to) - intermediate);
    to->checksum = checksum(to, sizeof(*to));
}

int64_t smbios_build(const struct platform *platform, const uint8_t uuid[16], uint64_t base,
                     void *blob, size_t room, struct smbios_entry_points *entries,
                     struct error *err)
{
    const size_t at32 = align_up(sizeof(struct entry64), SMBIOS_ALIGN),
                 table = at32 + align_up(sizeof(struct entry32), SMBIOS_ALIGN);
    struct builder b = {.blob = blob, .room = room, .used = table, .full = room < table};

    memset(blob, 0, room);
    bios(&b);
    system_identity(&b, uuid);
    memory(&b, &platform->ram);
    boot_and_end(&b);
    if (b.full)
        return error_set(err, ENOSPC, "the SMBIOS tables do not fit into %zu bytes", room);
    *entries = (struct smbios_entry_points){.entry64 = base};
    entry64(blob, base + table, b.used - table);
    if (range_fits(base, b.used, BIT(32))) {
        entries->entry32 = base + at32;
        entry32(&b, (void *)((uint8_t *)blob + at32), base + table, b.used - table);
    }
    return (int64_t)b.used;
}
