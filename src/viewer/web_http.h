/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.1 (RFC 9110, 9112) as far as serving one page and opening a websocket (RFC 6455, section
 * 4.2) needs: from the bytes of a request to the bytes of its answer, without any state.
 *
 * One request a connection. What a browser never sends (bodies, folded lines, bare line feeds, two
 * Hosts) is refused rather than understood.
 */
#ifndef VIEWER_WEB_HTTP_H
#define VIEWER_WEB_HTTP_H

#include <sys/socket.h>

#include "base/bits.h"

#define WEB_REQUEST_MAX 8192 /* bytes of a request's head */
#define WEB_HEAD_MAX    1024 /* and of its answer's */

/* Where a connection came in. */
struct web_place {
    const char *host; /* the name that the user gave this server; NULL: none */
    bool loopback;    /* the connection's own end is 127.0.0.0/8, ::1 or a Unix socket */
};

/* Fills in `place->loopback` from a socket's own address. */
void web_place_address(struct web_place *place, const struct sockaddr *address);

struct web_answer {
    unsigned status; /* 200, 101: the connection is a websocket after the head; or an error */
    size_t head_length;
    char head[WEB_HEAD_MAX];
    const void *body; /* static */
    size_t body_length;
};

/*
 * The length of the head at the start of `length` bytes, with its empty line: 0 when the end has
 * not come yet, which it cannot do any more once there are WEB_REQUEST_MAX.
 */
size_t web_head_length(const char *bytes, size_t length);

/* The answer to a request whose head is `length` bytes. */
void web_answer(struct web_answer *answer, const char *head, size_t length,
                const struct web_place *place);

/* An answer that says no: 408 (too slow), 431 (too long), 503 (too many). */
void web_refuse(struct web_answer *answer, unsigned status);

#endif
