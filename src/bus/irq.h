/* SPDX-License-Identifier: ISC */
/*
 * Interrupt lines and message-signalled interrupts, as a device sees them: a chip never names the
 * interrupt controller that it is wired to.
 */
#ifndef BUS_IRQ_H
#define BUS_IRQ_H

#include "base/bits.h"

/* One wire. A zeroed line is not connected: setting it does nothing. */
struct irq_line {
    void (*set)(void *ctx, unsigned number, bool level);
    void *ctx;
    unsigned number; /* what the controller calls the wire (an INTID, a GPIO number) */
};

/* Drives the wire. Any thread; may be called with the device's own lock held (lock order: device <
 * queue < interrupt line < GIC < vCPU kick). Setting the level that it already has is harmless. */
static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->ctx, line->number, level);
}

/* Where a PCI function's message-signalled interrupts go: a 32-bit write of `data` to bus address
 * `address`. Any thread; an address that is no doorbell is dropped. */
struct msi_sink {
    void (*send)(void *ctx, uint64_t address, uint32_t data);
    void *ctx;
};

static inline void msi_send(const struct msi_sink *sink, uint64_t address, uint32_t data)
{
    if (sink->send)
        sink->send(sink->ctx, address, data);
}

#endif
