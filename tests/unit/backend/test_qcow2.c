/* SPDX-License-Identifier: ISC */
/*
 * The qcow2 driver against qemu-img: images that QEMU makes are used at random beside a model in
 * memory, and then qemu-img must find the same contents, no error and no leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/units.h"
#include "scratch.h"

#define SKIPPED 77 /* meson's */

struct model {
    struct scratch *s;
    struct disk *disk;
    const char *name, *backing;
    uint8_t *bytes, *buffer;
    uint64_t size;
};

static void file_write(struct scratch *s, const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(scratch_path(s, name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void model_open(struct model *m)
{
    m->disk = scratch_open(m->s, m->name, m->backing, false);
    assert_int_equal(m->disk->size, m->size);
}

static void model_create(struct model *m, struct scratch *s, const char *name, uint64_t size)
{
    *m = (struct model){.s = s, .name = name, .size = size};
    m->bytes = calloc(1, size);
    m->buffer = malloc(size);
}

/* qemu-img agrees with the model. */
static void model_verify(struct model *m)
{
    int ret;

    file_write(m->s, "model", m->bytes, m->size);
    ret = scratch_run(m->s, "qemu-img check -f qcow2 %s", m->name);
    if (ret)
        scratch_run(m->s, "cat output >&2; qemu-img check -f qcow2 %s | head -20 >/dev/stderr",
                    m->name);
    assert_int_equal(ret, 0);
    assert_int_equal(scratch_run(m->s, "qemu-img compare -f raw -F qcow2 model %s", m->name), 0);
}

static void model_free(struct model *m)
{
    free(m->bytes);
    free(m->buffer);
}

static void compare(const struct model *m, uint64_t offset, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++)
        if (m->buffer[i] != m->bytes[offset + i])
            fail_msg("%s: byte %llu is 0x%02x, not 0x%02x", m->name,
                     (unsigned long long)(offset + i), m->buffer[i], m->bytes[offset + i]);
}

/* Discarded sectors may keep what they had or read as zeros, each whole. */
static void accept_discard(struct model *m, uint64_t offset, uint64_t length)
{
    scratch_read(m->disk, m->buffer, length, offset);
    for (uint64_t i = 0; i < length; i++)
        if (m->buffer[i] != m->bytes[offset + i] && m->buffer[i] != 0)
            fail_msg("%s: discarded byte %llu is 0x%02x", m->name, (unsigned long long)(offset + i),
                     m->buffer[i]);
    memcpy(m->bytes + offset, m->buffer, length);
}

static void model_step(struct model *m)
{
    uint64_t most = scratch_random(m->s, 4) ? 16 * KIB : MIN(m->size, 300 * KIB);
    uint64_t length = (1 + scratch_random(m->s, most / 512)) * 512;
    uint64_t offset = scratch_random(m->s, (m->size - length) / 512 + 1) * 512;
    struct iovec iov[3];

    switch (scratch_random(m->s, 12)) {
    case 0:
        assert_int_equal(disk_discard(m->disk, offset, length), 0);
        accept_discard(m, offset, length);
        break;
    case 1:
    case 2:
        assert_int_equal(disk_write_zeroes(m->disk, offset, length, scratch_random(m->s, 2)), 0);
        memset(m->bytes + offset, 0, length);
        break;
    case 3: assert_int_equal(disk_flush(m->disk), 0); break;
    case 4:
        if (scratch_random(m->s, 4) == 0) {
            disk_close(m->disk);
            model_open(m);
        }
        break;
    case 5:
    case 6:
    case 7:
        scratch_read(m->disk, m->buffer, length, offset);
        compare(m, offset, length);
        break;
    default:
        scratch_fill(m->s, m->bytes + offset, length);
        iov[0] = (struct iovec){m->bytes + offset, 100};
        iov[1] = (struct iovec){m->bytes + offset + 100, 0};
        iov[2] = (struct iovec){m->bytes + offset + 100, length - 100};
        assert_int_equal(disk_writev(m->disk, iov, 3, offset), 0);
    }
}

static void model_run(struct model *m, unsigned steps)
{
    model_open(m);
    for (unsigned i = 0; i < steps; i++)
        model_step(m);
    scratch_read(m->disk, m->buffer, m->size, 0);
    compare(m, 0, m->size);
    disk_close(m->disk);
    model_verify(m);
}

static void random_use_of_every_geometry(void **state)
{
    static const char *const options[] = {
        "compat=1.1",
        "compat=0.10",
        "compat=1.1,cluster_size=512",
        "compat=0.10,cluster_size=512",
        "compat=1.1,cluster_size=2M",
        "compat=1.1,cluster_size=4k,refcount_bits=1",
        "compat=1.1,cluster_size=512,refcount_bits=2",
        "compat=1.1,cluster_size=8k,refcount_bits=8",
        "compat=1.1,cluster_size=1k,refcount_bits=32",
        "compat=1.1,cluster_size=512,refcount_bits=64",
        "compat=1.1,lazy_refcounts=on",
        "compat=1.1,preallocation=metadata",
        "compat=0.10,preallocation=full",
    };
    struct scratch *s = *state;

    for (size_t i = 0; i < nitems(options); i++) {
        struct model m;

        model_create(&m, s, "image", 6 * MIB + 512);
        assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 -o %s image %llu", options[i],
                                     (unsigned long long)m.size),
                         0);
        model_run(&m, 300);
        model_free(&m);
    }
}

