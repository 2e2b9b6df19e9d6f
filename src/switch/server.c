/* SPDX-License-Identifier: ISC */
#include "switch/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/confine.h"
#include "host/entropy.h"

#define TURNS 4 /* at once, before the loop looks whose descriptor is ready */

void server_end(struct server *server)
{
    for (unsigned i = 0; server->stopped && i < FABRIC_PORTS; i++)
        if (server->ports[i])
            server_remove_port(server, i, PORT_STOPPED);
    if (server->ended[1] >= 0)
        close(server->ended[1]);
    server->ended[1] = -1;
}

static bool wanted(const struct server *server)
{
    bool any = server->kept;

    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        any |= server->ports[i] && !server->ports[i]->uplink;
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        any |= server->connections[i] != NULL;
    return any;
}

void server_count(struct server *server)
{
    host_timer_set(server->linger,
                   wanted(server) ? UINT64_MAX : host_clock_monotonic() + SERVER_LINGER_NS);
}

static void on_linger(void *ctx)
{
    struct server *server = ctx;

    if (!wanted(server))
        server_end(server);
}

/* --- frames --- */

static bool has_come(const struct server_port *port)
{
    return port->ready || (port->transport->waits && port->transport->waits(port));
}

/* Each port in turn may give the fabric a bounded number of frames: none waits for more than that
 * of each other, nor for the loop to hear of it while another keeps this busy. Returns whether
 * there is more. */
static bool turn(struct server *server)
{
    uint64_t now = host_clock_monotonic();
    bool more = false;

    for (unsigned i = 0; i < FABRIC_PORTS; i++) {
        struct server_port *port = server->ports[(server->first + i) % FABRIC_PORTS];

        if (!port || port->over || !has_come(port))
            continue;
        port->ready = port->transport->pump(port, now);
        more |= port->ready;
    }
    server->first = (server->first + 1) % FABRIC_PORTS;
    fabric_run(server->fabric, now);
    return more;
}

static void settle(struct server *server)
{
    for (unsigned i = 0; i < FABRIC_PORTS; i++) {
        struct server_port *port = server->ports[i];

        if (port && port->dirty && !port->over)
            port->transport->flush(port);
        if (port)
            port->dirty = false;
        if (port && port->over)
            server_remove_port(server, i, port->broke ? PORT_BROKE : PORT_LEFT);
    }
}

static void on_turn(void *ctx)
{
    struct server *server = ctx;
    bool more = true;

    for (unsigned i = 0; i < TURNS && more; i++) {
        more = turn(server);
        settle(server);
    }
    if (more)
        host_work_post(server->turn);
    host_timer_set(server->timer, fabric_deadline(server->fabric));
    if (server->stopped)
        server_end(server);
}

void server_wake(struct server *server)
{
    on_turn(server);
}

/* --- life --- */

static int create_sources(struct server *server)
{
    int ret = host_work_create(server->loop, on_turn, server, &server->turn);

    ret = ret ? ret : host_timer_create(server->loop, on_turn, server, &server->timer);
    ret = ret ? ret : host_timer_create(server->loop, on_linger, server, &server->linger);
    ret = ret ? ret
              : host_watch_create(server->loop, server->listener, HOST_READABLE, server_accept,
                                  server, &server->listener_watch);
    return ret;
}

/* On the loop, where everything is from now on. */
static void begin(void *ctx)
{
    struct server *server = ctx;

    if (create_sources(server))
        server_end(server);
    else
        server_count(server);
}

static int create(struct server *server)
{
    const struct fabric_hooks hooks = {server_capture_passed, server};
    uint64_t seed;
    int ret;

    signal(SIGPIPE, SIG_IGN); /* a capture's reader may go */
    host_entropy(&seed, sizeof(seed));
    server->fabric = fabric_create(seed, &hooks);
    if (!server->fabric)
        return -ENOMEM;
    if (pipe(server->ended))
        return -errno;
    ret = host_loop_create(&server->loop, "switch", NULL);
    if (ret)
        return ret;
    ret = host_confine(HOST_CONFINE_SWITCH, NULL);
    return ret == -ENOSYS ? 0 : ret;
}

/* The process ends with this: what is open is the system's to close. */
int server_run(int listener, const char *name)
{
    struct server *server = calloc(1, sizeof(*server));
    struct pollfd end;
    int ret = server ? 0 : -ENOMEM;

    if (ret)
        return ret;
    server->name = name;
    server->owner = geteuid();
    server->listener = listener;
    ret = create(server);
    if (ret)
        return ret;
    host_loop_call(server->loop, begin, server);
    end = (struct pollfd){.fd = server->ended[0], .events = POLLIN};
    while (poll(&end, 1, -1) <= 0)
        ;
    host_loop_destroy(server->loop);
    return 0;
}
