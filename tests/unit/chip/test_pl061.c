/* SPDX-License-Identifier: ISC */
/* The GPIO: masked data, edges, levels, the power button as Linux and OpenBSD set it up, saved
 * state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chip/pl061.h"

enum {
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c
};

struct fixture {
    struct pl061 *gpio;
    bool level;
};

static void on_level(void *ctx, unsigned number, bool level)
{
    ((struct fixture *)ctx)->level = level;
}

static void create(struct fixture *f)
{
    const struct irq_line irq = {on_level, f, 37};

    assert_int_equal(pl061_create(&f->gpio, &irq), 0);
}

static int setup(void **state)
{
    static struct fixture f;

    f.level = false;
    create(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    pl061_ops.free(((struct fixture *)*state)->gpio);
    return 0;
}

static uint64_t rd(struct fixture *f, uint64_t offset)
{
    return pl061_bus_ops.read(f->gpio, offset, 4);
}

static void wr(struct fixture *f, uint64_t offset, uint64_t value)
{
    pl061_bus_ops.write(f->gpio, offset, 4, value);
}

static void data_is_masked_by_the_address(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rd(f, 0xfe0), 0x61);
    pl061_set_input(f->gpio, 6, true);
    pl061_set_input(f->gpio, 0, true);
    pl061_set_input(f->gpio, 8, true); /* no such line */
    assert_int_equal(rd(f, 0xff << 2), 0x41);
    assert_int_equal(rd(f, 0x40 << 2), 0x40);
    assert_int_equal(rd(f, 0x02 << 2), 0);
    wr(f, DIR, 0x0f);
    wr(f, 0x03 << 2, 0xff);
    assert_int_equal(rd(f, 0xff << 2), 0x43); /* outputs read back; line 6 is an input */
    wr(f, 0xff << 2, 0x08);
    assert_int_equal(rd(f, 0xff << 2), 0x48);
}

static void power_button(void **state)
{
    struct fixture *f = *state;

    wr(f, IBE, 0x40); /* both edges, as gpio-keys wants */
    wr(f, IE, 0x40);
    pl061_set_input(f->gpio, 6, true);
    assert_true(f->level);
    assert_int_equal(rd(f, MIS), 0x40);
    wr(f, IC, 0x40);
    assert_false(f->level);
    pl061_set_input(f->gpio, 6, true); /* no edge */
    assert_false(f->level);
    pl061_set_input(f->gpio, 6, false);
    assert_true(f->level);
}

static void one_edge(void **state)
{
    struct fixture *f = *state;

    wr(f, IE, 0x03);
    wr(f, IEV, 0x01); /* line 0 rising, line 1 falling */
    pl061_set_input(f->gpio, 1, true);
    assert_int_equal(rd(f, RIS), 0);
    pl061_set_input(f->gpio, 0, true);
    assert_int_equal(rd(f, RIS), 1);
    pl061_set_input(f->gpio, 0, false);
    pl061_set_input(f->gpio, 1, false);
    assert_int_equal(rd(f, RIS), 3);
    wr(f, IC, 1);
    assert_int_equal(rd(f, MIS), 2);
    wr(f, IE, 1);
    assert_false(f->level);
}

static void levels(void **state)
{
    struct fixture *f = *state;

    wr(f, IS, 0x03);
    wr(f, IEV, 0x01);
    wr(f, IE, 0x01);
    assert_int_equal(rd(f, RIS), 2); /* line 1 is low, which is its active level */
    assert_false(f->level);
    pl061_set_input(f->gpio, 0, true);
    assert_true(f->level);
    wr(f, IC, 0xff); /* does not clear a level */
    assert_true(f->level);
    pl061_set_input(f->gpio, 0, false);
    assert_false(f->level);
}

static void continues_after_restore(void **state)
{
    struct fixture *f = *state;
    struct state *saved = state_new();

    wr(f, IEV, 0x40);
    wr(f, IE, 0x40);
    pl061_set_input(f->gpio, 6, true);
    assert_int_equal(pl061_ops.save(f->gpio, saved, "pl061"), 0);
    pl061_ops.free(f->gpio);
    f->level = false;
    create(f);
    assert_int_equal(pl061_ops.load(f->gpio, saved, "pl061", NULL), 0);
    state_free(saved);
    assert_true(f->level);
    assert_int_equal(rd(f, 0x40 << 2), 0x40);
    pl061_ops.reset(f->gpio);
    assert_false(f->level);
    assert_int_equal(rd(f, IE), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(data_is_masked_by_the_address), TEST(power_button), TEST(one_edge), TEST(levels),
        TEST(continues_after_restore),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
