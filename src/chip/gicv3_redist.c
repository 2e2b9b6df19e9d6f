/* SPDX-License-Identifier: ISC */
/* The GIC's redistributors: for each vCPU an RD frame and an SGI frame of 64 KiB (IHI
 * 0069 12.10, 12.11). */
#include "chip/gicv3_internal.h"

#define GICR_CTLR  0x0000 /* no LPIs: every bit reads 0, RWP and UWP among them */
#define GICR_IIDR  0x0004
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define SGI_FRAME  0x10000
#define SGI_BANKED 0x10080 /* to 0x11000: gicv3_bank.c */

#define GICR_TYPER_LAST      BIT(4)
#define GICR_WAKER_PROCESSOR BIT(1) /* ProcessorSleep */
#define GICR_WAKER_CHILDREN  BIT(2) /* ChildrenAsleep follows at once */

static uint64_t typer(const struct gicv3 *gic, unsigned cpu)
{
    uint64_t affinity = gic->cpus[cpu].affinity; /* Aff3 is 0 */

    return affinity << 32 | (uint64_t)cpu << 8 |
           (cpu == gic->config.cpus - 1 ? GICR_TYPER_LAST : 0);
}

static uint32_t read_word(struct gicv3 *gic, unsigned cpu, unsigned offset, unsigned size)
{
    if (offset >= SGI_BANKED && offset < SGI_FRAME + 0x1000)
        return gicv3_bank_read(&gic->cpus[cpu].own, 1, offset - SGI_FRAME, size);
    if (size != 4)
        return 0;
    switch (offset) {
    case GICR_IIDR: return GICV3_IIDR;
    case GICR_TYPER: return (uint32_t)typer(gic, cpu);
    case GICR_TYPER + 4: return (uint32_t)(typer(gic, cpu) >> 32);
    case GICR_WAKER: return gic->cpus[cpu].asleep ? GICR_WAKER_PROCESSOR | GICR_WAKER_CHILDREN : 0;
    default: return gicv3_id_read(offset % SGI_FRAME);
    }
}

static void write_word(struct gicv3 *gic, unsigned cpu, unsigned offset, unsigned size,
                       uint32_t value)
{
    if (offset >= SGI_BANKED && offset < SGI_FRAME + 0x1000) {
        unsigned bank;

        gicv3_bank_write(&gic->cpus[cpu].own, 1, offset - SGI_FRAME, size, value, &bank);
        gicv3_update(gic, cpu);
    } else if (size == 4 && offset == GICR_WAKER) {
        gic->cpus[cpu].asleep = value & GICR_WAKER_PROCESSOR;
        gicv3_update_participation(gic);
    }
}

static uint64_t redist_read(void *dev, uint64_t offset, unsigned size)
{
    struct gicv3 *gic = dev;
    unsigned cpu = (unsigned)(offset / GICV3_REDIST_SIZE), at = offset % GICV3_REDIST_SIZE;
    uint64_t value;

    gicv3_lock(gic);
    value = read_word(gic, cpu, at, size == 8 ? 4 : size);
    if (size == 8)
        value |= (uint64_t)read_word(gic, cpu, at + 4, 4) << 32;
    gicv3_unlock(gic, -1);
    return value;
}

static void redist_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct gicv3 *gic = dev;
    unsigned cpu = (unsigned)(offset / GICV3_REDIST_SIZE), at = offset % GICV3_REDIST_SIZE;

    gicv3_lock(gic);
    write_word(gic, cpu, at, size == 8 ? 4 : size, (uint32_t)value);
    if (size == 8)
        write_word(gic, cpu, at + 4, 4, (uint32_t)(value >> 32));
    gicv3_unlock(gic, -1);
}

const struct bus_ops gicv3_redist_bus_ops = {redist_read, redist_write};
