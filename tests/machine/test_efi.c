/* SPDX-License-Identifier: ISC */
/*
 * EFI's services on the engines: the programs of guest/efi/, started by --efi.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

static struct vm vm;

static void describe(const char *test)
{
    const char *engine = getenv("ATOLL_ENGINE");

    vm_describe(&vm, "efi", NULL);
    vm.config.kernel = NULL;
    vm.config.efi = vm.kernel;
    vm.config.log_level = ATOLL_LOG_INFO;
    snprintf(vm.append, sizeof(vm.append), "%s", test);
    vm.config.append = vm.append;
    if (engine)
        vm.config.engine = engine;
}

static void run(const char *test)
{
    describe(test);
    vm_start(&vm);
    vm_finish(&vm);
}

static void test_timers(void **state)
{
    run("timers");
}

static void test_images(void **state)
{
    run("images");
}

static void test_take_over(void **state)
{
    run("take-over");
}

/* A program that crashes: what, where, and the machine stops. */
static void crash(const char *test)
{
    describe(test);
    vm_start(&vm);
    vm_await(&vm, "over\n");
    assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_FAULT);
    assert_true(vm_logged(&vm, "crashed"));
    assert_true(vm_logged(&vm, "a write to 0xdead00000000, which is not mapped"));
    vm_destroy(&vm);
}

static void test_crash(void **state)
{
    crash("crash");
    crash("stack");
}

/* Before the operating system has taken over, there is nothing to save, which is said. */
static void test_save_early(void **state)
{
    struct atoll_error error = {0};
    void *bytes;
    size_t length;

    describe("wait");
    vm_start(&vm);
    vm_await(&vm, "waiting\n");
    assert_int_equal(atoll_pause(vm.atoll), 0);
    assert_true(atoll_save(vm.atoll, &bytes, &length, &error) < 0);
    assert_true(error.text[0]);
    vm_destroy(&vm);
}

/* Calls without sense: the program may crash or hang, and the machine still stops when told. */
static void test_wild(void **state)
{
    for (unsigned seed = 0; seed < 12; seed++) {
        char test[32];

        snprintf(test, sizeof(test), "wild %u", seed);
        describe(test);
        vm_start(&vm);
        vm_await(&vm, "wild\n");
        sleep_ms(100);
        vm_destroy(&vm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),     cmocka_unit_test(test_images),
        cmocka_unit_test(test_take_over),  cmocka_unit_test(test_crash),
        cmocka_unit_test(test_save_early), cmocka_unit_test(test_wild),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
