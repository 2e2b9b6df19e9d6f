/* SPDX-License-Identifier: ISC */
/* WFI and WFE (Arm ARM D1.16). Both may end early: only that they end is checked. */
#include "conformance.h"

#define ROUNDS 50

static inline void wfe(void)
{
    __asm__ volatile("wfe" : : : "memory");
}

static void await_taken_asleep(unsigned intid)
{
    while (taken[0] != intid) {
        irq_unmask();
        for (unsigned i = 0; i < 4; i++)
            isb();
        irq_mask();
        if (taken[0] != intid)
            wfi();
    }
}

void wait_interrupt(void)
{
    uint64_t when;

    gic_init();
    gic_enable(INTID_VTIMER);
    gic_enable(1);
    gic_send_sgi(1, 1);
    wfi(); /* pending and masked: it does not wait */
    expect_interrupt("what was pending", 1);
    gic_end(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        when = read_sysreg(cntvct_el0) + read_sysreg(cntfrq_el0) / 2000;
        write_sysreg(cntv_cval_el0, when);
        write_sysreg(cntv_ctl_el0, 1);
        isb();
        taken[0] = 0;
        while (taken[0] != INTID_VTIMER)
            irq_sleep();
        expect("not early", read_sysreg(cntvct_el0) >= when, 1);
    }
    /* With a vector that may come before the WFI, at it, or after it. */
    for (unsigned i = 0; i < ROUNDS; i++) {
        taken[0] = 0;
        write_sysreg(cntv_tval_el0, i * 64);
        write_sysreg(cntv_ctl_el0, 1);
        isb();
        await_taken_asleep(INTID_VTIMER);
    }
}

static volatile uint64_t asleep, woken, flag;

static void second_sleep(uint64_t cpu)
{
    gic_init();
    gic_enable(5);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        asleep = i;
        taken[cpu] = 0;
        while (!taken[cpu])
            irq_sleep();
        woken = i;
    }
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

/* A wire that another CPU raises wakes this one. */
static void second_raise(uint64_t cpu)
{
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (asleep != i)
            ;
        line(INTID_FREE, true);
    }
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

void wait_other(void)
{
    gic_init();
    expect("CPU_ON", secondary_start(1, second_sleep, 1), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (asleep != i)
            ;
        for (unsigned n = 0; n < i * 20; n++) /* sometimes it sleeps already, sometimes not yet */
            isb();
        gic_send_sgi(5, 1 << 1);
        while (woken != i)
            ;
    }
    while (psci(false, PSCI_AFFINITY_INFO, 1, 0, 0) != 1)
        ;
    gic_enable(INTID_FREE);
    asleep = 0;
    expect("CPU_ON", secondary_start(1, second_raise, 1), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        taken[0] = 0;
        asleep = i;
        while (taken[0] != INTID_FREE)
            irq_sleep();
    }
}

static void second_event(uint64_t cpu)
{
    for (unsigned i = 1; i <= ROUNDS; i++) {
        flag = i;
        dsb();
        __asm__ volatile("sev");
        while (woken != i)
            ;
    }
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

void wait_event(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        __asm__ volatile("sevl" : : : "memory");
        wfe(); /* the event register is set: it does not wait */
    }
    expect("CPU_ON", secondary_start(1, second_event, 1), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (flag != i)
            wfe();
        woken = i;
        dsb();
    }
}
