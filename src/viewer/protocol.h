/* SPDX-License-Identifier: ISC */
/*
 * How a machine and a viewer process talk: a program of its own that shows one machine's screen to
 * people and takes their input, started by the machine with two descriptors.
 *
 *      VIEWER_SOCKET  a pair of sockets that keep messages apart: the structures below, whole, in
 *                     this host's byte order. The process ends when it does.
 *      VIEWER_PIXELS  VIEWER_PIXELS_SIZE bytes to be mapped read-only: the frame buffer, 32-bit
 *                     words 0xXXRRGGBB, line after line without a gap. The machine alone writes it,
 *                     and then says which rectangles it wrote (VIEWER_DAMAGE). A reader may meet a
 *                     rectangle half written: it is told of it afterwards.
 *
 *      machine                                     viewer process
 *      VIEWER_SETUP                      -->
 *                                        <--       VIEWER_READY, once; with an error it ends
 *      VIEWER_MODE, _CURSOR, _DAMAGE ... -->
 *                                        <--       VIEWER_WATCH, _WANT, _KEYSYM, _POINTER ...
 *
 * Neither side waits for the other. The machine draws only while somebody watches, and only what is
 * wanted: once it has said what changed, it looks at the screen again when it is told that somebody
 * has taken that and waits for more. So who takes nothing costs nothing. What it could not tell for
 * want of room it tells later in one message. It trusts nothing that it is told.
 */
#ifndef VIEWER_PROTOCOL_H
#define VIEWER_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define VIEWER_VERSION 2
#define VIEWER_SOCKET  3
#define VIEWER_PIXELS  4

#define VIEWER_SIDE_MAX    8192 /* pixels, in each direction */
#define VIEWER_PIXELS_SIZE ((uint64_t)VIEWER_SIDE_MAX * VIEWER_SIDE_MAX * 4)
#define VIEWER_RECTS       32
#define VIEWER_CURSOR_SIDE 64
#define VIEWER_TEXT_MAX    4096 /* bytes in one message */

enum viewer_kind { VIEWER_VNC, VIEWER_WEB, VIEWER_WINDOW };

enum viewer_message {
    /* from the machine */
    VIEWER_SETUP = 1,
    VIEWER_MODE,
    VIEWER_DAMAGE,
    VIEWER_CURSOR,
    VIEWER_CURSOR_MOVE,
    VIEWER_LEDS,
    /* from the viewer process */
    VIEWER_READY = 32,
    VIEWER_LOG,
    VIEWER_WATCH,
    VIEWER_KEYSYM,
    VIEWER_KEY,
    VIEWER_POINTER,
    VIEWER_TYPE,
    VIEWER_RESIZE,
    VIEWER_BUTTON,
    VIEWER_WANT,
};

/* The first message. Strings end with a NUL; an empty one is not given. */
struct viewer_setup {
    uint32_t message, version;
    uint32_t kind;          /* enum viewer_kind */
    uint32_t width, height; /* what the screen will probably be */
    char name[128];         /* the machine's, for people */
    char address[512];      /* "[HOST:]PORT" or "unix:PATH" */
    char password_file[4096];
};

/* The screen is another one: all of it is to be drawn anew. */
struct viewer_mode {
    uint32_t message;
    uint32_t on;            /* 0: it is off, and black */
    uint32_t width, height; /* 1 to VIEWER_SIDE_MAX */
};

struct viewer_rect {
    uint32_t x, y, width, height; /* within the screen, not empty */
};

/* What changed. Without rectangles, the answer to VIEWER_WANT that nothing has, so far. */
struct viewer_damage {
    uint32_t message, count;
    struct viewer_rect rects[VIEWER_RECTS];
};

struct viewer_cursor {
    uint32_t message, visible;
    uint32_t x, y;                                            /* of the hot spot, on the screen */
    uint32_t hot_x, hot_y;                                    /* in the shape */
    uint32_t pixels[VIEWER_CURSOR_SIDE * VIEWER_CURSOR_SIDE]; /* 0xAARRGGBB */
};

struct viewer_cursor_move {
    uint32_t message;
    uint32_t x, y;
};

struct viewer_leds {
    uint32_t message;
    uint32_t leds; /* bits 0 Num Lock, 1 Caps Lock, 2 Scroll Lock */
};

/* The screen can be reached, or not: then `code` is an errno and `text` says why. */
struct viewer_ready {
    uint32_t message;
    int32_t code;
    char text[512]; /* "127.0.0.1:5900", "http://127.0.0.1:6080/"; nothing of a window */
};

/* A line for the machine's log. */
struct viewer_log {
    uint32_t message;
    uint32_t level; /* enum log_level */
    char text[256];
};

/* How many people see the screen now. */
struct viewer_watch {
    uint32_t message, count;
};

/* Somebody waits for what has changed since the last VIEWER_MODE or VIEWER_DAMAGE that had
 * rectangles. One of them is the answer, soon; and one with rectangles follows as soon as there is
 * something to tell. Who begins to watch wants everything, without asking. */
struct viewer_want {
    uint32_t message;
};

/* A key by what it means to the viewer's user (RFC 6143, 7.5.4), VIEWER_KEYSYM; or by its place on
 * the keyboard (HID Usage Tables, page 7), VIEWER_KEY. */
struct viewer_key {
    uint32_t message;
    uint32_t key;
    uint32_t down;
};

struct viewer_pointer {
    uint32_t message;
    uint32_t x, y;      /* 0 to 32767 over the screen */
    uint32_t buttons;   /* bits 0 left, 1 right, 2 middle */
    int32_t wheel, pan; /* notches away from the user and to the right, -127 to 127 */
};

/* Text to be typed: UTF-8, whole characters. A message is as long as its text. */
struct viewer_type {
    uint32_t message;
    uint32_t length;
    char text[VIEWER_TEXT_MAX];
};

/* Somebody would like the screen to have this size. */
struct viewer_resize {
    uint32_t message;
    uint32_t width, height;
};

/* The machine's own buttons, which a window alone has. */
enum viewer_button_kind { VIEWER_BUTTON_POWER, VIEWER_BUTTON_QUIT };

struct viewer_button {
    uint32_t message;
    uint32_t button; /* enum viewer_button_kind */
};

#endif
