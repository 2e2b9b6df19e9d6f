/* SPDX-License-Identifier: ISC */
/*
 * The GIC's CPU interfaces: the ICC_*_EL1 system registers (IHI 0069 12.2) and the rules of
 * acknowledging, dropping priority and deactivating (4.1, 4.8). With five priority bits there is
 * one active priorities register a group, the least value of BPR0 is 2 and that of BPR1 3.
 */
#include "chip/gicv3_internal.h"

#include <errno.h>

enum {
    ICC_PMR = GICV3_KEY(3, 0, 4, 6, 0),
    ICC_IAR0 = GICV3_KEY(3, 0, 12, 8, 0),
    ICC_EOIR0 = GICV3_KEY(3, 0, 12, 8, 1),
    ICC_HPPIR0 = GICV3_KEY(3, 0, 12, 8, 2),
    ICC_BPR0 = GICV3_KEY(3, 0, 12, 8, 3),
    ICC_AP0R0 = GICV3_KEY(3, 0, 12, 8, 4),
    ICC_AP1R0 = GICV3_KEY(3, 0, 12, 9, 0),
    ICC_DIR = GICV3_KEY(3, 0, 12, 11, 1),
    ICC_RPR = GICV3_KEY(3, 0, 12, 11, 3),
    ICC_SGI1R = GICV3_KEY(3, 0, 12, 11, 5),
    ICC_ASGI1R = GICV3_KEY(3, 0, 12, 11, 6),
    ICC_SGI0R = GICV3_KEY(3, 0, 12, 11, 7),
    ICC_IAR1 = GICV3_KEY(3, 0, 12, 12, 0),
    ICC_EOIR1 = GICV3_KEY(3, 0, 12, 12, 1),
    ICC_HPPIR1 = GICV3_KEY(3, 0, 12, 12, 2),
    ICC_BPR1 = GICV3_KEY(3, 0, 12, 12, 3),
    ICC_CTLR = GICV3_KEY(3, 0, 12, 12, 4),
    ICC_SRE = GICV3_KEY(3, 0, 12, 12, 5),
    ICC_IGRPEN0 = GICV3_KEY(3, 0, 12, 12, 6),
    ICC_IGRPEN1 = GICV3_KEY(3, 0, 12, 12, 7),
};

#define ICC_CTLR_CBPR    BIT(0)
#define ICC_CTLR_EOIMODE BIT(1)
#define ICC_CTLR_FIXED   (4u << 8 | BIT(18)) /* PRIbits - 1, RSS; no Aff3, no SEIs, 16-bit INTIDs */
#define ICC_SRE_FIXED    7u                  /* SRE, DFB, DIB: there is no other interface */
#define ICC_SGIR_IRM     BIT(40)

uint8_t gicv3_group_mask(const struct gicv3_cpu *cpu, unsigned group)
{
    if (group == 0 || cpu->cbpr)
        return (uint8_t)(0xff << (cpu->bpr[0] + 1));
    return (uint8_t)(0xff << cpu->bpr[1]);
}

uint8_t gicv3_running_priority(const struct gicv3_cpu *cpu)
{
    uint32_t active = cpu->apr[0] | cpu->apr[1];

    return active ? (uint8_t)(__builtin_ctz(active) << 3) : GICV3_IDLE;
}

/* What IAR returns: the pending interrupt becomes active, if it is the one being signalled for this
 * group. */
static uint64_t acknowledge(struct gicv3 *gic, unsigned number, unsigned group)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];
    unsigned intid = cpu->best;
    struct gicv3_bank *bank;

    if (!(cpu->outputs & (group ? GICV3_OUT_IRQ : GICV3_OUT_FIQ)))
        return GICV3_SPURIOUS;
    bank = gicv3_bank_of(gic, number, intid);
    bank->active |= 1u << (intid % 32);
    bank->latch &= ~(1u << (intid % 32));
    cpu->apr[group] |= 1u << ((cpu->best_priority & gicv3_group_mask(cpu, group)) >> 3);
    gicv3_update(gic, number);
    return intid;
}

