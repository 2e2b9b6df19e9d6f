/* SPDX-License-Identifier: ISC */
/* Control connections: questions and answers, one at a time. */
#include "switch/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "host/clock.h"
#include "switch/client_private.h"
#include "switch/place.h"

#define PATIENCE_MS 10000
#define ATTEMPTS    5
#define GOING_MS    5000 /* until a switch that was stopped has removed its socket */

int client_receive(struct switch_client *client, json_t **message, struct error *err)
{
    struct pollfd ready = {.fd = client->socket, .events = POLLIN};
    ssize_t length = 0;
    int ret;

    while (!(ret = message_take(&client->input, message, err))) {
        if (poll(&ready, 1, PATIENCE_MS) == 0)
            return error_set(err, ETIMEDOUT, "the switch does not answer");
        length = message_read(&client->input, client->socket);
        if (length < 0 && length != -EAGAIN)
            return error_set(err, (int)-length, "the switch has closed the connection");
    }
    return ret < 0 ? ret : 0;
}

static int send_all(struct switch_client *client, const char *line, size_t length, int fd,
                    struct error *err)
{
    struct pollfd ready = {.fd = client->socket, .events = POLLOUT};

    while (length) {
        ssize_t sent = message_send(client->socket, line, length, fd);

        if (sent == -EAGAIN && poll(&ready, 1, PATIENCE_MS) > 0)
            continue;
        if (sent < 0)
            return error_set(err, (int)-sent, "the switch cannot be asked: %s",
                             strerror((int)-sent));
        line += sent;
        length -= (size_t)sent;
        fd = -1;
    }
    return 0;
}

static int answer_error(json_t *answer, struct error *err)
{
    const char *text = json_string_value(json_object_get(answer, "error"));
    json_int_t code = json_integer_value(json_object_get(answer, "code"));

    return error_set(err, code > 0 && code < 4096 ? (int)code : EIO, "%.400s",
                     text ? text : "the switch refuses");
}

int switch_ask(struct switch_client *client, const char *verb, json_t *arguments, int fd,
               json_t **out, struct error *err)
{
    json_t *request = json_pack("{s:I, s:s, s:o*}", "id", (json_int_t)++client->id, "verb", verb,
                                "arguments", arguments),
           *answer;
    size_t length = 0;
    char *line = message_line(request, &length);
    int ret = line ? send_all(client, line, length, fd, err) : -ENOMEM;

    free(line);
    if (ret == -ENOMEM)
        return error_set(err, ENOMEM, "out of memory");
    ret = ret ? ret : client_receive(client, &answer, err);
    if (ret)
        return ret;
    if (!json_is_true(json_object_get(answer, "ok")))
        ret = answer_error(answer, err);
    if (out && !ret)
        *out = answer;
    else
        json_decref(answer);
    return ret;
}

static int greet(struct switch_client *client, struct error *err)
{
    const char *protocol;
    json_int_t version;
    json_t *greeting;
    int ret = client_receive(client, &greeting, err);

    if (ret)
        return ret;
    protocol = json_string_value(json_object_get(greeting, "protocol"));
    version = json_integer_value(json_object_get(greeting, "version"));
    if (!protocol || strcmp(protocol, SWITCH_PROTOCOL) != 0 || version != SWITCH_VERSION)
        ret = error_set(err, EPROTO,
                        "the switch speaks version %lld of its protocol, this program %d: they are "
                        "of different releases",
                        (long long)version, SWITCH_VERSION);
    json_decref(greeting);
    return ret;
}

static int connect_once(struct switch_client **out, const char *name, bool start, struct error *err)
{
    struct switch_client *client = calloc(1, sizeof(*client));
    int ret;

    if (!client)
        return error_set(err, ENOMEM, "out of memory");
    client->input.fd = -1;
    strncpy(client->name, name, SWITCH_NAME_MAX);
    client->socket = place_connect(name, start, err);
    ret = client->socket < 0 ? client->socket : greet(client, err);
    if (ret) {
        switch_disconnect(client);
        return ret;
    }
    *out = client;
    return 0;
}

/* One that ends just now cuts off whoever comes in that moment. */
int switch_connect(struct switch_client **client, const char *name, bool start, struct error *err)
{
    int ret = -EPIPE;

    for (int i = 0; i < ATTEMPTS && (ret == -EPIPE || ret == -ECONNRESET); i++)
        ret = connect_once(client, name, start, err);
    return ret;
}

void switch_disconnect(struct switch_client *client)
{
    if (!client)
        return;
    message_input_free(&client->input);
    if (client->socket >= 0)
        close(client->socket);
    free(client);
}

