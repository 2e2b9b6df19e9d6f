/* SPDX-License-Identifier: ISC */
/*
 * The generic timers (Arm ARM D11). A host may be as late as it likes: what is checked is that
 * nothing comes before its time, by the guest's counter and by the host's clock, and in which
 * order.
 */
#include "conformance.h"

#define TICKS_PER_MS (read_sysreg(cntfrq_el0) / 1000)

static uint64_t counter(void)
{
    isb();
    return read_sysreg(cntvct_el0);
}

static uint64_t physical(void)
{
    isb();
    return read_sysreg(cntpct_el0);
}

/* At least `ticks` of the counter have gone by since the host's clock said `before`: up to 1 % of
 * difference, because the host's clock may be slewed. */
static void expect_elapsed(uint64_t before, uint64_t ticks)
{
    uint64_t us = (probe(PROBE_NOW) - before) / 1000;

    expect("not early by the host's clock", us * 101 / 100 + 1 >= ticks * 1000 / TICKS_PER_MS, 1);
}

static void start_virtual(bool by_tval, uint64_t when, uint64_t ticks)
{
    if (by_tval)
        write_sysreg(cntv_tval_el0, ticks);
    else
        write_sysreg(cntv_cval_el0, when);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
}

static void start_physical(bool by_tval, uint64_t when, uint64_t ticks)
{
    if (by_tval)
        write_sysreg(cntp_tval_el0, ticks);
    else
        write_sysreg(cntp_cval_el0, when);
    write_sysreg(cntp_ctl_el0, 1);
    isb();
}

static void one(unsigned intid, bool by_tval, uint64_t ticks)
{
    bool virt = intid == INTID_VTIMER;
    uint64_t before = probe(PROBE_NOW), start = virt ? counter() : physical(), when = start + ticks;

    (virt ? start_virtual : start_physical)(by_tval, when, ticks);
    expect_interrupt("the timer's interrupt", intid);
    expect("not early", (virt ? counter() : physical()) >= when, 1);
    expect("ISTATUS", (virt ? read_sysreg(cntv_ctl_el0) : read_sysreg(cntp_ctl_el0)) & 7, 5);
    expect_elapsed(before, ticks);
    if (virt)
        write_sysreg(cntv_ctl_el0, 0);
    else
        write_sysreg(cntp_ctl_el0, 0);
    isb();
    gic_end(intid);
}

static void each_length(unsigned intid)
{
    static const unsigned tenths[] = {1, 5, 10, 30, 100, 2, 7};

    gic_init();
    gic_enable(intid);
    for (unsigned i = 0; i < sizeof(tenths) / sizeof(tenths[0]); i++)
        for (unsigned by_tval = 0; by_tval < 2; by_tval++)
            one(intid, by_tval, tenths[i] * TICKS_PER_MS / 10);
    one(intid, true, 1);
    one(intid, false, 0);
}

void timer_virtual(void)
{
    each_length(INTID_VTIMER);
}

void timer_physical(void)
{
    each_length(INTID_PTIMER);
}

/* The one with the earlier deadline is the more urgent one too: so, however late the host is, the
 * other can come first only if it was early. */
static void race(unsigned first, unsigned second)
{
    uint64_t start_v = counter(), start_p = physical();
    uint64_t early = 2 * TICKS_PER_MS, late = 4 * TICKS_PER_MS;

    gic_priority(first, 0x40);
    gic_priority(second, 0x80);
    start_virtual(false, start_v + (first == INTID_VTIMER ? early : late), 0);
    start_physical(false, start_p + (first == INTID_PTIMER ? early : late), 0);
    for (unsigned i = 0; i < 2; i++) {
        unsigned intid = irq_wait();

        expect("the timer whose turn it is", intid, i ? second : first);
        if (intid == INTID_VTIMER)
            write_sysreg(cntv_ctl_el0, 0);
        else
            write_sysreg(cntp_ctl_el0, 0);
        isb();
        gic_end(intid);
    }
}

void timer_order(void)
{
    gic_init();
    gic_enable(INTID_VTIMER);
    gic_enable(INTID_PTIMER);
    for (unsigned i = 0; i < 10; i++) {
        race(INTID_VTIMER, INTID_PTIMER);
        race(INTID_PTIMER, INTID_VTIMER);
    }
}

static void spin(uint64_t ticks)
{
    uint64_t start = counter();

    while (counter() - start < ticks)
        ;
}

void timer_control(void)
{
    gic_init();
    gic_enable(INTID_VTIMER);
    write_sysreg(cntv_cval_el0, 0);
    write_sysreg(cntv_ctl_el0, 0);
    isb();
    expect_quiet("a timer that is off");
    write_sysreg(cntv_ctl_el0, 3);
    isb();
    expect("masked: CNTV_CTL_EL0", read_sysreg(cntv_ctl_el0), 7);
    spin(TICKS_PER_MS);
    expect_quiet("a timer that is masked");
    write_sysreg(cntv_ctl_el0, 1);
    isb();
    expect_interrupt("unmasked, and past its time", INTID_VTIMER);
    write_sysreg(cntv_ctl_el0, 3);
    isb();
    gic_end(INTID_VTIMER);
    expect_quiet("masked again");
    /* Not the very last tick: QEMU 7.2, as an emulated host, adds CNTVOFF_EL2 to it and is
     * busy for ever with a timer in its past. */
    write_sysreg(cntv_cval_el0, INT64_MAX);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
    expect("the far future: CNTV_CTL_EL0", read_sysreg(cntv_ctl_el0), 1);
    spin(TICKS_PER_MS);
    expect_quiet("the far future");
    write_sysreg(cntv_tval_el0, -UINT64_C(1000)); /* 32 bits with a sign */
    isb();
    expect("a time that is past: CNTV_CTL_EL0", read_sysreg(cntv_ctl_el0), 5);
    expect_interrupt("a time that is past", INTID_VTIMER);
    write_sysreg(cntv_ctl_el0, 0);
    isb();
    gic_end(INTID_VTIMER);
    expect("CNTV_TVAL_EL0 counts on", (int32_t)read_sysreg(cntv_tval_el0) < -1000, 1);
}

static volatile uint64_t latest, finished;

static void follow(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint64_t before = latest, now = counter();

        if (now < before)
            expect("the counter of one CPU against the other's", now, before);
        latest = now;
    }
}

static void second_follow(uint64_t cpu)
{
    follow(2000);
    finished = 1;
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

void timer_counter(void)
{
    uint64_t last = counter();

    for (unsigned i = 0; i < 2000; i++) {
        uint64_t now = counter();

        if (now < last)
            expect("the counter", now, last);
        last = now;
    }
    spin(2 * TICKS_PER_MS);
    expect("the counter goes on", counter() > last, 1);
    expect("CPU_ON", secondary_start(1, second_follow, 1), 0);
    while (!finished)
        follow(1);
}
