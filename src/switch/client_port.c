/* SPDX-License-Identifier: ISC */
/*
 * A port of this process's own. After the answer to "join" the connection carries wake-ups: a byte
 * is "look at the rings", the end is the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/client_private.h"
#include "switch/fabric.h"

struct switch_port {
    int socket;
    uint16_t mtu;
    bool over;  /* the switch has gone, or */
    bool broke; /* has broken the rules */
    char name[SWITCH_NAME_MAX + 1], switch_name[SWITCH_NAME_MAX + 1];
    struct port_words *words;
    struct ring from, to; /* this side puts into the first and takes from the second */
};

static int map_rings(struct switch_port *port, int fd, struct error *err)
{
    void *words, *data;
    int ret = host_exchange_map(fd, 0, PORT_WORDS, 1, &words, err);

    if (ret)
        return ret;
    port->words = words;
    port->from = (struct ring){.shared = &port->words->from, .size = PORT_RING_FROM};
    port->to = (struct ring){.shared = &port->words->to, .size = PORT_RING_TO};
    ret = host_exchange_map(fd, PORT_WORDS, PORT_RING_FROM, 2, &data, err);
    if (ret)
        return ret;
    port->from.data = data;
    ret = host_exchange_map(fd, PORT_WORDS + PORT_RING_FROM, PORT_RING_TO, 2, &data, err);
    if (ret)
        return ret;
    port->to.data = data;
    return 0;
}

static json_t *join_arguments(const struct switch_port_config *config, uint16_t mtu)
{
    const uint8_t *m = config->mac;
    json_t *arguments = json_pack("{s:i}", "mtu", mtu);
    json_t *mac = json_pack("[i,i,i,i,i,i]", m[0], m[1], m[2], m[3], m[4], m[5]);

    if (config->has_mac)
        json_object_set(arguments, "mac", mac);
    json_decref(mac);
    if (config->name && *config->name)
        json_object_set_new(arguments, "port", json_string(config->name));
    return arguments;
}

static int join(struct switch_port *port, struct switch_client *client,
                const struct switch_port_config *config, struct error *err)
{
    const char *name;
    json_t *answer;
    int ret = switch_ask(client, "join", join_arguments(config, port->mtu), -1, &answer, err);

    if (ret)
        return ret;
    name = json_string_value(json_object_get(answer, "port"));
    strncpy(port->name, name ? name : "", SWITCH_NAME_MAX);
    json_decref(answer);
    if (client->input.fd < 0)
        return error_set(err, EPROTO, "the switch shares no memory with its port");
    ret = map_rings(port, client->input.fd, err);
    ring_accept(&port->to, ret ? 0 : config->offloads);
    return ret;
}

int switch_join(struct switch_port **out, const char *name, const struct switch_port_config *config,
                struct error *err)
{
    struct switch_port *port = calloc(1, sizeof(*port));
    struct switch_client *client = NULL;
    int ret;

    if (!port)
        return error_set(err, ENOMEM, "out of memory");
    port->socket = -1;
    port->mtu = config->mtu ? config->mtu : 1500;
    ret = switch_connect(&client, name, true, err);
    ret = ret ? ret : join(port, client, config, err);
    if (!ret) { /* the connection is the port's from now on */
        port->socket = client->socket;
        client->socket = -1;
        strcpy(port->switch_name, client->name);
    }
    switch_disconnect(client);
    if (ret) {
        switch_leave(port);
        return ret;
    }
    *out = port;
    return 0;
}

void switch_leave(struct switch_port *port)
{
    if (!port)
        return;
    host_exchange_unmap(port->words, PORT_WORDS, 1);
    host_exchange_unmap(port->from.data, PORT_RING_FROM, 2);
    host_exchange_unmap(port->to.data, PORT_RING_TO, 2);
    if (port->socket >= 0)
        close(port->socket);
    free(port);
}

const char *switch_port_name(const struct switch_port *port)
{
    return port->name;
}

int switch_port_descriptor(const struct switch_port *port)
{
    return port->socket;
}

bool switch_port_awake(struct switch_port *port)
{
    char drop[64];
    ssize_t length;

    do
        length = recv(port->socket, drop, sizeof(drop), MSG_DONTWAIT);
    while (length == (ssize_t)sizeof(drop) || (length < 0 && errno == EINTR));
    port->over |= length == 0 || (length < 0 && errno != EAGAIN);
    return !port->over && !port->broke;
}

void switch_port_explain(const struct switch_port *port, struct error *why)
{
    switch (atomic_load(&port->words->end)) {
    case PORT_TAKEN_OUT:
        error_set(why, ENOTCONN, "port \"%s\" was taken out of the switch \"%s\"", port->name,
                  port->switch_name);
        break;
    case PORT_STOPPED:
        error_set(why, ENOTCONN, "the switch \"%s\" was stopped", port->switch_name);
        break;
    case PORT_BROKE:
        error_set(
            why, EPROTO,
            "the switch \"%s\" has ended port \"%s\", which broke the rules of its connection",
            port->switch_name, port->name);
        break;
    default:
        error_set(why, EPIPE,
                  port->broke ? "the switch \"%s\" broke the rules of its connection"
                              : "the process of the switch \"%s\" has died",
                  port->switch_name);
    }
}

bool switch_port_up(const struct switch_port *port)
{
    return !port->over && !port->broke && !atomic_load(&port->words->unplugged);
}

static void wake(struct switch_port *port)
{
    if (send(port->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        port->over = true; /* a full socket wakes as well */
}

int switch_port_send(struct switch_port *port, const struct net_header *header,
                     const struct iovec *iov, int count)
{
    static const struct net_header plain;
    size_t length = 0;
    int ret;

    for (int i = 0; i < count; i++)
        length += MIN(iov[i].iov_len, NET_OFFLOAD_MAX_FRAME + 1);
    if (length > NET_OFFLOAD_MAX_FRAME || ((!header || header->gso_type == NET_GSO_NONE) &&
                                           length > (size_t)port->mtu + FABRIC_OVERHEAD))
        return -EMSGSIZE;
    ret = ring_put(&port->from, header ? header : &plain, iov, count, length);
    if (ret == -EAGAIN && !ring_put_sleep(&port->from, length))
        ret = ring_put(&port->from, header ? header : &plain, iov, count, length);
    return ret;
}

void switch_port_drop(struct switch_port *port)
{
    atomic_fetch_add_explicit(&port->words->unsent, 1, memory_order_relaxed);
}

void switch_port_flush(struct switch_port *port)
{
    if (ring_put_wakes(&port->from))
        wake(port);
}

size_t switch_port_receive(struct switch_port *port, struct net_header *header, const void **frame)
{
    const uint8_t *at = NULL;
    ssize_t length = port->broke ? 0 : ring_take(&port->to, header, &at);

    if (length == 0 && !port->broke && !ring_take_sleep(&port->to))
        length = ring_take(&port->to, header, &at);
    if (length < 0) {
        port->broke = true;
        return 0;
    }
    *frame = at;
    return (size_t)length;
}

void switch_port_done(struct switch_port *port)
{
    ring_done(&port->to);
    if (ring_take_wakes(&port->to))
        wake(port);
}

void switch_port_accept(struct switch_port *port, unsigned offloads)
{
    ring_accept(&port->to, offloads);
}
