/* SPDX-License-Identifier: ISC */
/*
 * PE images: one that is made here, as a loader's would be, and everything that can be wrong in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/pe.h"

#define FILE_SIZE 0x1000u
#define HEADER    0x80u
#define OPTIONAL  (HEADER + 24)
#define SECTIONS  (OPTIONAL + 240)
#define BASE      UINT64_C(0x140000000)
#define ADDRESS   UINT64_C(0x7f8765000)

struct program {
    uint8_t file[FILE_SIZE];
    size_t length;
};

static void put_section(uint8_t *file, unsigned i, uint32_t size, uint32_t raw_size, uint32_t flags)
{
    uint8_t *s = file + SECTIONS + i * 40;

    store_le32(s + 8, size);
    store_le32(s + 12, 0x1000 * (i + 1));
    store_le32(s + 16, raw_size);
    store_le32(s + 20, 0x400 * (i + 1));
    store_le32(s + 36, flags);
    memset(file + 0x400 * (i + 1), 0x11 * (int)(i + 1), raw_size);
}

/* .text, .data of which half is in the file, .reloc with a relocation of each kind. */
static int make(void **state)
{
    struct program *p = calloc(1, sizeof(*p));
    uint8_t *f = p->file;

    p->length = FILE_SIZE;
    memcpy(f, "MZ", 2);
    store_le32(f + 0x3c, HEADER);
    memcpy(f + HEADER, "PE\0\0", 4);
    store_le16(f + HEADER + 4, 0xaa64);
    store_le16(f + HEADER + 6, 3);
    store_le16(f + HEADER + 20, 240);
    store_le16(f + HEADER + 22, 0x206);
    store_le16(f + OPTIONAL, 0x20b);
    store_le32(f + OPTIONAL + 16, 0x1004);
    store_le64(f + OPTIONAL + 24, BASE);
    store_le32(f + OPTIONAL + 32, 0x1000);
    store_le32(f + OPTIONAL + 36, 0x200);
    store_le32(f + OPTIONAL + 56, 0x3800);
    store_le32(f + OPTIONAL + 60, 0x400);
    store_le16(f + OPTIONAL + 68, PE_SUBSYSTEM_APPLICATION);
    store_le16(f + OPTIONAL + 70, 0x100);
    store_le32(f + OPTIONAL + 108, 16);
    store_le32(f + OPTIONAL + 152, 0x3000);
    store_le32(f + OPTIONAL + 156, 16);
    put_section(f, 0, 0x400, 0x400, 0x60000020);
    put_section(f, 1, 0x800, 0x400, 0xc0000040);
    put_section(f, 2, 0x200, 0x200, 0x42000040);
    memset(f + 0xc00, 0, 0x200);
    store_le32(f + 0xc00, 0x2000);
    store_le32(f + 0xc04, 16);
    store_le16(f + 0xc08, 0xa008);
    store_le16(f + 0xc0a, 0x3010);
    store_le16(f + 0xc0c, 0x0000);
    store_le16(f + 0xc0e, 0x0000);
    store_le64(f + 0x808, BASE + 0x1004);
    store_le32(f + 0x810, (uint32_t)BASE + 0x2000);
    *state = p;
    return 0;
}

static int discard(void **state)
{
    free(*state);
    return 0;
}

static void accept(const struct program *p, struct pe_image *image)
{
    struct error err = {0};

    if (pe_check(p->file, p->length, "test.efi", image, &err))
        fail_msg("%s", err.text);
}

