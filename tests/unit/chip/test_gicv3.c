/* SPDX-License-Identifier: ISC */
/* The GIC's state machine: pending, active, priority, preemption, EOImode, SGIs, routing (IHI 0069
 * chapters 4 and 12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "gic.h"

#define SPURIOUS 1023

static struct fixture fixture;

static int setup(void **state)
{
    memset((void *)&fixture, 0, sizeof(fixture));
    make(&fixture, 988);
    bring_up(&fixture);
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        fixture.changes[cpu] = 0;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    unmake(*state);
    return 0;
}

static void level_follows_the_wire(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    assert_false(irq(f, 0));
    gicv3_set_spi(f->gic, 40, true);
    assert_true(irq(f, 0));
    assert_false(fiq(f, 0));
    assert_false(irq(f, 1));
    assert_int_equal(f->changes[0], 1);
    gicv3_set_spi(f->gic, 40, true); /* no news */
    assert_int_equal(f->changes[0], 1);
    gicv3_set_spi(f->gic, 40, false);
    assert_false(irq(f, 0));
    assert_int_equal(f->changes[0], 2);
    assert_int_equal(icc(f, 0, IAR1), SPURIOUS);
    assert_int_equal(f->changes[1] + f->changes[2], 0);
}

static void level_comes_again_while_high(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    gicv3_set_spi(f->gic, 40, true);
    assert_int_equal(icc(f, 0, HPPIR1), 40);
    assert_int_equal(icc(f, 0, IAR1), 40);
    assert_false(irq(f, 0));
    assert_int_equal(dist(f, 0x204), 1u << 8); /* active and pending: the wire is still high */
    assert_int_equal(dist(f, 0x304), 1u << 8);
    assert_int_equal(icc(f, 0, IAR1), SPURIOUS);
    icc_set(f, 0, EOIR1, 40);
    assert_true(irq(f, 0));
    assert_int_equal(icc(f, 0, IAR1), 40);
    gicv3_set_spi(f->gic, 40, false);
    icc_set(f, 0, EOIR1, 40);
    assert_false(irq(f, 0));
    assert_int_equal(dist(f, 0x304), 0);
    assert_int_equal(f->changes[0], 1); /* its own accesses tell it nothing; only the wire did */
}

static void edge_latches_once(void **state)
{
    struct fixture *f = *state;

    make_edge(f, 130);
    enable(f, 130);
    pulse(f, 130);
    assert_true(irq(f, 0));
    assert_int_equal(icc(f, 0, IAR1), 130);
    pulse(f, 130); /* while active: pending again */
    assert_false(irq(f, 0));
    assert_int_equal(dist(f, 0x210), 1u << 2);
    icc_set(f, 0, EOIR1, 130);
    assert_true(irq(f, 0));
    assert_int_equal(icc(f, 0, IAR1), 130);
    icc_set(f, 0, EOIR1, 130);
    assert_false(irq(f, 0));
    gicv3_set_spi(f->gic, 130, true); /* a held wire is one edge */
    assert_int_equal(icc(f, 0, IAR1), 130);
    icc_set(f, 0, EOIR1, 130);
    assert_false(irq(f, 0));
}

static void edge_before_enable_is_kept(void **state)
{
    struct fixture *f = *state;

    make_edge(f, 130);
    pulse(f, 130);
    assert_false(irq(f, 0));
    enable(f, 130);
    assert_true(irq(f, 0));
    dist_set(f, 0x190, 1u << 2); /* ICENABLER */
    assert_false(irq(f, 0));
    dist_set(f, 0x290, 1u << 2); /* ICPENDR */
    enable(f, 130);
    assert_false(irq(f, 0));
}

static void software_pending_of_a_level(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    dist_set(f, 0x204, 1u << 8); /* ISPENDR with the wire low */
    assert_true(irq(f, 0));
    gicv3_set_spi(f->gic, 40, true);
    gicv3_set_spi(f->gic, 40, false);
    assert_true(irq(f, 0)); /* the latch does not follow the wire */
    assert_int_equal(icc(f, 0, IAR1), 40);
    icc_set(f, 0, EOIR1, 40); /* acknowledging took the latch */
    assert_false(irq(f, 0));

    gicv3_set_spi(f->gic, 40, true);
    dist_set(f, 0x284, 1u << 8); /* ICPENDR cannot take the wire */
    assert_true(irq(f, 0));
    assert_int_equal(dist(f, 0x284), 1u << 8);
}

