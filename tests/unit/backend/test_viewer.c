/* SPDX-License-Identifier: ISC */
/* The machine's side of displays, with a viewer process that does what it should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/viewer.h"
#include "base/units.h"
#include "host/clock.h"
#include "host/thread.h"

#define PATIENCE_NS (60 * NS_PER_SEC)
#define WRONG       16 /* of the fake's messages */

struct rig {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    char text[1 << 16]; /* the log and what reached the guest, one line each */
    size_t length;
    struct log log;
    struct display *display;
    struct input *input;
    struct input_sink sink;
    struct host_loop *loop;
    struct viewer *viewer;
    _Atomic unsigned looks; /* at the screen */
};

static void note(void *ctx, enum log_level level, const char *line)
{
    struct rig *rig = ctx;

    pthread_mutex_lock(&rig->lock);
    rig->length +=
        (size_t)snprintf(rig->text + rig->length, sizeof(rig->text) - rig->length, "%s\n", line);
    rig->length = MIN(rig->length, sizeof(rig->text) - 1);
    pthread_cond_broadcast(&rig->cond);
    pthread_mutex_unlock(&rig->lock);
}

/* Waits until the text has come, after `from` in it; returns where it ends. */
static size_t wait_for(struct rig *rig, const char *text, size_t from)
{
    uint64_t deadline = host_clock_monotonic() + PATIENCE_NS;
    const char *found;

    pthread_mutex_lock(&rig->lock);
    while (!(found = strstr(rig->text + from, text)))
        if (host_cond_wait_until(&rig->cond, &rig->lock, deadline)) {
            pthread_mutex_unlock(&rig->lock);
            print_error("in vain for \"%s\" in:\n%s", text, rig->text + from);
            fail();
        }
    pthread_mutex_unlock(&rig->lock);
    return (size_t)(found - rig->text) + strlen(text);
}

static unsigned count(struct rig *rig, const char *text)
{
    unsigned times = 0;

    pthread_mutex_lock(&rig->lock);
    for (const char *at = rig->text; (at = strstr(at, text)); at++)
        times++;
    pthread_mutex_unlock(&rig->lock);
    return times;
}

static bool sink_active(void *ctx)
{
    return true;
}

static bool sink_key(void *ctx, uint16_t usage, bool down)
{
    char line[64];

    snprintf(line, sizeof(line), "key %02x %d", usage, down);
    note(ctx, LOG_INFO, line);
    return true;
}

static bool sink_pointer(void *ctx, const struct input_pointer *state)
{
    char line[64];

    snprintf(line, sizeof(line), "pointer %u,%u %u %d %d", state->x, state->y, state->buttons,
             state->wheel, state->pan);
    note(ctx, LOG_INFO, line);
    return true;
}

static void resized(void *ctx, uint32_t width, uint32_t height)
{
    char line[64];

    snprintf(line, sizeof(line), "wish %ux%u", width, height);
    note(ctx, LOG_INFO, line);
}

static void looked_at(void *ctx)
{
    struct rig *rig = ctx;

    rig->looks++;
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct display_source source = {.refresh = looked_at, .resize = resized, .ctx = rig};

    pthread_mutex_init(&rig->lock, NULL);
    host_cond_init(&rig->cond);
    rig->log = (struct log){note, rig, LOG_DEBUG};
    assert_int_equal(display_create(&rig->display, 640, 480), 0);
    display_attach_source(rig->display, &source);
    assert_int_equal(input_create(&rig->input, NULL, NULL), 0);
    rig->sink = (struct input_sink){sink_active, sink_key, sink_pointer, rig, NULL};
    input_attach(rig->input, &rig->sink);
    assert_int_equal(host_loop_create(&rig->loop, "viewers", NULL), 0);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    viewer_close(rig->viewer);
    host_loop_destroy(rig->loop);
    input_detach(rig->input, &rig->sink);
    input_free(rig->input);
    display_free(rig->display);
    free(rig);
    return 0;
}

