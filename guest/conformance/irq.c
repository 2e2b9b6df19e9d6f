/* SPDX-License-Identifier: ISC */
/*
 * Interrupts, by a GICv3 of the machine's or of the engine's (IHI 0069). IRQs are masked but where
 * a body says otherwise: it acknowledges by hand.
 */
#include "conformance.h"

#define A (INTID_FREE + 0)
#define B (INTID_FREE + 1)
#define C (INTID_FREE + 2)

#define GICD_ICENABLER 0x180
#define GICD_ISPENDR   0x200
#define GICD_ICPENDR   0x280
#define GICD_ISACTIVER 0x300

static uint32_t dist(unsigned reg, unsigned intid)
{
    return read32(GICD + reg + intid / 32 * 4) >> intid % 32 & 1;
}

static void dist_set(unsigned reg, unsigned intid)
{
    write32(GICD + reg + intid / 32 * 4, UINT32_C(1) << intid % 32);
}

static void enable_all(void)
{
    gic_init();
    for (unsigned i = 0; i < 3; i++) {
        gic_priority(INTID_FREE + i, 0x80);
        gic_enable(INTID_FREE + i);
    }
}

void irq_lines(void)
{
    enable_all();
    expect_quiet("at first");
    line(A, true);
    expect("pending, with the wire high", dist(GICD_ISPENDR, A), 1);
    expect_interrupt("the wire is high", A);
    expect("active", dist(GICD_ISACTIVER, A), 1);
    expect_quiet("while it is active");
    gic_end(A);
    expect("inactive", dist(GICD_ISACTIVER, A), 0);
    expect_interrupt("the wire is still high", A);
    line(A, false);
    gic_end(A);
    expect_quiet("the wire is low");
    line(B, true);
    line(B, false);
    expect_quiet("a wire that was high");
    expect("not pending, with the wire low", dist(GICD_ISPENDR, B), 0);
    for (unsigned i = 0; i < 100; i++) { /* by the vector */
        line(C, true);
        await_taken(C);
    }
    expect_quiet("in the end");
}

static void message(unsigned intid)
{
    write32(MSI_SETSPI, intid);
}

void irq_edges(void)
{
    const unsigned m = INTID_MSI + 3, n = INTID_MSI + 127;

    gic_init();
    gic_edge(m);
    gic_edge(n);
    gic_enable(m);
    gic_enable(n);
    message(m);
    expect_interrupt("a message", m);
    gic_end(m);
    expect_quiet("a message is one interrupt");
    message(m);
    message(m);
    expect_interrupt("two messages", m);
    gic_end(m);
    expect_quiet("two messages before the acknowledgement are one interrupt");
    message(n);
    expect_interrupt("the last message", n);
    message(n);
    expect_quiet("a message of an active interrupt waits");
    gic_end(n);
    expect_interrupt("and comes after its end", n);
    gic_end(n);
    dist_set(GICD_ISPENDR, m);
    expect_interrupt("made pending by a register", m);
    gic_end(m);
    dist_set(GICD_ISPENDR, m);
    dist_set(GICD_ICPENDR, m);
    expect_quiet("and made not pending");
    for (unsigned i = 0; i < 100; i++) {
        message(n);
        await_taken(n);
    }
    expect_quiet("in the end");
}

void irq_priorities(void)
{
    enable_all();
    gic_priority(A, 0xc0);
    gic_priority(B, 0x40);
    gic_priority(C, 0x80);
    line(A, true);
    line(B, true);
    line(C, true);
    expect("the highest pending one", icc(ICC_HPPIR1_EL1), B);
    expect_interrupt("the first", B);
    expect("ICC_RPR_EL1", icc(ICC_RPR_EL1), 0x40);
    expect_quiet("nothing of lower priority meanwhile");
    line(B, false);
    gic_end(B);
    expect_interrupt("the second", C);
    line(C, false);
    gic_end(C);
    icc_set(ICC_PMR_EL1, 0xc0);
    expect_quiet("a priority that is not above the mask");
    icc_set(ICC_PMR_EL1, 0xd0);
    expect_interrupt("a priority above the mask", A);
    line(A, false);
    gic_end(A);
    expect("ICC_RPR_EL1 when idle", icc(ICC_RPR_EL1), 0xff);
    expect_quiet("in the end");
    /* A priority that changes while the interrupt is pending. */
    gic_priority(A, 0x80);
    gic_priority(B, 0x90);
    icc_set(ICC_PMR_EL1, 0xff);
    line(A, true);
    line(B, true);
    gic_priority(A, 0xa0);
    expect_interrupt("the one that is first now", B);
    line(B, false);
    gic_end(B);
    expect_interrupt("the one that is second now", A);
    line(A, false);
    gic_end(A);
}

static volatile unsigned depth, deepest, order[4], handled;

static void nested(unsigned intid, struct frame *f)
{
    if (++depth > deepest)
        deepest = depth;
    if (intid == A) {
        line(B, true); /* more urgent: at once */
        line(C, true); /* less urgent: afterwards */
        irq_unmask();
        isb();
        while (!handled)
            ;
        irq_mask();
    }
    order[handled++] = intid;
    depth--;
    irq_end_usual(intid);
}

