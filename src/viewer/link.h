/* SPDX-License-Identifier: ISC */
/*
 * A viewer process's end of what connects it to its machine (viewer/protocol.h).
 */
#ifndef VIEWER_LINK_H
#define VIEWER_LINK_H

#include "base/error.h"
#include "base/log.h"
#include "viewer/protocol.h"

struct link {
    int socket;
    const uint32_t *pixels; /* VIEWER_PIXELS_SIZE bytes */
    struct viewer_setup setup;
    struct log log; /* the machine's */
};

/* A message from the machine. */
union link_message {
    uint32_t message; /* enum viewer_message */
    struct viewer_setup setup;
    struct viewer_mode mode;
    struct viewer_damage damage;
    struct viewer_cursor cursor;
    struct viewer_cursor_move cursor_move;
    struct viewer_leds leds;
};

/* Takes the descriptors over that the process was started with, and the machine's first message.
 * Returns 0 or -errno: -ENOTSOCK when no machine has started this process. */
int link_open(struct link *link, struct error *err);

/* The machine's first answer: `err` NULL and where the screen is reached, or why it is not. */
void link_ready(const struct link *link, const struct error *err, const char *address);

/* Sends one of the protocol's messages; waits for the machine when it does not keep up. Any thread.
 */
void link_send(const struct link *link, const void *message, size_t length);

/* The same for a machine that keeps up. Returns 0, or -EAGAIN: it does not. */
int link_try(const struct link *link, const void *message, size_t length);

/* Text to be typed, in as many messages as it takes. Any thread. */
void link_type(const struct link *link, const char *utf8, size_t length);

/* Takes the next message, without waiting. Returns 1, 0 (none), or -EPIPE (the machine is gone).
 * What is malformed is skipped. */
int link_receive(const struct link *link, union link_message *message);

#endif
