/* SPDX-License-Identifier: ISC */
/*
 * The GIC as a whole: who is interrupted by what, wires, reset.
 *
 * One lock, held for some tens of nanoseconds. Each change of state arbitrates again at once, for
 * the vCPUs that it can matter to: cpu->best is the highest priority pending interrupt and
 * cpu->outputs whether it is signalled, so that the frequent question (gicv3_outputs) is one atomic
 * load.
 */
#include "chip/gicv3_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void gicv3_lock(struct gicv3 *gic)
{
    pthread_mutex_lock(&gic->lock);
}

void gicv3_unlock(struct gicv3 *gic, int self)
{
    uint64_t notify = gic->notify;

    gic->notify = 0;
    pthread_mutex_unlock(&gic->lock);
    if (self >= 0)
        notify &= ~BIT(self);
    for (; notify; notify &= notify - 1)
        gic->config.changed(gic->config.ctx, (unsigned)__builtin_ctzll(notify));
}

struct gicv3_bank *gicv3_bank_of(struct gicv3 *gic, unsigned cpu, unsigned intid)
{
    return intid < GICV3_FIRST_SPI ? &gic->cpus[cpu].own : &gic->banks[intid / 32];
}

/* Interrupts of a bank that want vCPU `cpu` if they are routed to it: pending, enabled at each
 * stage, not active. */
static uint32_t candidates(const struct gicv3 *gic, const struct gicv3_cpu *cpu,
                           const struct gicv3_bank *bank)
{
    uint32_t groups = 0;

    if ((gic->ctlr & GICD_CTLR_ENABLE_GRP0) && cpu->group_enabled[0])
        groups |= ~bank->group;
    if ((gic->ctlr & GICD_CTLR_ENABLE_GRP1) && cpu->group_enabled[1])
        groups |= bank->group;
    return gicv3_bank_pending(bank) & bank->enabled & ~bank->active & groups;
}

/* Of equal priorities the lower INTID wins: banks and bits are looked at in that order. */
static void consider(struct gicv3_cpu *cpu, const struct gicv3_bank *bank, unsigned first,
                     unsigned bit)
{
    if (bank->priority[bit] >= cpu->best_priority)
        return;
    cpu->best = first + bit;
    cpu->best_priority = bank->priority[bit];
    cpu->best_group = bank->group >> bit & 1;
}

static bool routed_to(const struct gicv3 *gic, unsigned intid, unsigned group, unsigned cpu)
{
    if (gic->target[intid] == GICV3_TARGET_ANY)
        return gic->any[group] == cpu;
    return gic->target[intid] == cpu;
}

static void find_best(struct gicv3 *gic, unsigned number)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];

    cpu->best = GICV3_SPURIOUS;
    cpu->best_priority = GICV3_IDLE;
    cpu->best_group = 0;
    if (cpu->asleep)
        return;
    for (uint32_t left = candidates(gic, cpu, &cpu->own); left; left &= left - 1)
        consider(cpu, &cpu->own, 0, (unsigned)__builtin_ctz(left));
    for (unsigned i = 1; i < GICV3_BANKS; i++) {
        const struct gicv3_bank *bank = &gic->banks[i];

        for (uint32_t left = candidates(gic, cpu, bank); left; left &= left - 1) {
            unsigned bit = (unsigned)__builtin_ctz(left);

            if (routed_to(gic, i * 32 + bit, bank->group >> bit & 1, number))
                consider(cpu, bank, i * 32, bit);
        }
    }
}

void gicv3_update(struct gicv3 *gic, unsigned number)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];
    uint8_t outputs = 0;

    find_best(gic, number);
    if (cpu->best != GICV3_SPURIOUS && cpu->best_priority < cpu->pmr &&
        (cpu->best_priority & gicv3_group_mask(cpu, cpu->best_group)) < gicv3_running_priority(cpu))
        outputs = cpu->best_group ? GICV3_OUT_IRQ : GICV3_OUT_FIQ;
    if (atomic_exchange(&cpu->outputs, outputs) != outputs)
        gic->notify |= BIT(number);
}

void gicv3_update_all(struct gicv3 *gic)
{
    for (unsigned i = 0; i < gic->config.cpus; i++)
        gicv3_update(gic, i);
}

void gicv3_update_spis(struct gicv3 *gic, unsigned bank, uint32_t mask)
{
    uint64_t cpus = 0;

    for (mask &= gic->banks[bank].valid; mask; mask &= mask - 1) {
        uint8_t target = gic->target[bank * 32 + (unsigned)__builtin_ctz(mask)];

        if (target == GICV3_TARGET_ANY)
            cpus = bits_mask(gic->config.cpus);
        else if (target != GICV3_TARGET_NONE)
            cpus |= BIT(target);
    }
    for (; cpus; cpus &= cpus - 1)
        gicv3_update(gic, (unsigned)__builtin_ctzll(cpus));
}

/* A 1-of-N interrupt goes to the first vCPU that is awake and takes its group. */
void gicv3_update_participation(struct gicv3 *gic)
{
    for (unsigned group = 0; group < 2; group++) {
        unsigned i = 0;

        while (i < gic->config.cpus && (gic->cpus[i].asleep || !gic->cpus[i].group_enabled[group]))
            i++;
        gic->any[group] = i;
    }
    gicv3_update_all(gic);
}

void gicv3_resolve(struct gicv3 *gic, unsigned intid)
{
    uint64_t route = gic->route[intid];

    gic->target[intid] = GICV3_TARGET_NONE;
    if (route & GICD_IROUTER_IRM)
        gic->target[intid] = GICV3_TARGET_ANY;
    else
        for (unsigned i = 0; i < gic->config.cpus; i++)
            if (gic->cpus[i].affinity == route)
                gic->target[intid] = (uint8_t)i;
}

