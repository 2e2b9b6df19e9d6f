/* SPDX-License-Identifier: ISC */
/*
 * Files of EFI variables that lie, and guests that set what they like. The input is flags, the
 * length of the first slot (2 bytes), a script of 64 bytes, and the two slots; checksums are made
 * right unless a flag says no. A refusal says why; what was accepted is accepted again, with the
 * same variables in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/endian.h"
#include "firmware/efi/variable.h"
#include "fuzz.h"

#define SLOT   (1u << 20)
#define SCRIPT 64

enum { KEEP_CRC = 1, EMPTY = 2, NO_FILE = 4, KEEP_MAGIC = 8 };

static void put_slot(int fd, unsigned number, const uint8_t *bytes, size_t length, unsigned flags)
{
    uint8_t *slot = malloc(length + 1);

    memcpy(slot, bytes, length);
    if (length >= 64 && !(flags & KEEP_MAGIC)) {
        memcpy(slot, "AtollNV1", 8);
        slot[16] = (uint8_t)((slot[16] & ~1u) | number);
    }
    if (length >= 64 && !(flags & KEEP_CRC)) {
        uint32_t records = load_le32(slot + 24);

        if (records <= length - 64)
            store_le32(slot + 8, (uint32_t)crc32_z(0, slot + 12, 52 + records));
    }
    if (pwrite(fd, slot, length, number * (off_t)SLOT) != (ssize_t)length)
        abort();
    free(slot);
}

static void guest_name(struct fuzz_input *input, uint16_t *name)
{
    static const char *const names[] = {"Boot0000", "BootOrder", "x", ""};
    uint64_t which = fuzz_take(input, 1);
    const char *from = names[which % nitems(names)];

    if (which & 0x40) { /* one that has no end within the bound */
        for (unsigned i = 0; i < VARIABLE_NAME_MAX; i++)
            name[i] = 'n';
        return;
    }
    do
        *name++ = (uint8_t)(*from ? *from + (char)(which >> 7) : 0);
    while (*from++);
}

static void step(struct variables *v, struct fuzz_input *input)
{
    static uint8_t data[VARIABLE_DATA_MAX + 1];
    unsigned what = (unsigned)fuzz_take(input, 1);
    uint32_t attributes = (uint32_t)fuzz_take(input, 1);
    size_t length = (size_t)fuzz_take(input, what & 0x40 ? 2 : 1);
    struct efi_guid vendor = {.a = what & 0x20};
    uint16_t name[VARIABLE_NAME_MAX];

    guest_name(input, name);
    if (what & 0x10)
        attributes = 7;
    switch (what % 4) {
    case 0: variables_get(v, name, &vendor, what & 0x80, &attributes, data, &length); break;
    case 1:
    case 2: variables_set(v, name, &vendor, what & 0x80, attributes, data, length); break;
    default: variables_reset(v);
    }
}

/* A sum over all non-volatile variables, by the services. */
static uint64_t digest(struct variables *v)
{
    static uint8_t data[VARIABLE_DATA_MAX];
    uint16_t name[VARIABLE_NAME_MAX] = {0};
    struct efi_guid vendor = {0};
    uint64_t sum = 0, maximum, remaining, largest;

    while (variables_next(v, false, name, &vendor) == EFI_SUCCESS) {
        uint32_t attributes;
        size_t length = sizeof(data);

        if (variables_get(v, name, &vendor, false, &attributes, data, &length) != EFI_SUCCESS)
            abort();
        sum = sum * 31 + crc32_z(attributes + vendor.a, data, length);
    }
    variables_info(v, &maximum, &remaining, &largest);
    if (remaining > maximum || largest > remaining)
        abort();
    return sum;
}

static void use(struct variables *v, int fd, struct fuzz_input *input)
{
    uint8_t uuid[2][16];
    struct error err;
    uint64_t sum;

    for (int i = 0; i < 12 && input->at < input->end; i++)
        step(v, input);
    variables_reset(v);
    sum = digest(v);
    variables_identifier(v, uuid[0]);
    variables_destroy(v);
    if (fd < 0)
        return;
    if (variables_create(&v, fd, "file", NULL, &err) || digest(v) != sum)
        abort();
    variables_identifier(v, uuid[1]);
    if (memcmp(uuid[0], uuid[1], sizeof(uuid[0])) != 0)
        abort();
    variables_destroy(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    unsigned flags = (unsigned)fuzz_take(&input, 1);
    size_t first = (size_t)fuzz_take(&input, 2), script;
    struct error err = {0};
    struct variables *v;
    int fd = -1, ret;

    script = MIN((size_t)(input.end - input.at), SCRIPT);
    bytes = input.at + script;
    length = (size_t)(input.end - bytes);
    input.end = bytes;
    first = MIN(first, length);
    if (!(flags & NO_FILE) && (fd = memfd_create("variables", MFD_CLOEXEC)) < 0)
        abort();
    if (fd >= 0 && !(flags & EMPTY)) {
        put_slot(fd, 0, bytes, first, flags);
        put_slot(fd, 1, bytes + first, length - first, flags);
    }
    ret = variables_create(&v, fd, "file", NULL, &err);
    if (ret == 0)
        use(v, fd, &input);
    else if (ret != -EINVAL || !err.text[0])
        abort();
    if (fd >= 0)
        close(fd);
    return 0;
}
