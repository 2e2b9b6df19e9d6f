/* SPDX-License-Identifier: ISC */
/*
 * The keyboard's and pointer's queue with sinks that read, are full, come and go; and characters
 * through every layout, read back by a guest of our own that knows no more than what is printed on
 * the keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/input.h"
#include "backend/input/hub.h"
#include "backend/input/layouts.h"
#include "host/clock.h"

#define NO_TIME 20     /* ms, for what must time out */
#define TIME    600000 /* ms, for what must not */

/* --- a sink that notes what it is given --- */

struct noted {
    bool pointer, down;
    uint16_t usage;
    struct input_pointer state;
};

struct sink {
    struct input_sink sink;
    _Atomic bool active;
    _Atomic int room; /* events that it still takes */
    struct noted noted[4096];
    unsigned count;
};

static bool sink_active(void *ctx)
{
    return ((struct sink *)ctx)->active;
}

static struct noted *note(struct sink *sink)
{
    if (sink->room == 0 || sink->count == nitems(sink->noted))
        return NULL;
    sink->room--;
    return &sink->noted[sink->count++];
}

static bool sink_key(void *ctx, uint16_t usage, bool down)
{
    struct noted *noted = note(ctx);

    if (noted)
        *noted = (struct noted){.usage = usage, .down = down};
    return noted != NULL;
}

static bool sink_pointer(void *ctx, const struct input_pointer *state)
{
    struct noted *noted = note(ctx);

    if (noted)
        *noted = (struct noted){.pointer = true, .state = *state};
    return noted != NULL;
}

static struct sink *sink_new(bool active, int room)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    assert_non_null(sink);
    sink->active = active;
    sink->room = room;
    sink->sink = (struct input_sink){
        .active = sink_active, .key = sink_key, .pointer = sink_pointer, .ctx = sink};
    return sink;
}

static struct input *input_new(const char *layout)
{
    struct input *in;
    struct error err;

    assert_int_equal(input_create(&in, layout, &err), 0);
    return in;
}

/* "+04 -04": what a sink was given of keys; "@x,y:b" of the pointer. */
static const char *told(const struct sink *sink)
{
    static char text[8192];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < sink->count; i++) {
        const struct noted *n = &sink->noted[i];

        if (n->pointer)
            used +=
                (size_t)snprintf(text + used, sizeof(text) - used, "%s@%u,%u:%u/%d", i ? " " : "",
                                 n->state.x, n->state.y, n->state.buttons, n->state.wheel);
        else
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c%02x", i ? " " : "",
                                     n->down ? '+' : '-', n->usage);
    }
    return text;
}

static void assert_told(struct sink *sink, const char *expected)
{
    assert_string_equal(told(sink), expected);
    sink->count = 0;
}

static void end(struct input *in, struct sink *sink)
{
    input_detach(in, &sink->sink);
    input_free(in);
    free(sink);
}

static void move(struct input *in, unsigned x, unsigned y, unsigned buttons, int wheel)
{
    const struct input_pointer state = {(uint16_t)x, (uint16_t)y, (uint8_t)buttons, (int8_t)wheel,
                                        0};

    assert_int_equal(input_pointer(in, &state), 0);
}

/* --- the queue --- */

static void test_order(void **state)
{
    struct input *in = input_new(NULL);
    struct sink *sink = sink_new(true, 1000);

    input_attach(in, &sink->sink);
    assert_int_equal(input_key(in, 0x04, true), 0);
    assert_int_equal(input_key(in, 0x04, true), 0);  /* a repeat */
    assert_int_equal(input_key(in, 0x05, false), 0); /* is up */
    move(in, 1, 2, 0, 0);
    assert_int_equal(input_key(in, 0x04, false), 0);
    assert_told(sink, "+04 @1,2:0/0 -04");
    assert_int_equal(input_key(in, 0x03, true), -EINVAL);
    assert_int_equal(input_key(in, 0xa5, true), -EINVAL);
    assert_int_equal(input_key(in, 0xe8, true), -EINVAL);
    assert_int_equal(input_key(in, UINT32_MAX, true), -EINVAL);
    assert_int_equal(input_flush(in, 0), 0);
    end(in, sink);
}