/* Returns whether anything changed. A rising wire latches; what a level-sensitive one does not need
 * is masked. */
static bool drive(struct gicv3_bank *bank, uint32_t bit, bool level)
{
    if (!(bank->valid & bit) || !(bank->line & bit) == !level)
        return false;
    bank->line ^= bit;
    if (level)
        bank->latch |= bit & bank->edge;
    return true;
}

void gicv3_set_spi(struct gicv3 *gic, unsigned intid, bool level)
{
    unsigned bank = intid / 32;
    uint32_t bit = 1u << (intid % 32);

    if (bank >= GICV3_BANKS)
        return;
    gicv3_lock(gic);
    if (drive(&gic->banks[bank], bit, level))
        gicv3_update_spis(gic, bank, bit);
    gicv3_unlock(gic, -1);
}

void gicv3_set_ppi(struct gicv3 *gic, unsigned cpu, unsigned intid, bool level)
{
    if (cpu >= gic->config.cpus || intid < GICV3_FIRST_PPI || intid >= GICV3_FIRST_SPI)
        return;
    gicv3_lock(gic);
    if (drive(&gic->cpus[cpu].own, 1u << intid, level))
        gicv3_update(gic, cpu);
    gicv3_unlock(gic, -1);
}

static void line_set(void *ctx, unsigned number, bool level)
{
    gicv3_set_spi(ctx, number, level);
}

struct irq_line gicv3_spi_line(struct gicv3 *gic, unsigned intid)
{
    return (struct irq_line){line_set, gic, intid};
}

void gicv3_outputs(const struct gicv3 *gic, unsigned cpu, bool *irq, bool *fiq)
{
    uint8_t outputs = gic->cpus[cpu].outputs;

    *irq = outputs & GICV3_OUT_IRQ;
    *fiq = outputs & GICV3_OUT_FIQ;
}

/* Power-on values; wires keep their levels, which are their devices' to change. */
static void bank_reset(struct gicv3_bank *bank)
{
    bank->group = bank->enabled = bank->active = bank->latch = 0;
    bank->edge = bank->always_edge;
    memset(bank->priority, 0, sizeof(bank->priority));
}

static void reset(void *dev)
{
    struct gicv3 *gic = dev;

    gicv3_lock(gic);
    gic->ctlr = 0;
    memset(gic->route, 0, sizeof(gic->route));
    for (unsigned i = 0; i < GICV3_BANKS; i++)
        bank_reset(&gic->banks[i]);
    for (unsigned i = 0; i < GICV3_INTIDS; i++)
        gicv3_resolve(gic, i);
    for (unsigned i = 0; i < gic->config.cpus; i++) {
        bank_reset(&gic->cpus[i].own);
        gic->cpus[i].asleep = true;
    }
    gicv3_unlock(gic, -1);
    for (unsigned i = 0; i < gic->config.cpus; i++)
        gicv3_cpu_reset(gic, i);
}

static void gic_free(void *dev)
{
    struct gicv3 *gic = dev;

    if (!gic)
        return;
    pthread_mutex_destroy(&gic->lock);
    free(gic->cpus);
    free(gic);
}

static void no_change(void *ctx, unsigned cpu)
{
}

static void init_banks(struct gicv3 *gic)
{
    for (unsigned intid = GICV3_FIRST_SPI; intid < GICV3_FIRST_SPI + gic->config.spis; intid++)
        gic->banks[intid / 32].valid |= 1u << (intid % 32);
    for (unsigned i = 0; i < gic->config.cpus; i++) {
        gic->cpus[i].own.valid = UINT32_MAX;
        gic->cpus[i].own.always_edge = 0xffff;
        gic->cpus[i].affinity = gic->config.affinities[i];
    }
}

int gicv3_create(struct gicv3 **out, const struct gicv3_config *config)
{
    struct gicv3 *gic;

    if (config->cpus < 1 || config->cpus > GICV3_MAX_CPUS || config->spis < 1 ||
        config->spis > GICV3_MAX_SPIS)
        return -EINVAL;
    for (unsigned i = 0; i < config->cpus; i++)
        if (config->affinities[i] & ~UINT64_C(0xffffff))
            return -EINVAL;
    gic = calloc(1, sizeof(*gic));
    if (!gic)
        return -ENOMEM;
    gic->config = *config;
    if (!gic->config.changed)
        gic->config.changed = no_change;
    gic->cpus = calloc(config->cpus, sizeof(*gic->cpus));
    if (!gic->cpus) {
        free(gic);
        return -ENOMEM;
    }
    pthread_mutex_init(&gic->lock, NULL);
    init_banks(gic);
    gic->config.affinities = NULL; /* the caller's, copied */
    reset(gic);
    *out = gic;
    return 0;
}

int gicv3_map(struct gicv3 *gic, struct bus *bus, uint64_t dist, uint64_t redist)
{
    const unsigned widths = BUS_WIDTH_1 | BUS_WIDTH_4 | BUS_WIDTH_8;
    int ret = bus_attach(bus, dist, GICV3_DIST_SIZE, widths, &gicv3_dist_bus_ops, gic);

    if (ret)
        return ret;
    ret = bus_attach(bus, redist, (uint64_t)GICV3_REDIST_SIZE * gic->config.cpus, widths,
                     &gicv3_redist_bus_ops, gic);
    if (ret)
        bus_detach(bus, dist);
    return ret;
}

const struct device_ops gicv3_ops = {"gicv3", reset, gicv3_save, gicv3_load, gic_free};
