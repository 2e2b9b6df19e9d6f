/* SPDX-License-Identifier: ISC */
/* Layers over disk images, as the disk that opens them sees them. What qemu-img says of them is
 * asked when it is there. */
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/disk.h"
#include "cli/layer.h"

static char folder[] = "/tmp/atoll-layer-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[16][64];
    static unsigned next;
    char *path = paths[next++ % 16];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void make_base(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, "base", 4, 0), 4);
    close(fd);
}

static void check_with_qemu(const char *path)
{
    char command[128];

    snprintf(command, sizeof(command), "! command -v qemu-img >/dev/null || qemu-img check -q %s",
             path);
    assert_int_equal(system(command), 0);
}

static void transfer(struct disk *disk, bool write, char *bytes, size_t length, uint64_t at)
{
    const struct iovec iov = {bytes, length};

    assert_int_equal(write ? disk_writev(disk, &iov, 1, at) : disk_readv(disk, &iov, 1, at), 0);
}

static void check_layer(const char *base, bool qcow2, uint64_t size)
{
    const char *path = in_folder("layer");
    struct disk_config config = {.path = path, .backing = base, .format = DISK_FORMAT_QCOW2};
    char bytes[512];
    struct disk *disk;
    struct error err;

    unlink(path);
    assert_int_equal(layer_create(path, base, qcow2, &err), 0);
    assert_int_equal(layer_create(path, base, qcow2, &err), -EEXIST);
    assert_int_equal(layer_is_qcow2(path, &err), 1);
    check_with_qemu(path);
    if (disk_open(&disk, &config, NULL, &err))
        fail_msg("%s", err.text);
    assert_true(disk->size == size);
    transfer(disk, false, bytes, 512, 0);
    assert_memory_equal(bytes, "base", 4);
    memcpy(bytes, "mine", 4);
    transfer(disk, true, bytes, 512, 0);
    memset(bytes, 0, sizeof(bytes));
    transfer(disk, false, bytes, 512, 0);
    assert_memory_equal(bytes, "mine", 4);
    disk_close(disk);
    check_with_qemu(path);
}

static void test_raw(void **state)
{
    const char *base = in_folder("base");

    make_base(base, 1000); /* up to whole sectors */
    check_layer(base, false, 1024);
    make_base(base, 3u << 20);
    check_layer(base, false, 3u << 20);
    make_base(base, (size_t)5 << 40);
    check_layer(base, false, UINT64_C(5) << 40);
}

/* A layer of a layer. */
static void test_qcow2(void **state)
{
    const char *base = in_folder("base"), *middle = in_folder("middle");
    struct error err;

    make_base(base, 1u << 20);
    assert_int_equal(layer_create(middle, base, false, &err), 0);
    assert_int_equal(layer_is_qcow2(base, &err), 0);
    assert_int_equal(layer_create(in_folder("other"), middle, true, &err), 0);
    check_with_qemu(in_folder("other"));
}

static void test_errors(void **state)
{
    const char *base = in_folder("empty");
    struct error err;

    make_base(base, 4);
    assert_int_equal(layer_create(in_folder("l"), in_folder("none"), false, &err), -ENOENT);
    assert_int_equal(layer_create(in_folder("l"), base, true, &err), -EINVAL);
    assert_int_equal(layer_create(in_folder("l"), folder, false, &err), -EINVAL);
    assert_int_equal(layer_is_qcow2(in_folder("none"), &err), -ENOENT);
    assert_int_equal(truncate(base, 0), 0);
    assert_int_equal(layer_create(in_folder("l"), base, false, &err), -EINVAL);
    assert_int_equal(access(in_folder("l"), F_OK), -1);
}

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_qcow2),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
