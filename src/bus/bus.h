/* SPDX-License-Identifier: ISC */
/*
 * The MMIO bus: who answers at which guest physical address, and at which access widths.
 *
 * A device attaches a range with its permitted widths; the bus enforces them, so that a device's
 * handlers see only aligned accesses of a permitted size that lie within its range. What is not
 * permitted, or lies in a hole of a window (below), reads as the window's fill and ignores writes;
 * an address outside every range and window is the bus's only error, which the machine turns into
 * an external abort.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "base/bits.h"
#include "base/error.h"
#include "base/event.h"
#include "base/state.h"

#define BUS_WIDTH_1   1u /* permitted access sizes: the size is the bit */
#define BUS_WIDTH_2   2u
#define BUS_WIDTH_4   4u
#define BUS_WIDTH_8   8u
#define BUS_WIDTH_ALL 15u

struct bus_ops {
    /* `offset` is from the range's base. Run on the vCPU's thread (any vCPU's, at the same time):
     * the device locks. */
    uint64_t (*read)(void *dev, uint64_t offset, unsigned size);
    void (*write)(void *dev, uint64_t offset, unsigned size, uint64_t value);
};

/* What the machine does to every device, whatever it is. With vCPUs stopped and queues drained. */
struct device_ops {
    const char *name; /* of the kind: "pl011" */
    void (*reset)(void *dev);
    int (*save)(void *dev, struct state *state, const char *instance);
    int (*load)(void *dev, const struct state *state, const char *instance, struct error *err);
    void (*free)(void *dev);
};

struct bus;

int bus_create(struct bus **bus);
void bus_destroy(struct bus *bus);
void bus_set_events(struct bus *bus, const struct event_sink *events);

/*
 * Attaches `dev` at [base, base + size) with the permitted `widths` (BUS_WIDTH_*). Aligned accesses
 * of other sizes: EVENT_ACCESS_BAD_WIDTH, then the fill. Ranges must not overlap (-EEXIST). May be
 * called while vCPUs run (PCI BARs move): lookups see the old or the new map, and bus_detach
 * returns only when no access to the range is under way.
 */
int bus_attach(struct bus *bus, uint64_t base, uint64_t size, unsigned widths,
               const struct bus_ops *ops, void *dev);
void bus_detach(struct bus *bus, uint64_t base);

/* A window whose unclaimed bytes read as `fill` repeated (0x00 or 0xff) and ignore writes. */
int bus_window(struct bus *bus, uint64_t base, uint64_t size, uint8_t fill);

/* One guest access of 1, 2, 4 or 8 bytes; unaligned ones are split into bytes. Return 0, or -EFAULT
 * outside every range and window. Any thread. */
int bus_read(struct bus *bus, uint64_t address, unsigned size, uint64_t *value);
int bus_write(struct bus *bus, uint64_t address, unsigned size, uint64_t value);

#endif
