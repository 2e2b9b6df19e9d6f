/* SPDX-License-Identifier: ISC */
/* Ports of every kind, and those of sockets and tap devices. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/server.h"

#define TURN_FRAMES 64 /* of one port in one turn */

static const struct net_header plain;

/* --- every kind --- */

static void on_ready(void *ctx, unsigned events)
{
    struct server_port *port = ctx;

    port->transport->ready(port, events);
    server_wake(port->server);
}

static void port_free(struct server_port *port)
{
    host_watch_destroy(port->watch);
    port->transport->close(port);
    if (port->fd >= 0)
        close(port->fd);
    free(port);
}

/* By the port's name, which is the same whenever a thing is tried again, and by the direction, so
 * that what one link does not lose the next may (FNV-1a). */
static uint64_t salt_of(const struct server_port *port, enum fabric_direction direction)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) + direction;

    for (const char *at = port->name; *at; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    return hash;
}

static void distinguish_links(struct server *server, unsigned number)
{
    for (enum fabric_direction i = FABRIC_FROM; i <= FABRIC_TO; i++)
        link_distinguish(fabric_link(server->fabric, number, i), salt_of(server->ports[number], i));
}

int server_add_port(struct server *server, struct server_port *port, struct error *err)
{
    int number = fabric_add(server->fabric, &port->transport->ops, port, port->mtu);
    int ret = number < 0 ? number
                         : host_watch_create(server->loop, port->fd, HOST_READABLE, on_ready, port,
                                             &port->watch);

    if (ret) {
        if (number >= 0)
            fabric_remove(server->fabric, (unsigned)number);
        port_free(port);
        return ret == -ENOSPC
                   ? error_set(err, ENOSPC, "the switch has %d ports already", FABRIC_PORTS)
                   : error_set(err, -ret, "cannot add a port: %s", strerror(-ret));
    }
    server->ports[number] = port;
    distinguish_links(server, (unsigned)number);
    server_capture_welcome(server, (unsigned)number);
    server_count(server);
    return number;
}

uint64_t server_port_unsent(const struct server_port *port)
{
    return port->transport->unsent ? port->transport->unsent(port) : 0;
}

struct server_port *server_find_port(struct server *server, const char *name, unsigned *number)
{
    for (unsigned i = 0; i < FABRIC_PORTS; i++) {
        struct server_port *port = server->ports[i];

        if (!port || strcmp(port->name, name) != 0)
            continue;
        if (number)
            *number = i;
        return port;
    }
    return NULL;
}

uint64_t server_port_lost(const struct server *server, unsigned number)
{
    uint64_t lost = server_port_unsent(server->ports[number]);

    for (enum fabric_direction i = FABRIC_FROM; i <= FABRIC_TO; i++) {
        const struct fabric_counters *c = fabric_counters(server->fabric, number, i);
        const struct link_counters *l = link_counters(fabric_link(server->fabric, number, i));

        lost += c->malformed + c->too_long + c->forged + c->limited + c->queue_full;
        lost += l->lost + l->queue_full;
    }
    return lost;
}

static void remember(struct server *server, const struct server_port *port, enum port_end why)
{
    struct server_departed *departed = &server->departed[server->next_departed++ % SERVER_DEPARTED];

    memcpy(departed->name, port->name, sizeof(departed->name));
    departed->why = why;
}

const struct server_departed *server_find_departed(const struct server *server, const char *name)
{
    for (unsigned i = 1; i <= SERVER_DEPARTED; i++) {
        const struct server_departed *departed =
            &server->departed[(server->next_departed - i) % SERVER_DEPARTED];

        if (strcmp(departed->name, name) == 0)
            return departed;
    }
    return NULL;
}

void server_port_broke(struct server_port *port)
{
    port->over = port->broke = true;
}

void server_remove_port(struct server *server, unsigned number, enum port_end why)
{
    struct server_port *port = server->ports[number];

    if (port->transport->bid_farewell)
        port->transport->bid_farewell(port, why);
    remember(server, port, why);
    server_capture_forget(server, number);
    fabric_remove(server->fabric, number);
    port_free(port);
    server->ports[number] = NULL;
    server_count(server);
}

void server_plug_port(struct server *server, unsigned number)
{
    struct server_port *port = server->ports[number];
    const struct link *from = fabric_link(server->fabric, number, FABRIC_FROM);
    const struct link *to = fabric_link(server->fabric, number, FABRIC_TO);

    if (port->transport->plug)
        port->transport->plug(port, !link_get(from)->down || !link_get(to)->down);
}

/* --- sockets that keep messages apart, and tap devices --- */

static unsigned accepts_nothing(void *ctx)
{
    return 0;
}

static size_t queue_unknown(void *ctx, size_t *most)
{
    *most = 0;
    return 0;
}

static unsigned number_of(const struct server_port *port)
{
    unsigned number = 0;

    while (port->server->ports[number] != port)
        number++;
    return number;
}