static void test_waits_for_sink(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(false, 1000);

    input_key(in, 0x04, true);
    input_attach(in, &sink->sink);
    input_key(in, 0x04, false);
    assert_told(sink, "");
    assert_int_equal(input_flush(in, NO_TIME), -ETIMEDOUT);
    sink->active = true;
    input_sink_room(in);
    assert_told(sink, "+04 -04");
    end(in, sink);
}

static void test_room(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 1);

    input_attach(in, &sink->sink);
    input_key(in, 0x04, true);
    input_key(in, 0x04, false);
    input_key(in, 0x05, true);
    assert_told(sink, "+04");
    sink->room = 2;
    input_sink_room(in);
    assert_told(sink, "-04 +05");
    end(in, sink);
}

/* However full: what went down can be let go. */
static void test_full(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(false, 10000);
    unsigned pressed = 0, events, balance = 0;

    input_attach(in, &sink->sink);
    for (unsigned usage = 0x04; usage <= 0x63; usage++, pressed++)
        assert_int_equal(input_key(in, usage, true), 0);
    move(in, 5, 5, INPUT_LEFT, 0);
    while (input_key(in, 0x70, true) == 0)
        assert_int_equal(input_key(in, 0x70, false), 0);
    assert_int_equal(input_key(in, 0x71, true), -ENOSPC);
    assert_int_equal(input_keysym(in, 'a', false), 0);
    assert_int_equal(input_keysym(in, 'a', false), 0); /* is up already */
    assert_int_equal(input_keysym(in, 'A', true), -ENOSPC);
    for (unsigned usage = 0x05; usage <= 0x63; usage++)
        assert_int_equal(input_key(in, usage, false), 0);
    move(in, 6, 6, 0, 0);
    sink->active = true;
    input_sink_room(in);
    events = sink->count;
    assert_in_range(events, 2 * pressed + 2, INPUT_QUEUE);
    for (unsigned i = 0; i < events; i++)
        if (!sink->noted[i].pointer)
            balance += sink->noted[i].down ? 1 : -1u;
    assert_int_equal(balance, 0);
    end(in, sink);
}

static void test_coalesce(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 0);

    input_attach(in, &sink->sink);
    for (unsigned i = 0; i < 10000; i++)
        move(in, i, i, 0, 0);
    move(in, 50, 60, INPUT_LEFT, 0); /* pressed here, whatever follows */
    move(in, 51, 61, INPUT_LEFT, 0);
    move(in, 70, 80, INPUT_LEFT, 0);
    move(in, 70, 80, 0, 0);
    move(in, 70, 80, 0, 1); /* notches in one place add up */
    move(in, 70, 80, 0, 2);
    move(in, 90, 90, 0, 0); /* but stay there */
    move(in, 40000, 90, 0, 0);
    sink->room = 1000;
    input_sink_room(in);
    assert_told(sink, "@9999,9999:0/0 @50,60:1/0 @70,80:1/0 @70,80:0/0 @70,80:0/3 "
                      "@32767,90:0/0");
    end(in, sink);
}

static void test_wheel_bounds(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 0);

    input_attach(in, &sink->sink);
    move(in, 1, 1, 0, 0);
    move(in, 1, 1, 0, 100);
    move(in, 1, 1, 0, 100);
    sink->room = 1000;
    input_sink_room(in);
    assert_told(sink, "@1,1:0/100 @1,1:0/100");
    end(in, sink);
}

/* --- from one sink to another --- */

static void test_change_sink(void **state)
{
    struct input *in = input_new("us");
    struct sink *old = sink_new(true, 1000), *new = sink_new(false, 1000);

    input_attach(in, &old->sink);
    input_attach(in, &new->sink);
    input_key(in, 0xe1, true);
    move(in, 7, 8, INPUT_RIGHT, 0);
    assert_told(old, "+e1 @7,8:2/0");
    new->active = true;
    input_sink_room(in);
    assert_told(old, "-e1 @7,8:0/0");
    assert_told(new, "");
    input_key(in, 0xe1, false); /* of which the new one knows nothing */
    input_key(in, 0x04, true);
    assert_told(new, "+04");
    input_detach(in, &new->sink);
    input_key(in, 0x04, false);
    input_key(in, 0x05, true);
    assert_told(old, "+05");
    free(new);
    end(in, old);
}

