/* SPDX-License-Identifier: ISC */
/*
 * The machine's interrupt controller, a GICv3 with an MSI frame: the chips of this project, or the
 * engine's own where it has one (engine/engine.h). Everybody else gets wires and never knows which.
 */
#include <string.h>

#include "chip/gicv2m.h"
#include "chip/gicv3.h"
#include "machine/layout.h"
#include "machine/machine.h"

static void changed(void *ctx, unsigned cpu)
{
    struct machine *m = ctx;

    cpu_wake(&m->cpus[cpu]);
}

static unsigned spis(const struct machine *m)
{
    return m->quirks.value[QUIRK_GIC_SPIS] == GIC_SPIS_988 ? 988 : 224;
}

static int create_chip(struct machine *m)
{
    const struct gicv3_config config = {.cpus = m->config.cpus,
                                        .spis = spis(m),
                                        .affinities = m->platform.mpidr,
                                        .changed = changed,
                                        .ctx = m};
    int ret = gicv3_create(&m->gic, &config);

    if (ret)
        return ret;
    machine_add_device(m, &gicv3_ops, m->gic, "gicv3");
    return gicv3_map(m->gic, m->bus, m->platform.gicd.base, m->platform.gicr.base);
}

/* --- the engine's --- */

static bool in_engine(const struct machine *m)
{
    return m->caps.gic == ENGINE_GIC_IN_ENGINE;
}

static void engine_reset(void *dev)
{
    struct machine *m = dev;

    m->engine->gic_reset(m->vm);
}

static int engine_save(void *dev, struct state *state, const char *instance)
{
    struct machine *m = dev;

    return m->engine->gic_save(m->vm, state, instance);
}

static int engine_load(void *dev, const struct state *state, const char *instance,
                       struct error *err)
{
    struct machine *m = dev;

    return m->engine->gic_load(m->vm, state, instance, err);
}

static void engine_free(void *dev)
{
    /* The engine's VM has it. */
}

static const struct device_ops engine_gic_ops = {.name = "gic",
                                                 .reset = engine_reset,
                                                 .save = engine_save,
                                                 .load = engine_load,
                                                 .free = engine_free};

static int create_in_engine(struct machine *m, struct error *err)
{
    const struct engine_gic_config config = {.distributor = m->platform.gicd.base,
                                             .redistributors = m->platform.gicr.base,
                                             .msi_frame = m->platform.gicv2m.base,
                                             .spis = spis(m),
                                             .msi_first = LAYOUT_MSI_BASE,
                                             .msi_count = LAYOUT_MSI_COUNT};
    int ret = m->engine->gic_create(m->vm, &config, err);

    if (!ret)
        machine_add_device(m, &engine_gic_ops, m, "gic");
    return ret;
}

static void set_engine_spi(void *ctx, unsigned intid, bool level)
{
    struct machine *m = ctx;

    m->engine->gic_spi(m->vm, intid, level);
}

/* The MSI frame raises its wire and lowers it at once: one edge. */
static void send_engine_edge(void *ctx, unsigned intid, bool level)
{
    struct machine *m = ctx;

    if (level)
        m->engine->gic_msi(m->vm, intid);
}

/* --- either --- */

static int create_msi_frame(struct machine *m)
{
    struct gicv2m_config config = {.base = LAYOUT_MSI_BASE, .count = LAYOUT_MSI_COUNT};
    int ret;

    config.lines = in_engine(m) ? (struct irq_line){send_engine_edge, m, LAYOUT_MSI_BASE}
                                : gicv3_spi_line(m->gic, LAYOUT_MSI_BASE);
    ret = gicv2m_create(&m->gicv2m, &config);
    if (ret)
        return ret;
    machine_add_device(m, &gicv2m_ops, m->gicv2m, "gicv2m");
    return bus_attach(m->bus, m->platform.gicv2m.base, GICV2M_SIZE, BUS_WIDTH_4, &gicv2m_bus_ops,
                      m->gicv2m);
}

int gic_create(struct machine *m, struct error *err)
{
    int ret = in_engine(m) ? create_in_engine(m, err) : create_chip(m);

    if (ret && in_engine(m))
        return ret;
    if (!ret && !(in_engine(m) && m->caps.msi_in_engine))
        ret = create_msi_frame(m);
    return ret ? error_set(err, -ret, "cannot create the machine's interrupt controller: %s",
                           strerror(-ret))
               : 0;
}

struct irq_line gic_spi(struct machine *m, unsigned intid)
{
    return in_engine(m) ? (struct irq_line){set_engine_spi, m, intid}
                        : gicv3_spi_line(m->gic, intid);
}

void gic_msi(struct machine *m, uint32_t intid)
{
    if (m->gicv2m)
        gicv2m_send(m->gicv2m, intid);
    else if (intid - LAYOUT_MSI_BASE < LAYOUT_MSI_COUNT)
        m->engine->gic_msi(m->vm, intid);
}

void gic_outputs(struct cpu *cpu, bool *irq, bool *fiq)
{
    *irq = *fiq = false; /* the engine's GIC interrupts by itself */
    if (cpu->machine->gic)
        gicv3_outputs(cpu->machine->gic, cpu->index, irq, fiq);
}

void gic_timers(struct cpu *cpu, bool virt, bool phys)
{
    struct gicv3 *gic = cpu->machine->gic;

    if (!gic)
        return;
    gicv3_set_ppi(gic, cpu->index, LAYOUT_PPI_VTIMER, virt);
    gicv3_set_ppi(gic, cpu->index, LAYOUT_PPI_PTIMER, phys);
}

void gic_cpu_reset(struct cpu *cpu)
{
    if (cpu->machine->gic)
        gicv3_cpu_reset(cpu->machine->gic, cpu->index);
}
