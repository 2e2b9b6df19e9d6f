/* SPDX-License-Identifier: ISC */
/*
 * A viewer process for tests of the machine's side: what it does is said by the address that it is
 * to listen on. It tells in lines of the machine's log what it was told.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/input.h"
#include "base/bits.h"
#include "base/log.h"
#include "viewer/protocol.h"

union message {
    uint32_t message;
    struct viewer_setup setup;
    struct viewer_mode mode;
    struct viewer_damage damage;
    struct viewer_cursor cursor;
    struct viewer_leds leds;
};

static const uint32_t *pixels;
static uint32_t width, height;

static void say(const void *message, size_t length)
{
    send(VIEWER_SOCKET, message, length, MSG_NOSIGNAL);
}

static void line(const char *text)
{
    struct viewer_log message = {.message = VIEWER_LOG, .level = LOG_INFO};

    snprintf(message.text, sizeof(message.text), "%s", text);
    say(&message, sizeof(message));
}

static void ready(int code, const char *text)
{
    struct viewer_ready message = {.message = VIEWER_READY, .code = code};

    snprintf(message.text, sizeof(message.text), "%s", text);
    say(&message, sizeof(message));
}

static void watch(uint32_t count)
{
    say(&(struct viewer_watch){VIEWER_WATCH, count}, sizeof(struct viewer_watch));
}

static void want(void)
{
    say(&(struct viewer_want){VIEWER_WANT}, sizeof(struct viewer_want));
}

static void key(uint32_t message, uint32_t code, uint32_t down)
{
    say(&(struct viewer_key){message, code, down}, sizeof(struct viewer_key));
}

/* What the whole screen looks like. */
static uint32_t sum(void)
{
    uint32_t value = 0;

    for (size_t i = 0; i < (size_t)width * height; i++)
        value = value * 31 + pixels[i];
    return value;
}

static void tell(const union message *m)
{
    char text[256] = "something else";

    switch (m->message) {
    case VIEWER_MODE:
        width = m->mode.width;
        height = m->mode.height;
        snprintf(text, sizeof(text), "mode %u %ux%u sum %08x", m->mode.on, width, height, sum());
        break;
    case VIEWER_DAMAGE:
        snprintf(text, sizeof(text), "damage %u at %u,%u %ux%u sum %08x", m->damage.count,
                 m->damage.rects[0].x, m->damage.rects[0].y, m->damage.rects[0].width,
                 m->damage.rects[0].height, sum());
        break;
    case VIEWER_CURSOR:
        snprintf(text, sizeof(text), "cursor %u %u,%u %08x", m->cursor.visible, m->cursor.hot_x,
                 m->cursor.hot_y, m->cursor.pixels[0]);
        break;
    case VIEWER_LEDS: snprintf(text, sizeof(text), "leds %u", m->leds.leds); break;
    default: break;
    }
    line(text);
}

static void listen_and_tell(void)
{
    union message m;

    while (recv(VIEWER_SOCKET, &m, sizeof(m), 0) > 0)
        tell(&m);
}

static void wait_for_end(void)
{
    struct pollfd end = {.fd = VIEWER_SOCKET};

    while (poll(&end, 1, -1) < 0 || !(end.revents & POLLHUP))
        ;
}

/* --- by address --- */

/* Takes all there is. */
static void do_watch(void)
{
    union message m;

    watch(1);
    while (recv(VIEWER_SOCKET, &m, sizeof(m), 0) > 0) {
        tell(&m);
        if (m.message == VIEWER_MODE || m.message == VIEWER_DAMAGE)
            want();
    }
}

/* Wants more, twice, when the lights change. */
static void do_sip(void)
{
    union message m;

    watch(1);
    while (recv(VIEWER_SOCKET, &m, sizeof(m), 0) > 0) {
        tell(&m);
        if (m.message != VIEWER_LEDS)
            continue;
        want();
        want();
    }
}

static void do_input(void)
{
    struct viewer_pointer pointer = {VIEWER_POINTER, 100, 32767, INPUT_RIGHT, -2, 1};
    struct viewer_type type = {.message = VIEWER_TYPE, .length = 2, .text = "hi"};

    key(VIEWER_KEYSYM, 'a', 1);
    key(VIEWER_KEYSYM, 'a', 0);
    key(VIEWER_KEY, 0x28, 1);
    key(VIEWER_KEY, 0xffffffff, 1); /* no key: not the machine's end */
    key(VIEWER_KEYSYM, 0xffffffff, 1);
    say(&pointer, sizeof(pointer));
    say(&type, offsetof(struct viewer_type, text) + 2);
    say(&(struct viewer_resize){VIEWER_RESIZE, 1, 100000}, sizeof(struct viewer_resize));
    listen_and_tell();
}

