/* SPDX-License-Identifier: ISC */
/* Connections that ask: bytes to requests, answers to bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/server.h"

static void connection_free(struct server_connection *connection)
{
    struct server *server = connection->server;

    for (size_t i = 0; i < SERVER_CAPTURES; i++)
        if (server->captures[i] && server->captures[i]->owner == connection) {
            server_capture_finish(server, server->captures[i]);
            server_capture_end(server, server->captures[i]);
        }
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        if (server->connections[i] == connection)
            server->connections[i] = NULL;
    host_watch_destroy(connection->watch);
    message_input_free(&connection->input);
    if (connection->fd >= 0)
        close(connection->fd);
    free(connection->answers);
    free(connection);
    server_count(server);
}

void server_hang_up(struct server_connection *connection)
{
    connection_free(connection);
}

/* --- answers --- */

/* What has no room now waits, up to a bound. */
static void put(struct server_connection *connection, char *line, size_t length, int fd)
{
    ssize_t sent = connection->answers_length ? 0 : message_send(connection->fd, line, length, fd);
    size_t rest;
    char *grown;

    if (sent == -EAGAIN)
        sent = 0;
    if (sent < 0 || (fd >= 0 && sent == 0)) {
        connection->over = true;
        return;
    }
    rest = length - (size_t)sent;
    if (!rest)
        return;
    grown = rest + connection->answers_length > SERVER_ANSWER_MAX
                ? NULL
                : realloc(connection->answers, connection->answers_length + rest);
    if (!grown) {
        connection->over = true;
        return;
    }
    memcpy(grown + connection->answers_length, line + sent, rest);
    connection->answers = grown;
    connection->answers_length += rest;
    host_watch_want(connection->watch, HOST_READABLE | HOST_WRITABLE);
}

static void put_message(struct server_connection *connection, json_t *message, int fd)
{
    size_t length = 0;
    char *line = message_line(message, &length);

    if (line)
        put(connection, line, length, fd);
    else
        connection->over = true;
    free(line);
}

static void put_waiting(struct server_connection *connection)
{
    ssize_t sent =
        message_send(connection->fd, connection->answers, connection->answers_length, -1);

    if (sent < 0) {
        connection->over |= sent != -EAGAIN;
        return;
    }
    connection->answers_length -= (size_t)sent;
    memmove(connection->answers, connection->answers + sent, connection->answers_length);
    if (!connection->answers_length)
        host_watch_want(connection->watch, HOST_READABLE);
}

/* What somebody else wrote may be quoted there, and is not always UTF-8. */
static json_t *refusal(struct error *err)
{
    for (char *at = err->text; *at; at++)
        if (*at < ' ' || *at == 0x7f)
            *at = '?';
    return json_pack("{s:b, s:i, s:s+}", "ok", 0, "code", err->code, "error", err->text, "");
}

/* --- requests --- */

static void answer(struct server_connection *connection, json_t *request)
{
    struct server_reply reply = {.fd = -1, .port = -1};
    struct error err = {0};
    json_t *message;
    int ret = server_carry_out(connection, request, &reply, &err);

    message = ret ? refusal(&err) : reply.members ? reply.members : json_object();
    if (!ret)
        json_object_set_new(message, "ok", json_true());
    json_object_set(message, "id", json_object_get(request, "id"));
    put_message(connection, message, reply.fd);
    if (reply.fd >= 0)
        close(reply.fd);
    if (reply.port < 0)
        return;
    /* The socket is the port's, which has a descriptor of its own; unless the answer is not out. */
    if (connection->over || connection->answers_length)
        server_remove_port(connection->server, (unsigned)reply.port, PORT_LEFT);
    connection->over = true;
}

static void take_requests(struct server_connection *connection)
{
    struct error err = {0};
    json_t *request;
    int ret;

    while (!connection->over && (ret = message_take(&connection->input, &request, &err))) {
        if (ret < 0) {
            put_message(connection, refusal(&err), -1);
            connection->over = true;
            return;
        }
        answer(connection, request);
        json_decref(request);
    }
}

static void on_ready(void *ctx, unsigned events)
{
    struct server_connection *connection = ctx;
    struct server *server = connection->server;
    ssize_t length;

    if ((events & HOST_WRITABLE) && connection->answers_length)
        put_waiting(connection);
    if (events & HOST_READABLE) {
        length = message_read(&connection->input, connection->fd);
        connection->over |= length < 0 && length != -EAGAIN;
        take_requests(connection);
    }
    if (connection->over)
        connection_free(connection);
    server_wake(server);
}

/* The folder and the socket are one user's already; where a system looks at neither, this does. */
static bool is_stranger(const struct server *server, int fd)
{
    uid_t uid;
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
        return true;
    uid = peer.uid;
#else
    gid_t gid;

    if (getpeereid(fd, &uid, &gid))
        return true;
#endif
    return uid != server->owner && uid != 0;
}

static int add(struct server *server, struct server_connection *connection)
{
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
        if (server->connections[i])
            continue;
        server->connections[i] = connection;
        return host_watch_create(server->loop, connection->fd, HOST_READABLE, on_ready, connection,
                                 &connection->watch);
    }
    return -EBUSY;
}

void server_accept(void *ctx, unsigned events)
{
    struct server *server = ctx;
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct server_connection *connection =
        fd < 0 || is_stranger(server, fd) ? NULL : calloc(1, sizeof(*connection));

    if (!connection) {
        if (fd >= 0)
            close(fd);
        return;
    }
    *connection = (struct server_connection){.server = server, .fd = fd, .input = {.fd = -1}};
    if (add(server, connection)) {
        connection_free(connection);
        return;
    }
    put_message(connection,
                json_pack("{s:s, s:i, s:s}", "protocol", SWITCH_PROTOCOL, "version", SWITCH_VERSION,
                          "switch", server->name),
                -1);
    server_count(server);
}
