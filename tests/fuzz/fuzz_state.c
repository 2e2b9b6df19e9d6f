/* SPDX-License-Identifier: ISC */
/*
 * Saved states that are damaged: of the chips, which are loaded and then used; what was refused
 * says why.
 */
#include <errno.h>
#include <stdlib.h>

#include "chip/gicv2m.h"
#include "chip/gicv3.h"
#include "chip/pl011.h"
#include "chip/pl031.h"
#include "chip/pl061.h"
#include "fuzz.h"

#define CPUS  2
#define SPIS  64
#define CHIPS 4

/* A table of its own, with every type. */
struct sample {
    uint8_t small[3];
    uint16_t medium;
    uint32_t large[2];
    uint64_t huge;
    bool flags[5];
};

static const struct state_field sample_fields[] = {
    STATE_ARRAY(struct sample, small, STATE_U8, 3),   STATE_FIELD(struct sample, medium, STATE_U16),
    STATE_ARRAY(struct sample, large, STATE_U32, 2),  STATE_FIELD(struct sample, huge, STATE_U64),
    STATE_ARRAY(struct sample, flags, STATE_BOOL, 5),
};
static const struct state_table sample_table = {"sample", 3, sample_fields, nitems(sample_fields)};

struct machine_of_chips {
    struct {
        const struct device_ops *ops;
        void *dev;
    } chips[CHIPS];
    struct gicv3 *gic;
    struct pl011 *uart;
    struct pl061 *gpio;
};

static void nothing_changed(void *ctx, unsigned cpu)
{
}

static void nothing_written(void *ctx, const uint8_t *bytes, size_t length)
{
}

static void nothing(void *ctx)
{
}

static void no_alarm(void *ctx, uint64_t when)
{
}

static uint64_t always(void *ctx)
{
    return 1000000;
}

static void create(struct machine_of_chips *m)
{
    static const uint64_t affinities[CPUS] = {0, 1};
    const struct gicv3_config gic = {
        .cpus = CPUS, .spis = SPIS, .affinities = affinities, .changed = nothing_changed};
    struct pl011_config uart = {.write = nothing_written, .room = nothing};
    struct pl031_config rtc = {.now = always, .alarm = no_alarm};
    struct irq_line gpio;
    struct pl031 *clock;

    if (gicv3_create(&m->gic, &gic))
        abort();
    uart.irq = gicv3_spi_line(m->gic, 40);
    rtc.irq = gicv3_spi_line(m->gic, 41);
    gpio = gicv3_spi_line(m->gic, 42);
    if (pl011_create(&m->uart, &uart) || pl031_create(&clock, &rtc) ||
        pl061_create(&m->gpio, &gpio))
        abort();
    m->chips[0].ops = &gicv3_ops;
    m->chips[0].dev = m->gic;
    m->chips[1].ops = &pl011_ops;
    m->chips[1].dev = m->uart;
    m->chips[2].ops = &pl031_ops;
    m->chips[2].dev = clock;
    m->chips[3].ops = &pl061_ops;
    m->chips[3].dev = m->gpio;
}

static void destroy(struct machine_of_chips *m)
{
    for (unsigned i = CHIPS; i-- > 0;)
        m->chips[i].ops->free(m->chips[i].dev);
}

/* The state of fresh chips, with the input's damage: *length bytes, the caller's. */
static uint8_t *make_state(struct machine_of_chips *m, struct fuzz_input *input, size_t *length)
{
    const struct sample sample = {{1, 2, 3}, 4, {5, 6}, 7, {true, false}};
    struct state *state = state_new();
    const void *bytes;
    uint8_t *copy;
    int ret = !state;

    ret = ret ? ret : state_save(state, "sample", &sample_table, &sample);
    ret = ret ? ret : state_save_bytes(state, "bytes", "0123456789", 10);
    for (unsigned i = 0; i < CHIPS && !ret; i++)
        ret = m->chips[i].ops->save(m->chips[i].dev, state, m->chips[i].ops->name);
    if (ret)
        abort();
    bytes = state_bytes(state, length);
    copy = malloc(*length);
    if (!copy)
        abort();
    memcpy(copy, bytes, *length);
    state_free(state);
    for (unsigned damage = (unsigned)fuzz_take(input, 1) % 16; damage; damage--) {
        size_t at = (size_t)fuzz_take(input, 3) % *length;

        copy[at] = (uint8_t)fuzz_take(input, 1);
    }
    if (fuzz_take(input, 1) % 4 == 0)
        *length = (size_t)fuzz_take(input, 3) % *length;
    return copy;
}

/* Whatever was loaded, the chips go on working. */
static void use(struct machine_of_chips *m, struct fuzz_input *input)
{
    for (int i = 0; i < 40; i++) {
        uint64_t value = fuzz_take(input, 4);
        unsigned cpu = i % CPUS;
        bool irq, fiq;

        pl011_bus_ops.write(m->uart, value & 0xffc, 4, value >> 12);
        pl011_bus_ops.read(m->uart, value & 0xffc, 4);
        pl011_receive(m->uart, (const uint8_t *)&value, 4);
        pl061_bus_ops.write(m->gpio, value & 0xffc, 4, value >> 12);
        pl061_set_input(m->gpio, i % 8, value & 1);
        gicv3_set_spi(m->gic, 32 + (unsigned)value % SPIS, value & 0x100);
        gicv3_set_ppi(m->gic, cpu, 16 + (unsigned)value % 16, value & 0x100);
        gicv3_outputs(m->gic, cpu, &irq, &fiq);
        gicv3_sysreg_read(m->gic, cpu, GICV3_KEY(3, 0, 12, 12, 0), &value);
        gicv3_sysreg_write(m->gic, cpu, GICV3_KEY(3, 0, 12, 12, 1), value);
    }
}

static void load(struct machine_of_chips *m, const struct state *state, struct fuzz_input *input)
{
    struct sample sample = {0};
    struct error err;
    const void *bytes;
    size_t length;

    if (state_load(state, "sample", &sample_table, &sample, NULL) == 0)
        for (unsigned i = 0; i < nitems(sample.flags); i++)
            if (sample.flags[i] != 0 && sample.flags[i] != 1)
                abort();
    if (state_load_bytes(state, "bytes", &bytes, &length, NULL) == 0 && length > UINT16_MAX)
        abort();
    for (unsigned i = 0; i < CHIPS; i++) {
        err = (struct error){0};
        if (m->chips[i].ops->load(m->chips[i].dev, state, m->chips[i].ops->name, &err) &&
            !err.text[0])
            abort();
    }
    use(m, input);
    for (unsigned i = 0; i < CHIPS; i++)
        m->chips[i].ops->reset(m->chips[i].dev);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    struct machine_of_chips m;
    struct error err = {0};
    struct state *state;
    size_t state_length;
    uint8_t *copy;

    create(&m);
    copy = make_state(&m, &input, &state_length);
    state = state_parse(copy, state_length, &err);
    if (state)
        load(&m, state, &input);
    else if (!err.text[0])
        abort();
    state_free(state);
    free(copy);
    destroy(&m);
    return 0;
}
