/* SPDX-License-Identifier: ISC */
/*
 * The websocket protocol (RFC 6455), the server's side of a connection that carries a stream of
 * bytes in binary messages, whose boundaries mean nothing. No extensions.
 */
#ifndef VIEWER_WEB_SOCKET_H
#define VIEWER_WEB_SOCKET_H

#include "base/bits.h"

#define WEB_SOCKET_ACCEPT  29  /* bytes of the answer to a key, with the NUL */
#define WEB_SOCKET_CONTROL 125 /* bytes in a control frame, at most (5.5) */
#define WEB_SOCKET_HEADER  10  /* bytes before the payload of a server's frame, at most */

/* Why a connection ends (7.4.1). */
#define WEB_SOCKET_PROTOCOL_ERROR 1002
#define WEB_SOCKET_UNSUPPORTED    1003
#define WEB_SOCKET_GOING_AWAY     1001

/* The answer to Sec-WebSocket-Key, base64 with a NUL. Returns 0, or -EINVAL: not 16 bytes in
 * base64.
 */
int web_socket_accept(const char *key, size_t length, char accept[WEB_SOCKET_ACCEPT]);

/* How far the stream of frames from the browser was understood. Zero is the start. */
struct web_socket {
    uint8_t header[14]; /* of this frame */
    unsigned header_length;
    uint64_t left; /* bytes of its payload still to come */
    unsigned mask_at;
    bool message; /* a message has begun and not ended */
    bool closed;
    /* The last control frame's payload, or what to say in a close frame. */
    unsigned control_length;
    uint8_t control[WEB_SOCKET_CONTROL];
};

enum web_socket_step {
    WEB_SOCKET_MORE, /* nothing yet */
    WEB_SOCKET_DATA, /* bytes for the RFB server */
    WEB_SOCKET_PING, /* answer with a pong, and the control payload */
    WEB_SOCKET_END,  /* answer with a close frame, and the control payload; nothing follows */
};

/*
 * Takes *used of `length` bytes, at most up to the end of a frame. With DATA the last *payload of
 * them are the stream's, unmasked in place. Call it until all is used. An offence ends the stream
 * with its code as the control payload.
 */
enum web_socket_step web_socket_read(struct web_socket *socket, uint8_t *bytes, size_t length,
                                     size_t *used, size_t *payload);

/* Writes the header of a server's frame before `payload` (the WEB_SOCKET_HEADER bytes before it are
 * free to use). Returns its length. */
#define WEB_SOCKET_BINARY 0x2u
#define WEB_SOCKET_CLOSE  0x8u
#define WEB_SOCKET_PONG   0xau
size_t web_socket_frame(uint8_t *payload, size_t length, unsigned opcode);

#endif
