/* SPDX-License-Identifier: ISC */
/* Kernels as they are shipped: every wrapper, and every way in which one can be damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/endian.h"
#include "firmware/unpack.h"

#define PLAIN (1u << 20)

static uint8_t *plain_bytes(void)
{
    uint8_t *bytes = malloc(PLAIN);

    for (size_t i = 0; i < PLAIN; i++)
        bytes[i] = (uint8_t)(i * i >> 7);
    return bytes;
}

static uint8_t *gzip(const uint8_t *in, size_t length, size_t *out_length)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)length};
    size_t room = length + 4096;
    uint8_t *out = malloc(room);

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    *out_length = z.total_out;
    deflateEnd(&z);
    return out;
}

static uint8_t *zstd(const uint8_t *in, size_t length, size_t *out_length)
{
    size_t room = ZSTD_compressBound(length);
    uint8_t *out = malloc(room);

    *out_length = ZSTD_compress(out, room, in, length, 3);
    assert_false(ZSTD_isError(*out_length));
    return out;
}

static uint8_t *zboot(const uint8_t *payload, size_t length, const char *kind, size_t *out_length)
{
    uint8_t *out = calloc(1, 256 + length);

    memcpy(out, "MZ\0\0zimg", 8);
    store_le32(out + 8, 256);
    store_le32(out + 12, (uint32_t)length);
    strcpy((char *)out + 24, kind);
    memcpy(out + 256, payload, length);
    *out_length = 256 + length;
    return out;
}

static void expect_plain(uint8_t *bytes, size_t length)
{
    uint8_t *plain = plain_bytes();
    struct error err = {0};

    assert_int_equal(unpack_kernel(&bytes, &length, "k", &err), 0);
    assert_int_equal(length, PLAIN);
    assert_memory_equal(bytes, plain, PLAIN);
    free(bytes);
    free(plain);
}

static void expect_refused(uint8_t *bytes, size_t length, int code, const char *word)
{
    struct error err = {0};

    assert_int_equal(unpack_kernel(&bytes, &length, "k", &err), -code);
    assert_non_null(strstr(err.text, word));
    free(bytes);
}

static void test_every_wrapper(void **state)
{
    uint8_t *plain = plain_bytes(), *inner, *outer;
    size_t inner_length, length;

    expect_plain(plain_bytes(), PLAIN);
    outer = gzip(plain, PLAIN, &length);
    expect_plain(outer, length);
    outer = zstd(plain, PLAIN, &length);
    expect_plain(outer, length);
    inner = gzip(plain, PLAIN, &inner_length);
    outer = zboot(inner, inner_length, "gzip", &length);
    free(inner);
    expect_plain(outer, length);
    inner = zstd(plain, PLAIN, &inner_length);
    outer = zboot(inner, inner_length, "zstd22", &length);
    free(inner);
    expect_plain(outer, length);
    free(plain);
}

static void test_cut_short(void **state)
{
    uint8_t *plain = plain_bytes(), *outer;
    size_t length;

    outer = gzip(plain, PLAIN, &length);
    expect_refused(outer, length / 2, EINVAL, "cut short");
    outer = zstd(plain, PLAIN, &length);
    expect_refused(outer, length / 2, EINVAL, "cut short");
    outer = gzip(plain, PLAIN, &length);
    outer[length / 2] ^= 0x55;
    expect_refused(outer, length, EINVAL, "damaged");
    free(plain);
}

static void test_zboot_lies(void **state)
{
    uint8_t payload[16] = {0}, *outer;
    size_t length;

    outer = zboot(payload, sizeof(payload), "gzip", &length);
    store_le32(outer + 12, 0xffffff00);
    expect_refused(outer, length, EINVAL, "cut short");
    outer = zboot(payload, sizeof(payload), "xz", &length);
    expect_refused(outer, length, ENOTSUP, "xz");
}

static void test_bomb(void **state)
{
    /* 600 MiB of zeros in a few hundred kilobytes: refused at the limit, not unpacked. */
    size_t chunk = 1 << 20, room = 8 << 20;
    uint8_t *zeros = calloc(1, chunk), *out = malloc(room);
    z_stream z = {.next_out = out, .avail_out = (uInt)room};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 600; i++) {
        z.next_in = zeros;
        z.avail_in = (uInt)chunk;
        assert_int_equal(deflate(&z, i == 599 ? Z_FINISH : Z_NO_FLUSH),
                         i == 599 ? Z_STREAM_END : Z_OK);
    }
    room = z.total_out;
    deflateEnd(&z);
    free(zeros);
    expect_refused(out, room, EFBIG, "512 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wrapper),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_zboot_lies),
        cmocka_unit_test(test_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
