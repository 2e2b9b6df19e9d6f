/* SPDX-License-Identifier: ISC */
/*
 * One client's place at the server, and what the server shares with it. Private to server.c and
 * seat.c.
 */
#ifndef VIEWER_SEAT_H
#define VIEWER_SEAT_H

#include <pthread.h>
#include <rfb/rfb.h>

#include "viewer/link.h"
#include "viewer/server.h"

#define SEAT_RECTS 32
#define SEAT_KEYS  32    /* held down at once */
#define SEAT_PASTE 65536 /* bytes of text that a client has to be typed */

/* What has happened since the client was told last. */
struct seat_news {
    bool mode, cursor;
    bool answer; /* to what was wanted */
    unsigned count;
    struct viewer_rect rects[SEAT_RECTS];
};

struct seat {
    struct server *server;
    rfbScreenInfoPtr screen;
    int wake[2]; /* a pipe that is readable when there is news */

    /* Under the server's lock. */
    bool taken;
    struct seat_news news;

    /* The thread's own, from here on. */
    int fd;
    bool web;
    char name[64]; /* of the client, for people */
    rfbClientPtr client;
    uint64_t rested_ns;      /* no update before */
    bool asked;              /* the client has asked for an update, just now */
    uint64_t held_ns;        /* no update before, or before the machine's answer; 0: no matter */
    bool greeted;            /* the client has shown the password, and watches */
    bool on;                 /* the machine's screen */
    uint32_t *dark;          /* what is shown when it is off */
    struct rfbCursor *shape; /* NULL: the guest never set one */
    unsigned leds;
    bool tell_leds;              /* by QEMU's message */
    unsigned told;               /* ~0: nothing yet */
    uint32_t keys[SEAT_KEYS];    /* keysyms that are down; 0: free */
    uint64_t key_ns;             /* no key before */
    int buttons;                 /* RFC 6143's mask */
    struct viewer_pointer place; /* as it was sent last */
    char *paste;                 /* UTF-8, waits for its keys */
    size_t paste_length;
};

/* What the machine's pixels are: known to be older than its screen, about to be brought up to date,
 * or kept so until something changes. */
enum server_pixels { PIXELS_STALE, PIXELS_WANTED, PIXELS_FRESH };

struct server {
    const struct link *link;
    char password[9]; /* empty: none */
    pthread_mutex_t crypt_lock;

    pthread_mutex_t watch_lock; /* while the machine is told, which may take its time */
    unsigned watching;

    pthread_mutex_t lock;
    enum server_pixels pixels;
    struct viewer_mode mode;
    struct viewer_cursor cursor;
    bool cursor_set;
    unsigned leds;
    struct seat seats[SERVER_SEATS];
};

/* Prepares the seat once, before there are threads. Returns 0 or -errno. */
int seat_create(struct seat *seat, struct server *server);

/* Serves one client, until it goes: a thread's body. */
void *seat_serve(void *seat);

/* Has libvncserver set up once what it sets up at its first client, on a thread that is alone.
 * Returns 0 or -errno: -EINVAL, the password is one that DES cannot use. */
int seat_rehearse(struct seat *seat);

/* Tells the machine how many clients watch. */
void server_watch(struct server *server, int more);

/* Tells the machine that a client waits for what has changed, unless it knows. Returns 0 when the
 * pixels are those of its screen, 1 when they will be after its answer, or -EAGAIN: it could not be
 * told now. */
int server_want(struct server *server);

#endif
