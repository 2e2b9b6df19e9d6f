/* SPDX-License-Identifier: ISC */
/*
 * The real-time clock (Arm PrimeCell PL031, DDI 0224). It follows the host's clock, plus what the
 * guest set it to.
 */
#ifndef CHIP_PL031_H
#define CHIP_PL031_H

#include "bus/bus.h"
#include "bus/irq.h"

#define PL031_SIZE 0x1000

struct pl031;

struct pl031_config {
    uint64_t (*now)(void *ctx); /* seconds since 1970 UTC; any thread */
    /* Wants pl031_alarm when now() reaches `when` (UINT64_MAX: no more); the last call counts.
     * Called with the clock's lock held: it only sets a timer. May be NULL: then the match
     * interrupt comes late or never. */
    void (*alarm)(void *ctx, uint64_t when);
    void *ctx;
    struct irq_line irq;
};

/* Returns 0 or -ENOMEM. */
int pl031_create(struct pl031 **rtc, const struct pl031_config *config);

/* The time that was asked for may have come. Any thread. */
void pl031_alarm(struct pl031 *rtc);

/* `dev` is the struct pl031. */
extern const struct device_ops pl031_ops;
extern const struct bus_ops pl031_bus_ops; /* 1, 2 and 4-byte accesses */

#endif
