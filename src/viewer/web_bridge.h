/* SPDX-License-Identifier: ISC */
/*
 * A browser's websocket and an RFB server's stream, joined. One thread, which never blocks here.
 *
 * Each direction has one buffer, and reads only when that is empty: who does not read is not read
 * from. What an offence or a flood costs is one buffer.
 */
#ifndef VIEWER_WEB_BRIDGE_H
#define VIEWER_WEB_BRIDGE_H

#include <poll.h>

#include "base/bits.h"

struct web_bridge;

/* Takes `rfb`, a stream socket; `browser`, past its handshake, stays the caller's. `early` bytes
 * (at most WEB_REQUEST_MAX) came right behind it. NULL: no memory, and `rfb` is the caller's. */
struct web_bridge *web_bridge_create(int browser, int rfb, const void *early, size_t length);
void web_bridge_free(struct web_bridge *bridge); /* NULL is allowed */

/* What to wait for: `fds` are the browser's and the RFB server's. */
void web_bridge_wait(const struct web_bridge *bridge, struct pollfd fds[2]);

/* Moves what can be moved. False: it is over, and the browser was told as far as it listens. */
bool web_bridge_run(struct web_bridge *bridge);

/* Whether bytes wait for the browser, and how many it has taken so far. */
bool web_bridge_waits(const struct web_bridge *bridge);
uint64_t web_bridge_sent(const struct web_bridge *bridge);

#endif
