/* SPDX-License-Identifier: ISC */
/* The GICv2m frame holds no state: its registers are constants and a doorbell. */
#include "chip/gicv2m.h"

#include <errno.h>
#include <stdlib.h>

#define MSI_TYPER     0x008
#define MSI_SETSPI_NS GICV2M_SETSPI
#define MSI_IIDR      0xfcc

#define IIDR_VALUE 0x0410043b

struct gicv2m {
    struct gicv2m_config config;
};

int gicv2m_create(struct gicv2m **out, const struct gicv2m_config *config)
{
    if (config->base < 32 || config->count < 1 || !range_fits(config->base, config->count, 1020))
        return -EINVAL;
    *out = malloc(sizeof(**out));
    if (!*out)
        return -ENOMEM;
    (*out)->config = *config;
    return 0;
}

void gicv2m_send(struct gicv2m *frame, uint32_t intid)
{
    struct irq_line line = frame->config.lines;

    if (intid < frame->config.base || intid - frame->config.base >= frame->config.count)
        return;
    line.number = intid;
    irq_set(&line, true);
    irq_set(&line, false);
}

static uint64_t frame_read(void *dev, uint64_t offset, unsigned size)
{
    const struct gicv2m *frame = dev;

    switch (offset) {
    case MSI_TYPER: return frame->config.base << 16 | frame->config.count;
    case MSI_IIDR: return IIDR_VALUE;
    default: return 0;
    }
}

static void frame_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset == MSI_SETSPI_NS)
        gicv2m_send(dev, (uint32_t)value);
}

const struct bus_ops gicv2m_bus_ops = {frame_read, frame_write};

static void reset(void *dev)
{
}

static int save(void *dev, struct state *state, const char *instance)
{
    return 0;
}

static int load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    return 0;
}

static void frame_free(void *dev)
{
    free(dev);
}

const struct device_ops gicv2m_ops = {"gicv2m", reset, save, load, frame_free};