/* The refusal names the file and says `why`. */
static void refuse(const struct program *p, const char *why)
{
    struct error err = {0};
    struct pe_image image;

    assert_int_equal(pe_check(p->file, p->length, "test.efi", &image, &err), -ENOEXEC);
    if (!strstr(err.text, why) || !strstr(err.text, "test.efi"))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static uint8_t *load(const struct program *p, const struct pe_image *image, uint64_t address)
{
    uint8_t *to = calloc(1, image->size);
    struct error err = {0};

    if (pe_load(p->file, p->length, image, to, address, &err))
        fail_msg("%s", err.text);
    return to;
}

static void headers_are_read(void **state)
{
    struct pe_image image;

    accept(*state, &image);
    assert_int_equal(image.subsystem, PE_SUBSYSTEM_APPLICATION);
    assert_int_equal(image.base, BASE);
    assert_int_equal(image.size, 0x4000);
    assert_int_equal(image.alignment, 0x1000);
    assert_int_equal(image.entry, 0x1004);
    assert_true(image.relocatable);
    assert_true(image.nx);
}

static void sections_are_laid_out_and_relocated(void **state)
{
    struct program *p = *state;
    struct pe_image image;
    uint8_t *to;

    accept(p, &image);
    to = load(p, &image, ADDRESS);
    assert_memory_equal(to, p->file, 0x400);
    assert_memory_equal(to + 0x1000, p->file + 0x400, 0x400);
    assert_int_equal(to[0x2000 + 0x3ff], 0x22);
    for (unsigned i = 0x2400; i < 0x3000; i++)
        assert_int_equal(to[i], 0);
    assert_int_equal(load_le64(to + 0x2008), ADDRESS + 0x1004);
    assert_int_equal(load_le32(to + 0x2010), (uint32_t)(ADDRESS + 0x2000));
    assert_int_equal(to[0x2014], 0x22);
    free(to);
}

static void only_where_it_wants_to_be(void **state)
{
    struct program *p = *state;
    struct pe_image image;
    struct error err = {0};
    uint8_t *to;

    store_le16(p->file + HEADER + 22, 0x207); /* relocations stripped */
    accept(p, &image);
    assert_false(image.relocatable);
    to = load(p, &image, BASE);
    assert_int_equal(load_le64(to + 0x2008), BASE + 0x1004);
    assert_int_equal(pe_load(p->file, p->length, &image, to, ADDRESS, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, "no relocations"));
    free(to);
}

/* What real tools make and other loaders take. */
static void oddities_are_accepted(void **state)
{
    struct program *p = *state;
    struct pe_image image;

    store_le32(p->file + OPTIONAL + 32, 8); /* objcopy's section alignment */
    accept(p, &image);
    assert_int_equal(image.alignment, 0x1000);
    store_le32(p->file + OPTIONAL + 32, 0x10000); /* Linux's */
    accept(p, &image);
    assert_int_equal(image.alignment, 0x10000);
    store_le32(p->file + SECTIONS + 40 + 8, 0); /* no virtual size */
    accept(p, &image);
    free(load(p, &image, ADDRESS));
    store_le32(p->file + 0xc04, 10); /* gnu-efi's block of one entry */
    store_le32(p->file + OPTIONAL + 156, 10);
    accept(p, &image);
    store_le32(p->file + OPTIONAL + 156, 0x1000); /* longer than its section: zeros end it */
    store_le32(p->file + 0xc04, 16);
    accept(p, &image);
    store_le32(p->file + OPTIONAL + 108, 5); /* no directory of relocations */
    accept(p, &image);
    assert_true(image.relocatable);
    p->length -= 0x200; /* nothing that a section needs */
    accept(p, &image);
}

static void writable_code_is_not_nx(void **state)
{
    struct program *p = *state;
    struct pe_image image;

    store_le32(p->file + SECTIONS + 36, 0xe0000020);
    accept(p, &image);
    assert_false(image.nx);
}

static void lies_are_refused(void **state)
{
    static const struct {
        uint32_t at, value;
        unsigned bytes;
        const char *why;
    } lies[] = {
        {0, 0, 2, "does not begin with \"MZ\""},
        {0x3c, 0xfffffff0, 4, "no PE header"},
        {0x3c, FILE_SIZE - 8, 4, "no PE header"},
        {HEADER, 0, 4, "no PE header"},
        {HEADER + 4, 0x8664, 2, "another kind of CPU (PE machine 0x8664)"},
        {HEADER + 6, 97, 2, "section table"},
        {HEADER + 20, 111, 2, "64-bit"},
        {HEADER + 20, 0xfff0, 2, "section table"},
        {OPTIONAL, 0x10b, 2, "64-bit"},
        {OPTIONAL + 16, 0, 4, "entry point"},
        {OPTIONAL + 16, 0x3800, 4, "entry point"},
        {OPTIONAL + 16, 0x1002, 4, "entry point"},
        {OPTIONAL + 32, 0, 4, "alignment"},
        {OPTIONAL + 32, 0x1800, 4, "alignment"},
        {OPTIONAL + 32, 0x80000000, 4, "alignment"},
        {OPTIONAL + 56, 0, 4, "memory"},
        {OPTIONAL + 56, 0xfffffff0, 4, "more than 1 GiB"},
        {OPTIONAL + 60, FILE_SIZE + 1, 4, "cut short within its headers"},
        {OPTIONAL + 60, 0x3801, 4, "cut short within its headers"},
        {OPTIONAL + 68, 3, 2, "its subsystem is 3"},
        {OPTIONAL + 152, 0x3ffff000, 4, "relocations outside"},
        {SECTIONS + 12, 0x3fff, 4, "section 1 lies beyond the memory"},
        {SECTIONS + 12, 0xfffff000, 4, "section 1 lies beyond the memory"},
        {SECTIONS + 40 + 8, 0xffffffff, 4, "section 2 lies beyond the memory"},
        {SECTIONS + 40 + 20, 0xfffffff0, 4, "section 2 lies beyond the end of the file"},
        {0xc00, 0x3ffc, 4, "relocation outside"},
        {0xc00, 0xfffffff0, 4, "relocation outside"},
        {0xc04, 7, 4, "no block"},
        {0xc04, 17, 4, "no block"},
        {0xc08, 0x5008, 2, "type 5 at 0x2008"},
    };

    for (unsigned i = 0; i < nitems(lies); i++) {
        struct program p = *(struct program *)*state;

        memcpy(p.file + lies[i].at, &lies[i].value, lies[i].bytes);
        refuse(&p, lies[i].why);
    }
}

static void cut_files_are_refused(void **state)
{
    struct program *p = *state;
    uint8_t *exact;
    struct pe_image image;
    struct error err;

    for (size_t length = 0; length < 0xe00; length++) {
        exact = malloc(length + 1);
        memcpy(exact, p->file, length);
        assert_int_equal(pe_check(exact, length, "test.efi", &image, &err), -ENOEXEC);
        free(exact);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)
    const struct CMUnitTest tests[] = {
        TEST(headers_are_read),          TEST(sections_are_laid_out_and_relocated),
        TEST(only_where_it_wants_to_be), TEST(oddities_are_accepted),
        TEST(writable_code_is_not_nx),   TEST(lies_are_refused),
        TEST(cut_files_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
