/* SPDX-License-Identifier: ISC */
/* Guest memory from outside: its bounds, the balloon, and accesses to where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm.h"

#define MIB (INT64_C(1) << 20)

static struct vm vm;

static int64_t resident(void)
{
    struct atoll_stats stats;

    atoll_stats(vm.atoll, &stats);
    return stats.memory_resident;
}

static void test_external_aborts(void **state)
{
    vm_describe(&vm, "abort", NULL);
    vm_start(&vm);
    vm_finish(&vm);
    assert_true(vm.log_lines < 100);
}

static void test_least_memory(void **state)
{
    vm_describe(&vm, "idle", "touch48");
    vm.config.memory = ATOLL_MEMORY_MIN;
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    assert_true(resident() >= 48 * MIB && resident() <= (int64_t)ATOLL_MEMORY_MIN);
    vm_destroy(&vm);
}

/* More than the host has is mapped without being there; said once, and nothing is used. */
static void test_most_memory(void **state)
{
    vm_describe(&vm, "idle", "sleep");
    vm.config.memory = ATOLL_MEMORY_MAX;
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    assert_true(resident() < 64 * MIB);
    if (sysconf(_SC_PHYS_PAGES) < (long)(ATOLL_MEMORY_MAX / (uint64_t)sysconf(_SC_PAGESIZE)))
        assert_true(vm_logged(&vm, "65536 MiB of guest memory is more than the host's"));
    vm_destroy(&vm);
}

static void test_balloon(void **state)
{
    int64_t before;

    vm_describe(&vm, "balloon", NULL);
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    before = resident();
    assert_true(before >= 64 * MIB);
    assert_int_equal(atoll_balloon(vm.atoll, 48 * MIB), 0);
    vm_await(&vm, "full\n");
    assert_true(resident() <= before - 47 * MIB);
    assert_int_equal(atoll_balloon(vm.atoll, 0), 0);
    vm_await(&vm, "empty\n");
    assert_true(resident() >= before);
    vm_type(&vm, "x");
    vm_finish(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_external_aborts),
        cmocka_unit_test(test_least_memory),
        cmocka_unit_test(test_most_memory),
        cmocka_unit_test(test_balloon),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
