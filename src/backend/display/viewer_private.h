/* SPDX-License-Identifier: ISC */
/*
 * The inside of a viewer. Private to display/viewer*.c.
 *
 * viewer.c      the process's life, and what it says
 * viewer_tell.c what it is told: drawing threads leave in `pending` what has changed, and the loop
 *               compares it with what the process has, copies what is different, and says so
 * viewer_held.c which keys its people hold down
 * viewer_type.c a thread that types text, which waits for the guest
 */
#ifndef BACKEND_DISPLAY_VIEWER_PRIVATE_H
#define BACKEND_DISPLAY_VIEWER_PRIVATE_H

#include <pthread.h>

#include "backend/viewer.h"
#include "host/map.h"

#define VIEWER_TYPE_ROOM 65536 /* bytes of text that may wait */
#define VIEWER_HELD      512   /* keys that are down at once: 32 of each of 16 people */

/* Rectangles in no order, which may overlap; when there are too many, fewer and larger ones. */
struct damage {
    unsigned count;
    struct display_rect rects[VIEWER_RECTS];
};

struct viewer_pending {
    bool mode, cursor, cursor_moved;
    struct damage changed; /* and not yet compared */
};

struct viewer {
    struct viewer_config config;
    const struct log *log;
    char address[512];
    int socket;
    struct host_shared pixels;
    struct display_viewer display; /* our part in config.display */

    pthread_mutex_t lock; /* over these four, from any thread */
    struct viewer_pending pending;
    bool watched, wanted, armed; /* wanted: what is told will be taken */

    /* The loop's, from here on. */
    struct host_watch *watch;
    struct host_timer *frame, *poll; /* of what changes; of what nobody says */
    uint64_t next_ns;                /* no frame before */
    bool over;                       /* the process is gone */
    bool full;                       /* its socket */
    bool on;
    uint32_t width, height; /* as the process was told */
    bool firmware;          /* nobody says when the screen changes */
    struct damage copied;   /* different and copied, but not yet told */
    bool tell_mode, tell_cursor, tell_cursor_move;
    bool answer; /* is owed, even if nothing has changed */
    unsigned leds;
    struct viewer_resize wish; /* a size; width 0: none */
    struct {
        unsigned count;
        struct viewer_key keys[VIEWER_HELD];
        struct input_pointer pointer; /* as it was last */
    } held;

    struct {
        pthread_t thread;
        bool started;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool quit;
        uint64_t resets;
        size_t length;
        char text[VIEWER_TYPE_ROOM];
    } type;
};

/* --- viewer_tell.c --- */

/* Attaches to the display and has everything told. Returns 0 or -errno. */
int tell_start(struct viewer *viewer);
void tell_stop(struct viewer *viewer);
/* How many people watch now. On the loop. */
void tell_watched(struct viewer *viewer, bool watched);
/* Somebody waits for more. On the loop. */
void tell_wanted(struct viewer *viewer);
/* The socket has room again. On the loop. */
void tell_room(struct viewer *viewer);

/* --- viewer_held.c; on the loop, with an input --- */

void held_key(struct viewer *viewer, const struct viewer_key *key);
void held_pointer(struct viewer *viewer, const struct input_pointer *pointer);
void held_let_go(struct viewer *viewer);

/* --- viewer_type.c --- */

int type_start(struct viewer *viewer);
void type_text(struct viewer *viewer, const char *utf8, size_t length); /* any thread */
void type_forget(struct viewer *viewer);                                /* any thread */
void type_stop(struct viewer *viewer);

#endif
