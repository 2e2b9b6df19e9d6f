/* SPDX-License-Identifier: ISC */
/* AML against encodings worked out by hand from ACPI 6.5, chapter 20 and 6.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/aml.h"

static uint8_t bytes[1u << 21];
static struct aml aml;

static int start(void **state)
{
    aml_init(&aml, bytes, sizeof(bytes));
    return 0;
}

#define EXPECT(...)                                                                                \
    do {                                                                                           \
        const uint8_t expected[] = {__VA_ARGS__};                                                  \
        assert_int_equal(aml_finish(&aml), sizeof(expected));                                      \
        assert_memory_equal(bytes, expected, sizeof(expected));                                    \
    } while (0)

static void test_integers(void **state)
{
    aml_integer(&aml, 0);
    aml_integer(&aml, 1);
    aml_integer(&aml, 2);
    aml_integer(&aml, 0xff);
    aml_integer(&aml, 0x100);
    aml_integer(&aml, 0x10000);
    aml_integer(&aml, UINT64_C(0x123456789));
    EXPECT(0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff, 0x0b, 0x00, 0x01, 0x0c, 0x00, 0x00, 0x01, 0x00, 0x0e,
           0x89, 0x67, 0x45, 0x23, 0x01, 0x00, 0x00, 0x00);
}

static void test_names(void **state)
{
    aml_name(&aml, "_HID");
    aml_eisa_id(&aml, "PNP0A08");
    aml_name(&aml, "\\_SB.PCI0");
    aml_string(&aml, "x");
    aml_name(&aml, "A.B.C");
    aml_integer(&aml, 0);
    EXPECT(0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0a, 0x08, /* as in every DSDT */
           0x08, '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 0x0d, 'x', 0x00, /* dual */
           0x08, 0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_', 0x00);
}

static void test_bodies(void **state)
{
    aml_scope(&aml, "_SB");
    aml_device(&aml, "GED0");
    aml_method(&aml, "_EVT", 1);
    aml_notify(&aml, "PWRB", 0x80);
    aml_end(&aml);
    aml_end(&aml);
    aml_end(&aml);
    EXPECT(0x10, 26, '_', 'S', 'B', '_', 0x5b, 0x82, 19, 'G', 'E', 'D', '0', 0x14, 13, '_', 'E',
           'V', 'T', 0x09, 0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80);
}

/* What comes back from a package's PkgLength, which must reach exactly to the end; *size is how
 * many bytes it has. */
static size_t decode_length(const uint8_t *at, size_t *size)
{
    size_t length = at[0] & 0x3f;

    *size = (size_t)(at[0] >> 6) + 1;
    if (*size > 1)
        length = at[0] & 0xf;
    for (size_t i = 1; i < *size; i++)
        length |= (size_t)at[i] << (8 * i - 4);
    return length;
}

static void test_lengths(void **state)
{
    /* The longest string that each size of PkgLength can just hold, and one more. The body also
     * has the package's count, the string's prefix and its NUL. */
    static const struct {
        size_t string, size;
    } rows[] = {{0, 1},    {59, 1},          {60, 2},          {0xfff - 2 - 3, 2},
                {4091, 3}, {0xfffff - 6, 3}, {0xfffff - 5, 4}, {0x1ffff0, 4}};
    char *text = malloc(sizeof(bytes));

    for (size_t i = 0; i < nitems(rows); i++) {
        size_t size;

        memset(text, 'x', rows[i].string);
        text[rows[i].string] = '\0';
        start(NULL);
        aml_package(&aml, 1);
        aml_string(&aml, text);
        aml_end(&aml);
        assert_int_equal(aml_finish(&aml), 1 + rows[i].size + 3 + rows[i].string);
        assert_int_equal(decode_length(bytes + 1, &size), rows[i].size + 3 + rows[i].string);
        assert_int_equal(size, rows[i].size);
        assert_int_equal(bytes[1 + size], 1);
        assert_int_equal(bytes[1 + size + 1], 0x0d);
    }
    free(text);
}

static void test_resources(void **state)
{
    aml_resources(&aml);
    aml_memory32(&aml, 0x20060000, 0x1000);
    aml_interrupt(&aml, AML_LEVEL, 37);
    aml_interrupt(&aml, AML_EDGE, 49);
    aml_resources_end(&aml);
    EXPECT(0x11, 35, 0x0a, 32, 0x86, 9, 0, 1, 0, 0, 6, 0x20, 0, 0x10, 0, 0, /* Memory32Fixed */
           0x89, 6, 0, 1, 1, 37, 0, 0, 0, 0x89, 6, 0, 3, 1, 49, 0, 0, 0,    /* Interrupt */
           0x79, 0);
}

