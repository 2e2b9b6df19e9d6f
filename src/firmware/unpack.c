/* SPDX-License-Identifier: ISC */
/*
 * gzip by zlib, zstd by libzstd, and Linux's EFI zboot header (Linux
 * drivers/firmware/efi/libstub/zboot-header.S):
 *
 *     0 "MZ"   4 "zimg"   8 u32 payload offset   12 u32 payload size   24 compression name,
 * NUL-terminated
 */
#include "firmware/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/units.h"

#define UNPACK_LAYERS 3 /* zboot around gzip is two */
#define ZBOOT_HEADER  64

struct buffer {
    uint8_t *data;
    size_t length, capacity;
};

/* Doubles the room; false past UNPACK_MAX or out of memory. */
static bool grow(struct buffer *out)
{
    size_t capacity = out->capacity ? out->capacity * 2 : 16 * MIB;
    uint8_t *data;

    if (capacity > UNPACK_MAX)
        return false;
    data = realloc(out->data, capacity);
    if (!data)
        return false;
    out->data = data;
    out->capacity = capacity;
    return true;
}

static int too_large(struct buffer *out, const char *name, struct error *err)
{
    free(out->data);
    return error_set(err, EFBIG, "the kernel \"%s\" unpacks to more than %llu MiB", name,
                     (unsigned long long)(UNPACK_MAX / MIB));
}

static int damaged(struct buffer *out, const char *name, const char *kind, struct error *err)
{
    free(out->data);
    return error_set(err, EINVAL, "the %s data of the kernel \"%s\" is damaged or cut short", kind,
                     name);
}

static int unpack_gzip(const uint8_t *in, size_t length, struct buffer *out, const char *name,
                       struct error *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)MIN(length, UINT32_MAX)};
    int ret;

    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return error_set(err, ENOMEM, "no memory to unpack the kernel \"%s\"", name);
    do {
        if (out->length == out->capacity && !grow(out)) {
            inflateEnd(&z);
            return too_large(out, name, err);
        }
        z.next_out = out->data + out->length;
        z.avail_out = (uInt)(out->capacity - out->length);
        ret = inflate(&z, Z_NO_FLUSH);
        out->length = (size_t)(z.next_out - out->data);
    } while (ret == Z_OK);
    inflateEnd(&z);
    return ret == Z_STREAM_END ? 0 : damaged(out, name, "gzip", err);
}

static int unpack_zstd(const uint8_t *in, size_t length, struct buffer *out, const char *name,
                       struct error *err)
{
    ZSTD_inBuffer input = {in, length, 0};
    ZSTD_DCtx *context = ZSTD_createDCtx();
    size_t ret;

    if (!context)
        return error_set(err, ENOMEM, "no memory to unpack the kernel \"%s\"", name);
    do {
        ZSTD_outBuffer output;
        size_t before = input.pos;

        if (out->length == out->capacity && !grow(out)) {
            ZSTD_freeDCtx(context);
            return too_large(out, name, err);
        }
        output = (ZSTD_outBuffer){out->data, out->capacity, out->length};
        ret = ZSTD_decompressStream(context, &output, &input);
        if (ret != 0 && input.pos == before && output.pos == out->length)
            ret = (size_t)-1; /* neither reads nor writes: the end is missing */
        out->length = output.pos;
    } while (ret != 0 && !ZSTD_isError(ret));
    ZSTD_freeDCtx(context);
    return ret == 0 ? 0 : damaged(out, name, "zstd", err);
}

static bool is_zboot(const uint8_t *in, size_t length)
{
    return length >= ZBOOT_HEADER && memcmp(in, "MZ", 2) == 0 && memcmp(in + 4, "zimg", 4) == 0;
}

static int unpack_zboot(const uint8_t *in, size_t length, struct buffer *out, const char *name,
                        struct error *err)
{
    uint32_t offset = load_le32(in + 8), size = load_le32(in + 12);
    char kind[ZBOOT_HEADER - 24 + 1] = "";

    memcpy(kind, in + 24, sizeof(kind) - 1);
    if (!range_fits(offset, size, length))
        return error_set(
            err, EINVAL,
            "the EFI zboot kernel \"%s\" is cut short: its payload ends at byte %llu of %zu", name,
            (unsigned long long)offset + size, length);
    if (strcmp(kind, "gzip") == 0)
        return unpack_gzip(in + offset, size, out, name, err);
    if (strncmp(kind, "zstd", 4) == 0)
        return unpack_zstd(in + offset, size, out, name, err);
    return error_set(
        err, ENOTSUP,
        "the EFI zboot kernel \"%s\" is compressed with \"%s\"; Atoll unpacks gzip and zstd", name,
        kind);
}

int unpack_kernel(uint8_t **bytes, size_t *length, const char *name, struct error *err)
{
    for (unsigned layer = 0; layer < UNPACK_LAYERS; layer++) {
        struct buffer out = {0};
        int ret;

        if (*length >= 2 && load_be16(*bytes) == 0x1f8b) /* RFC 1952, 2.3.1 */
            ret = unpack_gzip(*bytes, *length, &out, name, err);
        else if (*length >= 4 && load_le32(*bytes) == 0xfd2fb528) /* RFC 8878, 3.1.1 */
            ret = unpack_zstd(*bytes, *length, &out, name, err);
        else if (is_zboot(*bytes, *length))
            ret = unpack_zboot(*bytes, *length, &out, name, err);
        else
            return 0;
        if (ret)
            return ret;
        free(*bytes);
        *bytes = out.data;
        *length = out.length;
    }
    return error_set(err, EINVAL, "the kernel \"%s\" is compressed more than %d times over", name,
                     UNPACK_LAYERS);
}
