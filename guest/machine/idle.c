/* SPDX-License-Identifier: ISC */
/*
 * Small things for a test to look at from outside. The argument says which:
 *
 *     sleep   wait for interrupts for ever
 *     spin    run for ever with interrupts masked
 *     clock   for each byte of input, print the counter and the frequency
 *     touch   write to the RAM that a number after it gives in MiB, from the end, then sleep
 */
#include "machine.h"

void guest_exception(struct frame *f)
{
    put_value("FAIL unexpected exception, esr", f->esr);
    put_value("elr", f->elr);
    psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void clock_on_demand(void)
{
    for (;;) {
        uart_get();
        isb();
        put_value("counter", read_sysreg(cntvct_el0));
    }
}

static void touch(uint64_t mib)
{
    for (uint64_t at = 0; at < mib << 20; at += 4096)
        write64(RAM_BASE + (UINT64_C(64) << 20) + at, at + 1);
}

int main(void)
{
    const char *argument = guest_argument();

    put_text("start\n");
    if (argument[0] == 'c') {
        put_value("frequency", read_sysreg(cntfrq_el0));
        clock_on_demand();
    }
    if (argument[0] == 't')
        touch(parse_number(argument + 5));
    put_text("ready\n");
    while (argument[1] == 'p')
        ;
    for (;;)
        wfi();
}
