/* SPDX-License-Identifier: ISC */
#include "viewer/web_bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "viewer/web_http.h"
#include "viewer/web_socket.h"

#define IN_BYTES  (16u << 10)
#define OUT_BYTES (128u << 10)

/* Buffers that are moved in one go, before others have their turn. */
#define TURNS 8

_Static_assert(IN_BYTES >= WEB_REQUEST_MAX, "what came early has to fit");

struct web_bridge {
    int browser, rfb;
    uint64_t sent;

    /* From the browser: `data` bytes before in_at go to the RFB server, those behind it are frames
     * that were not looked at. */
    struct web_socket socket;
    size_t in_at, in_end, data;
    uint8_t in[IN_BYTES];

    /* To the browser: one frame; and between two frames one that answers one of the browser's. */
    size_t out_at, out_end;
    size_t reply_at, reply_end;
    bool last; /* the reply is a close frame */
    uint8_t reply[WEB_SOCKET_HEADER + WEB_SOCKET_CONTROL];
    uint8_t out[WEB_SOCKET_HEADER + OUT_BYTES];
};

struct web_bridge *web_bridge_create(int browser, int rfb, const void *early, size_t length)
{
    struct web_bridge *bridge = calloc(1, sizeof(*bridge));

    if (!bridge)
        return NULL;
    bridge->browser = browser;
    bridge->rfb = rfb;
    memcpy(bridge->in, early, length);
    bridge->in_end = length;
    return bridge;
}

void web_bridge_free(struct web_bridge *bridge)
{
    if (!bridge)
        return;
    close(bridge->rfb);
    free(bridge);
}

bool web_bridge_waits(const struct web_bridge *bridge)
{
    return bridge->out_at < bridge->out_end || bridge->reply_at < bridge->reply_end;
}

uint64_t web_bridge_sent(const struct web_bridge *bridge)
{
    return bridge->sent;
}

void web_bridge_wait(const struct web_bridge *bridge, struct pollfd fds[2])
{
    bool waits = web_bridge_waits(bridge);
    bool replies = bridge->reply_at < bridge->reply_end;

    fds[0].events = (short)((bridge->data || replies ? 0 : POLLIN) | (waits ? POLLOUT : 0));
    fds[1].events = (short)((bridge->data ? POLLOUT : 0) | (waits ? 0 : POLLIN));
    /* A socket that nothing is wanted of would still report that its other end has gone. */
    fds[0].fd = fds[0].events ? bridge->browser : -1;
    fds[1].fd = fds[1].events ? bridge->rfb : -1;
}

/* For the result of a call that moves bytes: > 0, they moved; 0, not now; < 0, never again. */
static int moved(ssize_t n)
{
    if (n > 0)
        return 1;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

static void answer(struct web_bridge *bridge, unsigned opcode, const void *bytes, size_t length)
{
    uint8_t *payload = bridge->reply + WEB_SOCKET_HEADER;

    memcpy(payload, bytes, length);
    bridge->reply_at = WEB_SOCKET_HEADER - web_socket_frame(payload, length, opcode);
    bridge->reply_end = WEB_SOCKET_HEADER + length;
    bridge->last = opcode == WEB_SOCKET_CLOSE;
}

/* What the browser sent, as far as the RFB server takes it: as moved(). */
static int to_rfb(struct web_bridge *bridge)
{
    ssize_t n =
        send(bridge->rfb, bridge->in + bridge->in_at - bridge->data, bridge->data, MSG_NOSIGNAL);

    /* A server that has gone may have left a last word: it is read to its end. */
    if (moved(n) < 0)
        n = (ssize_t)bridge->data;
    if (n > 0)
        bridge->data -= (size_t)n;
    return moved(n);
}

static void read_frame(struct web_bridge *bridge)
{
    const struct web_socket *socket = &bridge->socket;
    size_t used;

    switch (web_socket_read(&bridge->socket, bridge->in + bridge->in_at,
                            bridge->in_end - bridge->in_at, &used, &bridge->data)) {
    case WEB_SOCKET_MORE:
    case WEB_SOCKET_DATA: break;
    case WEB_SOCKET_PING:
        answer(bridge, WEB_SOCKET_PONG, socket->control, socket->control_length);
        break;
    case WEB_SOCKET_END:
        answer(bridge, WEB_SOCKET_CLOSE, socket->control, socket->control_length);
        break;
    }
    bridge->in_at += used;
}

static int from_browser(struct web_bridge *bridge)
{
    ssize_t n;

    if (bridge->data)
        return to_rfb(bridge);
    if (bridge->reply_at < bridge->reply_end || bridge->last)
        return 0;
    if (bridge->in_at == bridge->in_end) {
        n = recv(bridge->browser, bridge->in, sizeof(bridge->in), 0);
        if (n <= 0)
            return moved(n);
        bridge->in_at = 0;
        bridge->in_end = (size_t)n;
    }
    read_frame(bridge);
    return 1;
}

static int send_part(struct web_bridge *bridge, const uint8_t *bytes, size_t *at, size_t end)
{
    ssize_t n = send(bridge->browser, bytes + *at, end - *at, MSG_NOSIGNAL);

    if (n > 0) {
        *at += (size_t)n;
        bridge->sent += (size_t)n;
    }
    return moved(n);
}

static int to_browser(struct web_bridge *bridge)
{
    uint8_t *payload = bridge->out + WEB_SOCKET_HEADER, code[2];
    ssize_t n;

    if (bridge->out_at < bridge->out_end)
        return send_part(bridge, bridge->out, &bridge->out_at, bridge->out_end);
    if (bridge->reply_at < bridge->reply_end)
        return send_part(bridge, bridge->reply, &bridge->reply_at, bridge->reply_end);
    if (bridge->last)
        return -1;
    n = recv(bridge->rfb, payload, OUT_BYTES, 0);
    if (moved(n) < 0) {
        store_be16(code, WEB_SOCKET_GOING_AWAY);
        answer(bridge, WEB_SOCKET_CLOSE, code, sizeof(code));
        return 1;
    }
    if (n > 0) {
        bridge->out_at =
            WEB_SOCKET_HEADER - web_socket_frame(payload, (size_t)n, WEB_SOCKET_BINARY);
        bridge->out_end = WEB_SOCKET_HEADER + (size_t)n;
    }
    return moved(n);
}

bool web_bridge_run(struct web_bridge *bridge)
{
    int in = 1, out = 1;

    for (unsigned turn = 0; turn < TURNS && (in > 0 || out > 0); turn++) {
        in = from_browser(bridge);
        out = to_browser(bridge);
        if (in < 0 || out < 0)
            return false;
    }
    return true;
}