static int try_open(struct rig *rig, const char *address, struct error *err)
{
    const struct viewer_config config = {.kind = VIEWER_VNC,
                                         .name = "a name",
                                         .address = address,
                                         .display = rig->display,
                                         .input = rig->input,
                                         .loop = rig->loop};

    return viewer_open(&rig->viewer, &config, &rig->log, err);
}

static void open_viewer(struct rig *rig, const char *address)
{
    struct error err = {0};

    if (try_open(rig, address, &err))
        fail_msg("%s", err.text);
    assert_string_equal(viewer_address(rig->viewer), "a name");
    wait_for(rig, "display: early\n", 0);
}

/* --- pictures --- */

static void fill(struct picture *picture, uint32_t seed)
{
    for (size_t i = 0; i < (size_t)picture->width * picture->height; i++)
        picture->pixels[i] = (uint32_t)(i * 2654435761u) ^ seed;
}

static void fill_shown(struct rig *rig, struct picture *picture, uint32_t seed)
{
    display_lock(rig->display);
    fill(picture, seed);
    display_unlock(rig->display);
}

/* As the fake viewer sums up what it sees. */
static uint32_t sum(const struct picture *picture, const struct display_rect *part)
{
    uint32_t value = 0;

    for (uint32_t y = 0; y < part->height; y++)
        for (uint32_t x = 0; x < part->width; x++)
            value =
                value * 31 + picture->pixels[(size_t)(part->y + y) * picture->width + part->x + x];
    return value;
}

static size_t wait_for_sum(struct rig *rig, const char *head, const struct picture *picture,
                           const struct display_rect *part, size_t from)
{
    char text[128];

    snprintf(text, sizeof(text), "%s sum %08x\n", head, sum(picture, part));
    return wait_for(rig, text, from);
}

static void test_pictures(void **state)
{
    const struct display_rect whole = {0, 0, 300, 200}, part = {20, 10, 200, 100};
    struct rig *rig = *state;
    struct picture *picture = picture_new(300, 200);
    unsigned told;
    size_t at;

    fill(picture, 1);
    open_viewer(rig, "watch");
    at = wait_for(rig, "cursor 0 0,0", 0); /* which it is told when it watches */
    display_show(rig->display, picture, &whole, false);
    at = wait_for_sum(rig, "mode 1 300x200", picture, &whole, at);

    /* A guest that says that all has changed where one pixel has. */
    display_lock(rig->display);
    picture->pixels[150 * 300 + 70]++;
    display_unlock(rig->display);
    display_changed(rig->display, &whole);
    at = wait_for_sum(rig, "damage 1 at 64,144 64x16", picture, &whole, at);

    /* And where none has: the next that is told is something else. */
    told = count(rig, "damage 1");
    for (unsigned i = 0; i < 100; i++)
        display_changed(rig->display, &whole);
    display_cursor_set(rig->display, &(struct display_cursor){
                                         .visible = true, .hot_x = 3, .hot_y = 99, .pixels = {7}});
    at = wait_for(rig, "cursor 1 3,63 00000007\n", at);
    assert_int_equal(count(rig, "damage 1"), told);

    /* More than there is, and nothing. */
    display_changed(rig->display, &(struct display_rect){0, 0, 0, 0});
    fill_shown(rig, picture, 2);
    display_changed(rig->display, &(struct display_rect){0, 0, 8000, 8000});
    at = wait_for_sum(rig, "damage 1 at 0,0 300x200", picture, &whole, at);

    display_show(rig->display, picture, &part, false);
    at = wait_for_sum(rig, "mode 1 200x100", picture, &part, at);
    display_off(rig->display);
    at = wait_for(rig, "mode 0 200x100", at);
    display_show(rig->display, picture, &whole, true);
    at = wait_for_sum(rig, "mode 1 300x200", picture, &whole, at);

    /* Firmware's screen: nobody says that it has changed. */
    fill_shown(rig, picture, 3);
    wait_for_sum(rig, "damage 1 at 0,0 300x200", picture, &whole, at);
    picture_release(picture);
}

