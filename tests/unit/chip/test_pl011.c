/* SPDX-License-Identifier: ISC */
/* The UART: output, FIFOs, each interrupt, back-pressure, loopback, saved state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "chip/pl011.h"

enum {
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    IBRD = 0x24,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
};

#define RX BIT(4)
#define TX BIT(5)
#define RT BIT(6)
#define OE BIT(10)

struct fixture {
    struct pl011 *uart;
    char out[64];
    size_t length;
    unsigned rooms;
    bool level;
};

static void on_write(void *ctx, const uint8_t *bytes, size_t length)
{
    struct fixture *f = ctx;

    memcpy(f->out + f->length, bytes, length);
    f->length += length;
}

static void on_room(void *ctx)
{
    ((struct fixture *)ctx)->rooms++;
}

static void on_level(void *ctx, unsigned number, bool level)
{
    assert_int_equal(number, 48);
    ((struct fixture *)ctx)->level = level;
}

static int setup(void **state)
{
    static struct fixture f;
    const struct pl011_config config = {on_write, on_room, &f, {on_level, &f, 48}};

    memset(&f, 0, sizeof(f));
    assert_int_equal(pl011_create(&f.uart, &config), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    pl011_ops.free(((struct fixture *)*state)->uart);
    return 0;
}

static uint64_t rd(struct fixture *f, uint64_t offset)
{
    return pl011_bus_ops.read(f->uart, offset, 4);
}

static void wr(struct fixture *f, uint64_t offset, uint64_t value)
{
    pl011_bus_ops.write(f->uart, offset, 4, value);
}

static void identifies_itself(void **state)
{
    static const uint8_t ids[] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(rd(*state, 0xfe0 + 4 * i), ids[i]);
    assert_int_equal(rd(*state, CR), 0x300);
    assert_int_equal(rd(*state, IFLS), 0x12);
    assert_int_equal(rd(*state, FR), 0x97); /* both FIFOs empty, the modem lines on */
}

static void sends(void **state)
{
    struct fixture *f = *state;

    for (const char *p = "hello"; *p; p++)
        wr(f, DR, (uint8_t)*p);
    assert_int_equal(f->length, 5);
    assert_memory_equal(f->out, "hello", 5);
    assert_int_equal(rd(f, RIS), TX);
    assert_false(f->level);
    wr(f, IMSC, TX);
    assert_true(f->level);
    assert_int_equal(rd(f, MIS), TX);
    wr(f, ICR, TX);
    assert_false(f->level);
}

static void receives_one_without_fifo(void **state)
{
    struct fixture *f = *state;

    wr(f, IMSC, RX | RT);
    assert_int_equal(pl011_receive(f->uart, (const uint8_t *)"ab", 2), 1);
    assert_true(f->level);
    assert_int_equal(rd(f, RIS), RX);
    assert_int_equal(rd(f, FR) & 0x50, 0x40); /* full */
    assert_int_equal(rd(f, DR), 'a');
    assert_false(f->level);
    assert_int_equal(f->rooms, 1);
    assert_int_equal(pl011_receive(f->uart, (const uint8_t *)"b", 1), 1);
    assert_int_equal(rd(f, DR), 'b');
    assert_int_equal(f->rooms, 1);  /* nobody was refused */
    assert_int_equal(rd(f, DR), 0); /* empty */
}

static void fills_the_fifo(void **state)
{
    struct fixture *f = *state;
    const uint8_t *text = (const uint8_t *)"0123456789abcdefgh";

    wr(f, LCR_H, 0x70);
    wr(f, IFLS, 1 << 3); /* a quarter */
    assert_int_equal(pl011_receive(f->uart, text, 3), 3);
    assert_int_equal(rd(f, RIS), RT);
    assert_int_equal(pl011_receive(f->uart, text + 3, 15), 13);
    assert_int_equal(rd(f, RIS), RX | RT);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(rd(f, DR), text[i]);
    assert_int_equal(rd(f, RIS), RX | RT);
    assert_int_equal(f->rooms, 1);
    assert_int_equal(rd(f, DR), 'c');
    assert_int_equal(rd(f, RIS), RT); /* below the trigger */
    for (unsigned i = 13; i < 16; i++)
        assert_int_equal(rd(f, DR), text[i]);
    assert_int_equal(rd(f, RIS), 0);
    assert_int_equal(rd(f, FR) & 0x50, 0x10);
}

static void loops_back(void **state)
{
    struct fixture *f = *state;

    wr(f, CR, 0x381);
    wr(f, DR, 'x');
    assert_int_equal(f->length, 0);
    wr(f, DR, 'y'); /* no FIFO: overrun */
    assert_int_equal(rd(f, RIS) & OE, OE);
    assert_int_equal(rd(f, RSR), 8);
    assert_int_equal(rd(f, DR), 0x800 | 'x');
    wr(f, RSR, 0);
    assert_int_equal(rd(f, RSR), 0);
    wr(f, ICR, OE);
    assert_int_equal(rd(f, RIS) & OE, 0);
}

