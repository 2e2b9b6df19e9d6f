/* SPDX-License-Identifier: ISC */
#include "lab/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "host/clock.h"
#include "host/helper.h"
#include "switch/message.h"

#define START_NS (10 * NS_PER_SEC)

struct peer {
    int socket;
    size_t length; /* of what has come of a message */
    struct peer_message message;
};

struct start {
    const struct peer_config *config;
};

#ifdef HAVE_LWIP
static void run(void *ctx)
{
    const struct start *start = ctx;

    peer_play(start->config, HOST_HELPER_FIRST);
    _exit(0);
}

static int start_helper(const struct peer_config *config, int socket, struct error *err)
{
    struct start start = {config};
    int ret = host_helper_start(&socket, 1, run, &start);

    return ret ? error_set(err, -ret, "cannot make a process for the peer \"%s\": %s", config->name,
                           strerror(-ret))
               : 0;
}
#else
static int start_helper(const struct peer_config *config, int socket, struct error *err)
{
    return error_set(err, ENOTSUP,
                     "the peer \"%s\": this atoll was built without lwIP, which plays peers; build "
                     "it with liblwip-dev installed",
                     config->name);
}
#endif

static int await_up(struct peer *peer, const char *name, struct error *err)
{
    uint64_t deadline = host_clock_monotonic() + START_NS;
    struct pollfd fd = {.fd = peer->socket, .events = POLLIN};
    struct peer_message message;

    while (host_clock_monotonic() < deadline) {
        int ret = peer_hear(peer, &message, err);

        if (ret < 0)
            return error_prefix(err, "the peer \"%s\"", name);
        if (ret && message.kind == PEER_UP)
            return 0;
        if (ret && message.kind == PEER_FAILED)
            return error_set(err, EIO, "the peer \"%s\": %.*s", name, (int)message.length,
                             (const char *)message.data);
        if (!ret)
            poll(&fd, 1, 100);
    }
    return error_set(err, ETIMEDOUT, "the peer \"%s\" does not come up", name);
}

int peer_start(struct peer **out, const struct peer_config *config, struct error *err)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    int ends[2], ret;

    if (!peer)
        return error_set(err, ENOMEM, "out of memory");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        ret = error_set(err, errno, "cannot make a pair of sockets: %s", strerror(errno));
        free(peer);
        return ret;
    }
    peer->socket = ends[0];
    ret = start_helper(config, ends[1], err);
    close(ends[1]);
    ret = ret ? ret : await_up(peer, config->name, err);
    if (ret)
        peer_stop(peer);
    else
        *out = peer;
    return ret;
}

void peer_stop(struct peer *peer)
{
    peer_abandon(peer); /* it ends with its socket */
}

void peer_abandon(struct peer *peer)
{
    if (!peer)
        return;
    close(peer->socket);
    free(peer);
}

int peer_lend(struct peer *peer, int *fd, struct error *err)
{
    const struct peer_message lend = {.kind = PEER_LEND, .length = 0};
    int ends[2];
    ssize_t sent;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return error_set(err, errno, "cannot make a pair of sockets: %s", strerror(errno));
    sent = message_send(peer->socket, &lend, PEER_HEAD, ends[1]);
    close(ends[1]);
    if (sent == (ssize_t)PEER_HEAD) {
        *fd = ends[0];
        return 0;
    }
    close(ends[0]);
    return error_set(err, EIO, "its process does not listen");
}

struct peer *peer_borrow(int fd)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (peer)
        peer->socket = fd;
    return peer;
}

int peer_descriptor(const struct peer *peer)
{
    return peer->socket;
}

int peer_tell(struct peer *peer, const struct peer_message *message, struct error *err)
{
    const char *at = (const char *)message;

    for (size_t left = PEER_HEAD + message->length; left;) {
        ssize_t sent = send(peer->socket, at, left, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return error_set(err, errno, "the peer's process has gone");
        at += sent;
        left -= (size_t)sent;
    }
    return 0;
}

static bool is_right(const struct peer_message *m)
{
    return m->kind >= PEER_UP && m->kind <= PEER_SEEN && m->protocol <= PEER_PING;
}

ssize_t peer_message_missing(const struct peer_message *message, size_t length)
{
    if (length < PEER_HEAD)
        return (ssize_t)(PEER_HEAD - length);
    return message->length <= PEER_DATA ? (ssize_t)(PEER_HEAD + message->length - length) : -1;
}

int peer_hear(struct peer *peer, struct peer_message *message, struct error *err)
{
    ssize_t missing = peer_message_missing(&peer->message, peer->length), length;

    while (missing > 0) {
        length = recv(peer->socket, (char *)&peer->message + peer->length, (size_t)missing,
                      MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (length <= 0)
            return error_set(err, ECONNRESET, "its process has gone");
        peer->length += (size_t)length;
        missing = peer_message_missing(&peer->message, peer->length);
    }
    if (missing < 0 || !is_right(&peer->message))
        return error_set(err, EPROTO, "its process says what cannot be");
    memcpy(message, &peer->message, peer->length);
    peer->length = 0;
    return 1;
}