/* One that is full and still reads is not left with a key down; one that does not read is. */
static void test_change_full_sink(void **state)
{
    struct input *in = input_new("us");
    struct sink *old = sink_new(true, 1), *new = sink_new(false, 1000);

    input_attach(in, &old->sink);
    input_attach(in, &new->sink);
    input_key(in, 0x04, true);
    new->active = true;
    input_key(in, 0x05, true);
    assert_told(new, "");
    old->room = 1;
    input_sink_room(in);
    assert_told(old, "+04 -04");
    assert_told(new, "+05");
    new->room = 0;
    new->active = false;
    old->room = 10;
    input_key(in, 0x06, true);
    assert_told(old, "+06");
    input_detach(in, &new->sink);
    free(new);
    end(in, old);
}

static void test_reset(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 1);

    input_attach(in, &sink->sink);
    input_key(in, 0x04, true);
    input_key(in, 0x05, true);
    input_set_leds(in, 2);
    assert_int_equal(input_leds(in), 2);
    sink->count = 0;
    input_reset(in);
    assert_int_equal(input_leds(in), 0);
    sink->room = 1000;
    input_key(in, 0x04, false);
    input_key(in, 0x05, false);
    input_key(in, 0x06, true);
    assert_told(sink, "+06");
    end(in, sink);
}

/* --- layouts --- */

/* A guest that reads keys as its layout says. */
struct guest {
    const struct layout *layout;
    bool shift, altgr, caps;
    wchar_t dead;
    wchar_t text[1024];
    unsigned count;
};

static const struct {
    const uint16_t usages[14];
} guest_rows[LAYOUT_ROWS] = {
    {{0x35, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 0x2d, 0x2e, 0x89}},
    {{20, 26, 8, 21, 23, 28, 24, 12, 18, 19, 0x2f, 0x30, 0x31}},
    {{4, 22, 7, 9, 10, 11, 13, 14, 15, 0x33, 0x34, 0x32}},
    {{0x64, 29, 27, 6, 25, 5, 17, 16, 0x36, 0x37, 0x38, 0x87}},
};

static wchar_t guest_compose(wchar_t dead, wchar_t base)
{
    static const wchar_t *const rows[] = {
        L"\u0300 `aàeèiìoòuùAÀEÈIÌOÒUÙ",
        L"\u0301 ´aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝcćnńsśzźCĆNŃSŚZŹ",
        L"\u0302 ^aâeêiîoôuûAÂEÊIÎOÔUÛ",
        L"\u0303 ~aãnñoõAÃNÑOÕ",
        L"\u0308 ¨aäeëiïoöuüyÿAÄEËIÏOÖUÜYŸ",
        L"\u030a °aåAÅ",
        L"\u030c ˇcčdďeěnňrřsštťzžCČDĎEĚNŇRŘSŠTŤZŽ",
        L"\u0327 ¸cçCÇ",
    };

    for (size_t i = 0; i < nitems(rows); i++)
        if (rows[i][0] == dead)
            for (const wchar_t *at = rows[i] + 1; *at; at += 2)
                if (at[0] == base)
                    return at[1];
    return L'?';
}

static void guest_character(struct guest *guest, wchar_t c)
{
    if (c >= LAYOUT_DEAD_FIRST && c <= LAYOUT_DEAD_LAST) {
        guest->dead = c;
        return;
    }
    if (guest->dead)
        c = guest_compose(guest->dead, c);
    guest->dead = 0;
    guest->text[guest->count++] = c;
}

