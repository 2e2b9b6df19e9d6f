/* SPDX-License-Identifier: ISC */
/* A machine with a GPU from outside: pictures of a screen that its guest does not draw on. */
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
#include <unistd.h>

#include "vm.h"

static struct vm vm;
static char directory[] = "/tmp/atoll-screen-XXXXXX", path[64], other[64];

static void describe(void)
{
    vm_describe(&vm, "idle", "sleep");
    vm.config.gpu.width = 320;
    vm.config.gpu.height = 200;
}

static int make_directory(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/screen.png", directory);
    snprintf(other, sizeof(other), "%s/other", directory);
    return 0;
}

static int remove_directory(void **state)
{
    unlink(path);
    unlink(other);
    return rmdir(directory);
}

/* The size in the picture's header (PNG 11.2.2), or 0. */
static uint64_t picture_size(const char *file)
{
    uint8_t head[24] = {0};
    int fd = open(file, O_RDONLY);
    ssize_t n = read(fd, head, sizeof(head));

    close(fd);
    if (n != sizeof(head) || memcmp(head, "\x89PNG\r\n\x1a\n", 8) != 0)
        return 0;
    return (uint64_t)(head[18] << 8 | head[19]) << 32 | (uint64_t)(head[22] << 8 | head[23]);
}

#define SIZE ((uint64_t)320 << 32 | 200)

static void test_pictures(void **state)
{
    struct atoll_error error;
    struct stat st;

    describe();
    vm.config.screenshot = path;
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0); /* the name is taken, the picture comes later */
    assert_int_equal(atoll_screenshot(vm.atoll, NULL, &error), 0);
    assert_int_equal(picture_size(path), SIZE);
    assert_int_equal(atoll_screenshot(vm.atoll, other, &error), 0);
    assert_int_equal(picture_size(other), SIZE);
    assert_int_equal(truncate(path, 0), 0);
    atoll_quit(vm.atoll);
    assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_QUIT);
    assert_int_equal(picture_size(path), SIZE); /* there when the end is announced */
    assert_true(vm_logged(&vm, "the guest has shown nothing on its display"));
    vm_destroy(&vm);
}

static void test_refusals(void **state)
{
    struct atoll_error error;
    int fd;

    describe();
    vm_start(&vm);
    assert_int_equal(atoll_screenshot(vm.atoll, NULL, &error), -EINVAL);
    assert_non_null(strstr(error.text, "--screenshot"));
    vm_destroy(&vm);

    vm_describe(&vm, "idle", "sleep");
    vm_start(&vm);
    assert_int_equal(atoll_screenshot(vm.atoll, other, &error), -ENODEV);
    assert_non_null(strstr(error.text, "--gpu"));
    vm_destroy(&vm);

    /* A file that is something else is not overwritten. */
    unlink(other);
    fd = open(other, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    describe();
    vm.config.screenshot = other;
    assert_int_equal(atoll_create(&vm.atoll, &vm.config, &error), -EEXIST);
    assert_non_null(strstr(error.text, other));
    vm.config.screenshot = "/nowhere/at/all.png";
    assert_int_equal(atoll_create(&vm.atoll, &vm.config, &error), -ENOENT);
    vm.atoll = NULL;
}

/* The GPU is part of the machine's state. */
static void test_state(void **state)
{
    struct atoll_error error;
    size_t length;
    void *bytes;

    describe();
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    assert_int_equal(atoll_pause(vm.atoll), 0);
    assert_int_equal(atoll_save(vm.atoll, &bytes, &length, &error), 0);
    vm_destroy(&vm);
    describe();
    vm_create(&vm);
    if (atoll_load(vm.atoll, bytes, length, &error))
        fail_msg("%s", error.text);
    assert_int_equal(atoll_resume(vm.atoll), 0);
    vm_destroy(&vm);
    vm_describe(&vm, "idle", "sleep"); /* without a GPU the state does not fit */
    vm_create(&vm);
    assert_true(atoll_load(vm.atoll, bytes, length, &error) < 0);
    vm_destroy(&vm);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_state),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