/* Nobody watches: sizes are told, and no pixels. */
static void test_unwatched(void **state)
{
    const struct display_rect whole = {0, 0, 300, 200}, part = {0, 0, 30, 20};
    struct rig *rig = *state;
    struct picture *picture = picture_new(300, 200), *black = picture_new(300, 200);

    open_viewer(rig, "nobody");
    display_show(rig->display, picture, &whole, false);
    wait_for(rig, "mode 1 300x200", 0);
    fill_shown(rig, picture, 4);
    display_changed(rig->display, &whole);
    display_cursor_set(rig->display, &(struct display_cursor){.visible = true});
    display_show(rig->display, picture, &part, false);
    wait_for_sum(rig, "mode 1 30x20", black, &part, 0);
    assert_int_equal(count(rig, "damage"), 0);
    assert_int_equal(count(rig, "cursor"), 0);
    picture_release(picture);
    picture_release(black);
}

/* Many places at once become fewer and larger ones, and none is lost. */
static void test_scattered(void **state)
{
    const struct display_rect whole = {0, 0, 1024, 768};
    struct rig *rig = *state;
    struct picture *picture = picture_new(1024, 768);
    size_t at;

    open_viewer(rig, "watch");
    wait_for(rig, "cursor 0 0,0", 0);
    display_show(rig->display, picture, &whole, false);
    at = wait_for_sum(rig, "mode 1 1024x768", picture, &whole, 0);
    display_lock(rig->display);
    for (uint32_t i = 0; i < 500; i++) {
        struct display_rect pixel = {i * 613 % 1024, i * 419 % 768, 1, 1};

        picture->pixels[pixel.y * 1024 + pixel.x] = i;
    }
    display_unlock(rig->display);
    for (uint32_t i = 0; i < 500; i++)
        display_changed(rig->display, &(struct display_rect){i * 613 % 1024, i * 419 % 768, 1, 1});
    wait_for_sum(rig, "", picture, &whole, at);
    picture_release(picture);
}

/* --- what it says --- */

static void test_input(void **state)
{
    static const char *const expected[] = {
        "key 04 1\n", "key 04 0\n", "key 28 1\n", "pointer 100,32767 2 -2 1\n",
        "key 0b 1\n", "key 0b 0\n", "key 0c 1\n", "key 0c 0\n",
    };
    struct rig *rig = *state;

    open_viewer(rig, "input");
    for (size_t i = 0; i < nitems(expected); i++)
        wait_for(rig, expected[i], 0);
    wait_for(rig, "wish 64x8192\n", 0);
    input_set_leds(rig->input, 5);
    viewer_reset(rig->viewer);
}

static void test_flood(void **state)
{
    struct rig *rig = *state;

    open_viewer(rig, "flood");
    pthread_mutex_lock(&rig->lock);
    rig->length = 0; /* its keys are of no interest */
    pthread_mutex_unlock(&rig->lock);
    for (unsigned i = 0; i < 1000; i++)
        display_changed(rig->display, &(struct display_rect){0, 0, 1, 1});
}

static void test_wrong(void **state)
{
    struct rig *rig = *state;
    char address[16];

    for (unsigned i = 0; i < WRONG; i++) {
        snprintf(address, sizeof(address), "wrong%u", i);
        rig->length = 0;
        memset(rig->text, 0, sizeof(rig->text));
        open_viewer(rig, address);
        wait_for(rig, "does not keep to the protocol and is cut off", 0);
        display_changed(rig->display, &(struct display_rect){0, 0, 1, 1});
        viewer_close(rig->viewer);
        rig->viewer = NULL;
    }
}

/* --- its life --- */

static void test_refused(void **state)
{
    struct rig *rig = *state;
    struct error err;

    assert_int_equal(try_open(rig, "refuse", &err), -EADDRINUSE);
    assert_string_equal(err.text, "display: the port?is taken");
    assert_int_equal(try_open(rig, "end", &err), -EPIPE);
    assert_non_null(strstr(err.text, "ended while it started"));
    assert_int_equal(try_open(rig, "mumble", &err), -EPIPE);
}