static wchar_t guest_printed(const struct guest *guest, unsigned row, size_t column)
{
    unsigned level = (guest->altgr ? 2 : 0) | (guest->shift ? 1 : 0);
    const wchar_t *small = guest->layout->rows[row][0], *large = guest->layout->rows[row][1];

    if (guest->caps && !guest->altgr && column < wcslen(small) && column < wcslen(large) &&
        small[column] >= L'a' && small[column] - 32 == large[column])
        level ^= 1;
    assert_non_null(guest->layout->rows[row][level]);
    assert_true(column < wcslen(guest->layout->rows[row][level]));
    return guest->layout->rows[row][level][column];
}

static void guest_key(struct guest *guest, uint16_t usage, bool down)
{
    if (usage == 0xe1 || usage == 0xe5)
        guest->shift = down;
    if (usage == 0xe6)
        guest->altgr = down;
    if (!down || usage >= 0xe0)
        return;
    if (usage == 0x2c) {
        guest_character(guest, L' ');
        return;
    }
    for (unsigned row = 0; row < LAYOUT_ROWS; row++)
        for (size_t i = 0; i < nitems(guest_rows[row].usages); i++)
            if (guest_rows[row].usages[i] == usage) {
                guest_character(guest, guest_printed(guest, row, i));
                return;
            }
    fail_msg("usage %#x is no character's", usage);
}

static void guest_read(struct guest *guest, struct sink *sink)
{
    guest->count = 0;
    for (unsigned i = 0; i < sink->count; i++)
        guest_key(guest, sink->noted[i].usage, sink->noted[i].down);
    sink->count = 0;
    sink->room = 4000;
}

