/* SPDX-License-Identifier: ISC */
/*
 * A screen: a device draws it, and any number of viewers show it (a file, a window, a remote
 * display).
 *
 *      device (its loop)                 struct display                viewers (any thread)
 *      display_show(picture, part)  -->  which picture is shown   -->  mode(width, height)
 *      writes pixels between lock   -->  the lock over pixels     <--  reads them likewise
 *      display_changed(rectangle)   -->                           -->  changed(rectangle)
 *      display_cursor_set, _move    -->  the pointer              -->  cursor()
 *      refresh(), resize(w, h)      <--                           <--  display_surface, _resize
 *
 * Pixels are 32-bit words 0xXXRRGGBB, whatever the guest's format. They belong to pictures, which
 * are counted: a viewer's look at one never meets freed memory, and a screen that was switched off
 * keeps the last.
 *
 * Locks: the display's lock comes after all of a device's own; a device calls everything here with
 * no lock held that a viewer or its refresh and resize could want. Viewers are told without the
 * lock and take it themselves if they want to look.
 */
#ifndef BACKEND_DISPLAY_H
#define BACKEND_DISPLAY_H

#include "base/bits.h"
#include "base/error.h"

struct display;

struct display_rect {
    uint32_t x, y, width, height; /* pixels; empty when width or height is 0 */
};

static inline bool display_rect_empty(const struct display_rect *r)
{
    return r->width == 0 || r->height == 0;
}

/* Whether `inner` lies within `outer`, for any numbers. */
bool display_rect_within(const struct display_rect *inner, const struct display_rect *outer);

/* The part that both have; the smallest rectangle around both (of which either may be empty). Both
 * arguments' right and lower edges are below 2^32. */
struct display_rect display_rect_common(const struct display_rect *a, const struct display_rect *b);
struct display_rect display_rect_around(const struct display_rect *a, const struct display_rect *b);

/* Pictures */

struct picture {
    _Atomic unsigned references;
    uint32_t width, height; /* the stride is `width` */
    uint32_t pixels[];
};

/* A black picture with one reference, or NULL when memory is short. The host's memory is used as
 * pixels are written. */
struct picture *picture_new(uint32_t width, uint32_t height);
struct picture *picture_hold(struct picture *picture);
void picture_release(struct picture *picture); /* NULL is allowed */

#define DISPLAY_CURSOR_SIDE 64

/* The pointer, which viewers draw. */
struct display_cursor {
    bool visible;
    uint32_t x, y;                                              /* of the hot spot, on the screen */
    uint32_t hot_x, hot_y;                                      /* in the shape */
    uint32_t pixels[DISPLAY_CURSOR_SIDE * DISPLAY_CURSOR_SIDE]; /* 0xAARRGGBB */
};

/* What is on the screen. */
struct display_surface {
    bool on;       /* off: the screen is black and the rest tells of what it showed last */
    bool firmware; /* drawn through the firmware's frame buffer: no driver has taken over */
    uint32_t width, height; /* pixels */
    uint32_t stride;        /* pixels from one line to the next */
    const uint32_t *pixels; /* NULL: nothing has ever been shown */
};

/* Life. A display is born off; `width` and `height` are what the device is to suggest to its guest.
 * Whoever draws owns it, and frees it when all viewers are gone. */
int display_create(struct display **display, uint32_t width, uint32_t height);
void display_free(struct display *display); /* NULL is allowed */

/* --- the device's side --- */

/* What a display asks of its device. Either may be NULL. */
struct display_source {
    /* Bring the pixels up to date, for a device that is not told when its guest draws. Any thread,
     * with the display's lock held. */
    void (*refresh)(void *ctx);
    /* A viewer would like this size. Any thread, with no lock held. */
    void (*resize)(void *ctx, uint32_t width, uint32_t height);
    void *ctx;
};

/* Before the first viewer. */
void display_attach_source(struct display *display, const struct display_source *source);
void display_size(struct display *display, uint32_t *width, uint32_t *height);

/* Shows `part` of `picture`, which lies within it and is not empty; off, with the last picture kept
 * for those who ask. The display holds the picture itself. */
void display_show(struct display *display, struct picture *picture, const struct display_rect *part,
                  bool firmware);
void display_off(struct display *display);

/* Pixels of the shown part were written; `rect` is in its coordinates and within it. */
void display_changed(struct display *display, const struct display_rect *rect);

/* A new pointer, or none with `visible` unset; the same one elsewhere. */
void display_cursor_set(struct display *display, const struct display_cursor *cursor);
void display_cursor_move(struct display *display, uint32_t x, uint32_t y);

/* --- the viewers' side --- */

/* Called on whichever thread the device draws on, possibly with locks of the device held: they must
 * not block, nor call the device. All may be NULL. */
struct display_viewer {
    /* The surface is another one, of this size; 0 and 0: the screen is off. */
    void (*mode)(void *ctx, uint32_t width, uint32_t height);
    void (*changed)(void *ctx, const struct display_rect *rect);
    void (*cursor)(void *ctx); /* its shape or place */
    void *ctx;
    struct display_viewer *next; /* the display's */
};

/* `viewer` stays the caller's. It is not told what is there already. When display_detach returns,
 * no callback is running and none will; not from a callback. Any thread. */
void display_attach(struct display *display, struct display_viewer *viewer);
void display_detach(struct display *display, struct display_viewer *viewer);

/* Pixels, surface and pointer stand still, and no longer than it takes to copy them. Any thread. */
void display_lock(struct display *display);
void display_unlock(struct display *display);

/* With the lock held, and valid as long: what is on the screen, brought up to date; the pointer. */
struct display_surface display_surface(struct display *display);
const struct display_cursor *display_cursor(const struct display *display);

/* Tells the device that a viewer would like this size. Any thread, with no lock held. */
void display_resize(struct display *display, uint32_t width, uint32_t height);

/* --- pictures of the screen in files (display/screenshot.c) --- */

/* The screen as a PNG file in memory, the caller's to free(): without the pointer, black while it
 * is off unless `last`, then what was shown last. Returns 0 or -errno. Any thread. */
int display_png(struct display *display, bool last, void **bytes, size_t *length,
                struct error *err);

/*
 * A file for pictures of a screen, each in the place of the one before. Opened once, since a
 * confined process opens nothing; one thread at a time uses it.
 */
struct screenshot;

/* Opens or creates it. What it holds stays until a picture is written; a file that is neither empty
 * nor a PNG is left alone (-EEXIST). Returns 0 or -errno. */
int screenshot_open(struct screenshot **shot, const char *path, struct error *err);

/* Writes the screen, as display_png() sees it. At no time is the file empty; a reader who meets the
 * middle of the write finds a checksum wrong. Returns 0 or -errno. */
int screenshot_write(struct screenshot *shot, struct display *display, bool last,
                     struct error *err);
void screenshot_close(struct screenshot *shot); /* NULL is allowed */

#endif
