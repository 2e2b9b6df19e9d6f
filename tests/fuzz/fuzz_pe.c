/* SPDX-License-Identifier: ISC */
/*
 * EFI programs that lie: an input that begins as a PE file does is one; any other says what to
 * damage in an image that is made here. What passes the check is laid out within its size, a
 * refusal says why.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/endian.h"
#include "firmware/efi/pe.h"
#include "fuzz.h"

#define FILE_MAX  8192
#define SIZE_MAX_ (UINT32_C(16) << 20)
#define HEADER    0x80
#define OPTIONAL  (HEADER + 24)
#define SECTIONS  (OPTIONAL + 240)

/* What is usual there, but for one case in 16. */
static uint64_t odd(struct fuzz_input *input, uint64_t usual, unsigned bytes)
{
    return fuzz_take(input, 1) % 16 == 1 ? fuzz_take(input, bytes) : usual;
}

static void make_headers(uint8_t *f, struct fuzz_input *input)
{
    memcpy(f, "MZ", 2);
    store_le32(f + 0x3c, (uint32_t)odd(input, HEADER, 4));
    memcpy(f + HEADER, "PE\0\0", 4);
    store_le16(f + HEADER + 4, (uint16_t)odd(input, 0xaa64, 2));
    store_le16(f + HEADER + 6, (uint16_t)odd(input, 3, 2));
    store_le16(f + HEADER + 20, (uint16_t)odd(input, 240, 2));
    store_le16(f + HEADER + 22, (uint16_t)odd(input, 0x206, 2));
    store_le16(f + OPTIONAL, (uint16_t)odd(input, 0x20b, 2));
    store_le32(f + OPTIONAL + 16, (uint32_t)odd(input, 0x1000, 4));
    store_le64(f + OPTIONAL + 24, odd(input, 0, 8));
    store_le32(f + OPTIONAL + 32, (uint32_t)odd(input, 0x1000, 4));
    store_le32(f + OPTIONAL + 56, (uint32_t)odd(input, 0x4000, 4));
    store_le32(f + OPTIONAL + 60, (uint32_t)odd(input, 0x400, 4));
    store_le16(f + OPTIONAL + 68, (uint16_t)odd(input, 10, 2));
    store_le16(f + OPTIONAL + 70, (uint16_t)odd(input, 0x100, 2));
    store_le32(f + OPTIONAL + 108, (uint32_t)odd(input, 16, 4));
    store_le32(f + OPTIONAL + 152, (uint32_t)odd(input, 0x3000, 4));
    store_le32(f + OPTIONAL + 156, (uint32_t)odd(input, 0x40, 4));
}

static void make_sections(uint8_t *f, struct fuzz_input *input)
{
    static const uint32_t flags[] = {0x60000020, 0xc0000040, 0x42000040};

    for (unsigned i = 0; i < 3; i++) {
        uint8_t *s = f + SECTIONS + i * 40;

        store_le32(s + 8, (uint32_t)odd(input, 0x800, 4));
        store_le32(s + 12, (uint32_t)odd(input, 0x1000 * (i + 1), 4));
        store_le32(s + 16, (uint32_t)odd(input, 0x400, 4));
        store_le32(s + 20, (uint32_t)odd(input, 0x400 * (i + 1), 4));
        store_le32(s + 36, (uint32_t)odd(input, flags[i], 4));
    }
}

static void make_relocations(uint8_t *f, struct fuzz_input *input)
{
    uint8_t *block = f + 0xc00;

    for (unsigned i = 0; i < 4; i++, block += 16) {
        store_le32(block, (uint32_t)odd(input, 0x1000 * i, 4));
        store_le32(block + 4, (uint32_t)odd(input, 16, 4));
        for (unsigned j = 0; j < 4; j++)
            store_le16(block + 8 + 2 * j, (uint16_t)odd(input, 0xa000 | (j * 0x108), 2));
    }
}

static size_t make_file(uint8_t *file, struct fuzz_input *input)
{
    memset(file, 0, FILE_MAX);
    make_headers(file, input);
    make_sections(file, input);
    make_relocations(file, input);
    return (size_t)odd(input, 0x1000, 2) % FILE_MAX;
}

static void load(const uint8_t *file, size_t length)
{
    uint64_t address = UINT64_C(0x7f0000000);
    struct pe_image image;
    struct error err = {0};
    uint8_t *to;
    int ret = pe_check(file, length, "program", &image, &err);

    if (ret) {
        if (ret != -ENOEXEC || !err.text[0])
            abort();
        return;
    }
    if (image.entry >= image.size || image.size % 4096 || image.alignment < 4096)
        abort();
    if (image.size > SIZE_MAX_)
        return;
    to = calloc(1, image.size);
    ret = pe_load(file, length, &image, to, address, &err);
    if (ret && (image.relocatable || !err.text[0]))
        abort(); /* what was checked can be laid out */
    if (ret && pe_load(file, length, &image, to, image.base, &err))
        abort();
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    static uint8_t plain[FILE_MAX];
    uint8_t *file;

    if (length < 2 || memcmp(bytes, "MZ", 2) != 0) {
        length = make_file(plain, &input);
        bytes = plain;
    }
    /* A copy of its own, whose end a sanitizer knows. */
    file = malloc(length + 1);
    memcpy(file, bytes, length);
    load(file, length);
    free(file);
    return 0;
}
