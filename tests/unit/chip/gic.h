/* SPDX-License-Identifier: ISC */
/*
 * A GIC on a bus of its own, with short names for what the tests do all the time. Include after
 * <cmocka.h>.
 */
#ifndef TESTS_UNIT_CHIP_GIC_H
#define TESTS_UNIT_CHIP_GIC_H

#include <stdatomic.h>
#include <string.h>

#include "chip/gicv3.h"

#define CPUS   3
#define DIST   0x10000000u
#define REDIST 0x10010000u
#define SGIS   0x10000u /* the SGI frame, in a redistributor */

#define PMR    GICV3_KEY(3, 0, 4, 6, 0)
#define IAR0   GICV3_KEY(3, 0, 12, 8, 0)
#define EOIR0  GICV3_KEY(3, 0, 12, 8, 1)
#define HPPIR0 GICV3_KEY(3, 0, 12, 8, 2)
#define BPR0   GICV3_KEY(3, 0, 12, 8, 3)
#define AP0R0  GICV3_KEY(3, 0, 12, 8, 4)
#define AP0R1  GICV3_KEY(3, 0, 12, 8, 5)
#define AP1R0  GICV3_KEY(3, 0, 12, 9, 0)
#define DIR    GICV3_KEY(3, 0, 12, 11, 1)
#define RPR    GICV3_KEY(3, 0, 12, 11, 3)
#define SGI1R  GICV3_KEY(3, 0, 12, 11, 5)
#define ASGI1R GICV3_KEY(3, 0, 12, 11, 6)
#define SGI0R  GICV3_KEY(3, 0, 12, 11, 7)
#define IAR1   GICV3_KEY(3, 0, 12, 12, 0)
#define EOIR1  GICV3_KEY(3, 0, 12, 12, 1)
#define HPPIR1 GICV3_KEY(3, 0, 12, 12, 2)
#define BPR1   GICV3_KEY(3, 0, 12, 12, 3)
#define CTLR   GICV3_KEY(3, 0, 12, 12, 4)
#define SRE    GICV3_KEY(3, 0, 12, 12, 5)
#define GRPEN0 GICV3_KEY(3, 0, 12, 12, 6)
#define GRPEN1 GICV3_KEY(3, 0, 12, 12, 7)

struct fixture {
    struct bus *bus;
    struct gicv3 *gic;
    _Atomic unsigned changes[CPUS];
};

static inline void count_change(void *ctx, unsigned cpu)
{
    struct fixture *f = ctx;

    f->changes[cpu]++;
}

static inline void make(struct fixture *f, unsigned spis)
{
    static const uint64_t affinities[CPUS] = {0x000, 0x001, 0x112};
    const struct gicv3_config config = {
        .cpus = CPUS, .spis = spis, .affinities = affinities, .changed = count_change, .ctx = f};

    assert_int_equal(bus_create(&f->bus), 0);
    assert_int_equal(gicv3_create(&f->gic, &config), 0);
    assert_int_equal(gicv3_map(f->gic, f->bus, DIST, REDIST), 0);
}

static inline void unmake(struct fixture *f)
{
    bus_destroy(f->bus);
    gicv3_ops.free(f->gic);
}

static inline uint64_t rd(struct fixture *f, uint64_t address, unsigned size)
{
    uint64_t value = 0;

    assert_int_equal(bus_read(f->bus, address, size, &value), 0);
    return value;
}

static inline void wr(struct fixture *f, uint64_t address, unsigned size, uint64_t value)
{
    assert_int_equal(bus_write(f->bus, address, size, value), 0);
}

static inline uint64_t dist(struct fixture *f, unsigned offset)
{
    return rd(f, DIST + offset, 4);
}

static inline void dist_set(struct fixture *f, unsigned offset, uint32_t value)
{
    wr(f, DIST + offset, 4, value);
}

static inline uint64_t redist(struct fixture *f, unsigned cpu, unsigned offset)
{
    return rd(f, REDIST + cpu * GICV3_REDIST_SIZE + offset, 4);
}

static inline void redist_set(struct fixture *f, unsigned cpu, unsigned offset, uint32_t value)
{
    wr(f, REDIST + cpu * GICV3_REDIST_SIZE + offset, 4, value);
}

static inline uint64_t icc(struct fixture *f, unsigned cpu, uint32_t key)
{
    uint64_t value = 0;

    assert_int_equal(gicv3_sysreg_read(f->gic, cpu, key, &value), 0);
    return value;
}

static inline void icc_set(struct fixture *f, unsigned cpu, uint32_t key, uint64_t value)
{
    assert_int_equal(gicv3_sysreg_write(f->gic, cpu, key, value), 0);
}

static inline bool irq(struct fixture *f, unsigned cpu)
{
    bool i, q;

    gicv3_outputs(f->gic, cpu, &i, &q);
    return i;
}

static inline bool fiq(struct fixture *f, unsigned cpu)
{
    bool i, q;

    gicv3_outputs(f->gic, cpu, &i, &q);
    return q;
}

/* Both groups on, every vCPU awake and open to all priorities; interrupts in group 1 at priority
 * 0xa0. */
static inline void bring_up(struct fixture *f)
{
    dist_set(f, 0, 3);
    for (unsigned i = 1; i < 32; i++)
        dist_set(f, 0x80 + 4 * i, UINT32_MAX);
    for (unsigned i = 32; i < 1020; i += 4)
        dist_set(f, 0x400 + i, 0xa0a0a0a0);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        redist_set(f, cpu, 0x14, 0);
        redist_set(f, cpu, SGIS + 0x80, UINT32_MAX);
        for (unsigned i = 0; i < 32; i += 4)
            redist_set(f, cpu, SGIS + 0x400 + i, 0xa0a0a0a0);
        icc_set(f, cpu, PMR, 0xf0);
        icc_set(f, cpu, GRPEN0, 1);
        icc_set(f, cpu, GRPEN1, 1);
    }
}

static inline void enable(struct fixture *f, unsigned intid)
{
    dist_set(f, 0x100 + intid / 32 * 4, 1u << intid % 32);
}

static inline void set_priority(struct fixture *f, unsigned intid, uint8_t priority)
{
    wr(f, DIST + 0x400 + intid, 1, priority);
}

static inline void make_edge(struct fixture *f, unsigned intid)
{
    unsigned at = 0xc00 + intid / 16 * 4;

    dist_set(f, at, (uint32_t)dist(f, at) | 2u << intid % 16 * 2);
}

static inline void pulse(struct fixture *f, unsigned intid)
{
    gicv3_set_spi(f->gic, intid, true);
    gicv3_set_spi(f->gic, intid, false);
}

#endif
