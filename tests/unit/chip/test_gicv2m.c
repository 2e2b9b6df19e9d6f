/* SPDX-License-Identifier: ISC */
/* The MSI frame: identification, the doorbell, messages that are not its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "chip/gicv2m.h"
#include "chip/gicv3.h"

struct wires {
    unsigned edges, last;
    bool level;
};

static void set(void *ctx, unsigned number, bool level)
{
    struct wires *wires = ctx;

    wires->edges += level;
    wires->last = number;
    wires->level = level;
}

static uint64_t read4(struct gicv2m *frame, uint64_t offset)
{
    return gicv2m_bus_ops.read(frame, offset, 4);
}

static void rings(void **state)
{
    struct wires wires = {0};
    const struct gicv2m_config config = {.base = 128, .count = 128, .lines = {set, &wires, 0}};
    struct gicv2m *frame;

    assert_int_equal(gicv2m_create(&frame, &config), 0);
    assert_int_equal(read4(frame, 0x008), 128 << 16 | 128);
    assert_int_not_equal(read4(frame, 0xfcc), 0);
    assert_int_equal(read4(frame, 0x040), 0);
    gicv2m_bus_ops.write(frame, 0x040, 4, 128);
    assert_int_equal(wires.last, 128);
    gicv2m_bus_ops.write(frame, 0x040, 4, 255);
    assert_int_equal(wires.last, 255);
    assert_int_equal(wires.edges, 2);
    assert_false(wires.level);
    gicv2m_bus_ops.write(frame, 0x040, 4, 127);
    gicv2m_bus_ops.write(frame, 0x040, 4, 256);
    gicv2m_bus_ops.write(frame, 0x044, 4, 130);
    gicv2m_send(frame, UINT32_MAX);
    assert_int_equal(wires.edges, 2);
    gicv2m_send(frame, 200);
    assert_int_equal(wires.edges, 3);
    gicv2m_ops.free(frame);
}

static void refuses_what_no_gic_has(void **state)
{
    struct gicv2m_config config = {.base = 16, .count = 8};
    struct gicv2m *frame;

    assert_int_equal(gicv2m_create(&frame, &config), -EINVAL);
    config = (struct gicv2m_config){.base = 1000, .count = 21};
    assert_int_equal(gicv2m_create(&frame, &config), -EINVAL);
    config = (struct gicv2m_config){.base = 128, .count = 0};
    assert_int_equal(gicv2m_create(&frame, &config), -EINVAL);
}

/* The whole way: a message makes an edge-triggered SPI pend. */
static void reaches_the_gic(void **state)
{
    const uint64_t affinity = 0;
    const struct gicv3_config gic_config = {.cpus = 1, .spis = 988, .affinities = &affinity};
    struct gicv2m_config config = {.base = 128, .count = 128};
    struct gicv2m *frame;
    struct gicv3 *gic;
    struct bus *bus;
    uint64_t value;

    assert_int_equal(bus_create(&bus), 0);
    assert_int_equal(gicv3_create(&gic, &gic_config), 0);
    assert_int_equal(gicv3_map(gic, bus, 0, 0x10000), 0);
    config.lines = gicv3_spi_line(gic, 0);
    assert_int_equal(gicv2m_create(&frame, &config), 0);
    assert_int_equal(bus_write(bus, 0xc00 + 130 / 16 * 4, 4, 2u << 2 * (130 % 16)), 0);
    gicv2m_send(frame, 130);
    gicv2m_send(frame, 131); /* left level-sensitive: a pulse leaves no trace */
    assert_int_equal(bus_read(bus, 0x210, 4, &value), 0);
    assert_int_equal(value, 1u << 2);
    gicv2m_ops.free(frame);
    gicv3_ops.free(gic);
    bus_destroy(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings),
        cmocka_unit_test(refuses_what_no_gic_has),
        cmocka_unit_test(reaches_the_gic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
