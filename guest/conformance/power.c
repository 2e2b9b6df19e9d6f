/* SPDX-License-Identifier: ISC */
/* PSCI (DEN0022) in the machine or in the engine, and CPUs together. */
#include "conformance.h"

#define SUCCESS            UINT64_C(0)
#define NOT_SUPPORTED      UINT32_C(0xffffffff)
#define INVALID_PARAMETERS UINT32_C(0xfffffffe)
#define ALREADY_ON         UINT32_C(0xfffffffc)
#define ON_PENDING         UINT32_C(0xfffffffb)
#define INFO_ON            UINT64_C(0)
#define INFO_OFF           UINT64_C(1)

#define CPUS 4

static uint64_t call(uint64_t id, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return psci(false, id, x1, x2, x3);
}

static uint32_t call32(uint64_t id, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return (uint32_t)call(id, x1, x2, x3);
}

static volatile uint64_t running[CPUS];

static void switch_off(uint64_t cpu)
{
    running[cpu] = 1;
    call(PSCI_CPU_OFF, 0, 0, 0);
    put_text("FAIL CPU_OFF returned\n");
}

static void await_off(unsigned cpu)
{
    while (call(PSCI_AFFINITY_INFO, cpu, 0, 0) != INFO_OFF)
        ;
}

void psci_calls(void)
{
    static const uint64_t have[] = {PSCI_VERSION,    PSCI_CPU_SUSPEND, PSCI_CPU_OFF,
                                    PSCI_CPU_ON,     PSCI_FEATURES,    PSCI_AFFINITY_INFO,
                                    PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET};

    expect("PSCI_VERSION of 1.0 or more", call(PSCI_VERSION, 0, 0, 0) >= 0x10000, 1);
    for (unsigned i = 0; i < sizeof(have) / sizeof(have[0]); i++)
        expect("PSCI_FEATURES of what is there", call(PSCI_FEATURES, have[i], 0, 0), SUCCESS);
    expect("PSCI_FEATURES of what is not there", call32(PSCI_FEATURES, 0x840000ff, 0, 0),
           NOT_SUPPORTED);
    expect("an unknown function", call32(0x840000ff, 1, 2, 3), NOT_SUPPORTED);
    expect("MIGRATE_INFO_TYPE", call(PSCI_MIGRATE_TYPE, 0, 0, 0), 2);
    expect("AFFINITY_INFO of oneself", call(PSCI_AFFINITY_INFO, 0, 0, 0), INFO_ON);
    expect("AFFINITY_INFO of a CPU that is off", call(PSCI_AFFINITY_INFO, 1, 0, 0), INFO_OFF);
    expect("AFFINITY_INFO of nobody", call32(PSCI_AFFINITY_INFO, 99, 0, 0), INVALID_PARAMETERS);
    expect("CPU_ON of nobody", call32(PSCI_CPU_ON, 99, (uint64_t)secondary_entry, 0),
           INVALID_PARAMETERS);
    expect("CPU_ON of oneself", call32(PSCI_CPU_ON, 0, (uint64_t)secondary_entry, 0), ALREADY_ON);
    expect("CPU_ON", secondary_start(1, switch_off, 1), SUCCESS);
    await_off(1);
    expect("it ran", running[1], 1);
    if (!(probe(PROBE_CAPS) & PROBE_CAP_SMC))
        return;
    expect("PSCI_VERSION by SMC", psci(true, PSCI_VERSION, 0, 0, 0), call(PSCI_VERSION, 0, 0, 0));
    expect("AFFINITY_INFO by SMC", psci(true, PSCI_AFFINITY_INFO, 1, 0, 0), INFO_OFF);
    expect("an unknown function by SMC", (uint32_t)psci(true, 0x840000ff, 1, 2, 3), NOT_SUPPORTED);
}