static void random_use_of_compressed_images(void **state)
{
    static const char *const options[] = {
        "compression_type=zlib",
        "compression_type=zstd",
        "cluster_size=4k",
        "cluster_size=512,compat=0.10",
        "cluster_size=2M,compression_type=zstd",
    };
    struct scratch *s = *state;

    for (size_t i = 0; i < nitems(options); i++) {
        struct model m;

        model_create(&m, s, "image", 5 * MIB);
        for (uint64_t at = 0; at < m.size; at += 100000)
            scratch_fill(s, m.bytes + at, MIN(UINT64_C(70000), m.size - at));
        file_write(s, "content", m.bytes, m.size);
        assert_int_equal(
            scratch_run(s, "qemu-img convert -c -f raw -O qcow2 -o %s content image", options[i]),
            0);
        model_run(&m, 150);
        model_free(&m);
    }
}

static void random_use_of_overlays(void **state)
{
    static const char *const options[] = {"compat=1.1", "compat=0.10",
                                          "compat=1.1,cluster_size=1k"};
    struct scratch *s = *state;

    for (size_t i = 0; i < nitems(options); i++) {
        struct model m;
        uint64_t base = 3 * MIB + 1536; /* shorter than the overlay: zeros follow */

        model_create(&m, s, "overlay", 5 * MIB);
        m.backing = i == 1 ? "base.qcow2" : "base.raw";
        scratch_fill(s, m.bytes, base);
        file_write(s, "base.raw", m.bytes, base);
        assert_int_equal(scratch_run(s, "qemu-img convert -f raw -O qcow2 base.raw base.qcow2"), 0);
        assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 -o %s -b %s -F %s overlay %llu",
                                     options[i], m.backing, i == 1 ? "qcow2" : "raw",
                                     (unsigned long long)m.size),
                         0);
        model_run(&m, 300);
        assert_int_equal(scratch_run(s, "qemu-img compare -f raw -F qcow2 base.raw base.qcow2"), 0);
        model_free(&m);
    }
}

/* A snapshot keeps what was there: shared clusters and L2 tables are copied before they are
 * written. */
static void snapshots_keep_their_contents(void **state)
{
    struct scratch *s = *state;
    struct model m;
    uint8_t *first;

    model_create(&m, s, "image", 4 * MIB);
    first = malloc(m.size);
    assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 -o cluster_size=4k image 4M"), 0);
    model_run(&m, 100);
    memcpy(first, m.bytes, m.size);
    assert_int_equal(scratch_run(s, "qemu-img snapshot -c one image"), 0);
    model_run(&m, 100);
    assert_int_equal(scratch_run(s, "qemu-img snapshot -c two image"), 0);
    model_run(&m, 100);
    assert_int_equal(scratch_run(s, "qemu-img snapshot -a one image"), 0);
    memcpy(m.bytes, first, m.size);
    model_verify(&m);
    assert_int_equal(
        scratch_run(s, "qemu-img snapshot -d one image && qemu-img snapshot -d two image"), 0);
    model_run(&m, 50);
    free(first);
    model_free(&m);
}

