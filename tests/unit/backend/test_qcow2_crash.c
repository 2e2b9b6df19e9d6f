/* SPDX-License-Identifier: ISC */
/*
 * Power failures. Everything that the driver writes is recorded, with its syncs. Then the medium is
 * put together as it might be after a failure at any point: all that was synced, and of the rest
 * some sectors and others not. Such an image may leak clusters, but qemu-img must find no error in
 * it, and what the guest had flushed is there.
 *
 * The linker puts the functions below in the place of the C library's (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/units.h"
#include "scratch.h"

#define SKIPPED   77 /* meson's */
#define DISK_SIZE (1 * MIB)
#define SECTORS   (DISK_SIZE / DISK_SECTOR)
#define STEPS     160
#define FAILURES  200
#define MAX_FLUSH (STEPS + 1)

enum record_kind { RECORD_WRITE, RECORD_PUNCH, RECORD_SYNC };

struct record {
    enum record_kind kind;
    unsigned flushed; /* of the guest's flushes, how many had returned */
    uint64_t offset, length;
    uint8_t *bytes;
};

static struct {
    bool on;
    struct record *records;
    size_t count, capacity;
    unsigned flushed;
} tape;

static struct record *tape_add(enum record_kind kind, uint64_t offset, uint64_t length)
{
    struct record *record;

    if (tape.count == tape.capacity) {
        tape.capacity = tape.capacity ? 2 * tape.capacity : 1024;
        tape.records = realloc(tape.records, tape.capacity * sizeof(*tape.records));
    }
    record = &tape.records[tape.count++];
    *record = (struct record){kind, tape.flushed, offset, length, NULL};
    return record;
}

ssize_t __real_pwritev64(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fallocate64(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t length);

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t offset)
{
    ssize_t length = __real_pwritev64(fd, iov, count, offset);

    if (tape.on && length > 0) {
        struct record *record = tape_add(RECORD_WRITE, (uint64_t)offset, (uint64_t)length);

        record->bytes = malloc((size_t)length);
        assert_int_equal(pread(fd, record->bytes, (size_t)length, offset), length);
    }
    return length;
}

int __wrap_fdatasync(int fd)
{
    if (tape.on)
        tape_add(RECORD_SYNC, 0, 0);
    return tape.on ? 0 : __real_fdatasync(fd); /* the tape is the medium */
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t length)
{
    int ret = __real_fallocate64(fd, mode, offset, length);

    if (tape.on && ret == 0)
        tape_add(RECORD_PUNCH, (uint64_t)offset, (uint64_t)length);
    return ret;
}

/* What the guest knows: the disk at each flush, and which sectors it changed after that one. */
static uint8_t now[DISK_SIZE], at_flush[MAX_FLUSH][DISK_SIZE];
static bool changed[MAX_FLUSH][SECTORS];

static void step(struct scratch *s, struct disk *disk)
{
    uint64_t length = (1 + scratch_random(s, 20)) * DISK_SECTOR;
    uint64_t offset = scratch_random(s, (DISK_SIZE - length) / DISK_SECTOR + 1) * DISK_SECTOR;

    switch (scratch_random(s, 10)) {
    case 0:
        assert_int_equal(disk_flush(disk), 0);
        tape.flushed++;
        memcpy(at_flush[tape.flushed], now, DISK_SIZE);
        return;
    case 1:
    case 2: assert_int_equal(disk_discard(disk, offset, length), 0); break;
    case 3: assert_int_equal(disk_write_zeroes(disk, offset, length, true), 0); break;
    default:
        scratch_fill(s, now + offset, length);
        scratch_write(disk, now + offset, length, offset);
    }
    scratch_read(disk, now + offset, length, offset);
    memset(&changed[tape.flushed][offset / DISK_SECTOR], true, length / DISK_SECTOR);
}

struct medium {
    uint8_t *bytes;
    size_t size, length;
};

static void medium_apply(struct medium *medium, const struct record *record, struct scratch *s,
                         bool whole)
{
    for (uint64_t i = 0; i < record->length;
         i += DISK_SECTOR - (record->offset + i) % DISK_SECTOR) {
        uint64_t at = record->offset + i;
        uint64_t part = MIN(record->length - i, DISK_SECTOR - at % DISK_SECTOR);

        if (!whole && scratch_random(s, 2))
            continue;
        assert_true(at + part <= medium->size);
        if (record->bytes)
            memcpy(medium->bytes + at, record->bytes + i, part);
        else
            memset(medium->bytes + at, 0, part);
        if (record->bytes)
            medium->length = MAX(medium->length, at + part);
    }
}

