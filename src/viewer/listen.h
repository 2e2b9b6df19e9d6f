/* SPDX-License-Identifier: ISC */
/*
 * The sockets that people reach a display by: an internet address, or a Unix socket that only its
 * owner may connect to.
 */
#ifndef VIEWER_LISTEN_H
#define VIEWER_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LISTEN_PORTS 100 /* how many are tried from the first on */

struct listen_config {
    const char *address; /* "[HOST:]PORT", "unix:PATH", or "": the next free port from `port` */
    uint16_t port;
    bool protected; /* a password is asked for: then it may be reached from other hosts too */
};

struct listener {
    int fd;         /* non-blocking; the caller's to close */
    bool local;     /* a Unix socket */
    char host[256]; /* as it was given; empty: it was not */
    char text[280]; /* "127.0.0.1:5900", "[::1]:5900", "unix:PATH" */
};

/* Returns 0 or -errno: -EINVAL (no such address), -EACCES (other hosts could reach it and there is
 * no password), -EADDRINUSE. */
int listener_open(struct listener *listener, const struct listen_config *config, struct error *err);

#endif
