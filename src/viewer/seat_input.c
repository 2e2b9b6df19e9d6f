/* SPDX-License-Identifier: ISC */
#include "viewer/seat_input.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/input.h"
#include "base/units.h"
#include "host/clock.h"

#define KEY_NS (6 * NS_PER_MSEC) /* from one key to the next */

/* X11/keysymdef.h */
#define KEYSYM_CONTROL_L 0xffe3
#define KEYSYM_CONTROL_R 0xffe4
#define KEYSYM_ALT_L     0xffe9
#define KEYSYM_ALT_R     0xffea

/* RFC 6143, 7.5.5: a turn of the wheel is a button that goes down and up. Six and seven are
 * everybody's habit for the other direction. */
#define BUTTON_LEFT   BIT(0)
#define BUTTON_MIDDLE BIT(1)
#define BUTTON_RIGHT  BIT(2)
#define WHEEL_UP      BIT(3)
#define WHEEL_DOWN    BIT(4)
#define WHEEL_LEFT    BIT(5)
#define WHEEL_RIGHT   BIT(6)

static struct seat *seat_of(rfbClientPtr client)
{
    return client->screen->screenData;
}

/* --- keys --- */

/* Programs type faster than guests read: Linux's evdev forgets all of 64 keys that wait. */
static void pace(struct seat *seat)
{
    uint64_t now = host_clock_monotonic(), left = seat->key_ns > now ? seat->key_ns - now : 0;
    const struct timespec rest = {.tv_nsec = (long)left};

    if (left)
        nanosleep(&rest, NULL);
    seat->key_ns = MAX(now, seat->key_ns) + KEY_NS;
}

static void send_key(struct seat *seat, uint32_t keysym, bool down)
{
    const struct viewer_key message = {.message = VIEWER_KEYSYM, .key = keysym, .down = down};

    pace(seat);
    link_send(seat->server->link, &message, sizeof(message));
}

static uint32_t *find_key(struct seat *seat, uint32_t keysym)
{
    for (unsigned i = 0; i < SEAT_KEYS; i++)
        if (seat->keys[i] == keysym)
            return &seat->keys[i];
    return NULL;
}

static void release(struct seat *seat, uint32_t keysym)
{
    uint32_t *key = find_key(seat, keysym);

    if (!key)
        return;
    *key = 0;
    send_key(seat, keysym, false);
}

/* The page has a button of its own for it, and its keys are the guest's. */
static bool is_paste(struct seat *seat, uint32_t keysym)
{
    return !seat->web && (keysym == 'v' || keysym == 'V') &&
           (find_key(seat, KEYSYM_CONTROL_L) || find_key(seat, KEYSYM_CONTROL_R)) &&
           (find_key(seat, KEYSYM_ALT_L) || find_key(seat, KEYSYM_ALT_R));
}

static void type_paste(struct seat *seat)
{
    link_type(seat->server->link, seat->paste, seat->paste_length);
    free(seat->paste);
    seat->paste = NULL;
    seat->paste_length = 0;
}

static void paste(struct seat *seat)
{
    static const uint32_t held[] = {KEYSYM_CONTROL_L, KEYSYM_CONTROL_R, KEYSYM_ALT_L, KEYSYM_ALT_R};

    for (size_t i = 0; i < nitems(held); i++)
        release(seat, held[i]);
    if (seat->paste)
        type_paste(seat);
}

void seat_key(rfbBool down, rfbKeySym keysym, rfbClientPtr client)
{
    struct seat *seat = seat_of(client);
    uint32_t *key;

    if (!down) {
        release(seat, keysym);
        return;
    }
    if (is_paste(seat, keysym)) {
        paste(seat);
        return;
    }
    key = find_key(seat, keysym);
    key = key ? key : find_key(seat, 0);
    if (!key || keysym == 0) /* more than anybody's fingers */
        return;
    *key = keysym;
    send_key(seat, keysym, true);
}

/* --- the pointer --- */

static uint32_t scale(int at, int side)
{
    return side < 2 ? 0
                    : (uint32_t)((uint64_t)MIN(MAX(at, 0), side - 1) * INPUT_AXIS_MAX /
                                 (unsigned)(side - 1));
}

/* Notches: the buttons that went down. */
static int32_t notches(unsigned pressed, unsigned more, unsigned less)
{
    return (pressed & more ? 1 : 0) - (pressed & less ? 1 : 0);
}

void seat_pointer(int buttons, int x, int y, rfbClientPtr client)
{
    struct seat *seat = seat_of(client);
    unsigned now = (unsigned)buttons, pressed = now & ~(unsigned)seat->buttons;

    seat->buttons = buttons;
    seat->place = (struct viewer_pointer){
        .message = VIEWER_POINTER,
        .x = scale(x, seat->screen->width),
        .y = scale(y, seat->screen->height),
        .buttons = (now & BUTTON_LEFT ? INPUT_LEFT : 0) | (now & BUTTON_RIGHT ? INPUT_RIGHT : 0) |
                   (now & BUTTON_MIDDLE ? INPUT_MIDDLE : 0),
        .wheel = notches(pressed, WHEEL_UP, WHEEL_DOWN),
        .pan = notches(pressed, WHEEL_RIGHT, WHEEL_LEFT),
    };
    link_send(seat->server->link, &seat->place, sizeof(seat->place));
}

/* --- text --- */

/* Text from other systems ends its lines with \r\n; other control characters are nothing to type.
 */
static bool is_text(unsigned char c)
{
    return c >= ' ' || c == '\n' || c == '\t';
}

static void take_text(struct seat *seat, char *utf8, size_t length)
{
    free(seat->paste);
    seat->paste = utf8;
    seat->paste_length = length;
    if (seat->web)
        type_paste(seat);
}

void seat_cut_utf8(char *text, int length, rfbClientPtr client)
{
    size_t from = length > 0 ? strnlen(text, (size_t)length) : 0, to = 0;
    char *utf8 = from > 0 && from <= SEAT_PASTE ? malloc(from) : NULL;

    if (!utf8)
        return;
    for (size_t i = 0; i < from; i++)
        if (is_text((unsigned char)text[i]))
            utf8[to++] = text[i];
    take_text(seat_of(client), utf8, to);
}

void seat_cut_latin1(char *text, int length, rfbClientPtr client)
{
    size_t from = length > 0 ? (size_t)length : 0, to = 0;
    char *utf8 = from > 0 && from <= SEAT_PASTE ? malloc(from * 2) : NULL;

    if (!utf8)
        return;
    for (size_t i = 0; i < from; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x80) {
            utf8[to++] = (char)(0xc0 | c >> 6);
            utf8[to++] = (char)(0x80 | (c & 0x3f));
        } else if (is_text(c)) {
            utf8[to++] = (char)c;
        }
    }
    take_text(seat_of(client), utf8, to);
}

void seat_let_go(struct seat *seat)
{
    for (unsigned i = 0; i < SEAT_KEYS; i++)
        if (seat->keys[i])
            release(seat, seat->keys[i]);
    if (seat->place.buttons) {
        seat->place.buttons = 0;
        seat->place.wheel = seat->place.pan = 0;
        link_send(seat->server->link, &seat->place, sizeof(seat->place));
    }
    seat->place = (struct viewer_pointer){0};
    seat->buttons = 0;
    free(seat->paste);
    seat->paste = NULL;
    seat->paste_length = 0;
}