static uint64_t highest_pending(const struct gicv3_cpu *cpu, unsigned group)
{
    return cpu->best != GICV3_SPURIOUS && cpu->best_group == group ? cpu->best : GICV3_SPURIOUS;
}

static void deactivate(struct gicv3 *gic, unsigned number, unsigned intid)
{
    struct gicv3_bank *bank = gicv3_bank_of(gic, number, intid);

    bank->active &= ~(1u << (intid % 32));
    if (intid >= GICV3_FIRST_SPI)
        gicv3_update_spis(gic, intid / 32, 1u << (intid % 32));
}

/* EOIR drops the running priority if that belongs to its group, and deactivates unless EOImode
 * splits the two. */
static void end_of_interrupt(struct gicv3 *gic, unsigned number, unsigned group, unsigned intid)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];
    uint32_t active = cpu->apr[0] | cpu->apr[1];

    if (intid >= 1020 || !active || !(cpu->apr[group] & (active & -active)))
        return;
    cpu->apr[group] &= cpu->apr[group] - 1;
    if (!cpu->eoi_mode)
        deactivate(gic, number, intid);
    gicv3_update(gic, number);
}

static bool sgi_targets(const struct gicv3_cpu *cpu, uint64_t value)
{
    uint64_t cluster = bits_get(value, 23, 16) << 8 | bits_get(value, 39, 32) << 16 |
                       bits_get(value, 55, 48) << 32;
    unsigned aff0 = cpu->affinity & 0xff;

    return (cpu->affinity & ~UINT64_C(0xff)) == cluster && aff0 / 16 == bits_get(value, 47, 44) &&
           (value & BIT(aff0 % 16));
}

/*
 * With one security state ICC_SGI1R reaches an SGI in either group; ICC_SGI0R and ICC_ASGI1R, which
 * means the same then, reach one in group 0 only (IHI 0069 12.1.10).
 */
static void send_sgi(struct gicv3 *gic, unsigned self, uint64_t value, bool either_group)
{
    uint32_t bit = 1u << bits_get(value, 27, 24);

    for (unsigned i = 0; i < gic->config.cpus; i++) {
        struct gicv3_cpu *cpu = &gic->cpus[i];

        if (value & ICC_SGIR_IRM ? i == self : !sgi_targets(cpu, value))
            continue;
        if (!either_group && (cpu->own.group & bit))
            continue;
        cpu->own.latch |= bit;
        gicv3_update(gic, i);
    }
}

static uint64_t bpr1_read(const struct gicv3_cpu *cpu)
{
    return cpu->cbpr ? MIN(cpu->bpr[0] + 1u, 7u) : cpu->bpr[1];
}

static int read_locked(struct gicv3 *gic, unsigned number, uint32_t key, uint64_t *value)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];

    switch (key) {
    case ICC_PMR: *value = cpu->pmr; break;
    case ICC_IAR0: *value = acknowledge(gic, number, 0); break;
    case ICC_IAR1: *value = acknowledge(gic, number, 1); break;
    case ICC_HPPIR0: *value = highest_pending(cpu, 0); break;
    case ICC_HPPIR1: *value = highest_pending(cpu, 1); break;
    case ICC_BPR0: *value = cpu->bpr[0]; break;
    case ICC_BPR1: *value = bpr1_read(cpu); break;
    case ICC_AP0R0: *value = cpu->apr[0]; break;
    case ICC_AP1R0: *value = cpu->apr[1]; break;
    case ICC_RPR: *value = gicv3_running_priority(cpu); break;
    case ICC_CTLR:
        *value = ICC_CTLR_FIXED | (cpu->cbpr ? ICC_CTLR_CBPR : 0) |
                 (cpu->eoi_mode ? ICC_CTLR_EOIMODE : 0);
        break;
    case ICC_SRE: *value = ICC_SRE_FIXED; break;
    case ICC_IGRPEN0: *value = cpu->group_enabled[0]; break;
    case ICC_IGRPEN1: *value = cpu->group_enabled[1]; break;
    default: return -ENOENT;
    }
    return 0;
}

