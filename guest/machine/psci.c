/* SPDX-License-Identifier: ISC */
/*
 * PSCI 1.1 (DEN0022) by HVC and by SMC, on as many CPUs as the argument says.
 *
 * Argument: the number of CPUs; or "reset", "off": do that at once.
 */
#include "machine.h"

#define SUCCESS            UINT64_C(0)
#define NOT_SUPPORTED      (-UINT64_C(1))
#define INVALID_PARAMETERS (-UINT64_C(2))
#define ALREADY_ON         (-UINT64_C(4))
#define ON_PENDING         (-UINT64_C(5))
#define INVALID_ADDRESS    (-UINT64_C(9))
#define INFO_ON            UINT64_C(0)
#define INFO_OFF           UINT64_C(1)

#define POWERDOWN (UINT64_C(1) << 16)
#define TICKS     (read_sysreg(cntfrq_el0) / 100)

static volatile uint64_t running[16];
static bool smc;

void guest_exception(struct frame *f)
{
    put_value("FAIL unexpected exception, esr", f->esr);
    put_value("elr", f->elr);
    psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static uint64_t call(uint64_t id, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return psci(smc, id, x1, x2, x3);
}

/* An answer of a 32-bit call. */
static uint64_t word(uint64_t value)
{
    return value & UINT32_MAX;
}

static void identity(void)
{
    static const uint64_t have[] = {
        PSCI_VERSION,      PSCI_CPU_SUSPEND, PSCI_CPU_SUSPEND_32, PSCI_CPU_OFF,
        PSCI_CPU_ON,       PSCI_CPU_ON_32,   PSCI_AFFINITY_INFO,  PSCI_AFFINITY_INFO32,
        PSCI_MIGRATE_TYPE, PSCI_SYSTEM_OFF,  PSCI_SYSTEM_RESET,   PSCI_FEATURES,
    };
    /* MIGRATE, SMCCC_VERSION, CPU_FREEZE, one of nobody's, one of another owner */
    static const uint64_t lack[] = {0x84000005, 0x80000000, 0x8400000b, 0x840000ff, 0x86000001};

    expect("PSCI_VERSION", call(PSCI_VERSION, 0, 0, 0), 0x10001);
    expect("MIGRATE_INFO_TYPE", call(PSCI_MIGRATE_TYPE, 0, 0, 0), 2);
    for (unsigned i = 0; i < sizeof(have) / sizeof(have[0]); i++)
        expect("PSCI_FEATURES of what is there", call(PSCI_FEATURES, have[i], 0, 0), SUCCESS);
    for (unsigned i = 0; i < sizeof(lack) / sizeof(lack[0]); i++) {
        expect("PSCI_FEATURES of what is not there", word(call(PSCI_FEATURES, lack[i], 0, 0)),
               word(NOT_SUPPORTED));
        expect("an unknown function", word(call(lack[i], 1, 2, 3)), word(NOT_SUPPORTED));
    }
    expect("an unknown 64-bit function", call(0xc40000ff, 1, 2, 3), NOT_SUPPORTED);
}

static void refusals(unsigned cpus)
{
    uint64_t entry = (uint64_t)secondary_entry;

    expect("AFFINITY_INFO of oneself", call(PSCI_AFFINITY_INFO, 0, 0, 0), INFO_ON);
    expect("AFFINITY_INFO of nobody", call(PSCI_AFFINITY_INFO, 99, 0, 0), INVALID_PARAMETERS);
    expect("AFFINITY_INFO of level 1", call(PSCI_AFFINITY_INFO, 0, 1, 0), INVALID_PARAMETERS);
    expect("AFFINITY_INFO, 32 bits", word(call(PSCI_AFFINITY_INFO32, 99, 0, 0)),
           word(INVALID_PARAMETERS));
    expect("CPU_ON of oneself", call(PSCI_CPU_ON, 0, entry, 0), ALREADY_ON);
    expect("CPU_ON of nobody", call(PSCI_CPU_ON, 99, entry, 0), INVALID_PARAMETERS);
    expect("CPU_ON of nobody, Aff1", call(PSCI_CPU_ON, 0x100, entry, 0), INVALID_PARAMETERS);
    expect("CPU_SUSPEND to no state", call(PSCI_CPU_SUSPEND, UINT64_C(1) << 30, entry, 0),
           INVALID_PARAMETERS);
    expect("CPU_SUSPEND at a device", call(PSCI_CPU_SUSPEND, POWERDOWN, UART, 0), INVALID_ADDRESS);
    if (cpus < 2)
        return;
    expect("CPU_ON at a device", call(PSCI_CPU_ON, 1, UART, 0), INVALID_ADDRESS);
    expect("CPU_ON at nothing", call(PSCI_CPU_ON, 1, ~UINT64_C(3), 0), INVALID_ADDRESS);
}

static void switch_off(uint64_t cpu)
{
    running[cpu] = 1;
    call(PSCI_CPU_OFF, 0, 0, 0);
    put_text("FAIL CPU_OFF returned\n");
}

static void check_entry(unsigned cpu)
{
    const struct secondary *s = secondary_of(cpu);

    expect("CurrentEL", s->seen.current_el, 1 << 2);
    expect("DAIF", s->seen.daif, 0xf << 6);
    expect("SPSel", s->seen.spsel, 1);
    expect("SCTLR_EL1.{M,C,I}", s->seen.sctlr & (1 | 1 << 2 | 1 << 12), 0);
    expect("MPIDR_EL1", s->seen.mpidr & 0xff00ffffff, cpu);
    expect("the context", s->seen.context, (uint64_t)s);
}

static void on_and_off(unsigned cpu)
{
    uint64_t again;

    running[cpu] = 0;
    expect("AFFINITY_INFO of a CPU that is off", call(PSCI_AFFINITY_INFO, cpu, 0, 0), INFO_OFF);
    expect("CPU_ON", secondary_start(cpu, switch_off, cpu), SUCCESS);
    again = call(PSCI_CPU_ON, cpu, (uint64_t)secondary_entry, (uint64_t)secondary_of(cpu));
    if (again != SUCCESS && again != ALREADY_ON) /* SUCCESS: it was off again already */
        expect("a second CPU_ON", again, ON_PENDING);
    while (!running[cpu])
        ;
    while (call(PSCI_AFFINITY_INFO, cpu, 0, 0) != INFO_OFF)
        ;
    check_entry(cpu);
}

/* All CPUs at once, each switching the next one on. */
static volatile unsigned chain_length;

static void chain(uint64_t cpu)
{
    if (cpu + 1 < chain_length)
        expect("CPU_ON by another CPU", secondary_start((unsigned)cpu + 1, chain, cpu + 1),
               SUCCESS);
    switch_off(cpu);
}

static void all_together(unsigned cpus)
{
    for (unsigned i = 1; i < cpus; i++)
        running[i] = 0;
    chain_length = cpus;
    if (cpus > 1)
        expect("CPU_ON", secondary_start(1, chain, 1), SUCCESS);
    for (unsigned i = 1; i < cpus; i++) {
        while (!running[i])
            ;
        while (call(PSCI_AFFINITY_INFO, i, 0, 0) != INFO_OFF)
            ;
        check_entry(i);
    }
}

static void arm_timer(void)
{
    write_sysreg(cntv_tval_el0, TICKS);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
}

static void disarm_timer(void)
{
    write_sysreg(cntv_ctl_el0, 0);
    isb();
}

static volatile uint64_t woken;

/* Power down in CPU_SUSPEND: it goes on at the entry point, as after CPU_ON. */
static void suspend_and_wake(uint64_t cpu)
{
    struct secondary *s = secondary_of((unsigned)cpu);

    gic_init();
    gic_enable(INTID_VTIMER);
    arm_timer();
    s->run = switch_off;
    s->seen.context = 0;
    woken = read_sysreg(cntv_cval_el0);
    dsb();
    call(PSCI_CPU_SUSPEND, POWERDOWN, (uint64_t)secondary_entry, (uint64_t)s);
    put_text("FAIL a power-down CPU_SUSPEND returned\n");
}

static void suspend(unsigned cpus)
{
    gic_init();
    gic_enable(INTID_VTIMER);
    arm_timer();
    expect("CPU_SUSPEND to standby", call(PSCI_CPU_SUSPEND, 0, 0, 0), SUCCESS);
    expect("woken by the timer", gic_acknowledge(), INTID_VTIMER);
    disarm_timer();
    gic_end(INTID_VTIMER);
    arm_timer();
    expect("CPU_SUSPEND to standby, 32 bits", call(PSCI_CPU_SUSPEND_32, 0, 0, 0), SUCCESS);
    expect("woken by the timer", gic_acknowledge(), INTID_VTIMER);
    disarm_timer();
    gic_end(INTID_VTIMER);
    if (cpus < 2)
        return;
    running[1] = 0;
    expect("CPU_ON", secondary_start(1, suspend_and_wake, 1), SUCCESS);
    while (!running[1])
        ;
    expect("not woken before its time", read_sysreg(cntvct_el0) >= woken, 1);
    while (call(PSCI_AFFINITY_INFO, 1, 0, 0) != INFO_OFF)
        ;
    check_entry(1);
}

int main(void)
{
    const char *argument = guest_argument();
    unsigned cpus = (unsigned)parse_number(argument);

    put_text("start\n");
    if (argument[0] == 'r')
        psci(argument[5] == 's', PSCI_SYSTEM_RESET, 0, 0, 0);
    if (argument[0] == 'o')
        psci(argument[3] == 's', PSCI_SYSTEM_OFF, 0, 0, 0);
    for (int i = 0; i < 2; i++) {
        smc = i;
        identity();
        refusals(cpus);
        for (unsigned cpu = 1; cpu < cpus; cpu++)
            on_and_off(cpu);
        all_together(cpus);
        suspend(cpus);
    }
    put_text("done\n");
    return 0;
}
