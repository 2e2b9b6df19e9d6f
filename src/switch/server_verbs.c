/* SPDX-License-Identifier: ISC */
/* What a control connection can ask: a table of verbs (atoll-switch(1)). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "switch/server.h"

struct call {
    struct server *server;
    struct server_connection *connection;
    json_t *arguments; /* an object */
    struct server_reply *reply;
};

static int bad_arguments(const json_error_t *wrong, struct error *err)
{
    return error_set(err, EINVAL, "the arguments: %s", wrong->text);
}

static struct server_port *find_port(const struct call *call, const char *name, unsigned *number,
                                     struct error *err)
{
    static const char *const reasons[] = {
        [PORT_LEFT] = "the process behind it has ended",
        [PORT_TAKEN_OUT] = "it was taken out",
        [PORT_STOPPED] = "the switch is ending",
        [PORT_BROKE] = "it broke the rules of its connection",
    };
    struct server_port *port = server_find_port(call->server, name, number);
    const struct server_departed *departed = server_find_departed(call->server, name);

    if (!port && departed)
        error_set(err, ENOENT, "the switch \"%s\" has no port \"%s\" any more: %s",
                  call->server->name, name, reasons[departed->why]);
    else if (!port)
        error_set(err, ENOENT,
                  "the switch \"%s\" has no port \"%s\"; \"atoll switch %s\" lists them",
                  call->server->name, name, call->server->name);
    return port;
}

/* --- ports --- */

static int check_new_port(const struct call *call, const char *name, int mtu, struct error *err)
{
    int ret = switch_check_name("a port", name, err);

    if (ret)
        return ret;
    if (server_find_port(call->server, name, NULL))
        return error_set(err, EEXIST, "the switch \"%s\" has a port \"%s\" already",
                         call->server->name, name);
    if (mtu < FABRIC_MTU_MIN || mtu > FABRIC_MTU_MAX)
        return error_set(err, EINVAL, "an MTU of %d is not possible; give %d to %d", mtu,
                         FABRIC_MTU_MIN, FABRIC_MTU_MAX);
    return 0;
}

static void invent_name(const struct call *call, char *name, size_t room)
{
    unsigned number = 0;

    do
        snprintf(name, room, "port%u", ++number);
    while (server_find_port(call->server, name, NULL));
}

static int read_mac(json_t *json, uint8_t mac[6], struct error *err)
{
    if (json_array_size(json) != 6)
        return error_set(err, EINVAL, "a port's address is six numbers");
    for (size_t i = 0; i < 6; i++)
        mac[i] = (uint8_t)json_integer_value(json_array_get(json, i));
    return mac[0] & 1 ? error_set(err, EINVAL, "a port's address is no multicast address") : 0;
}

static int reserve(const struct call *call, unsigned number, const uint8_t mac[6],
                   struct error *err)
{
    if (fabric_reserve(call->server->fabric, number, mac))
        return 0;
    return error_set(err, EADDRINUSE,
                     "the address %02x:%02x:%02x:%02x:%02x:%02x is another port's on the switch "
                     "\"%s\"; give each card one of its own",
                     mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], call->server->name);
}

static int verb_join(struct call *call, struct error *err)
{
    const char *name = NULL;
    char invented[SWITCH_NAME_MAX + 1];
    json_t *address = NULL;
    json_error_t wrong;
    uint8_t mac[6];
    int mtu, ret, fd;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s?s, s:i, s?o}", "port", &name,
                       "mtu", &mtu, "mac", &address))
        return bad_arguments(&wrong, err);
    invent_name(call, invented, sizeof(invented));
    ret = check_new_port(call, name ? name : invented, mtu, err);
    ret = ret || !address ? ret : read_mac(address, mac, err);
    if (ret)
        return ret;
    fd = dup(call->connection->fd);
    if (fd < 0)
        return error_set(err, errno, "no descriptor is left");
    ret = server_add_ring(call->server, fd, name ? name : invented, (uint16_t)mtu, &call->reply->fd,
                          err);
    if (ret < 0) {
        call->reply->fd = -1;
        return ret;
    }
    if (address && reserve(call, (unsigned)ret, mac, err)) {
        server_remove_port(call->server, (unsigned)ret, PORT_LEFT);
        close(call->reply->fd);
        call->reply->fd = -1;
        return -EADDRINUSE;
    }
    call->reply->port = ret;
    call->reply->members = json_pack("{s:s}", "port", name ? name : invented);
    return 0;
}

