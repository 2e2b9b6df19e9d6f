/* SPDX-License-Identifier: ISC */
/*
 * The GICv2m MSI frame: a doorbell page that turns message-signalled interrupts into edges on SPIs
 * (Arm Server Base System Architecture, DEN0029, appendix E).
 */
#ifndef CHIP_GICV2M_H
#define CHIP_GICV2M_H

#include "bus/bus.h"
#include "bus/irq.h"

#define GICV2M_SIZE   0x1000
#define GICV2M_SETSPI 0x040 /* the doorbell's offset in the frame */

struct gicv2m;

struct gicv2m_config {
    unsigned base, count;  /* the SPIs' INTIDs */
    struct irq_line lines; /* `number` is replaced by the INTID of each message */
};

/* Returns 0, -EINVAL or -ENOMEM. */
int gicv2m_create(struct gicv2m **frame, const struct gicv2m_config *config);

/* A message whose data is `intid`; INTIDs that are not the frame's are dropped. Any thread. */
void gicv2m_send(struct gicv2m *frame, uint32_t intid);

/* `dev` is the struct gicv2m. */
extern const struct device_ops gicv2m_ops;
extern const struct bus_ops gicv2m_bus_ops; /* 4-byte accesses */

#endif
