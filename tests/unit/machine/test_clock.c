/* SPDX-License-Identifier: ISC */
/* Guest time stands still while the machine is paused, and goes on from where it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "machine/clock.h"

static uint64_t host_now;

static uint64_t counted(void)
{
    return host_now;
}

static void test_pause(void **state)
{
    struct clock clock;

    clock_init(&clock);
    clock.source = counted;
    host_now = 1000;
    assert_int_equal(clock_now(&clock), 0);
    clock_start(&clock);
    host_now = 1500;
    assert_int_equal(clock_now(&clock), 500);
    clock_stop(&clock);
    host_now = 9000;
    assert_int_equal(clock_now(&clock), 500);
    clock_start(&clock);
    host_now = 9100;
    assert_int_equal(clock_now(&clock), 600);
    assert_int_equal(clock_to_host(&clock, 700), 9200);
    assert_true(clock_to_host(&clock, UINT64_MAX) == UINT64_MAX);
}

static void test_restore(void **state)
{
    struct clock clock;

    clock_init(&clock);
    clock.source = counted;
    host_now = 50; /* the host has been up for less than the guest */
    clock_set(&clock, 1000000);
    clock_start(&clock);
    host_now = 60;
    assert_int_equal(clock_now(&clock), 1000010);
    assert_int_equal(clock_to_host(&clock, 1000020), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pause),
                                       cmocka_unit_test(test_restore)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
