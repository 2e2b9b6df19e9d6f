/* SPDX-License-Identifier: ISC */
/*
 * What the GIC's files share. Every function here wants the GIC's lock held, but for lock and
 * unlock.
 */
#ifndef CHIP_GICV3_INTERNAL_H
#define CHIP_GICV3_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "chip/gicv3.h"

#define GICV3_BANKS         32
#define GICV3_INTIDS        (GICV3_BANKS * 32)
#define GICV3_SPURIOUS      1023
#define GICV3_PRIORITY_MASK 0xf8 /* five priority bits */
#define GICV3_BPR0_LEAST    2    /* with five bits, IHI 0069 4.8.2 */
#define GICV3_BPR1_LEAST    3
#define GICV3_IDLE          0xff /* lower than every priority that an interrupt can have */
#define GICV3_IIDR          0x4100043b

#define GICD_CTLR_ENABLE_GRP0 BIT(0)
#define GICD_CTLR_ENABLE_GRP1 BIT(1)

#define GICD_IROUTER_IRM  BIT(31)
#define GICD_IROUTER_MASK (GICD_IROUTER_IRM | 0xffffff)

#define GICV3_OUT_IRQ 1u
#define GICV3_OUT_FIQ 2u

/* How an SPI is routed: a vCPU's number, or one of these. */
#define GICV3_TARGET_NONE 0xff
#define GICV3_TARGET_ANY  0xfe /* 1 of N */

/* Thirty-two interrupts, one bit each: what GICD_* and GICR_* registers of 32 INTIDs hold. */
struct gicv3_bank {
    uint32_t valid;       /* implemented; the rest is RAZ/WI */
    uint32_t always_edge; /* SGIs */
    uint32_t group, enabled, active, edge;
    uint32_t latch; /* pending by an edge, by software or as an SGI */
    uint32_t line;  /* the wires' levels */
    uint8_t priority[32];
};

/* A redistributor and its CPU interface. */
struct gicv3_cpu {
    struct gicv3_bank own; /* SGIs and PPIs */
    uint64_t affinity;
    bool asleep; /* GICR_WAKER.ProcessorSleep */

    uint8_t pmr, bpr[2];
    bool cbpr, eoi_mode, group_enabled[2];
    uint32_t apr[2]; /* active priorities: bit n is priority n << 3 */

    /* Derived: the highest priority pending interrupt (GICV3_SPURIOUS: none). */
    unsigned best;
    uint8_t best_priority, best_group;
    _Atomic uint8_t outputs;
};

struct gicv3 {
    pthread_mutex_t lock;
    struct gicv3_config config;
    struct gicv3_cpu *cpus;
    uint64_t notify; /* vCPUs whose outputs changed under this lock */

    uint32_t ctlr; /* GICD_CTLR's group enables */
    struct gicv3_bank
        banks[GICV3_BANKS]; /* SPIs; bank 0 has nothing valid (IHI 0069 12.9: RAZ/WI under ARE) */
    uint64_t route[GICV3_INTIDS]; /* GICD_IROUTER */
    uint8_t target[GICV3_INTIDS]; /* derived from it */
    unsigned any[2];              /* derived: who takes a 1-of-N interrupt of group 0, 1 */
};

void gicv3_lock(struct gicv3 *gic);
/* Unlocks, then tells of changed outputs; not to vCPU `self` (-1: to all). */
void gicv3_unlock(struct gicv3 *gic, int self);

static inline uint32_t gicv3_bank_pending(const struct gicv3_bank *bank)
{
    return bank->latch | (bank->line & ~bank->edge);
}

/* The bank that holds `intid` for `cpu`. */
struct gicv3_bank *gicv3_bank_of(struct gicv3 *gic, unsigned cpu, unsigned intid);

/* Arbitrates again: for one vCPU, all of them, those that SPIs `mask` of `bank` go to, or after a
 * vCPU woke, slept or changed its group enables. */
void gicv3_update(struct gicv3 *gic, unsigned cpu);
void gicv3_update_all(struct gicv3 *gic);
void gicv3_update_spis(struct gicv3 *gic, unsigned bank, uint32_t mask);
void gicv3_update_participation(struct gicv3 *gic);

/* Recomputes where SPI `intid` goes. */
void gicv3_resolve(struct gicv3 *gic, unsigned intid);

/* gicv3_cpuif.c: the priority that an interrupt must beat, and the part of a priority that
 * preempts. */
uint8_t gicv3_running_priority(const struct gicv3_cpu *cpu);
uint8_t gicv3_group_mask(const struct gicv3_cpu *cpu, unsigned group);

/* gicv3_bank.c: registers at offsets 0x080 to 0xfff of the distributor and of an SGI frame, 1 or 4
 * bytes. A write returns the interrupts that it may have changed, and their bank. */
uint32_t gicv3_bank_read(const struct gicv3_bank *banks, unsigned count, unsigned offset,
                         unsigned size);
uint32_t gicv3_bank_write(struct gicv3_bank *banks, unsigned count, unsigned offset, unsigned size,
                          uint32_t value, unsigned *bank);

/* The identification registers that both frames end with (0xffd0 to 0xffff). */
uint32_t gicv3_id_read(unsigned offset);

/* gicv3_state.c; these two take the lock. */
int gicv3_save(void *dev, struct state *state, const char *instance);
int gicv3_load(void *dev, const struct state *state, const char *instance, struct error *err);

extern const struct bus_ops gicv3_dist_bus_ops, gicv3_redist_bus_ops;

#endif
