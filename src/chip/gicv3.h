/* SPDX-License-Identifier: ISC */
/*
 * The interrupt controller: a GICv3 with one security state, affinity routing always on, no LPIs,
 * system-register CPU interfaces. Arm Generic Interrupt Controller Architecture Specification, IHI
 * 0069.
 *
 * Group 0 interrupts are signalled as FIQ and group 1 as IRQ. Used by the software engines; KVM and
 * Hypervisor.framework bring one of their own.
 */
#ifndef CHIP_GICV3_H
#define CHIP_GICV3_H

#include "bus/bus.h"
#include "bus/irq.h"

#define GICV3_MAX_CPUS    64
#define GICV3_MAX_SPIS    988 /* INTIDs 32 to 1019 */
#define GICV3_FIRST_PPI   16
#define GICV3_FIRST_SPI   32
#define GICV3_DIST_SIZE   0x10000
#define GICV3_REDIST_SIZE 0x20000 /* of each vCPU: its RD and SGI frames */

struct gicv3;

struct gicv3_config {
    unsigned cpus; /* 1 to GICV3_MAX_CPUS */
    unsigned spis; /* 1 to GICV3_MAX_SPIS */
    const uint64_t
        *affinities; /* of each vCPU: MPIDR_EL1's Aff3 to Aff0, in place; Aff3 must be 0 */
    /*
     * The outputs towards `cpu` have changed; gicv3_outputs tells how. Called on the thread that
     * changed them, without the GIC's lock, perhaps late and out of order: what counts is the level
     * read after the call. A vCPU's own system-register accesses do not call it for itself: it
     * reads its outputs again before it runs on.
     */
    void (*changed)(void *ctx, unsigned cpu);
    void *ctx;
};

/* Returns 0, -EINVAL or -ENOMEM. */
int gicv3_create(struct gicv3 **gic, const struct gicv3_config *config);

/* `dev` is the struct gicv3. */
extern const struct device_ops gicv3_ops;

/* Attaches the distributor and the redistributors (one block, in vCPU order). Returns 0 or -errno.
 */
int gicv3_map(struct gicv3 *gic, struct bus *bus, uint64_t dist, uint64_t redist);

/* Drives an interrupt's wire. INTIDs that are not there are ignored. Any thread. */
void gicv3_set_spi(struct gicv3 *gic, unsigned intid, bool level);
void gicv3_set_ppi(struct gicv3 *gic, unsigned cpu, unsigned intid, bool level);

/* SPI `intid`'s wire, for a device. */
struct irq_line gicv3_spi_line(struct gicv3 *gic, unsigned intid);

/* The levels of `cpu`'s IRQ and FIQ inputs now. Any thread; one atomic load. */
void gicv3_outputs(const struct gicv3 *gic, unsigned cpu, bool *irq, bool *fiq);

/* The system-register encoding of this file: op0 is 3 for every ICC register. */
#define GICV3_KEY(op0, op1, crn, crm, op2)                                                         \
    ((uint32_t)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* ICC_* accesses of vCPU `cpu`, on its thread. Return 0, or -ENOENT for what is UNDEFINED (also a
 * read of a write-only register and a write of a read-only one). */
int gicv3_sysreg_read(struct gicv3 *gic, unsigned cpu, uint32_t key, uint64_t *value);
int gicv3_sysreg_write(struct gicv3 *gic, unsigned cpu, uint32_t key, uint64_t value);

/* Warm reset of one vCPU's CPU interface (PSCI CPU_ON). */
void gicv3_cpu_reset(struct gicv3 *gic, unsigned cpu);

#endif