void irq_preemption(void)
{
    enable_all();
    gic_priority(A, 0x80);
    gic_priority(B, 0x20);
    gic_priority(C, 0xc0);
    irq_hook = nested;
    line(A, true);
    while (handled < 3) {
        irq_unmask();
        isb();
        irq_mask();
    }
    expect("how deep", deepest, 2);
    expect("the first to end", order[0], B);
    expect("the second", order[1], A);
    expect("the third", order[2], C);
}

void irq_split_end(void)
{
    enable_all();
    icc_set(ICC_CTLR_EL1, icc(ICC_CTLR_EL1) | 2);
    gic_priority(A, 0x80);
    gic_priority(B, 0xc0);
    line(A, true);
    expect_interrupt("the wire is high", A);
    line(B, true);
    expect_quiet("of lower priority");
    gic_end(A);
    expect("ICC_RPR_EL1 after the drop", icc(ICC_RPR_EL1), 0xff);
    expect("still active", dist(GICD_ISACTIVER, A), 1);
    expect_interrupt("of lower priority, after the drop", B);
    gic_end(B);
    line(B, false);
    icc_set(ICC_DIR_EL1, B);
    expect_quiet("active, though the wire is high");
    icc_set(ICC_DIR_EL1, A);
    expect("inactive", dist(GICD_ISACTIVER, A), 0);
    expect_interrupt("the wire is still high", A);
    line(A, false);
    gic_end(A);
    icc_set(ICC_DIR_EL1, A);
    expect_quiet("in the end");
}

void irq_enables(void)
{
    enable_all();
    dist_set(GICD_ICENABLER, A);
    line(A, true);
    expect_quiet("disabled");
    expect("pending nevertheless", dist(GICD_ISPENDR, A), 1);
    icc_set(ICC_IGRPEN1_EL1, 0);
    gic_enable(A);
    expect_quiet("its group is disabled at the CPU");
    icc_set(ICC_IGRPEN1_EL1, 1);
    taken[0] = 0;
    for (unsigned i = 0; i < 100; i++)
        isb();
    expect("masked by PSTATE.I", taken[0], 0);
    expect("ISR_EL1", read_sysreg(isr_el1) & 0x80, 0x80);
    await_taken(A);
    expect("ISR_EL1", read_sysreg(isr_el1) & 0x80, 0);
    expect_quiet("in the end");
}

/* --- SGIs --- */

void ipi_self(void)
{
    gic_init();
    for (unsigned i = 0; i < 16; i++)
        gic_enable(i);
    for (unsigned i = 0; i < 16; i++) {
        gic_send_sgi(i, 1);
        expect_interrupt("an SGI to oneself", i);
        gic_end(i);
    }
    expect_quiet("each came once");
    gic_priority(7, 0x40);
    gic_priority(2, 0x80);
    gic_send_sgi(2, 1);
    gic_send_sgi(7, 1);
    expect_interrupt("the more urgent one", 7);
    gic_end(7);
    expect_interrupt("the other", 2);
    gic_end(2);
    gic_send_sgi(3, 1 << 1); /* to a CPU that is not there */
    expect_quiet("an SGI to another");
}

#define CPUS   4
#define ROUNDS 100

static volatile uint64_t ready[CPUS], rounds[CPUS];

static void pass_on(unsigned intid, struct frame *f)
{
    unsigned cpu = cpu_index();

    gic_end(intid);
    rounds[cpu]++;
    if (cpu != 0 || rounds[0] < ROUNDS)
        gic_send_sgi(5, 1 << (cpu + 1) % CPUS);
}

static void listen(uint64_t cpu)
{
    gic_init();
    gic_enable(5);
    ready[cpu] = 1;
    for (;;)
        irq_sleep();
}

static void start_listeners(void)
{
    for (unsigned i = 1; i < CPUS; i++) {
        expect("CPU_ON", secondary_start(i, listen, i), 0);
        while (!ready[i])
            ;
    }
}

void ipi_ring(void)
{
    gic_init();
    gic_enable(5);
    irq_hook = pass_on;
    start_listeners();
    gic_send_sgi(5, 1 << 1);
    while (rounds[0] < ROUNDS)
        irq_sleep();
    for (unsigned i = 1; i < CPUS; i++)
        expect("rounds", rounds[i], ROUNDS);
}

static void count(unsigned intid, struct frame *f)
{
    gic_end(intid);
    rounds[cpu_index()]++;
}

void ipi_broadcast(void)
{
    gic_init();
    gic_enable(5);
    irq_hook = count;
    start_listeners();
    for (unsigned n = 1; n <= 50; n++) {
        icc_set(ICC_SGI1R_EL1, UINT64_C(1) << 40 | 5 << 24);
        for (unsigned i = 1; i < CPUS; i++)
            while (rounds[i] < n)
                ;
    }
    expect_quiet("nothing to the sender");
    for (unsigned n = 1; n <= 50; n++) { /* two at once by a list */
        gic_send_sgi(5, 1 << 1 | 1 << 3);
        while (rounds[1] < 50 + n || rounds[3] < 50 + n)
            ;
    }
    expect("who is not on the list", rounds[2], 50);
}
