/* SPDX-License-Identifier: ISC */
/* The clock: reading, setting, the alarm, saved state across time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "chip/pl031.h"

enum {
    DR = 0x00,
    MR = 0x04,
    LR = 0x08,
    CR = 0x0c,
    IMSC = 0x10,
    RIS = 0x14,
    MIS = 0x18,
    ICR = 0x1c
};

struct fixture {
    struct pl031 *rtc;
    uint64_t time, alarm;
    bool level;
};

static uint64_t on_now(void *ctx)
{
    return ((struct fixture *)ctx)->time;
}

static void on_alarm(void *ctx, uint64_t when)
{
    ((struct fixture *)ctx)->alarm = when;
}

static void on_level(void *ctx, unsigned number, bool level)
{
    ((struct fixture *)ctx)->level = level;
}

static void create(struct fixture *f)
{
    const struct pl031_config config = {on_now, on_alarm, f, {on_level, f, 0}};

    assert_int_equal(pl031_create(&f->rtc, &config), 0);
}

static int setup(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    f.time = 1700000000;
    create(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    pl031_ops.free(((struct fixture *)*state)->rtc);
    return 0;
}

static uint64_t rd(struct fixture *f, uint64_t offset)
{
    return pl031_bus_ops.read(f->rtc, offset, 4);
}

static void wr(struct fixture *f, uint64_t offset, uint64_t value)
{
    pl031_bus_ops.write(f->rtc, offset, 4, value);
}

static void follows_the_host(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rd(f, 0xfe0), 0x31);
    assert_int_equal(rd(f, 0xffc), 0xb1);
    assert_int_equal(rd(f, CR), 1);
    assert_int_equal(rd(f, DR), 1700000000);
    f->time += 5;
    assert_int_equal(rd(f, DR), 1700000005);
    assert_int_equal(f->alarm, UINT64_MAX);
}

static void can_be_set(void **state)
{
    struct fixture *f = *state;

    wr(f, LR, 1000);
    assert_int_equal(rd(f, LR), 1000);
    f->time += 7;
    assert_int_equal(rd(f, DR), 1007);
    wr(f, LR, 4000000000u);
    assert_int_equal(rd(f, DR), 4000000000u);
    pl031_ops.reset(f->rtc); /* a battery keeps the time */
    assert_int_equal(rd(f, DR), 4000000000u);
}

static void rings_once(void **state)
{
    struct fixture *f = *state;

    wr(f, IMSC, 1);
    wr(f, MR, f->time + 10);
    assert_int_equal(f->alarm, f->time + 10);
    assert_int_equal(rd(f, RIS), 0);
    f->time += 9;
    pl031_alarm(f->rtc); /* too early: asked for again */
    assert_false(f->level);
    assert_int_equal(f->alarm, f->time + 1);
    f->time += 1;
    pl031_alarm(f->rtc);
    assert_true(f->level);
    assert_int_equal(rd(f, MIS), 1);
    assert_int_equal(f->alarm, UINT64_MAX);
    wr(f, ICR, 1);
    assert_false(f->level);
    f->time += 100;
    pl031_alarm(f->rtc);
    assert_int_equal(rd(f, RIS), 0);
}

static void match_of_now_and_of_the_past(void **state)
{
    struct fixture *f = *state;

    wr(f, MR, f->time);
    assert_int_equal(rd(f, RIS), 1);
    assert_false(f->level); /* masked */
    wr(f, IMSC, 1);
    assert_true(f->level);
    wr(f, ICR, 1);
    wr(f, MR, f->time - 1); /* comes after the counter has wrapped */
    assert_int_equal(rd(f, RIS), 0);
    assert_int_equal(f->alarm, f->time + UINT32_MAX);
}

static void alarm_passes_while_saved(void **state)
{
    struct fixture *f = *state;
    struct state *saved = state_new();

    wr(f, LR, 5000);
    wr(f, IMSC, 1);
    wr(f, MR, 5060);
    assert_int_equal(pl031_ops.save(f->rtc, saved, "pl031"), 0);
    pl031_ops.free(f->rtc);
    create(f);
    f->time += 30;
    assert_int_equal(pl031_ops.load(f->rtc, saved, "pl031", NULL), 0);
    assert_int_equal(rd(f, DR), 5030);
    assert_int_equal(f->alarm, f->time + 30);
    assert_false(f->level);
    f->time += 40;
    assert_int_equal(pl031_ops.load(f->rtc, saved, "pl031", NULL), 0);
    assert_true(f->level);
    state_free(saved);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(follows_the_host),
        TEST(can_be_set),
        TEST(rings_once),
        TEST(match_of_now_and_of_the_past),
        TEST(alarm_passes_while_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