int switch_list(char ***names, struct error *err)
{
    char **all;
    size_t kept = 0;
    int ret = place_list(&all, err);

    if (ret)
        return ret;
    for (char **at = all; *at; at++) {
        int fd = place_connect(*at, false, NULL);

        if (fd >= 0) {
            close(fd);
            all[kept++] = *at;
        } else {
            free(*at);
        }
    }
    all[kept] = NULL;
    *names = all;
    return 0;
}

/* --- verbs --- */

static const char *const direction_names[] = {"from", "to", "both"};
static const char *const framing_names[] = {"packets", "stream", "tap"};

int switch_status(struct switch_client *client, json_t **status, struct error *err)
{
    return switch_ask(client, "status", NULL, -1, status, err);
}

int switch_keep(struct switch_client *client, bool keep, struct error *err)
{
    return switch_ask(client, "keep", json_pack("{s:b}", "keep", keep), -1, NULL, err);
}

int switch_stop(struct switch_client *client, struct error *err)
{
    int ret = switch_ask(client, "stop", NULL, -1, NULL, err);

    for (int i = 0; i < GOING_MS && !ret && place_exists(client->name); i++)
        host_sleep(NS_PER_MSEC);
    return ret;
}

int switch_link_set(struct switch_client *client, const char *port, enum switch_direction direction,
                    const struct link_settings *settings, struct error *err)
{
    return switch_ask(client, "link",
                      json_pack("{s:s, s:s, s:o}", "port", port, "direction",
                                direction_names[direction], "settings", link_to_json(settings)),
                      -1, NULL, err);
}

int switch_link_get(struct switch_client *client, const char *port, enum switch_direction direction,
                    struct link_settings *settings, struct error *err)
{
    json_t *answer;
    int ret =
        switch_ask(client, "link",
                   json_pack("{s:s, s:s}", "port", port, "direction", direction_names[direction]),
                   -1, &answer, err);

    if (ret)
        return ret;
    ret = link_from_json(json_object_get(answer, "settings"), settings, err);
    json_decref(answer);
    return ret;
}

int switch_capture_start(struct switch_client *client, const char *port, const char *filter, int fd,
                         unsigned *id, struct error *err)
{
    json_t *program = NULL, *answer;
    int ret = filter && *filter ? filter_compile(filter, &program, err) : 0;

    if (ret)
        return ret;
    ret = switch_ask(client, "capture", json_pack("{s:s*, s:o*}", "port", port, "filter", program),
                     fd, &answer, err);
    if (ret)
        return ret;
    *id = (unsigned)json_integer_value(json_object_get(answer, "capture"));
    json_decref(answer);
    return 0;
}

int switch_filter_check(const char *filter, struct error *err)
{
    json_t *program = NULL;
    int ret = filter_compile(filter, &program, err);

    json_decref(program);
    return ret;
}

static uint64_t count_of(const json_t *answer, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(answer, name));
}

int switch_capture_stop(struct switch_client *client, unsigned id, struct switch_captured *captured,
                        struct error *err)
{
    json_t *answer;
    int ret = switch_ask(client, "capture-stop", json_pack("{s:i}", "capture", (int)id), -1,
                         &answer, err);

    if (ret)
        return ret;
    if (captured)
        *captured = (struct switch_captured){count_of(answer, "frames"),
                                             count_of(answer, "dropped"), count_of(answer, "lost")};
    json_decref(answer);
    return 0;
}

int switch_attach(struct switch_client *client, const char *port, enum switch_framing framing,
                  int fd, uint16_t mtu, bool uplink, struct error *err)
{
    return switch_ask(client, "attach",
                      json_pack("{s:s, s:s, s:i, s:b}", "port", port, "framing",
                                framing_names[framing], "mtu", (int)mtu, "uplink", uplink),
                      fd, NULL, err);
}

int switch_detach(struct switch_client *client, const char *port, struct error *err)
{
    return switch_ask(client, "detach", json_pack("{s:s}", "port", port), -1, NULL, err);
}

int switch_uplink_user(struct switch_client *client, const struct net_user_config *config,
                       struct error *err)
{
    int socket, ret = net_user_start(config, &socket, err);

    if (ret)
        return ret;
    ret = switch_attach(client, "uplink", SWITCH_PACKETS, socket, config->mtu ? config->mtu : 1500,
                        true, err);
    close(socket);
    return ret;
}

int switch_uplink_socket(struct switch_client *client, const struct net_socket_config *config,
                         struct error *err)
{
    bool messages;
    int fd = net_socket_descriptor(config, &messages, err), ret;

    if (fd < 0)
        return fd;
    ret = switch_attach(client, "uplink", messages ? SWITCH_PACKETS : SWITCH_STREAM, fd,
                        config->mtu ? config->mtu : 1500, true, err);
    close(fd);
    return ret;
}