static size_t utf8_put(char *text, wchar_t c)
{
    if (c < 0x80) {
        text[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        text[0] = (char)(0xc0 | c >> 6);
        text[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    text[0] = (char)(0xe0 | c >> 12);
    text[1] = (char)(0x80 | (c >> 6 & 0x3f));
    text[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

/* Everything that is printed on the keys, and all of Latin-1 that its dead keys make of it. */
static unsigned layout_characters(const struct layout *layout, wchar_t *out)
{
    struct stroke strokes[LAYOUT_STROKES];
    unsigned count = 0;

    for (unsigned row = 0; row < LAYOUT_ROWS; row++)
        for (unsigned level = 0; level < LAYOUT_LEVELS; level++)
            for (const wchar_t *at = layout->rows[row][level]; at && *at; at++)
                if (*at != L' ' && (*at < LAYOUT_DEAD_FIRST || *at > LAYOUT_DEAD_LAST))
                    out[count++] = *at;
    for (uint32_t c = 0xa0; c < 0x180; c++)
        if (layout_strokes(layout, c, 0, strokes))
            out[count++] = (wchar_t)c;
    return count;
}

static void round_trip(const struct layout *layout, bool caps)
{
    struct input *in = input_new(layout->name);
    struct sink *sink = sink_new(true, 4000);
    struct guest guest = {.layout = layout, .caps = caps};
    wchar_t all[1024];
    unsigned count = layout_characters(layout, all);
    struct error err;

    input_attach(in, &sink->sink);
    input_set_leds(in, caps ? 2 : 0);
    for (unsigned i = 0; i < count; i++) {
        char text[4];
        size_t length = utf8_put(text, all[i]);

        assert_int_equal(input_type(in, text, length, TIME, &err), 0);
        guest_read(&guest, sink);
        assert_int_equal(guest.count, 1);
        assert_int_equal(guest.text[0], all[i]);
        assert_false(guest.shift || guest.altgr);
        /* the same from a viewer that has shift down, and one that has not */
        for (unsigned shift = 0; shift < 2; shift++) {
            input_keysym(in, 0xffe2, shift);
            assert_int_equal(input_keysym(in, (uint32_t)all[i] + 0x1000000, true), 0);
            assert_int_equal(input_keysym(in, (uint32_t)all[i] + 0x1000000, false), 0);
            input_keysym(in, 0xffe2, false);
            guest_read(&guest, sink);
            assert_int_equal(guest.count, 1);
            assert_int_equal(guest.text[0], all[i]);
            assert_false(guest.shift || guest.altgr);
        }
    }
    end(in, sink);
}

static void test_layouts(void **state)
{
    const char *name, *about;
    size_t count = 0;

    for (; input_layout_info(count, &name, &about) == 0; count++) {
        const struct layout *layout = layout_find(name);
        struct stroke strokes[LAYOUT_STROKES];

        assert_non_null(layout);
        assert_true(strlen(about) > 0);
        for (uint32_t c = ' '; c < 0x7f; c++)
            if (!layout_strokes(layout, c, 0, strokes))
                fail_msg("%s has no %c", name, (int)c);
        round_trip(layout, false);
        round_trip(layout, true);
    }
    assert_true(count >= 18);
    assert_int_equal(input_layout_info(count, &name, &about), -ENOENT);
}

static void test_unknown_layout(void **state)
{
    struct input *in;
    struct error err;

    assert_int_equal(input_create(&in, "xx", &err), -EINVAL);
    assert_string_equal(err.text, "\"xx\" is no keyboard layout; there are us, uk, be, br, ch, "
                                  "ch-fr, de, dk, es, fi, fr, it, jp, nl, no, pl, pt, se");
}

/* --- keysyms --- */

static void test_keysyms(void **state)
{
    static const struct {
        const char *layout;
        uint32_t keysym;
        const char *told; /* pressed and let go */
    } cases[] = {
        {"us", 'a', "+04 -04"},
        {"us", 'A', "+e1 +04 -e1 -04"},
        {"us", 0xff0d, "+28 -28"},
        {"us", 0xffbe, "+3a -3a"},
        {"us", 0xffff, "+4c -4c"},
        {"us", 0xffe9, "+e2 -e2"},
        {"us", 0xffeb, "+e3 -e3"},
        {"us", 0xfe03, ""}, /* AltGr is not Alt */
        {"de", 0xfe03, "+e6 -e6"},
        {"us", 0xffb7, "+24 -24"}, /* KP_7 without Num Lock */
        {"us", 0xff95, "+4a -4a"}, /* KP_Home */
        {"de", 'z', "+1c -1c"},
        {"de", '@', "+e6 +14 -e6 -14"},
        {"de", 0x20ac, "+e6 +08 -e6 -08"},
        {"de", 0x10020ac, "+e6 +08 -e6 -08"},
        {"de", 0xea, "+35 -35 +08 -08"}, /* ecircumflex by a dead key */
        {"de", 0xfe52, "+35 -35"},
        {"us", 0xfe52, "+e1 +23 -e1 -23"}, /* no dead key: the accent itself */
        {"pl", 0x1b3, "+e6 +0f -e6 -0f"},  /* lstroke */
    };

    for (size_t i = 0; i < nitems(cases); i++) {
        struct input *in = input_new(cases[i].layout);
        struct sink *sink = sink_new(true, 100);

        input_attach(in, &sink->sink);
        assert_int_equal(input_keysym(in, cases[i].keysym, true), 0);
        assert_int_equal(input_keysym(in, cases[i].keysym, true), 0); /* repeats */
        assert_int_equal(input_keysym(in, cases[i].keysym, false), 0);
        assert_told(sink, cases[i].told);
        end(in, sink);
    }
}

static void test_keysym_modifiers(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 1000);

    input_attach(in, &sink->sink);
    /* A French viewer holds Shift for its digits. */
    input_keysym(in, 0xffe1, true);
    input_keysym(in, '1', true);
    input_keysym(in, '1', false);
    assert_told(sink, "+e1 -e1 +1e +e1 -1e");
    /* What is no character leaves Shift alone, and Shift may be let go first. */
    input_keysym(in, 0xff51, true);
    input_keysym(in, 'Q', true);
    input_keysym(in, 0xffe1, false);
    input_keysym(in, 'q', false);
    input_keysym(in, 0xff51, false);
    assert_told(sink, "+50 +14 -e1 -14 -50");
    /* Two characters of one key, one after another without letting go. */
    input_keysym(in, '1', true);
    input_keysym(in, '!', true);
    input_keysym(in, '!', false);
    input_keysym(in, '1', false);
    assert_told(sink, "+1e +e1 -1e +1e -e1 -1e");
    /* Caps Lock in the guest, and keypad digits with Num Lock. */
    input_set_leds(in, 3);
    input_keysym(in, 'A', true);
    input_keysym(in, 'A', false);
    input_keysym(in, 0xffb7, true);
    input_keysym(in, 0xffb7, false);
    assert_told(sink, "+04 -04 +5f -5f");
    assert_int_equal(input_keysym(in, 0, true), -EINVAL);
    assert_int_equal(input_keysym(in, 0x10020ac, true), -EINVAL);
    assert_int_equal(input_keysym(in, 0x10020ac, false), -EINVAL);
    assert_int_equal(input_keysym(in, 0xffffffff, true), -EINVAL);
    end(in, sink);
}

/* --- text and chords --- */

static void test_type(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 1000);
    struct error err;

    input_attach(in, &sink->sink);
    assert_int_equal(input_type(in, "aB\r\n\t\b", 6, TIME, &err), 0);
    assert_told(sink, "+04 -04 +e1 +05 -05 -e1 +28 -28 +2b -2b +2a -2a");
    assert_int_equal(input_type(in, "", 0, 0, &err), 0);
    assert_int_equal(input_type(in, "a\xe2\x82\xac", 4, TIME, &err), -EINVAL);
    assert_string_equal(err.text, "the guest's keyboard layout \"us\" has no key for U+20AC (€); "
                                  "--keyboard says which layout the guest is set to");
    assert_int_equal(input_type(in, "ab\xff", 3, TIME, &err), -EINVAL);
    assert_string_equal(err.text, "the text is not UTF-8 at byte 2");
    assert_int_equal(input_type(in, "\xe2\x82", 2, TIME, &err), -EINVAL);
    assert_int_equal(input_type(in, "\xc0\x80", 2, TIME, &err), -EINVAL);
    assert_int_equal(input_type(in, "\xed\xa0\x80", 3, TIME, &err), -EINVAL);
    assert_int_equal(input_type(in, "", 1, TIME, &err), -EINVAL); /* a NUL */
    assert_string_equal(err.text, "the guest's keyboard layout \"us\" has no key for U+0000; "
                                  "--keyboard says which layout the guest is set to");
    assert_told(sink, "");
    end(in, sink);
}

static void test_type_times_out(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(false, 0);
    struct error err;

    input_attach(in, &sink->sink);
    assert_int_equal(input_type(in, "hello", 5, NO_TIME, &err), -ETIMEDOUT);
    assert_string_equal(err.text, "the guest has no driver for its keyboard yet");
    assert_int_equal(input_chord(in, "CTRL-C", NO_TIME, &err), -ETIMEDOUT);
    assert_int_equal(input_key_within(in, 0x04, true, NO_TIME, &err), -ETIMEDOUT);
    sink->active = true;
    sink->room = 1000;
    input_sink_room(in);
    assert_told(sink, ""); /* nothing comes later */
    /* Wherever it stops, everything is up in the end. */
    for (int room = 1; room < 12; room++) {
        sink->room = room;
        assert_int_equal(input_type(in, "ABC", 3, NO_TIME, &err), -ETIMEDOUT);
        assert_string_equal(err.text, "the guest's keyboard driver did not take the text in time");
        sink->room = 1000;
        input_sink_room(in);
        assert_in_range(sink->count, (unsigned)room, (unsigned)room + 2);
        for (unsigned usage = 0; usage < INPUT_USAGES; usage++)
            assert_false(keyset_has(&in->given, usage) || keyset_has(&in->wanted, usage));
        sink->count = 0;
    }
    /* What a viewer holds stays as it is. */
    input_key(in, 0xe1, true);
    sink->room = 1;
    assert_int_equal(input_type(in, "a", 1, NO_TIME, &err), -ETIMEDOUT);
    sink->room = 1000;
    input_sink_room(in);
    assert_told(sink, "+e1 -e1 +e1");
    assert_true(keyset_has(&in->wanted, 0xe1));
    end(in, sink);
}

static void test_within(void **state)
{
    struct input *in = input_new("us");
    struct sink *sink = sink_new(true, 1);
    const struct input_pointer press = {9, 9, INPUT_LEFT, 0, 0}, up = {9, 9, 0, 0, 0};
    struct error err;

    input_attach(in, &sink->sink);
    assert_int_equal(input_key_within(in, 0x04, true, TIME, &err), 0);
    assert_int_equal(input_key_within(in, 0x04, false, NO_TIME, &err), -ETIMEDOUT);
    assert_string_equal(err.text, "the guest's driver did not take the keyboard's input in time");
    assert_int_equal(input_pointer_within(in, &press, NO_TIME, &err), -ETIMEDOUT);
    assert_int_equal(input_pointer_within(in, &up, NO_TIME, &err), -ETIMEDOUT);
    sink->room = 100;
    input_sink_room(in);
    assert_told(sink, "+04 -04 @9,9:0/0"); /* the key's release was not lost; no click */
    assert_int_equal(input_key_within(in, 0x1ff, true, TIME, &err), -EINVAL);
    end(in, sink);
}

static void test_chords(void **state)
{
    static const struct {
        const char *layout, *keys, *told;
    } cases[] = {
        {"us", "a", "+04 -04"},
        {"us", "A", "+04 -04"},
        {"de", "Y", "+1d -1d"},
        {"us", "ctrl-alt-f1", "+e0 +e2 +3a -3a -e2 -e0"},
        {"us", "Ctrl+Alt+Del", "+e0 +e2 +4c -4c -e2 -e0"},
        {"us", "SHIFT-A", "+e1 +04 -04 -e1"},
        {"us", "META-L", "+e3 +0f -0f -e3"},
        {"us", "ENTER", "+28 -28"},
        {"us", "CTRL--", "+e0 +2d -2d -e0"},
        {"us", "-", "+2d -2d"},
        {"us", "CTRL-+", "+e0 +e1 +2e -2e -e1 -e0"},
        {"us", "CTRL-%", "+e0 +e1 +22 -22 -e1 -e0"},
        {"fr", "CTRL-@", "+e0 +e6 +27 -27 -e6 -e0"},
        {"fr", "é", "+1f -1f"},
        {"us", "SHIFT-!", "+e1 +1e -1e -e1"},
        {"us", "CTRL", "+e0 -e0"},
    };

    for (size_t i = 0; i < nitems(cases); i++) {
        struct input *in = input_new(cases[i].layout);
        struct sink *sink = sink_new(true, 1000);
        struct error err;

        input_attach(in, &sink->sink);
        assert_int_equal(input_chord(in, cases[i].keys, TIME, &err), 0);
        assert_told(sink, cases[i].told);
        end(in, sink);
    }
}

static void test_wrong_chords(void **state)
{
    static const struct {
        const char *keys, *said;
    } cases[] = {
        {"", "a chord needs a key, like CTRL-C or ENTER"},
        {"CTRL-", "a chord ends with a key, not with \"-\""},
        {"ENTR", "no key is called \"ENTR\"; there is ENTER"},
        {"CTRL-PGUPP", "no key is called \"PGUPP\"; there is PGUP"},
        {"CTRL-FROBNICATE", "\"FROBNICATE\" is no key; a chord is like CTRL-ALT-F1, SHIFT-TAB, "
                            "META-L, A or ENTER"},
        {"€", "\"€\" is no one key on the guest's keyboard; a chord is like CTRL-ALT-F1, "
              "SHIFT-TAB, META-L, A or ENTER"},
        {"\xff", NULL},
        {"A-B-C-D-E-F-G-H-I", "a chord has at most 8 keys"},
    };
    struct input *in = input_new("us");
    struct error err;

    for (size_t i = 0; i < nitems(cases); i++) {
        assert_int_equal(input_chord(in, cases[i].keys, TIME, &err), -EINVAL);
        if (cases[i].said)
            assert_string_equal(err.text, cases[i].said);
    }
    input_free(in);
}

/* --- threads: typists, a viewer, and a guest that reads when it likes --- */

#define TYPISTS 3
#define WORDS   20

struct crowd {
    struct input *in;
    struct sink *sink;
    atomic_bool over;
};

static void *typist(void *ctx)
{
    struct crowd *crowd = ctx;
    struct error err;

    for (unsigned i = 0; i < WORDS; i++)
        assert_int_equal(input_type(crowd->in, "xYz", 3, TIME, &err), 0);
    return NULL;
}

static void *reader(void *ctx)
{
    struct crowd *crowd = ctx;

    while (!crowd->over) {
        crowd->sink->room = 3;
        input_sink_room(crowd->in);
        input_leds(crowd->in);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct crowd crowd = {.in = input_new("us"), .sink = sink_new(true, 0)};
    pthread_t threads[TYPISTS + 1];

    input_attach(crowd.in, &crowd.sink->sink);
    pthread_create(&threads[TYPISTS], NULL, reader, &crowd);
    for (unsigned i = 0; i < TYPISTS; i++)
        pthread_create(&threads[i], NULL, typist, &crowd);
    for (unsigned i = 0; i < 200; i++)
        move(crowd.in, i, i, 0, 0);
    for (unsigned i = 0; i < TYPISTS; i++)
        pthread_join(threads[i], NULL);
    crowd.over = true;
    pthread_join(threads[TYPISTS], NULL);
    /* Words stay whole: 8 events each, whatever the pointer did meanwhile. */
    for (unsigned i = 0, key = 0; i < crowd.sink->count; i++) {
        static const char *const word[] = {"+1b", "-1b", "+e1", "+1c", "-1c", "-e1", "+1d", "-1d"};
        const struct noted *n = &crowd.sink->noted[i];
        char text[8];

        if (n->pointer)
            continue;
        snprintf(text, sizeof(text), "%c%02x", n->down ? '+' : '-', n->usage);
        assert_string_equal(text, word[key++ % 8]);
    }
    end(crowd.in, crowd.sink);
}

/* Text after Caps Lock is right although the guest's light comes late. */
static void *lamp(void *ctx)
{
    struct crowd *crowd = ctx;

    while (!crowd->over) { /* as a driver does: by what it has been told */
        pthread_mutex_lock(&crowd->in->lock);
        crowd->over = crowd->sink->count == 2;
        pthread_mutex_unlock(&crowd->in->lock);
    }
    input_set_leds(crowd->in, 2);
    return NULL;
}

static void test_late_light(void **state)
{
    struct crowd crowd = {.in = input_new("us"), .sink = sink_new(true, 100)};
    struct error err;
    pthread_t thread;

    input_attach(crowd.in, &crowd.sink->sink);
    pthread_create(&thread, NULL, lamp, &crowd);
    assert_int_equal(input_chord(crowd.in, "CAPSLOCK", TIME, &err), 0);
    pthread_join(thread, NULL);
    assert_int_equal(input_type(crowd.in, "Aa", 2, TIME, &err), 0);
    assert_told(crowd.sink, "+39 -39 +04 -04 +e1 +04 -04 -e1");
    end(crowd.in, crowd.sink);
}

/* A reset sets a typist free. */
static void *resetter(void *ctx)
{
    struct crowd *crowd = ctx;

    while (!crowd->over)
        input_reset(crowd->in);
    return NULL;
}

static void test_reset_while_typing(void **state)
{
    struct crowd crowd = {.in = input_new("us"), .sink = sink_new(false, 0)};
    struct error err;
    pthread_t thread;

    input_attach(crowd.in, &crowd.sink->sink);
    pthread_create(&thread, NULL, resetter, &crowd);
    assert_int_equal(input_chord(crowd.in, "A", TIME, &err), -ECANCELED);
    crowd.over = true;
    pthread_join(thread, NULL);
    end(crowd.in, crowd.sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_waits_for_sink),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_coalesce),
        cmocka_unit_test(test_wheel_bounds),
        cmocka_unit_test(test_change_sink),
        cmocka_unit_test(test_change_full_sink),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_unknown_layout),
        cmocka_unit_test(test_keysyms),
        cmocka_unit_test(test_keysym_modifiers),
        cmocka_unit_test(test_type),
        cmocka_unit_test(test_type_times_out),
        cmocka_unit_test(test_within),
        cmocka_unit_test(test_chords),
        cmocka_unit_test(test_wrong_chords),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_late_light),
        cmocka_unit_test(test_reset_while_typing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
