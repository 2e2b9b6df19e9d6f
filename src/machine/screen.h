/* SPDX-License-Identifier: ISC */
/*
 * The machine's screen as its user sees it: pictures of it in files, and a line that says that
 * there is something to see.
 */
#ifndef MACHINE_SCREEN_H
#define MACHINE_SCREEN_H

#include <pthread.h>

#include "backend/display.h"
#include "backend/text.h"
#include "base/log.h"

struct screen {
    const struct log *log;
    struct display *display; /* the GPU's; NULL: there is none */
    struct display_viewer viewer;
    bool serial;                   /* the guest's console was somewhere else so far */
    bool said;                     /* on the thread that draws */
    char where[256];               /* people see it ("on ..."); empty: nowhere */
    const char *path;              /* config.screenshot, or NULL */
    pthread_mutex_t lock;          /* over the file */
    struct screenshot *screenshot; /* NULL: no file is wanted */
    pthread_mutex_t text_lock;     /* over the reader */
    struct text_reader *reader;    /* NULL until somebody reads the text */
};

/* Opens config.screenshot, before there is a display. Returns 0 or -errno; screen_close is called
 * either way. */
int screen_open(struct screen *screen, const char *path, bool serial, const struct log *log,
                struct error *err);

/* Watches `display` from now on. Once. */
void screen_watch(struct screen *screen, struct display *display);

/* People see the screen `where` ("on 127.0.0.1:5900", "in its window"), of which the first is
 * remembered. Before the machine starts.
 */
void screen_shown(struct screen *screen, const char *where);

/* Writes the screen to `path`, or to the file of screen_open when it is NULL. Returns 0, -ENODEV
 * (no display), -EINVAL (no file) or -errno. Any thread, without the display's lock. */
int screen_shoot(struct screen *screen, const char *path, struct error *err);

/* The run is over: the file gets the last picture that there was. */
void screen_finish(struct screen *screen);

/* Lets go of the display, before it goes away, and of the file. */
void screen_close(struct screen *screen);

#endif