static int find_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

static int verb_attach(struct call *call, struct error *err)
{
    static const char *const framings[] = {"packets", "stream", "tap"};
    struct message_input *input = &call->connection->input;
    const char *name, *framing;
    json_error_t wrong;
    int mtu, uplink, kind, ret;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s:s, s:s, s:i, s:b}", "port", &name,
                       "framing", &framing, "mtu", &mtu, "uplink", &uplink))
        return bad_arguments(&wrong, err);
    kind = find_word(framings, nitems(framings), framing);
    ret = check_new_port(call, name, mtu, err);
    if (ret)
        return ret;
    if (kind < 0 || input->fd < 0)
        return error_set(err, EINVAL, "a port needs a framing and a descriptor");
    ret = server_add_descriptor(call->server, input->fd, name, (uint16_t)mtu,
                                (enum switch_framing)kind, uplink, err);
    input->fd = -1;
    return MIN(ret, 0);
}

static int verb_detach(struct call *call, struct error *err)
{
    json_error_t wrong;
    const char *name;
    unsigned number;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s:s}", "port", &name))
        return bad_arguments(&wrong, err);
    if (!find_port(call, name, &number, err))
        return -ENOENT;
    server_remove_port(call->server, number, PORT_TAKEN_OUT);
    return 0;
}

/* --- links --- */

static int verb_link(struct call *call, struct error *err)
{
    static const char *const directions[] = {"from", "to", "both"};
    const char *name, *word;
    json_t *json = NULL;
    struct link_settings settings;
    json_error_t wrong;
    unsigned number;
    int direction, ret;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s:s, s:s, s?o}", "port", &name,
                       "direction", &word, "settings", &json))
        return bad_arguments(&wrong, err);
    direction = find_word(directions, nitems(directions), word);
    if (direction < 0)
        return error_set(err, EINVAL, "a link's direction is from, to or both");
    if (!find_port(call, name, &number, err))
        return -ENOENT;
    if (!json) {
        call->reply->members = json_pack(
            "{s:o}", "settings",
            link_to_json(link_get(fabric_link(call->server->fabric, number,
                                              direction == SWITCH_TO ? FABRIC_TO : FABRIC_FROM))));
        return 0;
    }
    ret = link_from_json(json, &settings, err);
    if (ret)
        return ret;
    if (direction != SWITCH_TO)
        link_set(fabric_link(call->server->fabric, number, FABRIC_FROM), &settings);
    if (direction != SWITCH_FROM)
        link_set(fabric_link(call->server->fabric, number, FABRIC_TO), &settings);
    server_plug_port(call->server, number);
    return 0;
}

/* --- captures --- */

static int verb_capture(struct call *call, struct error *err)
{
    struct message_input *input = &call->connection->input;
    struct server_capture *capture;
    const char *name = NULL;
    json_t *filter = NULL;
    json_error_t wrong;
    unsigned number = 0;
    int ret;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s?s, s?o}", "port", &name, "filter",
                       &filter))
        return bad_arguments(&wrong, err);
    if (name && !find_port(call, name, &number, err))
        return -ENOENT;
    ret = server_capture_start(call->connection, input->fd, name ? (int)number : -1, filter,
                               &capture, err);
    input->fd = -1;
    if (ret)
        return ret;
    call->reply->members = json_pack("{s:i}", "capture", (int)capture->id);
    return 0;
}