static void big_disks_are_sparse(void **state)
{
    struct scratch *s = *state;
    uint64_t size = UINT64_C(8) << 40;
    uint8_t out[1024], in[1024];
    struct disk *disk;
    struct stat st;

    assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 image 8T"), 0);
    disk = scratch_open(s, "image", NULL, false);
    assert_true(disk->size == size);
    for (uint64_t at = 12345; at < size; at += size / 37) {
        scratch_fill(s, out, sizeof(out));
        scratch_write(disk, out, sizeof(out), at);
        scratch_read(disk, in, sizeof(in), at);
        assert_memory_equal(in, out, sizeof(in));
    }
    assert_int_equal(disk_write_zeroes(disk, 0, size, true), 0);
    disk_close(disk);
    assert_int_equal(scratch_run(s, "qemu-img check image"), 0);
    assert_int_equal(stat(scratch_path(s, "image"), &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 < 16 * MIB);
}

/* Small clusters and wide counts: the refcount table of one cluster has to grow, more than once. */
static void refcount_table_grows(void **state)
{
    struct scratch *s = *state;
    struct model m;

    model_create(&m, s, "image", 24 * MIB);
    assert_int_equal(
        scratch_run(s, "qemu-img create -f qcow2 -o cluster_size=512,refcount_bits=64 image 24M"),
        0);
    model_open(&m);
    scratch_fill(s, m.bytes, m.size);
    for (uint64_t at = 0; at < m.size; at += 64 * KIB)
        scratch_write(m.disk, m.bytes + at, 64 * KIB, at);
    disk_close(m.disk);
    model_verify(&m);
    model_run(&m, 50);
    model_free(&m);
}

/* The bytes that a discard frees are used again: the file does not grow for ever. */
static void freed_clusters_are_reused(void **state)
{
    struct scratch *s = *state;
    static uint8_t bytes[1 << 20];
    struct disk *disk;
    struct stat st;

    assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 image 1G"), 0);
    disk = scratch_open(s, "image", NULL, false);
    memset(bytes, 1, sizeof(bytes));
    for (int i = 0; i < 50; i++) {
        scratch_write(disk, bytes, sizeof(bytes), (uint64_t)i * 20 * MIB);
        assert_int_equal(disk_discard(disk, (uint64_t)i * 20 * MIB, sizeof(bytes)), 0);
        assert_int_equal(disk_flush(disk), 0);
    }
    disk_close(disk);
    assert_int_equal(stat(scratch_path(s, "image"), &st), 0);
    assert_true(st.st_size < 4 * (off_t)MIB);
    assert_int_equal(scratch_run(s, "qemu-img check image"), 0);
}

/* What free clusters hold does not show around what is written into them. */
static void reused_clusters_are_clean(void **state)
{
    struct scratch *s = *state;
    struct model m;

    model_create(&m, s, "image", MIB);
    assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 image 1M && "
                                    "head -c 2M /dev/zero | tr '\\0' x >>image"),
                     0);
    model_open(&m);
    for (uint64_t at = 1024; at < m.size; at += 64 * KIB) {
        scratch_fill(s, m.bytes + at, 512);
        scratch_write(m.disk, m.bytes + at, 512, at);
    }
    disk_close(m.disk);
    model_verify(&m);
    model_free(&m);
}

/* A write that fails half-way, as on a full file system, in a child with a limit on the size of
 * files. */