static void test_missing(void **state)
{
    struct rig *rig = *state;
    char *real = strdup(getenv("ATOLL_LIBEXEC"));
    struct error err;

    setenv("ATOLL_LIBEXEC", "/nowhere", 1);
    assert_int_equal(try_open(rig, "watch", &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere"));
    setenv("ATOLL_LIBEXEC", real, 1);
    free(real);
}

/* What its people held down is let go, and nothing else: a script holds a key. */
static void test_vanished(void **state)
{
    struct rig *rig = *state;
    size_t at;

    input_key(rig->input, 0x04, true);
    open_viewer(rig, "vanish");
    at = wait_for(rig, "key 29 1\n", 0);
    at = wait_for(rig, "pointer 1,2 1 3 0\n", at);
    wait_for(rig, "key 29 0\n", at);
    wait_for(rig, "key 05 0\n", at);
    wait_for(rig, "pointer 1,2 0 0 0\n", at);
    wait_for(rig, "its process has ended; the guest goes on", 0);
    assert_int_equal(count(rig, "key 04 0"), 0);
    assert_int_equal(count(rig, "key 2a 0"), 1);
    assert_int_equal(count(rig, "key 29 0"), 1);
    for (unsigned i = 0; i < 100; i++)
        display_changed(rig->display, &(struct display_rect){0, 0, 1, 1});
    assert_int_equal(count(rig, "has ended"), 1);
}

/* It is closed while the loop is busy with it. */
static void test_close_busy(void **state)
{
    struct rig *rig = *state;

    for (unsigned i = 0; i < 40; i++) {
        open_viewer(rig, "come-and-go");
        viewer_close(rig->viewer);
        rig->viewer = NULL;
    }
}

/* Who takes nothing costs nothing: nobody looks at the screen for it, and it is told of it all when
 * it wants to know. */
static void test_wanted(void **state)
{
    const struct display_rect whole = {0, 0, 300, 200};
    struct rig *rig = *state;
    struct picture *picture = picture_new(300, 200);
    unsigned looks;
    size_t at;

    fill(picture, 1);
    open_viewer(rig, "sip");
    at = wait_for(rig, "cursor 0 0,0", 0);
    display_show(rig->display, picture, &whole, false);
    at = wait_for_sum(rig, "mode 1 300x200", picture, &whole, at);
    looks = rig->looks;
    for (uint32_t i = 0; i < 50; i++) {
        fill_shown(rig, picture, i);
        display_changed(rig->display, &whole);
        host_sleep(2 * NS_PER_MSEC);
    }
    assert_int_equal(rig->looks, looks);
    input_set_leds(rig->input, 5);
    at = wait_for(rig, "leds 5\n", at);
    at = wait_for_sum(rig, "damage 1 at 0,0 300x200", picture, &whole, at);
    assert_int_equal(count(rig, "damage 1"), 1);

    /* An answer, though nothing is new; then the next change, at once. */
    input_set_leds(rig->input, 2);
    at = wait_for(rig, "damage 0", at);
    display_lock(rig->display);
    picture->pixels[0]++;
    display_unlock(rig->display);
    display_changed(rig->display, &whole);
    wait_for_sum(rig, "damage 1 at 0,0 64x16", picture, &whole, at);
    picture_release(picture);
}

/* A process that takes nothing at all: nothing waits for it. */
static void test_stalled(void **state)
{
    const struct display_rect whole = {0, 0, 300, 200};
    struct rig *rig = *state;
    struct picture *picture = picture_new(300, 200);
    struct display_cursor cursor = {.visible = true};

    open_viewer(rig, "stall");
    display_show(rig->display, picture, &whole, false);
    for (unsigned i = 0; i < 1000; i++) {
        cursor.x++;
        display_cursor_set(rig->display, &cursor);
        fill_shown(rig, picture, cursor.x);
        display_changed(rig->display, &whole);
        input_set_leds(rig->input, i % 8);
    }
    picture_release(picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unwatched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scattered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vanished, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stalled, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
