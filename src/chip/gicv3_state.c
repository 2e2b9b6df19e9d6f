/* SPDX-License-Identifier: ISC */
/*
 * The GIC's saved state: a section for the distributor, one for each bank of SPIs, two for each
 * vCPU. Wires are part of it, so that a machine that goes on sees no edges that were none.
 */
#include "chip/gicv3_internal.h"

#include <errno.h>
#include <stdio.h>

static const struct state_field dist_fields[] = {
    STATE_FIELD(struct gicv3, ctlr, STATE_U32),
    STATE_ARRAY(struct gicv3, route, STATE_U64, GICV3_INTIDS),
};
static const struct state_table dist_table = {"gicv3", 1, dist_fields, nitems(dist_fields)};

static const struct state_field bank_fields[] = {
    STATE_FIELD(struct gicv3_bank, group, STATE_U32),
    STATE_FIELD(struct gicv3_bank, enabled, STATE_U32),
    STATE_FIELD(struct gicv3_bank, active, STATE_U32),
    STATE_FIELD(struct gicv3_bank, edge, STATE_U32),
    STATE_FIELD(struct gicv3_bank, latch, STATE_U32),
    STATE_FIELD(struct gicv3_bank, line, STATE_U32),
    STATE_ARRAY(struct gicv3_bank, priority, STATE_U8, 32),
};
static const struct state_table bank_table = {"gicv3-bank", 1, bank_fields, nitems(bank_fields)};

static const struct state_field cpu_fields[] = {
    STATE_FIELD(struct gicv3_cpu, affinity, STATE_U64),
    STATE_FIELD(struct gicv3_cpu, asleep, STATE_BOOL),
    STATE_FIELD(struct gicv3_cpu, pmr, STATE_U8),
    STATE_ARRAY(struct gicv3_cpu, bpr, STATE_U8, 2),
    STATE_FIELD(struct gicv3_cpu, cbpr, STATE_BOOL),
    STATE_FIELD(struct gicv3_cpu, eoi_mode, STATE_BOOL),
    STATE_ARRAY(struct gicv3_cpu, group_enabled, STATE_BOOL, 2),
    STATE_ARRAY(struct gicv3_cpu, apr, STATE_U32, 2),
};
static const struct state_table cpu_table = {"gicv3-cpu", 1, cpu_fields, nitems(cpu_fields)};

#define SECTION_LENGTH 64

static void bank_section(char *name, const char *instance, unsigned bank)
{
    snprintf(name, SECTION_LENGTH, "%s/spi%u", instance, bank * 32);
}

static void cpu_section(char *name, const char *instance, unsigned cpu, const char *part)
{
    snprintf(name, SECTION_LENGTH, "%s/cpu%u%s", instance, cpu, part);
}

int gicv3_save(void *dev, struct state *state, const char *instance)
{
    struct gicv3 *gic = dev;
    char name[SECTION_LENGTH];
    int ret;

    gicv3_lock(gic);
    ret = state_save(state, instance, &dist_table, gic);
    for (unsigned i = 1; i < GICV3_BANKS && gic->banks[i].valid && !ret; i++) {
        bank_section(name, instance, i);
        ret = state_save(state, name, &bank_table, &gic->banks[i]);
    }
    for (unsigned i = 0; i < gic->config.cpus && !ret; i++) {
        cpu_section(name, instance, i, "");
        ret = state_save(state, name, &cpu_table, &gic->cpus[i]);
        cpu_section(name, instance, i, "/own");
        ret = ret ? ret : state_save(state, name, &bank_table, &gic->cpus[i].own);
    }
    gicv3_unlock(gic, -1);
    return ret;
}

/* Drops from a loaded bank what its registers could not hold. */
static void bank_check(struct gicv3_bank *bank)
{
    bank->group &= bank->valid;
    bank->enabled &= bank->valid;
    bank->active &= bank->valid;
    bank->latch &= bank->valid;
    bank->line &= bank->valid;
    bank->edge = (bank->edge & bank->valid) | bank->always_edge;
    for (unsigned i = 0; i < 32; i++)
        bank->priority[i] &= bank->valid >> i & 1 ? GICV3_PRIORITY_MASK : 0;
}

static int load_cpu(struct gicv3 *gic, unsigned number, const struct state *state,
                    const char *instance, struct error *err)
{
    struct gicv3_cpu *cpu = &gic->cpus[number];
    uint64_t affinity = cpu->affinity;
    char name[SECTION_LENGTH];
    int ret;

    cpu_section(name, instance, number, "");
    ret = state_load(state, name, &cpu_table, cpu, err);
    if (!ret && cpu->affinity != affinity)
        ret = error_set(err, EINVAL,
                        "saved state: \"%s\" has affinity %#llx, this machine's has %#llx", name,
                        (unsigned long long)cpu->affinity, (unsigned long long)affinity);
    cpu->affinity = affinity;
    cpu->pmr &= GICV3_PRIORITY_MASK;
    cpu->bpr[0] = MIN(MAX(cpu->bpr[0], GICV3_BPR0_LEAST), 7);
    cpu->bpr[1] = MIN(MAX(cpu->bpr[1], GICV3_BPR1_LEAST), 7);
    cpu_section(name, instance, number, "/own");
    ret = ret ? ret : state_load(state, name, &bank_table, &cpu->own, err);
    bank_check(&cpu->own);
    return ret;
}

static int load_dist(struct gicv3 *gic, const struct state *state, const char *instance,
                     struct error *err)
{
    char name[SECTION_LENGTH];
    int ret = state_load(state, instance, &dist_table, gic, err);

    for (unsigned i = 1; i < GICV3_BANKS && gic->banks[i].valid && !ret; i++) {
        bank_section(name, instance, i);
        ret = state_load(state, name, &bank_table, &gic->banks[i], err);
        bank_check(&gic->banks[i]);
    }
    gic->ctlr &= GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1;
    for (unsigned i = 0; i < GICV3_INTIDS; i++) {
        bool valid = gic->banks[i / 32].valid >> i % 32 & 1;

        gic->route[i] &= valid ? GICD_IROUTER_MASK : 0;
        gicv3_resolve(gic, i);
    }
    return ret;
}

int gicv3_load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    struct gicv3 *gic = dev;
    int ret;

    gicv3_lock(gic);
    ret = load_dist(gic, state, instance, err);
    for (unsigned i = 0; i < gic->config.cpus && !ret; i++)
        ret = load_cpu(gic, i, state, instance, err);
    gicv3_update_participation(gic);
    gicv3_unlock(gic, -1);
    return ret;
}
