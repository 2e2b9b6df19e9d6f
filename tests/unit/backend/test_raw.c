/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "scratch.h"

static void make_file(struct scratch *s, const char *name, off_t size)
{
    int fd = open(scratch_path(s, name), O_CREAT | O_TRUNC | O_RDWR, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static int try_open(struct scratch *s, struct disk_config config, struct disk **disk,
                    struct error *err)
{
    config.path = scratch_path(s, config.path);
    return disk_open(disk, &config, &s->log, err);
}

static void vectors_are_exact(void **state)
{
    struct scratch *s = *state;
    uint8_t out[5000], in[5000];
    struct iovec many[200];
    struct disk *disk;

    make_file(s, "disk", MIB);
    disk = scratch_open(s, "disk", NULL, false);
    assert_int_equal(disk->size, MIB);
    scratch_fill(s, out, sizeof(out));
    for (size_t i = 0; i < 200; i++) /* 25 bytes each, every tenth empty */
        many[i] = (struct iovec){out + i * 25, i % 10 == 9 ? 0 : 25};
    assert_int_equal(disk_writev(disk, many, 200, 777), 0);
    assert_int_equal(disk_flush(disk), 0);
    scratch_read(disk, in, 4500, 777);
    for (size_t i = 0, at = 0; i < 200; i++) {
        if (i % 10 == 9)
            continue;
        assert_memory_equal(in + at, out + i * 25, 25);
        at += 25;
    }
    memset(in, 0, sizeof(in));
    for (size_t i = 0; i < 200; i++)
        many[i].iov_base = in + i * 25;
    assert_int_equal(disk_readv(disk, many, 200, 777), 0);
    assert_memory_equal(in, out, 25 * 9);
    assert_memory_equal(in + 190 * 25, out + 190 * 25, 25 * 9);
    disk_close(disk);
}

static void ranges_are_checked(void **state)
{
    struct scratch *s = *state;
    uint8_t byte[2] = {0};
    struct iovec huge[2] = {{byte, SIZE_MAX}, {byte, 2}}, two = {byte, 2};
    struct disk *disk;

    make_file(s, "disk", MIB);
    disk = scratch_open(s, "disk", NULL, false);
    assert_int_equal(disk_readv(disk, &two, 1, MIB - 1), -EINVAL);
    assert_int_equal(disk_writev(disk, &two, 1, MIB - 1), -EINVAL);
    assert_int_equal(disk_readv(disk, &two, 1, UINT64_MAX - 1), -EINVAL);
    assert_int_equal(disk_writev(disk, huge, 2, 0), -EINVAL);
    assert_int_equal(disk_discard(disk, MIB, 512), -EINVAL);
    assert_int_equal(disk_write_zeroes(disk, 512, MIB, true), -EINVAL);
    assert_int_equal(disk_readv(disk, &two, 1, MIB - 2), 0);
    assert_int_equal(disk_readv(disk, NULL, 0, MIB), 0);
    disk_close(disk);
}

static void odd_tail_reads_zeros_and_is_not_written(void **state)
{
    struct scratch *s = *state;
    uint8_t bytes[1024];
    struct iovec iov = {bytes, 512};
    struct disk *disk;
    struct stat st;

    make_file(s, "disk", 1000);
    disk = scratch_open(s, "disk", NULL, false);
    assert_non_null(strstr(s->line, "multiple"));
    assert_int_equal(disk->size, 1024);
    memset(bytes, 0xee, sizeof(bytes));
    scratch_read(disk, bytes, 1024, 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(disk_writev(disk, &iov, 1, 0), 0);
    assert_int_equal(disk_writev(disk, &iov, 1, 512), -EROFS);
    disk_close(disk);
    assert_int_equal(stat(scratch_path(s, "disk"), &st), 0);
    assert_int_equal(st.st_size, 1000);
}

static void zeroing_and_discarding(void **state)
{
    struct scratch *s = *state;
    static uint8_t bytes[1 << 20];
    struct disk *disk;
    struct stat before, after;

    make_file(s, "disk", MIB);
    disk = scratch_open(s, "disk", NULL, false);
    memset(bytes, 0x55, sizeof(bytes));
    scratch_write(disk, bytes, sizeof(bytes), 0);
    disk_flush(disk);
    stat(scratch_path(s, "disk"), &before);
    assert_int_equal(disk_write_zeroes(disk, 1000, 100000, false), 0);
    assert_int_equal(disk_write_zeroes(disk, 300000, 300000, true), 0);
    assert_int_equal(disk_discard(disk, 700000, 100000), 0);
    scratch_read(disk, bytes, sizeof(bytes), 0);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bool zero = (i >= 1000 && i < 101000) || (i >= 300000 && i < 600000);

        if (i >= 700000 && i < 800000)
            continue;
        if (bytes[i] != (zero ? 0 : 0x55))
            fail_msg("byte %zu is 0x%x", i, bytes[i]);
    }
    disk_close(disk);
    stat(scratch_path(s, "disk"), &after);
    assert_int_equal(after.st_size, MIB);
    assert_true(after.st_blocks <= before.st_blocks);
}

static void readonly_is_readonly(void **state)
{
    struct scratch *s = *state;
    uint8_t bytes[512] = {1};
    struct iovec iov = {bytes, 512};
    struct disk *disk;

    make_file(s, "disk", MIB);
    disk = scratch_open(s, "disk", NULL, true);
    assert_true(disk->readonly);
    assert_int_equal(disk_writev(disk, &iov, 1, 0), -EROFS);
    assert_int_equal(disk_discard(disk, 0, 512), -EROFS);
    assert_int_equal(disk_write_zeroes(disk, 0, 512, false), -EROFS);
    assert_int_equal(disk_flush(disk), 0);
    scratch_read(disk, bytes, 512, 0);
    disk_close(disk);
}

static void one_writer_or_many_readers(void **state)
{
    struct scratch *s = *state;
    struct disk *writer, *reader, *other;
    struct error err;

    make_file(s, "disk", MIB);
    writer = scratch_open(s, "disk", NULL, false);
    assert_int_equal(try_open(s, (struct disk_config){.path = "disk"}, &other, &err), -EBUSY);
    assert_non_null(strstr(err.text, "/disk: another virtual machine"));
    assert_int_equal(
        try_open(s, (struct disk_config){.path = "disk", .readonly = true}, &other, &err), -EBUSY);
    disk_close(writer);
    reader = scratch_open(s, "disk", NULL, true);
    other = scratch_open(s, "disk", NULL, true);
    assert_int_equal(try_open(s, (struct disk_config){.path = "disk"}, &writer, &err), -EBUSY);
    disk_close(other);
    disk_close(reader);
    disk_close(scratch_open(s, "disk", NULL, false));
}

static void what_is_no_image_is_named(void **state)
{
    struct scratch *s = *state;
    struct disk *disk;
    struct error err;

    assert_int_equal(try_open(s, (struct disk_config){.path = "missing"}, &disk, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/missing"));
    assert_int_equal(mkfifo(scratch_path(s, "fifo"), 0600), 0);
    assert_int_equal(try_open(s, (struct disk_config){.path = "fifo"}, &disk, &err), -EINVAL);
    assert_non_null(strstr(err.text, "/fifo"));
    assert_int_equal(try_open(s, (struct disk_config){.path = ".", .readonly = true}, &disk, &err),
                     -EINVAL);
    make_file(s, "disk", MIB);
    assert_int_equal(try_open(s, (struct disk_config){.path = "disk", .backing = "x"}, &disk, &err),
                     -EINVAL);
    assert_int_equal(
        try_open(s, (struct disk_config){.path = "disk", .format = DISK_FORMAT_QCOW2}, &disk, &err),
        -EINVAL);
    make_file(s, "empty", 0);
    disk = scratch_open(s, "empty", NULL, false);
    assert_int_equal(disk->size, 0);
    disk_close(disk);
}

int main(void)
{
#define RAW_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, scratch_setup_on_disk, scratch_teardown)
    const struct CMUnitTest tests[] = {
        RAW_TEST(vectors_are_exact),
        RAW_TEST(ranges_are_checked),
        RAW_TEST(odd_tail_reads_zeros_and_is_not_written),
        RAW_TEST(zeroing_and_discarding),
        RAW_TEST(readonly_is_readonly),
        RAW_TEST(one_writer_or_many_readers),
        RAW_TEST(what_is_no_image_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