static void fill_until_failure(struct scratch *s)
{
    struct rlimit limit = {2 * MIB, 2 * MIB};
    static uint8_t bytes[64 << 10], in[64 << 10];
    uint64_t failed = 0, at;
    struct disk *disk = scratch_open(s, "image", NULL, false);
    struct iovec iov = {bytes, sizeof(bytes)};

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    memset(bytes, 7, sizeof(bytes));
    for (at = 0; at < 4 * MIB && !failed; at += 96 * KIB)
        if (disk_writev(disk, &iov, 1, at))
            failed = at;
    if (!failed || disk_writev(disk, &iov, 1, 3 * MIB) != -EFBIG)
        _exit(2);
    if (!strstr(s->line, "image: cannot be written: "))
        _exit(6);
    scratch_read(disk, in, sizeof(in), 0); /* the disk is still of use */
    if (memcmp(in, bytes, sizeof(in)) || disk_discard(disk, 0, MIB) || disk_flush(disk))
        _exit(3);
    if (disk_writev(disk, &iov, 1, failed)) /* in the room that the discard made */
        _exit(4);
    scratch_read(disk, in, sizeof(in), failed);
    if (memcmp(in, bytes, sizeof(in)))
        _exit(5);
    disk_close(disk);
    _exit(0);
}

static void full_file_system_leaves_a_good_image(void **state)
{
    static const char *const options[] = {"cluster_size=64k", "cluster_size=512",
                                          "cluster_size=4k"};
    struct scratch *s = *state;

    for (size_t i = 0; i < nitems(options); i++) {
        pid_t child;
        int status;

        assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 -o %s image 4M", options[i]), 0);
        child = fork();
        if (child == 0)
            fill_until_failure(s);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(scratch_run(s, "qemu-img check image"), 0);
    }
}

/* A process that dies at any moment loses what was not flushed, and nothing else: leaks, but no
 * errors. */
static void killed_writer_leaves_leaks_at_most(void **state)
{
    struct scratch *s = *state;

    for (int round = 0; round < 8; round++) {
        struct model m;
        pid_t child;
        int status;

        model_create(&m, s, "image", 4 * MIB);
        assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 -o cluster_size=%s image 4M",
                                     round & 1 ? "512" : "4k"),
                         0);
        s->seed += (uint64_t)round;
        child = fork();
        if (child == 0) {
            model_open(&m);
            for (int i = 0; i < 40 * (round + 1); i++)
                model_step(&m);
            kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_in_set(scratch_run(s, "qemu-img check image"), ((const unsigned long[]){0, 3}), 2);
        model_free(&m);
    }
}

static int refused(struct scratch *s, const char *name, const char *backing, const char *because)
{
    struct disk_config config = {.path = scratch_path(s, name),
                                 .backing = backing ? scratch_path(s, backing) : NULL};
    struct disk *disk;
    struct error err = {0};
    int ret = disk_open(&disk, &config, &s->log, &err);

    if (ret == 0)
        disk_close(disk);
    else if (!strstr(err.text, because) || !strstr(err.text, s->dir))
        fail_msg("\"%s\" does not say \"%s\"", err.text, because);
    return ret;
}

static void backing_files_are_the_users_choice(void **state)
{
    struct scratch *s = *state;

    assert_int_equal(
        scratch_run(s, "qemu-img create -f raw base 1M && qemu-img create -f qcow2 -b base "
                       "-F raw overlay && qemu-img create -f qcow2 alone 1M"),
        0);
    assert_int_equal(refused(s, "overlay", NULL, "backing file"), -EINVAL);
    assert_int_equal(refused(s, "alone", "base", "no backing file"), -EINVAL);
    assert_int_equal(refused(s, "overlay", "missing", "missing"), -ENOENT);
    assert_int_equal(refused(s, "overlay", "base", ""), 0);
}

/* Overwrites one big-endian number of an image. */
static void damage(struct scratch *s, const char *name, uint64_t at, uint64_t value, size_t length)
{
    uint8_t bytes[8];
    int fd = open(scratch_path(s, name), O_WRONLY);

    store_be64(bytes, value);
    assert_int_equal(pwrite(fd, bytes + 8 - length, length, (off_t)at), length);
    close(fd);
}

static void what_is_not_supported_is_said(void **state)
{
    struct scratch *s = *state;

    assert_int_equal(
        scratch_run(s, "qemu-img create -f qcow2 -o extended_l2=on ext 1M && "
                       "qemu-img create -f qcow2 -o data_file=data,data_file_raw=on out 1M && "
                       "qemu-img create -f qcow2 luks 1M"),
        0);
    damage(s, "luks", 32, 2, 4); /* the method; making keys fails in qemu-img on a busy host */
    assert_int_equal(refused(s, "ext", NULL, "extended L2"), -ENOTSUP);
    assert_int_equal(refused(s, "out", NULL, "another file"), -ENOTSUP);
    assert_int_equal(refused(s, "luks", NULL, "encrypted"), -ENOTSUP);
}

