/* SPDX-License-Identifier: ISC */
/* The probe (guest/conformance/probe.h). */
#include <string.h>

#include "chip/gicv3.h"
#include "host/clock.h"
#include "session.h"

void probe_init(struct session *s)
{
    for (unsigned i = 0; i < PROBE_DATA_SIZE; i++)
        s->data[i] = PROBE_BYTE(i);
}

static void note_access(struct session *s, unsigned offset, unsigned size, bool write,
                        uint64_t value)
{
    if (s->access_count < PROBE_LOG_MAX)
        s->access[s->access_count] = (struct session_access){offset, size, write, value};
    s->access_count++;
}

static uint64_t capabilities(const struct machine *m)
{
    return (m->caps.id_regs_masked ? PROBE_CAP_SOFT : 0) |
           (m->caps.gic == ENGINE_GIC_IN_ENGINE ? PROBE_CAP_GIC : 0) |
           (m->caps.psci_in_engine ? PROBE_CAP_PSCI : 0) | (m->caps.psci_smc ? PROBE_CAP_SMC : 0);
}

static uint64_t what(const struct session_access *a)
{
    return a->offset | a->size << 16 | (uint64_t)a->write << 31;
}

static uint64_t read_register(struct session *s, uint64_t offset)
{
    const struct session_access *picked = &s->access[s->access_pick];

    switch (offset) {
    case PROBE_CAPS: return capabilities(s->machine);
    case PROBE_NOW: return host_clock_monotonic();
    case PROBE_ARG: return s->argument[0];
    case PROBE_ARG1: return s->argument[1];
    case PROBE_RESULT: return s->result;
    case PROBE_ASKED: return s->asked;
    case PROBE_FOUND: return s->found;
    case PROBE_PAGE: return s->machine->caps.host_page_size;
    case PROBE_LOOKS: return watch_looks(s);
    case PROBE_LOG_COUNT: return s->access_count;
    case PROBE_LOG_WHAT: return what(picked);
    case PROBE_LOG_VALUE: return picked->value;
    default: return 0;
    }
}

static uint64_t probe_read(void *dev, uint64_t offset, unsigned size)
{
    struct session *s = dev;
    uint64_t value = 0;

    pthread_mutex_lock(&s->lock);
    if (offset < PROBE_DATA_SIZE) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)s->data[offset + i] << 8 * i;
        note_access(s, (unsigned)offset, size, false, value);
    } else {
        value = read_register(s, offset);
    }
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void put_character(struct session *s, char c)
{
    size_t n = strlen(s->text);

    if (n + 1 < sizeof(s->text))
        s->text[n] = c;
}

static void drive_line(struct machine *m, uint32_t value)
{
    if (m->caps.gic == ENGINE_GIC_IN_ENGINE)
        m->engine->gic_spi(m->vm, value & 0x3ff, value >> 31);
    else
        gicv3_set_spi(m->gic, value & 0x3ff, value >> 31);
}

/* The machine is paused before the vCPU goes on: so it goes on when the request has been carried
 * out. */
static void ask_host(struct session *s, unsigned request)
{
    pthread_mutex_lock(&s->lock);
    s->request = request;
    s->asked++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    while (!atomic_load(&s->machine->leave))
        host_sleep(20000);
}

static void write_register(struct session *s, uint64_t offset, uint64_t value)
{
    switch (offset) {
    case PROBE_TEXT: put_character(s, (char)value); break;
    case PROBE_FINISH: s->finished = true; break;
    case PROBE_ARG: s->argument[0] = value; break;
    case PROBE_ARG1: s->argument[1] = value; break;
    case PROBE_LOG_COUNT: s->access_count = 0; break;
    case PROBE_LOG_PICK: s->access_pick = value % PROBE_LOG_MAX; break;
    default: break;
    }
}

static void probe_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct session *s = dev;

    if (offset == PROBE_LINE) {
        drive_line(s->machine, (uint32_t)value);
        return;
    }
    if (offset == PROBE_HOST) {
        ask_host(s, (unsigned)value);
        return;
    }
    pthread_mutex_lock(&s->lock);
    if (offset < PROBE_DATA_SIZE) {
        note_access(s, (unsigned)offset, size, true, value);
        for (unsigned i = 0; i < size; i++)
            s->data[offset + i] = (uint8_t)(value >> 8 * i);
    } else {
        write_register(s, offset, value);
    }
    pthread_mutex_unlock(&s->lock);
}

const struct bus_ops probe_bus_ops = {.read = probe_read, .write = probe_write};
