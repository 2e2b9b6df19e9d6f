/* SPDX-License-Identifier: ISC */
/* SMBIOS: entry points and structures, read back by DSP0134's own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/smbios.h"

#define BASE UINT64_C(0x8fff0000)

static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static uint8_t blob[SMBIOS_MAX_SIZE];
static struct smbios_entry_points entries;
static int64_t length;

static void build(uint64_t ram, uint64_t base)
{
    const struct platform platform = {.ram = {0x70000000, ram}};

    length = smbios_build(&platform, uuid, base, blob, sizeof(blob), &entries, NULL);
    assert_true(length > 0);
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
    uint8_t total = 0;

    while (count-- > 0)
        total += *bytes++;
    return total;
}

/* Behind a structure's strings. */
static const uint8_t *next(const uint8_t *s)
{
    s += s[1];
    while (s[0] || s[1])
        s++;
    return s + 2;
}

static const uint8_t *table(void)
{
    return blob + (load_le64(blob + 16) - entries.entry64);
}

static const uint8_t *find(uint8_t type)
{
    const uint8_t *s = table();

    while (s[0] != type && s[0] != 127)
        s = next(s);
    return s[0] == type ? s : NULL;
}

static const char *text(const uint8_t *s, size_t field)
{
    const char *at = (const char *)s + s[1];

    assert_true(s[field] > 0);
    for (uint8_t i = 1; i < s[field]; i++)
        at += strlen(at) + 1;
    return at;
}

static void test_entry_points(void **state)
{
    const uint8_t *e32, *s;
    unsigned count = 1, largest = 0;

    build(GIB, BASE);
    assert_int_equal(entries.entry64, BASE);
    assert_memory_equal(blob, "_SM3_", 5);
    assert_int_equal(blob[6], 0x18);
    assert_int_equal(sum(blob, 0x18), 0);
    assert_int_equal(blob[7] << 8 | blob[8], 0x0303);
    assert_int_equal(load_le32(blob + 12), blob + length - table());

    e32 = blob + (entries.entry32 - BASE);
    assert_int_equal(entries.entry32 % 16, 0);
    assert_memory_equal(e32, "_SM_", 4);
    assert_memory_equal(e32 + 16, "_DMI_", 5);
    assert_int_equal(e32[5], 0x1f);
    assert_int_equal(sum(e32, 0x1f), 0);
    assert_int_equal(sum(e32 + 16, 0x0f), 0);
    assert_int_equal(load_le16(e32 + 22), load_le32(blob + 12));
    assert_int_equal(load_le32(e32 + 24), load_le64(blob + 16));

    for (s = table(); s[0] != 127; s = next(s), count++)
        largest = MAX(largest, (unsigned)(next(s) - s));
    assert_ptr_equal(next(s), blob + length);
    assert_int_equal(load_le16(e32 + 28), count);
    assert_int_equal(load_le16(e32 + 8), largest);
}

static void test_no_32_bit_entry_above_4g(void **state)
{
    build(GIB, UINT64_C(0x16fc1a000));
    assert_int_equal(entries.entry64, UINT64_C(0x16fc1a000));
    assert_int_equal(entries.entry32, 0);
    assert_int_equal(find(1)[0], 1);
    build(GIB, BIT(32) - 16);
    assert_int_equal(entries.entry32, 0);
}

static void test_identity(void **state)
{
    const uint8_t *s;

    build(GIB, BASE);
    s = find(0);
    assert_string_equal(text(s, 4), "Apple Inc.");
    assert_string_equal(text(s, 5), "2069.0.0.0.0");
    assert_string_equal(text(s, 8), "08/03/2024");
    s = find(1);
    assert_string_equal(text(s, 4), "Apple Inc.");
    assert_string_equal(text(s, 5), "Apple Virtualization Generic Platform");
    assert_string_equal(text(s, 6), "1");
    assert_string_equal(text(s, 7), "Virtualization-00112233-4455-6677-8899-aabbccddeeff");
    assert_memory_equal(s + 8, uuid, sizeof(uuid));
    assert_int_equal(s[24], 6);
}

static void test_memory(void **state)
{
    static const uint64_t sizes[] = {128 * MIB, 32766 * MIB, 32767 * MIB, 64 * GIB};

    for (size_t i = 0; i < nitems(sizes); i++) {
        const uint8_t *array, *device, *mapped;
        bool extended = sizes[i] >= 32767 * MIB;

        build(sizes[i], BASE);
        array = find(16);
        device = find(17);
        mapped = find(19);
        assert_int_equal(load_le64(array + 15), sizes[i]);
        assert_int_equal(load_le16(device + 4), load_le16(array + 2));
        assert_int_equal(load_le16(mapped + 12), load_le16(array + 2));
        assert_int_equal(load_le16(device + 12), extended ? 0x7fff : sizes[i] / MIB);
        assert_int_equal(load_le32(device + 28), extended ? sizes[i] / MIB : 0);
        assert_int_equal(load_le64(mapped + 15), 0x70000000);
        assert_int_equal(load_le64(mapped + 23), 0x70000000 + sizes[i] - 1);
    }
}

/* OpenBSD's smbios_get_string() wants 64 bytes from a string's start to the table's end. */
static void test_room_behind_strings(void **state)
{
    build(GIB, BASE);
    assert_true((const char *)blob + length - text(find(1), 7) > 64);
}

static void test_handles_differ(void **state)
{
    build(GIB, BASE);
    for (const uint8_t *a = table(); a[0] != 127; a = next(a))
        for (const uint8_t *b = next(a); b[0] != 127; b = next(b))
            assert_int_not_equal(load_le16(a + 2), load_le16(b + 2));
}

static void test_no_room(void **state)
{
    const struct platform platform = {.ram = {0x70000000, GIB}};

    build(GIB, BASE);
    for (size_t room = 0; room < (size_t)length; room++) {
        memset(blob, 0x5a, sizeof(blob));
        assert_int_equal(smbios_build(&platform, uuid, BASE, blob, room, &entries, NULL), -ENOSPC);
        assert_int_equal(blob[room], 0x5a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_points),
        cmocka_unit_test(test_no_32_bit_entry_above_4g),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_room_behind_strings),
        cmocka_unit_test(test_handles_differ),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