static uint64_t number_at(struct scratch *s, const char *name, uint64_t at)
{
    uint8_t bytes[8];
    int fd = open(scratch_path(s, name), O_RDONLY);

    assert_int_equal(pread(fd, bytes, 8, (off_t)at), 8);
    close(fd);
    return load_be64(bytes);
}

static void make_damaged(struct scratch *s, uint64_t at, uint64_t value, size_t length)
{
    assert_int_equal(scratch_run(s, "cp good bad"), 0);
    damage(s, "bad", at, value, length);
}

static void malformed_headers_are_refused_by_name(void **state)
{
    static const struct {
        uint64_t at, value;
        size_t length;
        const char *because;
    } cases[] = {
        {4, 1, 4, "version"},
        {4, 4, 4, "version"},
        {20, 8, 4, "cluster size"},
        {20, 22, 4, "cluster size"},
        {24, UINT64_MAX, 8, "size of the disk"},
        {24, UINT64_C(1) << 50, 8, "L1 table's size"},
        {36, 0x7fffffff, 4, "size of the L1 table"},
        {36, 0, 4, "L1 table's size"},
        {40, 0x12345, 8, "offset of the L1 table"},
        {40, UINT64_C(1) << 40, 8, "offset of the L1 table"},
        {40, 0, 8, "offset of the L1 table"},
        {48, 512, 8, "offset of the refcount table"},
        {56, 0, 4, "refcount table clusters"},
        {56, 0xffffffff, 4, "refcount table clusters"},
        {60, 0x10000001, 4, "number of snapshots"},
        {60, 7, 4, "offset of the snapshot table"},
        {72, 2, 8, "marked as corrupt"},
        {72, 1, 8, "not up to date"},
        {72, UINT64_C(1) << 40, 8, "features"},
        {96, 7, 4, "refcount order"},
        {100, 96, 4, "header's length"},
        {100, 0xfffffff8, 4, "header's length"},
    };
    struct scratch *s = *state;

    assert_int_equal(scratch_run(s, "qemu-img create -f qcow2 good 1M"), 0);
    for (size_t i = 0; i < nitems(cases); i++) {
        make_damaged(s, cases[i].at, cases[i].value, cases[i].length);
        assert_int_not_equal(refused(s, "bad", NULL, cases[i].because), 0);
    }
    assert_int_equal(refused(s, "good", NULL, ""), 0);
}

/* Tables that point to each other: found when the image is opened for writing. */
static void overlapping_tables_are_refused(void **state)
{
    struct scratch *s = *state;
    uint64_t l1, reftable, refblock;

    assert_int_equal(
        scratch_run(s, "qemu-img create -f qcow2 good 1M && qemu-io -c 'write 0 1M' good"), 0);
    l1 = number_at(s, "good", 40);
    reftable = number_at(s, "good", 48);
    refblock = number_at(s, "good", reftable);
    make_damaged(s, l1, BIT(63) | reftable, 8);
    assert_int_equal(refused(s, "bad", NULL, "overlaps"), -EIO);
    make_damaged(s, l1, BIT(63), 8);
    assert_int_equal(refused(s, "bad", NULL, ""), 0); /* no L2 table: an empty disk */
    make_damaged(s, reftable, l1, 8);
    assert_int_equal(refused(s, "bad", NULL, "overlaps"), -EIO);
    make_damaged(s, reftable, refblock + 512, 8);
    assert_int_equal(refused(s, "bad", NULL, "refcount block"), -EIO);
    make_damaged(s, 40, reftable, 8);
    assert_int_equal(refused(s, "bad", NULL, "overlaps"), -EIO);
}

/* Writes 512 bytes to the start of the damaged disk: refused, as is all that follows, but for
 * reading. */
