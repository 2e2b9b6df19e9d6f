/* SPDX-License-Identifier: ISC */
/* PSCI, as a guest finds it (guest/machine/psci.c), and what switching off and resetting does
 * outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vm.h"

static struct vm vm;

static void check_cpus(unsigned cpus, const char *argument)
{
    vm_describe(&vm, "psci", argument);
    vm.config.cpus = cpus;
    vm_start(&vm);
    vm_finish(&vm);
}

static void test_one_cpu(void **state)
{
    check_cpus(1, "1");
}

static void test_four_cpus(void **state)
{
    check_cpus(4, "4");
}

static void test_sixteen_cpus(void **state)
{
    check_cpus(16, "16");
}

static void check_stop(const char *argument, enum atoll_stop why)
{
    vm_describe(&vm, "psci", argument);
    vm_start(&vm);
    assert_int_equal(atoll_wait(vm.atoll), why);
    vm_destroy(&vm);
}

static void test_off(void **state)
{
    check_stop("off", ATOLL_STOP_POWEROFF);
    check_stop("offs", ATOLL_STOP_POWEROFF); /* by SMC */
}

static void test_reset_ends(void **state)
{
    check_stop("reset", ATOLL_STOP_RESET);
    check_stop("resets", ATOLL_STOP_RESET);
}

static void test_reset_starts_again(void **state)
{
    vm_describe(&vm, "psci", "reset");
    vm.config.reboot = true;
    vm_start(&vm);
    for (int i = 0; i < 4; i++)
        vm_await(&vm, "start\n");
    atoll_quit(vm.atoll);
    assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_QUIT);
    vm_destroy(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_cpu),      cmocka_unit_test(test_four_cpus),
        cmocka_unit_test(test_sixteen_cpus), cmocka_unit_test(test_off),
        cmocka_unit_test(test_reset_ends),   cmocka_unit_test(test_reset_starts_again),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
