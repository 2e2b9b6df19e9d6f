/* SPDX-License-Identifier: ISC */
/* Interrupts from end to end (guest/machine/irq.c), and CPUs that really sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vm.h"

static struct vm vm;

static void test_sources(void **state)
{
    vm_describe(&vm, "irq", NULL);
    vm_start(&vm);
    vm_await(&vm, "input?\n");
    vm_type(&vm, "x");
    vm_await(&vm, "button?\n");
    atoll_power_button(vm.atoll);
    vm_finish(&vm);
}

/* The engine forgets at a reset which outputs it has told; the GIC must not keep them. */
static void test_reset_lowers_timer_wires(void **state)
{
    vm_describe(&vm, "irq", "reset");
    vm.config.reboot = true;
    vm_start(&vm);
    vm_await(&vm, "boot?\n");
    vm_type(&vm, "1");
    vm_await(&vm, "boot?\n");
    vm_type(&vm, "2");
    vm_finish(&vm);
}

static void test_wfi_sleeps(void **state)
{
    uint64_t before;

    vm_describe(&vm, "idle", "sleep");
    vm.config.cpus = 4;
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    sleep_ms(100);
    before = cpu_ns();
    sleep_ms(1000);
    assert_true(cpu_ns() - before < 300000000); /* of CPU time, so a busy host does not count */
    vm_destroy(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_reset_lowers_timer_wires),
        cmocka_unit_test(test_wfi_sleeps),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
