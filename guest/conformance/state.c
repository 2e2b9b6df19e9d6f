/* SPDX-License-Identifier: ISC */
/*
 * The machine's state, looked at from inside: nothing is different after the machine was saved,
 * destroyed, made anew and loaded (PROBE_DO_SAVE), which happens within one store.
 */
#include "conformance.h"

static void host(unsigned request)
{
    probe_set(PROBE_HOST, request);
}

void state_contract(void)
{
    mmu_on();
    host(PROBE_DO_REGISTERS);
    expect("registers that are not as they were set", probe(PROBE_RESULT), 0);
}

struct registers {
    uint64_t x[31], sp, flags, fpcr, fpsr, pad, v[32][2];
};

void registers_round(const struct registers *in, struct registers *out);

static struct registers in, out;

static uint64_t pattern(unsigned n)
{
    return (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* clang-format off */
#define SYSREGS(X) \
    X(0, sp_el0) X(1, elr_el1) X(2, tpidr_el0) X(3, tpidrro_el0) X(4, tpidr_el1) X(5, ttbr1_el1) \
    X(6, mair_el1) X(7, contextidr_el1) X(8, esr_el1) X(9, far_el1) X(10, spsr_el1) \
    X(11, amair_el1) X(12, afsr0_el1) X(13, afsr1_el1) X(14, cntkctl_el1) X(15, cntv_cval_el0) \
    X(16, cntp_cval_el0) X(17, csselr_el1) X(18, vbar_el1) X(19, cpacr_el1) X(20, tcr_el1) \
    X(21, sctlr_el1) X(22, ttbr0_el1) X(23, dbgbvr0_el1) X(24, dbgbcr0_el1) X(25, dbgwvr1_el1) \
    X(26, mdscr_el1) X(27, midr_el1) X(28, mpidr_el1) X(29, id_aa64pfr0_el1) \
    X(30, id_aa64isar0_el1) X(31, id_aa64isar1_el1) X(32, id_aa64mmfr0_el1) \
    X(33, id_aa64dfr0_el1) X(34, ctr_el0) X(35, dczid_el0) X(36, cntfrq_el0) X(37, ccsidr_el1) \
    X(38, id_aa64mmfr1_el1)
/* clang-format on */
#define SYSREG_COUNT 39
#define CNTP_CVAL    16

static const char *const sysreg_names[] = {
#define X(n, name) #name,
    SYSREGS(X)
#undef X
};

static void read_all(uint64_t *values)
{
#define X(n, name) values[n] = read_sysreg(name);
    SYSREGS(X)
#undef X
}

/* Those that the code here can do without; each keeps what it has bits for. */
static void write_some(void)
{
    write_sysreg(sp_el0, pattern(100));
    write_sysreg(elr_el1, pattern(101) & ~UINT64_C(3));
    write_sysreg(tpidr_el0, pattern(102));
    write_sysreg(tpidrro_el0, pattern(103));
    write_sysreg(tpidr_el1, pattern(104));
    write_sysreg(ttbr1_el1, 0x0123000071234000);
    write_sysreg(contextidr_el1, 0x12345678);
    write_sysreg(esr_el1, 0x56000123);
    write_sysreg(far_el1, pattern(105));
    write_sysreg(spsr_el1, 0x600003c5);
    write_sysreg(cntkctl_el1, 0x3);
    write_sysreg(cntv_cval_el0, pattern(106));
    write_sysreg(cntp_cval_el0, pattern(107));
    write_sysreg(csselr_el1, 0);
    write_sysreg(dbgbvr0_el1, 0x0000123456789abc);
    write_sysreg(dbgbcr0_el1, 0x1e6); /* not enabled */
    write_sysreg(dbgwvr1_el1, 0x0000123456789ab8);
    isb();
}

void state_registers(void)
{
    static uint64_t before[SYSREG_COUNT], after[SYSREG_COUNT];
    uint64_t counter;

    mmu_on();
    for (unsigned i = 0; i < 31; i++)
        in.x[i] = pattern(i);
    for (unsigned i = 0; i < 64; i++)
        in.v[i / 2][i % 2] = pattern(31 + i);
    in.x[0] = PROBE + PROBE_HOST;
    in.x[1] = PROBE_DO_SAVE;
    in.flags = 0xa0000000;
    in.fpcr = 0x03c00000;
    in.fpsr = 0x0800001f;
    write_some();
    read_all(before);
    counter = read_sysreg(cntvct_el0);
    registers_round(&in, &out);
    read_all(after);
    expect("the counter goes on", read_sysreg(cntvct_el0) >= counter, 1);
    for (unsigned i = 0; i < 31; i++)
        expect("a general register", out.x[i], in.x[i]);
    for (unsigned i = 0; i < 32; i++) {
        expect("a vector register, low", out.v[i][0], in.v[i][0]);
        expect("a vector register, high", out.v[i][1], in.v[i][1]);
    }
    expect("the flags", out.flags, in.flags);
    expect("FPCR", out.fpcr, in.fpcr);
    expect("FPSR", out.fpsr, in.fpsr);
    for (unsigned i = 0; i < SYSREG_COUNT; i++)
        if (i != CNTP_CVAL || after[i] || probe(PROBE_CAPS) & PROBE_CAP_SOFT)
            expect(sysreg_names[i], after[i], before[i]);
        else
            note("the physical timer is lost", 0); /* KVM has it to be saved since Linux 6.4 */
}

/* --- */

#define A (INTID_FREE + 0)
#define B (INTID_FREE + 1)
#define M (INTID_MSI + 5)

static volatile uint64_t beats, stop;

static void second_beat(uint64_t cpu)
{
    gic_init();
    gic_enable(INTID_VTIMER);
    while (!stop) {
        write_sysreg(cntv_tval_el0, read_sysreg(cntfrq_el0) / 2000);
        write_sysreg(cntv_ctl_el0, 1);
        isb();
        expect_interrupt("the other CPU's timer", INTID_VTIMER);
        write_sysreg(cntv_ctl_el0, 0);
        isb();
        gic_end(INTID_VTIMER);
        beats++;
    }
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

static void await_beats(unsigned n)
{
    uint64_t until = beats + n;

    while (beats < until)
        ;
}

/* An interrupt that is active, one that is pending by its wire, one that is pending by a message,
 * and a timer under way. */
static void round_trip(void)
{
    uint64_t when = read_sysreg(cntvct_el0) + read_sysreg(cntfrq_el0) / 20;

    gic_priority(A, 0x80);
    gic_priority(B, 0x90);
    gic_priority(M, 0xa0);
    gic_priority(INTID_VTIMER, 0xb0);
    icc_set(ICC_PMR_EL1, 0xf0);
    write_sysreg(cntv_cval_el0, when);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
    line(A, true);
    expect_interrupt("the first", A);
    line(A, false);
    line(B, true);
    write32(MSI_SETSPI, M);
    await_beats(2);
    host(PROBE_DO_SAVE);
    expect("active", read32(GICD + 0x300 + A / 32 * 4) >> A % 32 & 1, 1);
    expect("ICC_RPR_EL1", icc(ICC_RPR_EL1), 0x80);
    expect("ICC_PMR_EL1", icc(ICC_PMR_EL1), 0xf0);
    expect("GICD_IPRIORITYR", read8(GICD + 0x400 + M), 0xa0);
    expect_quiet("below the active one");
    gic_end(A);
    expect_interrupt("the one that is pending by its wire", B);
    line(B, false);
    gic_end(B);
    expect_interrupt("the one that is pending by a message", M);
    gic_end(M);
    expect_interrupt("the timer that was under way", INTID_VTIMER);
    expect("not early", read_sysreg(cntvct_el0) >= when, 1);
    write_sysreg(cntv_ctl_el0, 0);
    isb();
    gic_end(INTID_VTIMER);
    expect_quiet("in the end");
    await_beats(2);
}

void state_interrupts(void)
{
    gic_init();
    gic_edge(M);
    gic_enable(A);
    gic_enable(B);
    gic_enable(M);
    gic_enable(INTID_VTIMER);
    expect("CPU_ON", secondary_start(1, second_beat, 1), 0);
    round_trip();
    stop = 1;
    while (psci(false, PSCI_AFFINITY_INFO, 1, 0, 0) != 1)
        ;
    host(PROBE_DO_SAVE); /* with a CPU that is off */
    expect("the other CPU is off", psci(false, PSCI_AFFINITY_INFO, 1, 0, 0), 1);
    stop = 0;
    expect("CPU_ON", secondary_start(1, second_beat, 1), 0);
    round_trip();
}

void state_pause(void)
{
    expect("CPU_ON", secondary_start(1, second_beat, 1), 0);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t counter = read_sysreg(cntvct_el0);

        host(PROBE_DO_PAUSE);
        expect("the counter goes on", read_sysreg(cntvct_el0) >= counter, 1);
        await_beats(1);
    }
}

/* The first and the last of an instruction's accesses to the device have the machine saved: that is
 * done when the instruction is, all of it once. */
void state_under_way(void)
{
    const uint64_t a = pattern(1), b = pattern(2), start = PROBE + PROBE_HOST, line = PROBE_LINE;
    uint64_t at = start, asked = probe(PROBE_ASKED), values[4] = {PROBE_DO_SAVE, 0, a, b};

    mmu_on();
    __asm__ volatile(".arch_extension simd\n"
                     "ld1 {v16.2d, v17.2d}, [%1]\n"
                     "stp q16, q17, [%0], #32\n"
                     : "+r"(at)
                     : "r"(values)
                     : "memory");
    expect("requests by the first of four parts", probe(PROBE_ASKED), asked + 1);
    expect("the base register", at, start + 32);
    expect("the third part", probe(PROBE_ARG), a);
    expect("the fourth part", probe(PROBE_ARG1), b);
    at = PROBE + line;
    __asm__ volatile("stp %1, %2, [%0], #16\n"
                     : "+r"(at)
                     : "r"((uint64_t)INTID_FREE), "r"((uint64_t)PROBE_DO_SAVE)
                     : "memory");
    expect("requests by the second of two parts", probe(PROBE_ASKED), asked + 2);
    expect("the base register after that", at, PROBE + line + 16);
}

static uint64_t nanoseconds(uint64_t ticks)
{
    return ticks * 1000000 / (read_sysreg(cntfrq_el0) / 1000);
}

/* The host's clock is read outside of what it is compared to, so that nothing that takes long can
 * make the pause look shorter; clocks may differ by 0.2 %. */
void state_rest(void)
{
    uint64_t begin = probe(PROBE_NOW), phys = read_sysreg(cntpct_el0);
    uint64_t before = read_sysreg(cntvct_el0), when, fires, after, spent;

    when = before + read_sysreg(cntfrq_el0) / 10;
    write_sysreg(cntv_cval_el0, when);
    write_sysreg(cntv_ctl_el0, 3); /* masked */
    isb();
    host(PROBE_DO_REST);
    isb();
    fires = read_sysreg(cntv_ctl_el0) & 4;
    isb();
    after = read_sysreg(cntvct_el0);
    phys = read_sysreg(cntpct_el0) - phys;
    isb();
    spent = probe(PROBE_NOW) - begin;
    write_sysreg(cntv_ctl_el0, 0);
    expect("the counter goes on", after >= before, 1);
    spent += spent / 500;
    expect("the counter stands in a pause", nanoseconds(after - before) + PROBE_REST_NS <= spent,
           1);
    if (after < when)
        expect("the timer's condition", fires, 0);
    if (nanoseconds(phys) + PROBE_REST_NS > spent) /* KVM can stop it since Linux 6.4 */
        note("the physical counter goes on in a pause, by ms", nanoseconds(phys) / 1000000);
}

/* --- */

extern char step_store[], break_here[];
uint64_t step_code(uint64_t host, uint64_t request);
uint64_t break_code(uint64_t addend);

void debug_step(void)
{
    mmu_on();
    probe_set(PROBE_ARG, (uint64_t)step_store);
    expect("what the code returns", step_code(PROBE + PROBE_HOST, PROBE_DO_STEP), 3);
    expect("steps that did not go where they should", probe(PROBE_RESULT), 0);
}

void debug_breakpoint(void)
{
    mmu_on();
    probe_set(PROBE_ARG, (uint64_t)break_here);
    host(PROBE_DO_BREAK);
    expect("what the code returns", break_code(1), 42);
    expect("what the debugger found wrong", probe(PROBE_RESULT), 0);
}

#define MDSCR_SS  (UINT64_C(1) << 0)
#define MDSCR_KDE (UINT64_C(1) << 13)
#define MDSCR_MDE (UINT64_C(1) << 15)

static volatile uint64_t watched[2];

void debug_guest(void)
{
    uint64_t here;

    mmu_on();
    traps_begin();
    write_sysreg(mdscr_el1, MDSCR_KDE | MDSCR_MDE);
    write_sysreg(dbgbvr0_el1, (uint64_t)break_here);
    write_sysreg(dbgbcr0_el1, 0xf << 5 | 1 << 1 | 1);
    isb();
    __asm__ volatile("msr daifclr, #8");
    break_code(1);
    expect_trap("a breakpoint", EC_BREAK);
    expect("ELR_EL1", trap.elr, (uint64_t)break_here);
    write_sysreg(dbgbcr0_el1, 0);
    isb();
    expect("the code without it", break_code(1), 42);
    expect_no_trap("the code without it");
    write_sysreg(dbgwvr0_el1, (uint64_t)&watched[1]);
    write_sysreg(dbgwcr0_el1, 0xff << 5 | 2 << 3 | 1 << 1 | 1); /* stores, at EL1 */
    isb();
    here = watched[1];
    watched[0] = 1;
    expect_no_trap("beside the watchpoint");
    watched[1] = 1;
    expect_trap("a watchpoint", EC_WATCH);
    expect("FAR_EL1", trap.far, (uint64_t)&watched[1]);
    expect("the store was not carried out", watched[1], here);
    write_sysreg(dbgwcr0_el1, 0);
    __asm__ volatile("msr daifset, #8"); /* no step before the ERET */
    write_sysreg(mdscr_el1, MDSCR_KDE | MDSCR_SS);
    isb();
    __asm__ volatile("adr %0, 1f\n msr elr_el1, %0\n msr spsr_el1, %1\n isb\n eret\n"
                     "1: nop\n nop\n"
                     : "=&r"(here)
                     : "r"(UINT64_C(0x1c5 | 1 << 21))
                     : "memory");
    expect_trap("a step", EC_STEP);
    expect("ELR_EL1", trap.elr, here + 4);
    __asm__ volatile("msr daifset, #8");
    traps_end();
}
