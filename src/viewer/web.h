/* SPDX-License-Identifier: ISC */
/*
 * A screen in a browser: the HTTP front of a viewer process. It serves one page, compiled into the
 * program, and turns the page's websocket into a plain stream that an RFB server reads.
 *
 *      browser                      struct web, one thread                  RFB server
 *      GET /              <-->      web_http: strict requests
 *      GET / + Upgrade    <-->      web_socket: frames <--> bytes   <-->    connect(fd)
 *
 * libvncserver has a websocket server of its own. It is not used: it waits for a request in the
 * thread that serves everybody, and does not look at Host and Origin, so that any page on the
 * internet could speak to it through its reader's browser. (It listens on its plain RFB sockets
 * too, whenever a client's first bytes are "GET ": whoever accepts those must refuse them.)
 *
 * Everything that comes from the network is bounded: connections, the size of a request, the time
 * it may take, frames. No connection waits for another, and the RFB server's thread waits for none:
 * what it writes is taken at the pace of the browser, as from a socket of its own.
 */
#ifndef VIEWER_WEB_H
#define VIEWER_WEB_H

#include "base/error.h"
#include "base/log.h"

struct web;

struct web_config {
    /* A listening socket (TCP or Unix), bound already. web_stop closes it. */
    int listener;
    /* The name that the user gave the address by, "localhost", without a port: requests may be for
     * it as for the address itself. NULL: none but those of the loopback. */
    const char *host;
    /* A viewer that the browser's user lets in: `fd` is a stream socket of its own, non-blocking,
     * which speaks RFB and is the callee's, whatever it returns. Called on the web's thread: it
     * must not block. Returns 0, or -errno and the browser is told that there is no room. */
    int (*connect)(void *ctx, int fd);
    /* Whether who connected on `fd` may have nothing here but words. On the web's thread; NULL: all
     * are welcome. */
    bool (*stranger)(void *ctx, int fd);
    void *ctx;
    const struct log *log; /* NULL is allowed */
};

/*
 * Starts the thread. `config` is copied, its strings too. What it takes from the system afterwards:
 * poll, accept4, getsockname, recv, send, shutdown, socketpair, close, clock_gettime. Before the
 * process is confined. Returns 0 or -errno (the listener stays the caller's then).
 */
int web_start(struct web **web, const struct web_config *config, struct error *err);

/* Ends the thread and all its connections, and frees `web` (NULL is allowed). The sockets that
 * connect() was given see the end of their stream. */
void web_stop(struct web *web);

#endif
