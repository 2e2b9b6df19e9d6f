/* SPDX-License-Identifier: ISC */
/*
 * The UART (Arm PrimeCell PL011, DDI 0183): FIFOs, interrupts, loopback. It is always ready to send
 * and its enable bits are not obeyed, because kernels expect a firmware that has set them.
 */
#ifndef CHIP_PL011_H
#define CHIP_PL011_H

#include "bus/bus.h"
#include "bus/irq.h"

#define PL011_SIZE 0x1000

struct pl011;

struct pl011_config {
    /* Bytes that the guest sent; on the vCPU's thread, without the UART's lock. */
    void (*write)(void *ctx, const uint8_t *bytes, size_t length);
    /* There is room again after pl011_receive took less than it was given; same conditions. */
    void (*room)(void *ctx);
    void *ctx;
    struct irq_line irq;
};

/* Returns 0 or -ENOMEM. Either callback may be NULL. */
int pl011_create(struct pl011 **uart, const struct pl011_config *config);

/* The UART's registers as memory that guests read without leaving for it, while no byte waits for
 * them: whoever prints asks before each character whether there is room. */
struct pl011_mirror {
    void *page; /* PL011_SIZE bytes, in whole pages of the host */
    /* Guests read `page` from now on, for 0 and not for -errno; and no more. With the UART's lock.
     */
    int (*show)(void *ctx);
    void (*hide)(void *ctx);
    void *ctx;
};

/* Lends the mirror until the UART is freed. Before the machine runs. */
void pl011_mirror(struct pl011 *uart, const struct pl011_mirror *mirror);

/* Bytes for the guest. Returns how many were taken. Any thread. */
size_t pl011_receive(struct pl011 *uart, const uint8_t *bytes, size_t length);

/* `dev` is the struct pl011. */
extern const struct device_ops pl011_ops;
extern const struct bus_ops pl011_bus_ops; /* 1, 2 and 4-byte accesses */

#endif