void psci_suspend(void)
{
    uint64_t when;

    gic_init();
    gic_enable(INTID_VTIMER);
    when = read_sysreg(cntvct_el0) + read_sysreg(cntfrq_el0) / 200;
    write_sysreg(cntv_cval_el0, when);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
    while (!(read_sysreg(cntv_ctl_el0) & 4)) /* it may end early, as WFI may */
        expect("CPU_SUSPEND", call(PSCI_CPU_SUSPEND, 0, 0, 0), SUCCESS);
    expect_interrupt("what it woke up for", INTID_VTIMER);
    expect("not early", read_sysreg(cntvct_el0) >= when, 1);
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

static void disturb_and_off(uint64_t cpu)
{
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | 1 << 12);
    irq_unmask();
    switch_off(cpu);
}

void smp_start_stop(void)
{
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 1; i < CPUS; i++) {
            uint32_t again;

            running[i] = 0;
            expect("CPU_ON", secondary_start(i, disturb_and_off, i), SUCCESS);
            again = call32(PSCI_CPU_ON, i, (uint64_t)secondary_entry, (uint64_t)secondary_of(i));
            if (again != SUCCESS && again != ALREADY_ON) /* SUCCESS: it was off again already */
                expect("a second CPU_ON", again, ON_PENDING);
        }
        for (unsigned i = 1; i < CPUS; i++) {
            while (!running[i])
                ;
            await_off(i);
            check_entry(i);
        }
    }
}

/* --- */

#define INCREMENTS 2000

static uint64_t words[32] __attribute__((aligned(256)));
static volatile uint64_t start, done[CPUS];

static void add_exclusive(uint64_t *word)
{
    uint64_t value, status;

    __asm__ volatile("1: ldxr %0, [%2]; add %0, %0, #1; stxr %w1, %0, [%2]; cbnz %w1, 1b"
                     : "=&r"(value), "=&r"(status)
                     : "r"(word)
                     : "memory");
}

static void add_lse(uint64_t *word)
{
    __asm__ volatile(".arch_extension lse\n stadd %0, [%1]"
                     :
                     : "r"(UINT64_C(1)), "r"(word)
                     : "memory");
}

static void increment(bool lse)
{
    for (unsigned i = 0; i < INCREMENTS; i++) {
        add_exclusive(&words[0]);
        if (lse)
            add_lse(&words[16]);
    }
}

static bool have_lse(void)
{
    return (read_sysreg(id_aa64isar0_el1) >> 20 & 15) >= 2;
}

static void second_increment(uint64_t cpu)
{
    mmu_on();
    while (!start)
        ;
    increment(have_lse());
    dsb();
    done[cpu] = 1;
    call(PSCI_CPU_OFF, 0, 0, 0);
}

void smp_atomics(void)
{
    for (unsigned i = 1; i < CPUS; i++)
        expect("CPU_ON", secondary_start(i, second_increment, i), SUCCESS);
    mmu_on();
    start = 1;
    increment(have_lse());
    for (unsigned i = 1; i < CPUS; i++)
        while (!done[i])
            ;
    expect("by exclusives", *(volatile uint64_t *)&words[0], CPUS * INCREMENTS);
    if (have_lse())
        expect("by LSE", *(volatile uint64_t *)&words[16], CPUS * INCREMENTS);
}

#define MESSAGES 5000

static uint64_t acquire(const uint64_t *at)
{
    uint64_t value;

    __asm__ volatile("ldar %0, [%1]" : "=r"(value) : "r"(at) : "memory");
    return value;
}

static void release(uint64_t *at, uint64_t value)
{
    __asm__ volatile("stlr %0, [%1]" : : "r"(value), "r"(at) : "memory");
}

static void second_send(uint64_t cpu)
{
    mmu_on();
    for (uint64_t i = 1; i <= MESSAGES; i++) {
        *(volatile uint64_t *)&words[8] = i * 3;
        release(&words[0], i);
        while (acquire(&words[16]) != i)
            ;
    }
    call(PSCI_CPU_OFF, 0, 0, 0);
}

void smp_order(void)
{
    expect("CPU_ON", secondary_start(1, second_send, 1), SUCCESS);
    mmu_on();
    for (uint64_t i = 1; i <= MESSAGES; i++) {
        while (acquire(&words[0]) != i)
            ;
        expect("what was stored before the release", *(volatile uint64_t *)&words[8], i * 3);
        release(&words[16], i);
    }
}
