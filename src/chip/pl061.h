/* SPDX-License-Identifier: ISC */
/*
 * Eight lines of general-purpose input and output (Arm PrimeCell PL061, DDI 0190). The power button
 * is an input.
 */
#ifndef CHIP_PL061_H
#define CHIP_PL061_H

#include "bus/bus.h"
#include "bus/irq.h"

#define PL061_SIZE  0x1000
#define PL061_LINES 8

struct pl061;

/* Returns 0 or -ENOMEM. */
int pl061_create(struct pl061 **gpio, const struct irq_line *irq);

/* Sets the level that the world gives to `line` (0 to 7). Any thread. */
void pl061_set_input(struct pl061 *gpio, unsigned line, bool level);

/* `dev` is the struct pl061. */
extern const struct device_ops pl061_ops;
extern const struct bus_ops pl061_bus_ops; /* 1, 2 and 4-byte accesses */

#endif