static void software_active(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    gicv3_set_spi(f->gic, 40, true);
    dist_set(f, 0x304, 1u << 8); /* ISACTIVER: holds it back */
    assert_false(irq(f, 0));
    assert_int_equal(icc(f, 0, HPPIR1), SPURIOUS);
    dist_set(f, 0x384, 1u << 8); /* ICACTIVER */
    assert_true(irq(f, 0));
}

static void priority_order(void **state)
{
    struct fixture *f = *state;

    for (unsigned intid = 40; intid < 44; intid++) {
        enable(f, intid);
        gicv3_set_spi(f->gic, intid, true);
    }
    set_priority(f, 42, 0x40);
    set_priority(f, 43,
                 0x47); /* three bits are not there: the same priority, and the lower INTID wins */
    assert_int_equal(rd(f, DIST + 0x400 + 43, 1), 0x40);
    assert_int_equal(icc(f, 0, HPPIR1), 42);
    assert_int_equal(icc(f, 0, IAR1), 42);
    assert_int_equal(icc(f, 0, RPR), 0x40);
    assert_false(irq(f, 0)); /* 43 has the same priority: no preemption */
    assert_int_equal(icc(f, 0, HPPIR1), 43);
    icc_set(f, 0, EOIR1, 42);
    gicv3_set_spi(f->gic, 42, false);
    assert_int_equal(icc(f, 0, RPR), 0xff);
    assert_int_equal(icc(f, 0, IAR1), 43);
    icc_set(f, 0, EOIR1, 43);
    gicv3_set_spi(f->gic, 43, false);
    assert_int_equal(icc(f, 0, IAR1), 40);
}

static void priority_mask(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    gicv3_set_spi(f->gic, 40, true);
    icc_set(f, 0, PMR, 0xa0); /* equal is not enough */
    assert_false(irq(f, 0));
    assert_int_equal(icc(f, 0, IAR1), SPURIOUS);
    assert_int_equal(icc(f, 0, HPPIR1), 40); /* masking hides nothing here */
    icc_set(f, 0, PMR, 0xaf);                /* five bits: a8 */
    assert_int_equal(icc(f, 0, PMR), 0xa8);
    assert_true(irq(f, 0));
    set_priority(f, 40, 0xff); /* f8, the least */
    icc_set(f, 0, PMR, 0xff);
    assert_false(irq(f, 0));
}

static void preemption_nests(void **state)
{
    struct fixture *f = *state;

    for (unsigned intid = 40; intid < 43; intid++)
        enable(f, intid);
    set_priority(f, 41, 0x80);
    set_priority(f, 42, 0x20);
    gicv3_set_spi(f->gic, 40, true);
    assert_int_equal(icc(f, 0, IAR1), 40);
    gicv3_set_spi(f->gic, 41, true);
    assert_true(irq(f, 0));
    assert_int_equal(icc(f, 0, IAR1), 41);
    gicv3_set_spi(f->gic, 42, true);
    assert_int_equal(icc(f, 0, IAR1), 42);
    assert_int_equal(icc(f, 0, AP1R0), BIT(0xa0 >> 3) | BIT(0x80 >> 3) | BIT(0x20 >> 3));
    assert_int_equal(icc(f, 0, RPR), 0x20);
    for (unsigned intid = 40; intid < 43; intid++)
        gicv3_set_spi(f->gic, intid, false);
    icc_set(f, 0, EOIR1, 42);
    assert_int_equal(icc(f, 0, RPR), 0x80);
    icc_set(f, 0, EOIR1, 41);
    assert_int_equal(icc(f, 0, RPR), 0xa0);
    icc_set(f, 0, EOIR1, 40);
    assert_int_equal(icc(f, 0, RPR), 0xff);
    assert_int_equal(dist(f, 0x304), 0);
}

static void binary_point_groups_priorities(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(icc(f, 0, BPR0), 2);
    assert_int_equal(icc(f, 0, BPR1), 3);
    icc_set(f, 0, BPR1, 0); /* OpenBSD does so: the least value stays */
    assert_int_equal(icc(f, 0, BPR1), 3);
    icc_set(f, 0, BPR1, 6); /* group priority is bits 7 and 6 */
    enable(f, 40);
    enable(f, 41);
    enable(f, 42);
    set_priority(f, 41, 0x88);
    set_priority(f, 42, 0x78);
    gicv3_set_spi(f->gic, 40, true);
    assert_int_equal(icc(f, 0, IAR1), 40);
    assert_int_equal(icc(f, 0, RPR), 0x80);
    gicv3_set_spi(f->gic, 41, true); /* higher, but in the same group */
    assert_false(irq(f, 0));
    gicv3_set_spi(f->gic, 42, true);
    assert_true(irq(f, 0));
    assert_int_equal(icc(f, 0, IAR1), 42);
    assert_int_equal(icc(f, 0, RPR), 0x40);
}