static void control_write(struct gicv3_cpu *cpu, uint64_t value)
{
    cpu->cbpr = value & ICC_CTLR_CBPR;
    cpu->eoi_mode = value & ICC_CTLR_EOIMODE;
}

static void bpr1_write(struct gicv3_cpu *cpu, uint64_t value)
{
    if (!cpu->cbpr)
        cpu->bpr[1] = (uint8_t)MAX(value & 7, GICV3_BPR1_LEAST);
}

static void group_enable_write(struct gicv3 *gic, unsigned number, unsigned group, uint64_t value)
{
    gic->cpus[number].group_enabled[group] = value & 1;
    gicv3_update_participation(gic);
}

static int write_locked(struct gicv3 *gic, unsigned number, uint32_t key, uint64_t value)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];
    unsigned intid = value & 0xffffff;

    switch (key) {
    case ICC_PMR: cpu->pmr = value & GICV3_PRIORITY_MASK; break;
    case ICC_EOIR0: end_of_interrupt(gic, number, 0, intid); return 0;
    case ICC_EOIR1: end_of_interrupt(gic, number, 1, intid); return 0;
    case ICC_DIR:
        if (cpu->eoi_mode && intid < 1020)
            deactivate(gic, number, intid);
        break;
    case ICC_BPR0: cpu->bpr[0] = (uint8_t)MAX(value & 7, GICV3_BPR0_LEAST); break;
    case ICC_BPR1: bpr1_write(cpu, value); break;
    case ICC_AP0R0: cpu->apr[0] = (uint32_t)value; break;
    case ICC_AP1R0: cpu->apr[1] = (uint32_t)value; break;
    case ICC_SGI1R: send_sgi(gic, number, value, true); return 0;
    case ICC_ASGI1R:
    case ICC_SGI0R: send_sgi(gic, number, value, false); return 0;
    case ICC_CTLR: control_write(cpu, value); break;
    case ICC_SRE: break;
    case ICC_IGRPEN0: group_enable_write(gic, number, 0, value); return 0;
    case ICC_IGRPEN1: group_enable_write(gic, number, 1, value); return 0;
    default: return -ENOENT;
    }
    gicv3_update(gic, number);
    return 0;
}

int gicv3_sysreg_read(struct gicv3 *gic, unsigned cpu, uint32_t key, uint64_t *value)
{
    int ret;

    gicv3_lock(gic);
    ret = read_locked(gic, cpu, key, value);
    gicv3_unlock(gic, (int)cpu);
    return ret;
}

int gicv3_sysreg_write(struct gicv3 *gic, unsigned cpu, uint32_t key, uint64_t value)
{
    int ret;

    gicv3_lock(gic);
    ret = write_locked(gic, cpu, key, value);
    gicv3_unlock(gic, (int)cpu);
    return ret;
}

static void interface_reset(struct gicv3_cpu *cpu)
{
    cpu->pmr = 0;
    cpu->bpr[0] = GICV3_BPR0_LEAST;
    cpu->bpr[1] = GICV3_BPR1_LEAST;
    cpu->cbpr = cpu->eoi_mode = false;
    cpu->group_enabled[0] = cpu->group_enabled[1] = false;
    cpu->apr[0] = cpu->apr[1] = 0;
}

void gicv3_cpu_reset(struct gicv3 *gic, unsigned cpu)
{
    gicv3_lock(gic);
    interface_reset(&gic->cpus[cpu]);
    gicv3_update_participation(gic);
    gicv3_unlock(gic, -1);
}