static int verb_capture_stop(struct call *call, struct error *err)
{
    json_error_t wrong;
    int id, ret;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s:i}", "capture", &id))
        return bad_arguments(&wrong, err);
    for (size_t i = 0; i < SERVER_CAPTURES; i++) {
        struct server_capture *capture = call->server->captures[i];

        if (!capture || capture->owner != call->connection || capture->id != (unsigned)id)
            continue;
        ret = server_capture_finish(call->server, capture);
        if (ret == -EAGAIN)
            return error_set(err, EAGAIN, "the capture's pipe is full; read from it");
        if (ret)
            error_set(err, ECANCELED, "the capture ended before, with %llu frames: %s",
                      (unsigned long long)capture->frames, strerror(-ret));
        else
            call->reply->members =
                json_pack("{s:I, s:I, s:I}", "frames", (json_int_t)capture->frames, "dropped",
                          (json_int_t)capture->dropped, "lost", (json_int_t)capture->lost);
        server_capture_end(call->server, capture);
        return ret ? -ECANCELED : 0;
    }
    return error_set(err, ENOENT, "this connection has no capture %d", id);
}

/* --- the switch --- */

static json_t *describe_direction(struct fabric *fabric, unsigned number,
                                  enum fabric_direction direction)
{
    const struct fabric_counters *c = fabric_counters(fabric, number, direction);
    const struct link *link = fabric_link(fabric, number, direction);
    const struct link_counters *l = link_counters(link);

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:o, s:I, s:I, s:I, s:I, s:I}}",
                     "frames", (json_int_t)c->frames, "bytes", (json_int_t)c->bytes, "malformed",
                     (json_int_t)c->malformed, "too_long", (json_int_t)c->too_long, "forged",
                     (json_int_t)c->forged, "limited", (json_int_t)c->limited, "queue_full",
                     (json_int_t)c->queue_full, "link", "settings", link_to_json(link_get(link)),
                     "lost", (json_int_t)l->lost, "queue_full", (json_int_t)l->queue_full,
                     "reordered", (json_int_t)l->reordered, "duplicated", (json_int_t)l->duplicated,
                     "corrupted", (json_int_t)l->corrupted);
}

static int verb_status(struct call *call, struct error *err)
{
    struct server *server = call->server;
    json_t *ports = json_array();

    for (unsigned i = 0; i < FABRIC_PORTS; i++) {
        const struct server_port *port = server->ports[i];

        if (!port)
            continue;
        json_array_append_new(
            ports, json_pack("{s:s, s:s, s:i, s:b, s:i, s:I, s:o, s:o}", "port", port->name, "kind",
                             port->transport->kind, "mtu", port->mtu, "uplink", port->uplink,
                             "addresses", (int)fabric_addresses(server->fabric, i), "unsent",
                             (json_int_t)server_port_unsent(port), "from",
                             describe_direction(server->fabric, i, FABRIC_FROM), "to",
                             describe_direction(server->fabric, i, FABRIC_TO)));
    }
    call->reply->members =
        json_pack("{s:s, s:b, s:o}", "switch", server->name, "kept", server->kept, "ports", ports);
    return 0;
}

static int verb_keep(struct call *call, struct error *err)
{
    json_error_t wrong;
    int keep;

    if (json_unpack_ex(call->arguments, &wrong, JSON_STRICT, "{s:b}", "keep", &keep))
        return bad_arguments(&wrong, err);
    call->server->kept = keep;
    server_count(call->server);
    return 0;
}

static int verb_stop(struct call *call, struct error *err)
{
    call->server->stopped = true;
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct call *call, struct error *err);
} verbs[] = {
    {"join", verb_join},     {"attach", verb_attach},   {"detach", verb_detach},
    {"link", verb_link},     {"capture", verb_capture}, {"capture-stop", verb_capture_stop},
    {"status", verb_status}, {"keep", verb_keep},       {"stop", verb_stop},
};

int server_carry_out(struct server_connection *connection, json_t *request,
                     struct server_reply *reply, struct error *err)
{
    const char *verb = json_string_value(json_object_get(request, "verb"));
    json_t *given = json_object_get(request, "arguments"), *none = json_object();
    struct call call = {connection->server, connection, given ? given : none, reply};
    int ret = -ENOSYS;

    if (!verb || (given && !json_is_object(given))) {
        json_decref(none);
        return error_set(err, EINVAL, "a request has a \"verb\" and maybe \"arguments\"");
    }
    for (size_t i = 0; i < nitems(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            ret = verbs[i].run(&call, err);
    json_decref(none);
    return ret == -ENOSYS ? error_set(err, ENOSYS, "there is no verb \"%.40s\"", verb) : ret;
}