static void common_binary_point(void **state)
{
    struct fixture *f = *state;

    icc_set(f, 0, BPR0, 4); /* bits 7 to 5 */
    icc_set(f, 0, CTLR, 1);
    assert_int_equal(icc(f, 0, CTLR) & 3, 1);
    assert_int_equal(icc(f, 0, BPR1), 5);
    icc_set(f, 0, BPR1, 7); /* ignored */
    enable(f, 40);
    gicv3_set_spi(f->gic, 40, true);
    set_priority(f, 40, 0xb8);
    assert_int_equal(icc(f, 0, IAR1), 40);
    assert_int_equal(icc(f, 0, RPR), 0xa0);
    icc_set(f, 0, CTLR, 0);
    assert_int_equal(icc(f, 0, BPR1), 3);
}

static void split_priority_drop(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    enable(f, 41);
    gicv3_set_spi(f->gic, 40, true);
    assert_int_equal(icc(f, 0, IAR1), 40);
    icc_set(f, 0, DIR, 40); /* not with EOImode 0 */
    assert_int_equal(dist(f, 0x304), 1u << 8);
    icc_set(f, 0, EOIR1, 40);
    icc_set(f, 0, CTLR, 2);
    assert_int_equal(icc(f, 0, IAR1), 40);
    icc_set(f, 0, EOIR1, 40); /* the drop alone: others may come, it may not */
    assert_int_equal(icc(f, 0, RPR), 0xff);
    assert_int_equal(dist(f, 0x304), 1u << 8);
    assert_false(irq(f, 0));
    gicv3_set_spi(f->gic, 41, true);
    assert_int_equal(icc(f, 0, IAR1), 41);
    icc_set(f, 0, EOIR1, 41);
    gicv3_set_spi(f->gic, 41, false);
    icc_set(f, 0, DIR, 40);
    assert_true(irq(f, 0));
    icc_set(f, 1, CTLR, 2);
    icc_set(f, 1, DIR, 41); /* deactivated by another vCPU */
    assert_int_equal(dist(f, 0x304), 0);
}

static void groups_choose_the_output(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    enable(f, 41);
    dist_set(f, 0x84, ~(1u << 8)); /* 40 into group 0 */
    gicv3_set_spi(f->gic, 40, true);
    gicv3_set_spi(f->gic, 41, true);
    assert_true(fiq(f, 0));
    assert_false(irq(f, 0)); /* one interrupt at a time: the better one */
    assert_int_equal(icc(f, 0, IAR1), SPURIOUS);
    assert_int_equal(icc(f, 0, HPPIR1), SPURIOUS);
    assert_int_equal(icc(f, 0, HPPIR0), 40);
    assert_int_equal(icc(f, 0, IAR0), 40);
    assert_int_equal(icc(f, 0, AP0R0), BIT(0xa0 >> 3));
    icc_set(f, 0, EOIR1, 40); /* of the other group: nothing */
    assert_int_equal(icc(f, 0, RPR), 0xa0);
    icc_set(f, 0, EOIR0, 40);
    assert_int_equal(icc(f, 0, RPR), 0xff);
    icc_set(f, 0, GRPEN0, 0); /* a group that is off blocks nobody */
    assert_false(fiq(f, 0));
    assert_true(irq(f, 0));
    dist_set(f, 0, 1); /* GICD_CTLR: group 1 off */
    assert_false(irq(f, 0));
    assert_int_equal(dist(f, 0), 0x51);
}

static void sgis_reach_their_targets(void **state)
{
    struct fixture *f = *state;

    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        redist_set(f, cpu, SGIS + 0x100, 0xffff);
    icc_set(f, 0, SGI1R, 5ull << 24 | 3); /* Aff 0.0.{0,1} */
    assert_true(irq(f, 0));
    assert_true(irq(f, 1));
    assert_false(irq(f, 2));
    assert_int_equal(f->changes[0], 0); /* the sender looks for itself */
    assert_int_equal(f->changes[1], 1);
    assert_int_equal(icc(f, 1, IAR1), 5);
    icc_set(f, 1, EOIR1, 5);
    assert_false(irq(f, 1)); /* an SGI is an edge */
}

