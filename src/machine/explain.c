/* SPDX-License-Identifier: ISC */
/*
 * The machine's side of the explainer (debug/explain.h): what its CPUs translate by, what lives at
 * its addresses, and how a CPU is asked.
 */
#include <stdio.h>
#include <string.h>

#include "debug/explain.h"
#include "host/clock.h"
#include "machine/machine.h"
#include "virtio/devices.h"

/* How long a driver that was refused may take to negotiate again. */
#define SETTLE_NS UINT64_C(5000000000)

static bool regs(void *ctx, unsigned cpu, struct arm_walk_regs *to)
{
    struct machine *m = ctx;

    return cpu_walk_regs(&m->cpus[cpu], to) == 0;
}

static bool within(const struct platform_range *range, uint64_t pa)
{
    return pa >= range->base && pa - range->base < range->size;
}

/* Chips and windows, by the description that the guest's tables are made from. */
static bool platform_place(const struct machine *m, uint64_t pa, char *text, size_t room)
{
    const struct platform *p = &m->platform;
    const struct {
        const struct platform_range *range;
        const char *name;
    } places[] = {
        {&p->gicd, "the GIC's distributor"},
        {&p->gicr, "the GIC's redistributors"},
        {&p->gicv2m, "the GIC's MSI frame"},
        {&p->rtc, "the PL031 clock"},
        {&p->gpio, "the PL061 GPIO"},
        {&p->uart, "the PL011 serial port"},
        {&p->ecam, "PCI configuration space"},
        {&p->pci_mem32, "the PCI window below RAM"},
        {&p->pci_mem64, "the PCI window above RAM"},
        {&p->pci_io, "the PCI I/O window"},
        {&p->ram, "RAM"},
    };

    for (size_t i = 0; i < nitems(places); i++)
        if (within(places[i].range, pa)) {
            snprintf(text, room, "%s, offset 0x%llx", places[i].name,
                     (unsigned long long)(pa - places[i].range->base));
            return true;
        }
    return false;
}

static bool place(void *ctx, uint64_t pa, char *text, size_t room)
{
    struct machine *m = ctx;
    uint32_t resource;
    uint64_t offset;
    const char *name;
    unsigned bar;

    if (m->gpu && virtio_gpu_backing_at(m->gpu, pa, &resource, &offset)) {
        snprintf(text, room, "the backing of virtio-gpu resource %u, offset 0x%llx",
                 (unsigned)resource, (unsigned long long)offset);
        return true;
    }
    if (m->pci && pci_bar_at(m->pci, pa, &name, &bar, &offset)) {
        snprintf(text, room, "%s's BAR %u, offset 0x%llx", name, bar, (unsigned long long)offset);
        return true;
    }
    return platform_place(m, pa, text, room);
}

static bool ring(void *ctx, const char *device, unsigned queue, unsigned line, char *text,
                 size_t room)
{
    struct machine *m = ctx;
    struct virtio_device *dev = devices_find_virtio(m, device);

    return dev && virtio_queue_line(dev, queue, line, text, room);
}

static void ask(void *ctx)
{
    struct machine *m = ctx;

    atomic_store(&m->asking, true);
    for (unsigned i = 0; i < m->config.cpus; i++)
        cpu_wake(&m->cpus[i]);
}

static void later(void *ctx)
{
    struct machine *m = ctx;

    host_timer_set(m->settle_timer, host_clock_monotonic() + SETTLE_NS);
}

static void settle(void *ctx)
{
    struct machine *m = ctx;

    explainer_settle(m->explainer);
}

void explain_ask_cpu(struct cpu *cpu)
{
    struct machine *m = cpu->machine;

    /* First, so that a question that comes meanwhile is asked of the next exit. */
    atomic_store(&m->asking, false);
    if (!explainer_ask_cpu(m->explainer, cpu->index))
        atomic_store(&m->asking, true);
}

int explain_create(struct machine *m)
{
    static const enum explain_level levels[] = {[ATOLL_EXPLAIN_OFF] = EXPLAIN_OFF,
                                                [ATOLL_EXPLAIN_BRIEF] = EXPLAIN_BRIEF,
                                                [ATOLL_EXPLAIN_FULL] = EXPLAIN_FULL};
    static const char *const outcomes[] = {
        [WILD_ACCESS_SYNC] = "it gets a synchronous abort",
        [WILD_ACCESS_SERROR] = "it gets an SError, as it seems to on Apple's machine",
        [WILD_ACCESS_IGNORE] = "it reads as zero, and writes are lost",
    };
    const struct explain_host host = {
        .log = &m->log,
        .level = levels[m->config.explain],
        .ram_base = m->platform.ram.base,
        .ram_size = m->platform.ram.size,
        .wild_outcome = outcomes[m->quirks.value[QUIRK_WILD_ACCESS]],
        .ctx = m,
        .regs = regs,
        .read = machine_read_descriptor,
        .place = place,
        .ring = ring,
        .ask = ask,
        .later = later,
    };
    int ret = host_timer_create(m->control, settle, m, &m->settle_timer);

    ret = ret ? ret : explainer_create(&m->explainer, &host);
    if (!ret)
        m->events = (struct event_sink){explainer_event, m->explainer};
    return ret;
}

void explain_end(struct machine *m)
{
    if (m->settle_timer)
        host_timer_destroy(m->settle_timer);
    m->settle_timer = NULL;
    if (m->explainer)
        explainer_settle(m->explainer);
}

void explain_destroy(struct machine *m)
{
    if (m->explainer)
        explainer_destroy(m->explainer);
}
