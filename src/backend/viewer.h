/* SPDX-License-Identifier: ISC */
/*
 * A display in a process of its own, the machine's side: starts the viewer process, hands it what
 * changes on the screen, and puts what its users do into the machine's input (viewer/protocol.h).
 *
 * Nothing here ever waits for the process: it is told what has changed since it took the last
 * message, at most sixty times a second, and only while somebody watches. One that has gone or
 * stopped costs the machine nothing more.
 */
#ifndef BACKEND_VIEWER_H
#define BACKEND_VIEWER_H

#include "backend/display.h"
#include "backend/input.h"
#include "base/log.h"
#include "host/loop.h"
#include "viewer/protocol.h"

struct viewer;

struct viewer_config {
    enum viewer_kind kind;
    const char *name;          /* the machine's, or NULL */
    const char *address;       /* or NULL; see listen.h in viewer/ */
    const char *password_file; /* or NULL */
    struct display *display;
    struct input *input;    /* NULL: what users do goes nowhere */
    struct host_loop *loop; /* on which it works */
    /* A window's user wants the machine to shut down, or be switched off. On the loop. */
    void (*button)(void *ctx, enum viewer_button_kind button);
    void *ctx;
};

/*
 * Starts the process and waits until it can be reached. Display, input and loop stay the caller's
 * and outlive the viewer. Returns 0 or -errno: -ENOENT (its program is not installed), or what the
 * process says. Before the machine is confined.
 */
int viewer_open(struct viewer **viewer, const struct viewer_config *config, const struct log *log,
                struct error *err);

/* Where people reach it; empty for a window. Any thread. */
const char *viewer_address(const struct viewer *viewer);

/* The machine was reset: text that waits to be typed is forgotten. Any thread. */
void viewer_reset(struct viewer *viewer);

/* Ends the process. Not on the loop. NULL is allowed. */
void viewer_close(struct viewer *viewer);

#endif