static void sgi_range_selector(void **state)
{
    struct fixture *f = *state;

    redist_set(f, 2, SGIS + 0x100, 0xffff);
    icc_set(f, 0, SGI1R, 7ull << 24 | 1ull << 16 | BIT(2) | BIT(44)); /* 0.0.1.0x12 */
    assert_int_equal(icc(f, 2, IAR1), 7);
    icc_set(f, 2, EOIR1, 7);
    icc_set(f, 0, SGI1R, 7ull << 24 | 1ull << 16 | BIT(2)); /* 0.0.1.2: nobody */
    assert_int_equal(icc(f, 2, IAR1), SPURIOUS);
}

static void sgi_broadcast(void **state)
{
    struct fixture *f = *state;

    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        redist_set(f, cpu, SGIS + 0x100, 0xffff);
    icc_set(f, 1, SGI1R, BIT(40) | 9ull << 24);
    assert_true(irq(f, 0));
    assert_false(irq(f, 1)); /* all but oneself */
    assert_true(irq(f, 2));
}

static void sgi_groups(void **state)
{
    struct fixture *f = *state;

    redist_set(f, 1, SGIS + 0x100, 0xffff);
    redist_set(f, 1, SGIS + 0x80, ~1u); /* SGI 0 in group 0, SGI 1 in group 1 */
    icc_set(f, 0, SGI0R, 1ull << 24 | 2);
    icc_set(f, 0, ASGI1R, 1ull << 24 | 2);
    assert_false(irq(f, 1) || fiq(f, 1));
    icc_set(f, 0, SGI0R, 0ull << 24 | 2);
    assert_true(fiq(f, 1));
    assert_int_equal(icc(f, 1, IAR0), 0);
    icc_set(f, 1, EOIR0, 0);
    icc_set(f, 0, SGI1R, 0ull << 24 | 2);
    assert_int_equal(icc(f, 1, IAR0), 0);
    icc_set(f, 1, EOIR0, 0);
    icc_set(f, 0, SGI1R, 1ull << 24 | 2);
    assert_int_equal(icc(f, 1, IAR1), 1);
}

static void ppis_are_private(void **state)
{
    struct fixture *f = *state;

    redist_set(f, 1, SGIS + 0x100, 1u << 27);
    gicv3_set_ppi(f->gic, 0, 27, true);
    assert_false(irq(f, 0));
    gicv3_set_ppi(f->gic, 1, 27, true);
    assert_true(irq(f, 1));
    assert_int_equal(icc(f, 1, IAR1), 27);
    gicv3_set_ppi(f->gic, 1, 27, false);
    icc_set(f, 1, EOIR1, 27);
    assert_false(irq(f, 1));
    gicv3_set_ppi(f->gic, 7, 27, true); /* not there, and not PPIs: nothing */
    gicv3_set_ppi(f->gic, 0, 40, true);
    gicv3_set_ppi(f->gic, 0, 3, true);
    gicv3_set_spi(f->gic, 27, true);
    gicv3_set_spi(f->gic, 1020, true);
    gicv3_set_spi(f->gic, 5000, true);
    assert_int_equal(redist(f, 0, SGIS + 0x200), 1u << 27);
}

static void routes_by_affinity(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    wr(f, DIST + 0x6000 + 8 * 40, 8, 0x112);
    gicv3_set_spi(f->gic, 40, true);
    assert_false(irq(f, 0));
    assert_true(irq(f, 2));
    wr(f, DIST + 0x6000 + 8 * 40, 4, 0x1); /* moves while pending */
    assert_false(irq(f, 2));
    assert_true(irq(f, 1));
    wr(f, DIST + 0x6000 + 8 * 40, 8, 0x55); /* nobody */
    assert_false(irq(f, 0) || irq(f, 1) || irq(f, 2));
    wr(f, DIST + 0x6000 + 8 * 40, 8, UINT64_MAX);
    assert_int_equal(rd(f, DIST + 0x6000 + 8 * 40, 8), 0x80ffffff);
    wr(f, DIST + 0x6000 + 8 * 30, 8, 1); /* no SPI */
    assert_int_equal(rd(f, DIST + 0x6000 + 8 * 30, 8), 0);
}