/* The medium after a failure at record `end`. */
static void medium_make(struct medium *medium, struct scratch *s, size_t end)
{
    FILE *file = fopen(scratch_path(s, "before"), "rb");
    size_t synced = end;

    memset(medium->bytes, 0, medium->size);
    medium->length = fread(medium->bytes, 1, medium->size, file);
    fclose(file);
    while (synced > 0 && tape.records[synced - 1].kind != RECORD_SYNC)
        synced--;
    for (size_t i = 0; i < end; i++)
        medium_apply(medium, &tape.records[i], s, i < synced);
    file = fopen(scratch_path(s, "after"), "wb");
    assert_int_equal(fwrite(medium->bytes, 1, medium->length, file), medium->length);
    fclose(file);
}

static void medium_check(struct scratch *s, size_t end, bool qemu)
{
    unsigned flushed = end ? tape.records[end - 1].flushed : 0;
    struct disk *disk;
    uint8_t sector[DISK_SECTOR];
    int ret = qemu ? scratch_run(s, "qemu-img check -f qcow2 after") : 0;

    if (ret != 0 && ret != 3)
        fail_msg("failure at record %zu: qemu-img check says %d", end, ret);
    disk = scratch_open(s, "after", NULL, true);
    for (uint64_t i = 0; i < SECTORS; i++) {
        if (changed[flushed][i])
            continue;
        scratch_read(disk, sector, DISK_SECTOR, i * DISK_SECTOR);
        if (memcmp(sector, at_flush[flushed] + i * DISK_SECTOR, DISK_SECTOR))
            fail_msg("failure at record %zu: sector %llu, flushed, is lost", end,
                     (unsigned long long)i);
    }
    disk_close(disk);
}

static void fail_at_random(struct scratch *s, const char *options, const char *before)
{
    struct medium medium = {.size = 4 * MIB};
    struct disk *disk;

    memset(&tape, 0, sizeof(tape));
    memset(changed, 0, sizeof(changed));
    assert_int_equal(
        scratch_run(s,
                    "rm -f image && qemu-img create -f qcow2 -o %s image %llu && %s && "
                    "cp image before",
                    options, (unsigned long long)DISK_SIZE, before),
        0);
    disk = scratch_open(s, "image", NULL, false);
    scratch_read(disk, now, DISK_SIZE, 0);
    memcpy(at_flush[0], now, DISK_SIZE);
    tape.on = true;
    for (int i = 0; i < STEPS; i++)
        step(s, disk);
    disk_close(disk);
    tape.on = false;

    medium.bytes = malloc(medium.size);
    for (int i = 0; i < FAILURES; i++) {
        size_t end = (size_t)scratch_random(s, tape.count + 1);

        medium_make(&medium, s, end);
        medium_check(s, end, i % 5 == 0);
    }
    free(medium.bytes);
    for (size_t i = 0; i < tape.count; i++)
        free(tape.records[i].bytes);
    free(tape.records);
}

static void power_may_fail_at_any_time(void **state)
{
    fail_at_random(*state, "cluster_size=4k", "true");
    fail_at_random(*state, "cluster_size=512", "true");
    fail_at_random(*state, "cluster_size=512,refcount_bits=64", "true");
    fail_at_random(*state, "compat=0.10,cluster_size=1k", "true");
}

static void power_may_fail_while_clusters_are_shared(void **state)
{
    static const char shared[] = "qemu-io -f qcow2 -c 'write -P 90 0 700k' image && "
                                 "qemu-img snapshot -c one image";

    fail_at_random(*state, "cluster_size=2k", shared);
    fail_at_random(*state, "cluster_size=512", shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(power_may_fail_at_any_time, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(power_may_fail_while_clusters_are_shared, scratch_setup,
                                        scratch_teardown),
    };

    if (system("qemu-img --version >/dev/null 2>&1") != 0) {
        puts("skipped: there is no qemu-img here (Debian: qemu-utils)");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