static int send_packet(void *ctx, const struct net_header *header, const void *frame, size_t length)
{
    struct server_port *port = ctx;

    if (send(port->fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    /* The end of a socket of messages is seen here alone. */
    port->over |= errno == ECONNREFUSED || errno == ECONNRESET || errno == ENOTCONN;
    return -EAGAIN;
}

static int send_tap(void *ctx, const struct net_header *header, const void *frame, size_t length)
{
    struct server_port *port = ctx;

    return write(port->fd, frame, length) < 0 ? -EAGAIN : 0;
}

static void ready_to_pump(struct server_port *port, unsigned events)
{
    port->ready = true;
}

/* One frame that was received, or what receiving it said. Returns whether to go on. */
static bool take_received(struct server_port *port, uint64_t now, ssize_t length)
{
    if (length > 0) {
        fabric_receive(port->server->fabric, number_of(port), now, &plain, port->server->frame,
                       (size_t)length);
        return true;
    }
    port->over |= length == 0 || (errno != EAGAIN && errno != EINTR);
    return false;
}

static bool pump_packets(struct server_port *port, uint64_t now)
{
    for (unsigned i = 0; i < TURN_FRAMES; i++)
        if (!take_received(
                port, now,
                recv(port->fd, port->server->frame, sizeof(port->server->frame), MSG_DONTWAIT)))
            return false;
    return true;
}

static bool pump_tap(struct server_port *port, uint64_t now)
{
    for (unsigned i = 0; i < TURN_FRAMES; i++)
        if (!take_received(port, now,
                           read(port->fd, port->server->frame, sizeof(port->server->frame))))
            return false;
    return true;
}

static void no_flush(struct server_port *port)
{
}

static void close_plain(struct server_port *port)
{
}

static const struct transport packets = {
    .ops = {send_packet, accepts_nothing, queue_unknown},
    .kind = "packets",
    .pump = pump_packets,
    .ready = ready_to_pump,
    .flush = no_flush,
    .close = close_plain,
};

static const struct transport tap = {
    .ops = {send_tap, accepts_nothing, queue_unknown},
    .kind = "tap",
    .pump = pump_tap,
    .ready = ready_to_pump,
    .flush = no_flush,
    .close = close_plain,
};

/* --- streams --- */

static int send_stream(void *ctx, const struct net_header *header, const void *frame, size_t length)
{
    struct server_port *port = ctx;
    const struct iovec iov = {(void *)(uintptr_t)frame, length};
    int ret = net_stream_write(port->stream, port->fd, &iov, 1);

    port->dirty = true;
    return ret ? -EAGAIN : 0;
}

static bool pump_stream(struct server_port *port, uint64_t now)
{
    ssize_t length = net_stream_read(port->stream, port->fd);
    unsigned number = number_of(port);
    bool more = length > 0;
    uint8_t *frame;

    if (length < 0)
        port->over |= length != -EAGAIN;
    while ((length = net_stream_next(port->stream, &frame)) > 0)
        fabric_receive(port->server->fabric, number, now, &plain, frame, (size_t)length);
    if (length < 0)
        server_port_broke(port);
    return more && !port->over;
}

/* The rest of a frame goes when there is room. */
static void flush_stream(struct server_port *port)
{
    int ret = net_stream_flush(port->stream, port->fd);

    port->over |= ret && ret != -EAGAIN;
    host_watch_want(port->watch, ret == -EAGAIN ? HOST_READABLE | HOST_WRITABLE : HOST_READABLE);
}

static void ready_stream(struct server_port *port, unsigned events)
{
    port->ready |= (events & HOST_READABLE) != 0;
    port->dirty |= (events & HOST_WRITABLE) != 0;
}

static void close_stream(struct server_port *port)
{
    free(port->stream);
}

static const struct transport streams = {
    .ops = {send_stream, accepts_nothing, queue_unknown},
    .kind = "stream",
    .pump = pump_stream,
    .ready = ready_stream,
    .flush = flush_stream,
    .close = close_stream,
};

int server_add_descriptor(struct server *server, int fd, const char *name, uint16_t mtu,
                          enum switch_framing framing, bool uplink, struct error *err)
{
    static const struct transport *const transports[] = {
        [SWITCH_PACKETS] = &packets, [SWITCH_STREAM] = &streams, [SWITCH_TAP] = &tap};
    struct server_port *port = calloc(1, sizeof(*port));
    struct net_stream *stream = framing == SWITCH_STREAM ? calloc(1, sizeof(*stream)) : NULL;

    if (!port || (framing == SWITCH_STREAM && !stream) ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)) {
        free(port);
        free(stream);
        close(fd);
        return error_set(err, EINVAL, "the descriptor can be no port");
    }
    *port = (struct server_port){.server = server,
                                 .transport = transports[framing],
                                 .mtu = mtu,
                                 .uplink = uplink,
                                 .fd = fd,
                                 .stream = stream};
    strncpy(port->name, name, SWITCH_NAME_MAX);
    return server_add_port(server, port, err);
}