static void test_windows(void **state)
{
    aml_bus_range(&aml, 0, 255);
    aml_memory_window32(&aml, 0x50000000, 0x1ffe0000);
    aml_io_window(&aml, 0, 0x10000, 0x6fff0000);
    aml_memory_window64(&aml, UINT64_C(0x180000000), UINT64_C(0x40000000));
    EXPECT(0x88, 13, 0, 2, 0xc, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 1,                    /* bus */
           0x87, 23, 0, 0, 0xc, 1, 0, 0, 0, 0, 0, 0, 0, 0x50, 0xff, 0xff, 0xfd, 0x6f, /* 32-bit */
           0, 0, 0, 0, 0, 0, 0xfe, 0x1f,                                              /* */
           0x87, 23, 0, 1, 0xc, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0,       /* I/O */
           0, 0, 0xff, 0x6f, 0, 0, 1, 0,                                              /* */
           0x8a, 43, 0, 0, 0xc, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, /* 64-bit */
           0xff, 0xff, 0xff, 0xbf, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                /* */
           0, 0, 0, 0x40, 0, 0, 0, 0);
}

static void test_gpio(void **state)
{
    aml_gpio_interrupt(&aml, AML_EDGE, 6, "\\G");
    EXPECT(0x8c, 25, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 23, 0, 0, 25, 0, 28, 0, 0, 0, 6, 0, '\\',
           'G', 0);
}

/* A buffer that needs a two-byte size. */
static void test_large_buffer(void **state)
{
    aml_resources(&aml);
    for (unsigned i = 0; i < 22; i++)
        aml_memory32(&aml, i << 12, 0x1000);
    aml_resources_end(&aml);
    assert_int_equal(aml_finish(&aml), 1 + 2 + 3 + 22 * 12 + 2);
    assert_int_equal(bytes[3], 0x0b);
    assert_int_equal(bytes[4] | bytes[5] << 8, 22 * 12 + 2);
}

static void bad_length_name(struct aml *a)
{
    aml_name(a, "LONGER");
}

static void bad_empty_segment(struct aml *a)
{
    aml_name(a, "_SB..PCI0");
}

static void bad_character(struct aml *a)
{
    aml_name(a, "0SB");
}

static void bad_id(struct aml *a)
{
    aml_eisa_id(a, "PNP0G08");
}

static void bad_end(struct aml *a)
{
    aml_end(a);
}

static void no_end(struct aml *a)
{
    aml_scope(a, "_SB");
}

static void too_deep(struct aml *a)
{
    for (unsigned i = 0; i <= AML_MAX_DEPTH; i++)
        aml_scope(a, "_SB");
    for (unsigned i = 0; i <= AML_MAX_DEPTH; i++)
        aml_end(a);
}

static void above_4g(struct aml *a)
{
    aml_memory32(a, UINT64_C(0x100000000), 1);
}

static void window_above_4g(struct aml *a)
{
    aml_memory_window32(a, 0xf0000000, 0x10000001);
}

static void test_mistakes(void **state)
{
    static void (*const mistakes[])(struct aml *) = {
        bad_length_name, bad_empty_segment, bad_character, bad_id,          bad_end,
        no_end,          too_deep,          above_4g,      window_above_4g,
    };

    for (size_t i = 0; i < nitems(mistakes); i++) {
        start(NULL);
        mistakes[i](&aml);
        assert_int_equal(aml_finish(&aml), -EINVAL);
    }
}

/* Whatever the room, nothing is written behind it. */
static void test_no_room(void **state)
{
    for (size_t room = 0; room < 64; room++) {
        int64_t length;

        memset(bytes, 0x5a, 128);
        aml_init(&aml, bytes, room);
        aml_device(&aml, "GPO0");
        aml_name(&aml, "_CRS");
        aml_resources(&aml);
        aml_memory32(&aml, 0x20060000, 0x1000);
        aml_interrupt(&aml, AML_LEVEL, 37);
        aml_resources_end(&aml);
        aml_end(&aml);
        length = aml_finish(&aml);
        assert_int_equal(length, room < 39 ? -ENOSPC : 39);
        for (size_t i = room; i < 128; i++)
            assert_int_equal(bytes[i], 0x5a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_integers, start),
        cmocka_unit_test_setup(test_names, start),
        cmocka_unit_test_setup(test_bodies, start),
        cmocka_unit_test_setup(test_lengths, start),
        cmocka_unit_test_setup(test_resources, start),
        cmocka_unit_test_setup(test_windows, start),
        cmocka_unit_test_setup(test_gpio, start),
        cmocka_unit_test_setup(test_large_buffer, start),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