static void expect_write_refused(struct scratch *s, const char *because)
{
    struct disk *disk = scratch_open(s, "bad", NULL, false);
    uint8_t bytes[512] = {1};
    struct iovec iov = {bytes, sizeof(bytes)};

    s->line[0] = 0;
    assert_int_equal(disk_writev(disk, &iov, 1, 0), -EIO);
    if (!strstr(s->line, because))
        fail_msg("\"%s\" does not say \"%s\"", s->line, because);
    assert_int_equal(disk_writev(disk, &iov, 1, 512 * KIB), -EIO);
    assert_int_equal(disk_discard(disk, 512 * KIB, 64 * KIB), -EIO);
    assert_int_equal(disk_flush(disk), -EIO);
    scratch_read(disk, bytes, sizeof(bytes), 512 * KIB);
    disk_close(disk);
}

static void metadata_is_never_overwritten_with_data(void **state)
{
    static const unsigned fields[] = {40, 48}; /* the L1 table, the refcount table */
    struct scratch *s = *state;
    uint64_t l2;
    char offset[32];

    assert_int_equal(
        scratch_run(s, "qemu-img create -f qcow2 good 1M && qemu-io -c 'write 0 1M' good"), 0);
    l2 = number_at(s, "good", number_at(s, "good", 40)) & ~BIT(63);
    for (size_t i = 0; i < nitems(fields); i++) {
        uint64_t target = number_at(s, "good", fields[i]);

        make_damaged(s, l2, BIT(63) | target, 8);
        snprintf(offset, sizeof(offset), "0x%llx", (unsigned long long)target);
        expect_write_refused(s, offset);
        assert_int_equal(number_at(s, "bad", target), number_at(s, "good", target));
    }
    make_damaged(s, l2, BIT(63) | l2, 8);
    expect_write_refused(s, "metadata");
    make_damaged(s, l2, BIT(63) | (5 * 64 * KIB + 512), 8);
    expect_write_refused(s, "L2 entry");
    /* The L2 table itself is counted as free: it must not be allocated for data. */
    make_damaged(s, number_at(s, "good", number_at(s, "good", 48)) + 2 * (l2 >> 16), 0, 2);
    damage(s, "bad", l2, 0, 8);
    expect_write_refused(s, "not counted");
}

static void truncated_images_do_not_read_as_zeros(void **state)
{
    struct scratch *s = *state;
    uint8_t bytes[512];
    struct iovec iov = {bytes, sizeof(bytes)};
    struct disk *disk;

    assert_int_equal(
        scratch_run(s, "qemu-img create -f qcow2 bad 1M && qemu-io -c 'write 0 1M' bad && "
                       "truncate -s -128k bad"),
        0);
    disk = scratch_open(s, "bad", NULL, true);
    assert_int_equal(disk_readv(disk, &iov, 1, 0), 0);
    assert_int_equal(disk_readv(disk, &iov, 1, MIB - 512), -EIO);
    assert_non_null(strstr(s->line, "past the end"));
    disk_close(disk);
}

int main(void)
{
#define QCOW2_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        QCOW2_TEST(random_use_of_every_geometry),
        QCOW2_TEST(random_use_of_compressed_images),
        QCOW2_TEST(random_use_of_overlays),
        QCOW2_TEST(snapshots_keep_their_contents),
        QCOW2_TEST(big_disks_are_sparse),
        QCOW2_TEST(refcount_table_grows),
        QCOW2_TEST(freed_clusters_are_reused),
        QCOW2_TEST(reused_clusters_are_clean),
        QCOW2_TEST(full_file_system_leaves_a_good_image),
        QCOW2_TEST(killed_writer_leaves_leaks_at_most),
        QCOW2_TEST(backing_files_are_the_users_choice),
        QCOW2_TEST(what_is_not_supported_is_said),
        QCOW2_TEST(malformed_headers_are_refused_by_name),
        QCOW2_TEST(overlapping_tables_are_refused),
        QCOW2_TEST(metadata_is_never_overwritten_with_data),
        QCOW2_TEST(truncated_images_do_not_read_as_zeros),
    };

    if (system("qemu-img --version >/dev/null 2>&1") != 0) {
        puts("skipped: there is no qemu-img here (Debian: qemu-utils)");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
