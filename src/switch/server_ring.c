/* SPDX-License-Identifier: ISC */
/* Ports of Atoll's own: rings in shared memory that the switch made, and a socket to wake by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "switch/server.h"

#define TURN_FRAMES 64
#define TURN_BYTES  (512u << 10)

static int send_ring(void *ctx, const struct net_header *header, const void *frame, size_t length)
{
    struct server_port *port = ctx;
    const struct iovec iov = {(void *)(uintptr_t)frame, length};
    int ret = port->over ? -EPIPE : ring_put(&port->to, header, &iov, 1, length);

    if (ret == -EPIPE && !port->over)
        server_port_broke(port);
    port->dirty |= ret == 0;
    return ret ? -EAGAIN : 0;
}

static unsigned accepts(void *ctx)
{
    struct server_port *port = ctx;

    return ring_accepts(&port->to);
}

static size_t queued(void *ctx, size_t *most)
{
    struct server_port *port = ctx;

    *most = PORT_RING_TO;
    return ring_used(&port->to);
}

static void wake(struct server_port *port)
{
    if (send(port->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        port->over = true;
}

static void flush(struct server_port *port)
{
    if (ring_put_wakes(&port->to))
        wake(port);
}

static unsigned number_of(const struct server_port *port)
{
    unsigned number = 0;

    while (port->server->ports[number] != port)
        number++;
    return number;
}

/* Frames are copied before they are looked at: the other side can change what lies in the ring. */
static bool pump(struct server_port *port, uint64_t now)
{
    struct server *server = port->server;
    unsigned number = number_of(port);
    size_t bytes = 0;

    for (unsigned i = 0; i < TURN_FRAMES && bytes < TURN_BYTES && !port->over; i++) {
        struct net_header header;
        const uint8_t *frame;
        ssize_t length = ring_take(&port->from, &header, &frame);

        if (length == 0 && !ring_take_sleep(&port->from))
            continue;
        if (length <= 0) {
            if (length < 0)
                server_port_broke(port);
            return false;
        }
        memcpy(server->frame, frame, (size_t)length);
        ring_done(&port->from);
        bytes += (size_t)length;
        fabric_receive(server->fabric, number, now, &header, server->frame, (size_t)length);
    }
    if (ring_take_wakes(&port->from))
        wake(port);
    return !port->over;
}

static bool waits(const struct server_port *port)
{
    return ring_waits(&port->from);
}

static void ready(struct server_port *port, unsigned events)
{
    char drop[256];
    ssize_t length = recv(port->fd, drop, sizeof(drop), MSG_DONTWAIT);

    port->over |= length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR);
    port->ready = true;
}

static void close_rings(struct server_port *port)
{
    host_exchange_unmap(port->words, PORT_WORDS, 1);
    host_exchange_unmap(port->from.data, PORT_RING_FROM, 2);
    host_exchange_unmap(port->to.data, PORT_RING_TO, 2);
}

static void bid_farewell(struct server_port *port, enum port_end why)
{
    atomic_store(&port->words->end, (uint32_t)why);
}

static uint64_t unsent(const struct server_port *port)
{
    return atomic_load(&port->words->unsent) & INT64_MAX;
}

static void plug(struct server_port *port, bool up)
{
    if (atomic_exchange(&port->words->unplugged, !up) == up)
        wake(port);
}

const struct transport server_ring_transport = {
    .ops = {send_ring, accepts, queued},
    .kind = "atoll",
    .pump = pump,
    .waits = waits,
    .ready = ready,
    .flush = flush,
    .close = close_rings,
    .unsent = unsent,
    .bid_farewell = bid_farewell,
    .plug = plug,
};

static int map_rings(struct server_port *port, int memory, struct error *err)
{
    void *words = NULL, *data = NULL;
    int ret = host_exchange_map(memory, 0, PORT_WORDS, 1, &words, err);

    port->words = words;
    if (ret)
        return ret;
    ret = host_exchange_map(memory, PORT_WORDS, PORT_RING_FROM, 2, &data, err);
    port->from = (struct ring){&port->words->from, data, PORT_RING_FROM, 0, 0};
    if (ret)
        return ret;
    data = NULL;
    ret = host_exchange_map(memory, PORT_WORDS + PORT_RING_FROM, PORT_RING_TO, 2, &data, err);
    port->to = (struct ring){&port->words->to, data, PORT_RING_TO, 0, 0};
    return ret;
}

int server_add_ring(struct server *server, int fd, const char *name, uint16_t mtu, int *memory,
                    struct error *err)
{
    struct server_port *port = calloc(1, sizeof(*port));
    int ret;

    if (!port) {
        close(fd);
        return error_set(err, ENOMEM, "out of memory");
    }
    *port = (struct server_port){.server = server,
                                 .transport = &server_ring_transport,
                                 .mtu = mtu,
                                 .ready = true, /* it may have put before it was watched */
                                 .fd = fd};
    strncpy(port->name, name, SWITCH_NAME_MAX);
    *memory = host_exchange_create("atoll port", PORT_MEMORY_SIZE, err);
    ret = *memory < 0 ? *memory : map_rings(port, *memory, err);
    if (ret) {
        close_rings(port);
        if (*memory >= 0)
            close(*memory);
        close(fd);
        free(port);
        return ret;
    }
    ret = server_add_port(server, port, err);
    if (ret < 0)
        close(*memory);
    return ret;
}
