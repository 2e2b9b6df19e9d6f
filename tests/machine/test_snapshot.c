/* SPDX-License-Identifier: ISC */
/* Save, destroy, create, load, go on (guest/machine/snapshot.c); and saved states that are damaged.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm.h"

#define FLIPS       200
#define TRUNCATIONS 40

static struct vm vm;
static char disk[] = "/tmp/atoll-test-XXXXXX";
static uint8_t *saved;
static size_t saved_length;

static void describe(void)
{
    vm_describe(&vm, "snapshot", NULL);
    vm.config.cpus = 2;
    vm.config.disk_count = 1;
    vm.config.disks[0] = (struct atoll_disk){.path = disk, .format = ATOLL_DISK_RAW};
}

static int make_disk(void **state)
{
    int fd = mkstemp(disk);
    int ret = fd < 0 || ftruncate(fd, 4 << 20) ? -1 : 0;

    close(fd);
    return ret;
}

static int remove_disk(void **state)
{
    unlink(disk);
    free(saved);
    return 0;
}

static void save(void)
{
    struct atoll_error error;
    void *bytes;

    assert_int_equal(atoll_save(vm.atoll, &bytes, &saved_length, &error), -EBUSY); /* it runs */
    assert_int_equal(atoll_pause(vm.atoll), 0);
    if (atoll_save(vm.atoll, &bytes, &saved_length, &error))
        fail_msg("save: %s", error.text);
    free(saved);
    saved = bytes;
}

static int load(const void *bytes, size_t length, struct atoll_error *error)
{
    *error = (struct atoll_error){0};
    return atoll_load(vm.atoll, bytes, length, error);
}

static void test_goes_on_elsewhere(void **state)
{
    struct atoll_error error;
    void *again;
    size_t length;

    describe();
    vm_start(&vm);
    vm_await(&vm, "input?\n");
    vm_type(&vm, "pending");
    vm_await(&vm, "ready\n");
    save();
    vm_destroy(&vm);
    describe();
    vm_create(&vm);
    if (load(saved, saved_length, &error))
        fail_msg("load: %s", error.text);
    /* What was loaded is what was saved. */
    assert_int_equal(atoll_save(vm.atoll, &again, &length, &error), 0);
    assert_int_equal(length, saved_length);
    assert_memory_equal(again, saved, length);
    free(again);
    assert_int_equal(load(saved, saved_length, &error), -EBUSY);
    assert_int_equal(atoll_resume(vm.atoll), 0);
    atoll_power_button(vm.atoll);
    vm_await(&vm, "read: pending\n");
    vm_finish(&vm);
}

/* A running machine is paused, saved and goes on itself. */
static void test_goes_on_here(void **state)
{
    describe();
    vm_start(&vm);
    vm_await(&vm, "input?\n");
    vm_type(&vm, "more");
    vm_await(&vm, "ready\n");
    for (int i = 0; i < 3; i++) {
        save();
        assert_int_equal(atoll_resume(vm.atoll), 0);
    }
    atoll_power_button(vm.atoll);
    vm_await(&vm, "read: more\n");
    vm_finish(&vm);
}

static void test_another_machine(void **state)
{
    struct atoll_error error;

    describe();
    vm.config.cpus = 1;
    vm_create(&vm);
    assert_int_equal(load(saved, saved_length, &error), -EINVAL);
    assert_non_null(strstr(error.text, "2 CPUs"));
    vm_destroy(&vm);
    describe();
    vm.config.memory = 2 * ATOLL_MEMORY_MIN;
    vm_create(&vm);
    assert_int_equal(load(saved, saved_length, &error), -EINVAL);
    assert_non_null(strstr(error.text, "128 MiB"));
    vm_destroy(&vm);
    describe();
    vm.config.disk_count = 0;
    vm_create(&vm);
    assert_true(load(saved, saved_length, &error) < 0);
    assert_true(error.text[0]);
    vm_destroy(&vm);
}

/* After a refusal the machine can still be destroyed; when damage does no harm, it can run. */
static void try_damaged(const void *bytes, size_t length)
{
    struct atoll_error error;
    int ret;

    describe();
    vm_create(&vm);
    ret = load(bytes, length, &error);
    if (ret)
        assert_true(error.text[0] && !strchr(error.text, '\n'));
    else if (atoll_resume(vm.atoll) == 0)
        sleep_ms(5);
    vm_destroy(&vm);
}

static void test_truncated(void **state)
{
    uint32_t x = 1;

    for (int i = 0; i < TRUNCATIONS; i++) {
        size_t length = i < 20 ? (size_t)i : (x = x * 1664525 + 1013904223) % saved_length;
        uint8_t *copy = malloc(length ? length : 1); /* so that ASan sees a read past its end */

        memcpy(copy, saved, length);
        try_damaged(copy, length);
        free(copy);
    }
}

/* Bits flipped in what comes before the RAM's contents, which may be anything. */
static void test_flipped(void **state)
{
    const uint8_t *ram = memmem(saved, saved_length, "ram/", 4);
    uint8_t *copy = malloc(saved_length);
    uint32_t x = 2;

    assert_non_null(ram);
    for (int i = 0; i < FLIPS; i++) {
        memcpy(copy, saved, saved_length);
        for (int flips = 1 + i % 3; flips > 0; flips--) {
            x = x * 1664525 + 1013904223;
            copy[x % (uint32_t)(ram - saved)] ^= (uint8_t)(1 << (x >> 29));
        }
        try_damaged(copy, saved_length);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_elsewhere), cmocka_unit_test(test_goes_on_here),
        cmocka_unit_test(test_another_machine),   cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