static void do_flood(void)
{
    for (unsigned i = 0; i < 100000; i++)
        key(VIEWER_KEY, 4 + i % 16, i / 16 % 2);
    line("flooded");
    wait_for_end();
}

static void do_stall(void)
{
    watch(1);
    wait_for_end();
}

static void do_vanish(void)
{
    struct viewer_pointer pointer = {VIEWER_POINTER, 1, 2, INPUT_LEFT, 3, 0};

    watch(1);
    key(VIEWER_KEY, 0x29, 1);
    key(VIEWER_KEYSYM, 'b', 1);
    key(VIEWER_KEY, 0x2a, 1);
    key(VIEWER_KEY, 0x2a, 0);
    say(&pointer, sizeof(pointer));
}

static void do_come_and_go(void)
{
    struct pollfd end = {.fd = VIEWER_SOCKET};

    while (poll(&end, 1, 0) >= 0 && !(end.revents & POLLHUP)) {
        watch(1);
        watch(0);
    }
}

/* Messages that there must not be, by number. */
static void do_wrong(unsigned number)
{
    static const struct viewer_pointer pointers[] = {
        {VIEWER_POINTER, 32768, 0, 0, 0, 0},     {VIEWER_POINTER, 0, 0x80000000, 0, 0, 0},
        {VIEWER_POINTER, 0, 0, 8, 0, 0},         {VIEWER_POINTER, 0, 0, 0, 128, 0},
        {VIEWER_POINTER, 0, 0, 0, 0, INT32_MIN},
    };
    struct viewer_type type = {.message = VIEWER_TYPE, .length = VIEWER_TEXT_MAX + 1};
    struct viewer_log log = {.message = VIEWER_LOG, .level = 77};
    char large[1 << 16] = {VIEWER_LOG};

    switch (number) {
    case 0: say("x", 1); break;
    case 1: say(large, sizeof(large)); break;
    case 2: say(&type, sizeof(type)); break;
    case 3: say(&type, 4); break;
    case 4: say(&log, sizeof(log)); break;
    case 5: key(0, 0, 0); break;
    case 6: key(VIEWER_SETUP, 0, 0); break;
    case 7: key(VIEWER_READY, 0, 0); break;
    case 8: key(VIEWER_WATCH, 0, 0); break;
    case 9: watch(100000); break;
    case 10:
        say(&(struct viewer_button){VIEWER_BUTTON, VIEWER_BUTTON_QUIT},
            sizeof(struct viewer_button));
        break;
    default: say(&pointers[number - 11], sizeof(pointers[0])); break;
    }
    wait_for_end();
}

int main(void)
{
    struct viewer_setup setup;
    const char *what = setup.address;

    pixels = mmap(NULL, VIEWER_PIXELS_SIZE, PROT_READ, MAP_SHARED, VIEWER_PIXELS, 0);
    if (pixels == MAP_FAILED || recv(VIEWER_SOCKET, &setup, sizeof(setup), 0) != sizeof(setup) ||
        strcmp(what, "end") == 0)
        return 1;
    if (strcmp(what, "mumble") == 0)
        say("mumble", 6);
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, VIEWER_PIXELS, 0) != MAP_FAILED ||
        ftruncate(VIEWER_PIXELS, 0) == 0)
        ready(EPERM, "the pixels can be written");
    if (strcmp(what, "refuse") == 0)
        ready(EADDRINUSE, "the port\nis taken");
    line("early");
    ready(0, setup.name);
    if (strcmp(what, "watch") == 0)
        do_watch();
    else if (strcmp(what, "sip") == 0)
        do_sip();
    else if (strcmp(what, "input") == 0)
        do_input();
    else if (strcmp(what, "flood") == 0)
        do_flood();
    else if (strcmp(what, "stall") == 0)
        do_stall();
    else if (strcmp(what, "vanish") == 0)
        do_vanish();
    else if (strcmp(what, "come-and-go") == 0)
        do_come_and_go();
    else if (strncmp(what, "wrong", 5) == 0)
        do_wrong((unsigned)atoi(what + 5));
    else
        listen_and_tell();
    return 0;
}