static void continues_after_restore(void **state)
{
    struct fixture *f = *state;
    struct state *saved = state_new();
    const struct pl011_config config = {on_write, on_room, f, {on_level, f, 48}};

    wr(f, LCR_H, 0x70);
    wr(f, IMSC, RT);
    wr(f, IBRD, 0x1d);
    assert_int_equal(pl011_receive(f->uart, (const uint8_t *)"zabc", 4), 4);
    assert_int_equal(rd(f, DR), 'z');
    assert_int_equal(pl011_ops.save(f->uart, saved, "pl011"), 0);
    pl011_ops.free(f->uart);
    f->level = false;
    assert_int_equal(pl011_create(&f->uart, &config), 0);
    assert_int_equal(pl011_ops.load(f->uart, saved, "pl011", NULL), 0);
    state_free(saved);
    assert_true(f->level);
    assert_int_equal(rd(f, IBRD), 0x1d);
    assert_int_equal(rd(f, DR), 'a');
    assert_int_equal(rd(f, DR), 'b');
    assert_int_equal(rd(f, DR), 'c');
    assert_false(f->level);
    pl011_ops.reset(f->uart);
    assert_int_equal(rd(f, IMSC), 0);
}

/* --- what guests read without an exit --- */

struct shown {
    _Alignas(PL011_SIZE) uint8_t page[PL011_SIZE];
    struct fixture *f;
    unsigned shows, hides;
    bool now;
    int answer;
};

static int on_show(void *ctx)
{
    struct shown *s = ctx;

    s->shows++;
    s->now = s->answer == 0;
    return s->answer;
}

static void on_hide(void *ctx)
{
    struct shown *s = ctx;

    s->hides++;
    s->now = false;
    assert_int_equal(s->page[FR] & 0x10, 0x10); /* what came is not to be seen there yet */
}

/* Every register reads as it does by an exit. */
static void expect_reflected(struct shown *s)
{
    for (unsigned at = 0; at < PL011_SIZE; at += 4) {
        uint32_t word;

        memcpy(&word, s->page + at, sizeof(word));
        assert_int_equal(word, rd(s->f, at));
    }
}

static void send(struct fixture *f, unsigned count)
{
    while (count-- > 0) {
        f->length = 0;
        wr(f, DR, 'x');
    }
}

static struct shown *lend(struct fixture *f, int answer)
{
    static struct shown s;
    const struct pl011_mirror mirror = {s.page, on_show, on_hide, &s};

    memset(&s, 0xff, sizeof(s));
    s.f = f;
    s.shows = s.hides = 0;
    s.now = false;
    s.answer = answer;
    pl011_mirror(f->uart, &mirror);
    return &s;
}

static void is_mirrored(void **state)
{
    struct fixture *f = *state;
    struct shown *s = lend(f, 0);

    send(f, 15);
    assert_int_equal(s->shows, 0);
    send(f, 1);
    assert_true(s->now);
    expect_reflected(s);
    wr(f, LCR_H, 0x70);
    wr(f, IMSC, TX | RX);
    expect_reflected(s);
    assert_true(f->level);
    wr(f, ICR, TX);
    expect_reflected(s);
    assert_false(f->level);
    send(f, 100);
    assert_int_equal(s->shows, 1);
    pl011_ops.reset(f->uart);
    expect_reflected(s);
}

/* Reads take bytes away then. */
static void is_hidden_while_bytes_wait(void **state)
{
    struct fixture *f = *state;
    struct shown *s = lend(f, 0);

    send(f, 16);
    assert_int_equal(pl011_receive(f->uart, (const uint8_t *)"a", 1), 1);
    assert_false(s->now);
    send(f, 100);
    assert_false(s->now);
    assert_int_equal(rd(f, DR), 'a');
    send(f, 15);
    assert_false(s->now);
    send(f, 1);
    assert_true(s->now);
    expect_reflected(s);
    wr(f, CR, 0x380); /* loopback */
    send(f, 1);
    assert_false(s->now);
    assert_int_equal(s->shows, 2);
    assert_int_equal(s->hides, 2);
}

static void is_not_mirrored(void **state)
{
    struct fixture *f = *state;
    struct shown *s = lend(f, -ENOSPC);

    send(f, 100);
    assert_int_equal(pl011_receive(f->uart, (const uint8_t *)"a", 1), 1);
    assert_int_equal(rd(f, DR), 'a');
    assert_int_equal(s->shows, 1);
    assert_int_equal(s->hides, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(identifies_itself),
        TEST(sends),
        TEST(receives_one_without_fifo),
        TEST(fills_the_fifo),
        TEST(loops_back),
        TEST(continues_after_restore),
        TEST(is_mirrored),
        TEST(is_hidden_while_bytes_wait),
        TEST(is_not_mirrored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
