/* SPDX-License-Identifier: ISC */
/* The GIC's distributor frame (IHI 0069 12.9). */
#include "chip/gicv3_internal.h"

#define GICD_CTLR    0x0000
#define GICD_TYPER   0x0004
#define GICD_IIDR    0x0008
#define GICD_BANKED  0x0080 /* to 0x1000: gicv3_bank.c */
#define GICD_IROUTER 0x6000 /* to 0x8000, eight bytes an INTID */

#define GICD_CTLR_ARE BIT(4) /* RAO/WI: affinity routing always */
#define GICD_CTLR_DS  BIT(6) /* RAO/WI: one security state */

/* ITLinesNumber, IDbits (10 bits of INTID), RSS; no LPIs, no message-based SPIs, no Aff3; 1 of N is
 * there. */
static uint32_t typer(const struct gicv3 *gic)
{
    return (gic->config.spis + 31) / 32 | 9u << 19 | 1u << 26;
}

static uint32_t read_word(struct gicv3 *gic, unsigned offset, unsigned size)
{
    if (offset >= GICD_BANKED && offset < 0x1000)
        return gicv3_bank_read(gic->banks, GICV3_BANKS, offset, size);
    if (size != 4)
        return 0;
    if (offset >= GICD_IROUTER && offset < GICD_IROUTER + 8 * GICV3_INTIDS)
        return (uint32_t)(gic->route[(offset - GICD_IROUTER) / 8] >> (offset % 8 * 8));
    switch (offset) {
    case GICD_CTLR: return gic->ctlr | GICD_CTLR_ARE | GICD_CTLR_DS;
    case GICD_TYPER: return typer(gic);
    case GICD_IIDR: return GICV3_IIDR;
    default: return gicv3_id_read(offset);
    }
}

static void route_write(struct gicv3 *gic, unsigned intid, uint64_t value)
{
    unsigned bank = intid / 32;
    uint32_t bit = 1u << (intid % 32);

    if (!(gic->banks[bank].valid & bit))
        return;
    gic->route[intid] = value & GICD_IROUTER_MASK;
    gicv3_resolve(gic, intid);
    gicv3_update_all(gic);
}

static void write_word(struct gicv3 *gic, unsigned offset, unsigned size, uint32_t value)
{
    if (offset >= GICD_BANKED && offset < 0x1000) {
        unsigned bank;
        uint32_t mask = gicv3_bank_write(gic->banks, GICV3_BANKS, offset, size, value, &bank);

        gicv3_update_spis(gic, bank, mask);
    } else if (size == 4 && offset >= GICD_IROUTER && offset < GICD_IROUTER + 8 * GICV3_INTIDS) {
        unsigned intid = (offset - GICD_IROUTER) / 8, shift = offset % 8 * 8;
        uint64_t keep = gic->route[intid] & ~(UINT64_C(0xffffffff) << shift);

        route_write(gic, intid, keep | (uint64_t)value << shift);
    } else if (size == 4 && offset == GICD_CTLR) {
        gic->ctlr = value & (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1);
        gicv3_update_all(gic);
    }
}

static uint64_t dist_read(void *dev, uint64_t offset, unsigned size)
{
    struct gicv3 *gic = dev;
    uint64_t value;

    gicv3_lock(gic);
    value = read_word(gic, (unsigned)offset, size == 8 ? 4 : size);
    if (size == 8)
        value |= (uint64_t)read_word(gic, (unsigned)offset + 4, 4) << 32;
    gicv3_unlock(gic, -1);
    return value;
}

static void dist_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct gicv3 *gic = dev;

    gicv3_lock(gic);
    write_word(gic, (unsigned)offset, size == 8 ? 4 : size, (uint32_t)value);
    if (size == 8)
        write_word(gic, (unsigned)offset + 4, 4, (uint32_t)(value >> 32));
    gicv3_unlock(gic, -1);
}

const struct bus_ops gicv3_dist_bus_ops = {dist_read, dist_write};