static void one_of_n(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    wr(f, DIST + 0x6000 + 8 * 40, 8, BIT(31));
    gicv3_set_spi(f->gic, 40, true);
    assert_true(irq(f, 0));
    assert_false(irq(f, 1) || irq(f, 2));
    icc_set(f, 0, GRPEN1, 0); /* the first no longer takes part */
    assert_false(irq(f, 0));
    assert_true(irq(f, 1));
    redist_set(f, 1, 0x14, 2); /* and the second sleeps */
    assert_true(irq(f, 2));
    assert_int_equal(icc(f, 2, IAR1), 40);
    icc_set(f, 0, GRPEN1, 1);
    assert_false(irq(f, 0));
    gicv3_set_spi(f->gic, 40, false);
    icc_set(f, 2, EOIR1, 40);
    assert_int_equal(dist(f, 0x304), 0);
}

static void sleeping_redistributor(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    redist_set(f, 0, 0x14, 2);
    assert_int_equal(redist(f, 0, 0x14), 6);
    gicv3_set_spi(f->gic, 40, true);
    assert_false(irq(f, 0));
    redist_set(f, 0, 0x14, 0);
    assert_int_equal(redist(f, 0, 0x14), 0);
    assert_true(irq(f, 0));
}

static void odd_ends_are_harmless(void **state)
{
    struct fixture *f = *state;

    icc_set(f, 0, EOIR1, 40); /* nothing is active */
    icc_set(f, 0, EOIR1, 1023);
    icc_set(f, 0, EOIR0, 0xffffff);
    icc_set(f, 0, CTLR, 2);
    icc_set(f, 0, DIR, 1023);
    icc_set(f, 0, DIR, 0xffffff);
    icc_set(f, 0, AP1R0, UINT32_MAX); /* every priority active: nothing passes */
    enable(f, 40);
    set_priority(f, 40, 0);
    gicv3_set_spi(f->gic, 40, true);
    assert_false(irq(f, 0));
    icc_set(f, 0, AP1R0, 0);
    assert_true(irq(f, 0));
}

static void undefined_registers(void **state)
{
    struct fixture *f = *state;
    uint64_t value;

    assert_int_equal(gicv3_sysreg_read(f->gic, 0, EOIR1, &value), -ENOENT);
    assert_int_equal(gicv3_sysreg_read(f->gic, 0, SGI1R, &value), -ENOENT);
    assert_int_equal(gicv3_sysreg_write(f->gic, 0, IAR1, 0), -ENOENT);
    assert_int_equal(gicv3_sysreg_write(f->gic, 0, RPR, 0), -ENOENT);
    assert_int_equal(gicv3_sysreg_read(f->gic, 0, AP0R1, &value), -ENOENT);
    assert_int_equal(gicv3_sysreg_read(f->gic, 0, GICV3_KEY(3, 0, 0, 0, 0), &value), -ENOENT);
    assert_int_equal(icc(f, 0, SRE), 7);
    icc_set(f, 0, SRE, 0);
    assert_int_equal(icc(f, 0, SRE), 7);
    assert_int_equal(icc(f, 0, CTLR), 4 << 8 | BIT(18));
}

static void cpu_reset_leaves_the_rest(void **state)
{
    struct fixture *f = *state;

    enable(f, 40);
    gicv3_set_spi(f->gic, 40, true);
    gicv3_cpu_reset(f->gic, 0);
    assert_false(irq(f, 0));
    assert_int_equal(icc(f, 0, PMR), 0);
    assert_int_equal(icc(f, 0, GRPEN1), 0);
    assert_int_equal(redist(f, 0, 0x14), 0); /* still awake */
    icc_set(f, 0, PMR, 0xff);
    icc_set(f, 0, GRPEN1, 1);
    assert_true(irq(f, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(level_follows_the_wire),
        TEST(level_comes_again_while_high),
        TEST(edge_latches_once),
        TEST(edge_before_enable_is_kept),
        TEST(software_pending_of_a_level),
        TEST(software_active),
        TEST(priority_order),
        TEST(priority_mask),
        TEST(preemption_nests),
        TEST(binary_point_groups_priorities),
        TEST(common_binary_point),
        TEST(split_priority_drop),
        TEST(groups_choose_the_output),
        TEST(sgis_reach_their_targets),
        TEST(sgi_range_selector),
        TEST(sgi_broadcast),
        TEST(sgi_groups),
        TEST(ppis_are_private),
        TEST(routes_by_affinity),
        TEST(one_of_n),
        TEST(sleeping_redistributor),
        TEST(odd_ends_are_harmless),
        TEST(undefined_registers),
        TEST(cpu_reset_leaves_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
