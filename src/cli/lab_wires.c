/* SPDX-License-Identifier: ISC */
#include "cli/lab_wires.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/lab_links.h"

#define LOOPBACK UINT32_C(0x7f000001)

struct lab_wires {
    struct lab *lab;
    struct switch_client **clients; /* of lab->config.switches */
    size_t count;
    struct peer **peers; /* of lab->config.peers */
    size_t peer_count;
    bool borrowed; /* another keeps them */
};

/* --- names --- */

void lab_switch_name(const struct config *config, const char *wire, char *name, size_t room)
{
    snprintf(name, room, "%s.%s", config->name, wire);
}

void lab_port_name(const struct config_vm *vm, size_t interface, char *name, size_t room)
{
    if (interface)
        snprintf(name, room, "%s.%zu", vm->name, interface);
    else
        snprintf(name, room, "%s", vm->name);
}

static size_t index_of(const struct lab_wires *wires, const char *name)
{
    return (size_t)(config_switch_find(&wires->lab->config, name) - wires->lab->config.switches);
}

const struct config *lab_wires_config(const struct lab_wires *wires)
{
    return &wires->lab->config;
}

struct switch_client *lab_wires_switch(struct lab_wires *wires, const char *name)
{
    return wires->clients[index_of(wires, name)];
}

/* --- the way out --- */

static int start_uplink(struct switch_client *client, const struct config_switch *wire,
                        struct error *err)
{
    const struct config_user *user = &wire->uplink;
    struct net_user_config config = {
        .host = user->host, .isolated = user->isolated, .mtu = (uint16_t)wire->mtu};

    if (user->forward_count > NET_MAX_FORWARDS)
        return error_set(err, EINVAL, "more than %d forwards are not possible", NET_MAX_FORWARDS);
    for (size_t i = 0; i < user->forward_count; i++) {
        const struct config_forward *f = &user->forwards[i];

        config.forwards[config.forward_count++] =
            (struct net_forward){.udp = f->udp,
                                 .host_address = f->host_address ? f->host_address : LOOPBACK,
                                 .host_port = f->host_port,
                                 .guest_port = f->guest_port,
                                 .guest_address = f->guest_address};
    }
    return switch_uplink_user(client, &config, err);
}

static int join_program(struct switch_client *client, const struct config_switch *wire,
                        struct error *err)
{
    const struct net_socket_config config = {.path = wire->uplink_socket,
                                             .mtu = (uint16_t)wire->mtu};

    return switch_uplink_socket(client, &config, err);
}

/* --- captures --- */

/* It ends with the connection. */
static int start_capture(struct switch_client *client, const char *port, const char *path,
                         const char *filter, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), ret;
    unsigned id;

    if (fd < 0)
        return error_set(err, errno, "%s: cannot write the capture: %s", path, strerror(errno));
    ret = switch_capture_start(client, port, filter, fd, &id, err);
    close(fd);
    return ret ? error_prefix(err, "%s", path) : 0;
}

/* --- peers --- */

struct peer *lab_wires_peer(struct lab_wires *wires, size_t index)
{
    return wires->peers[index];
}

/* An address that is the same in each run: locally administered, from the names (FNV-1a). */
static void make_mac(const struct lab_wires *wires, const struct config_peer *peer, uint8_t mac[6])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char name[2 * LAB_PORT_ROOM];

    snprintf(name, sizeof(name), "%s.%s", wires->lab->config.name, peer->name);
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    mac[0] = 0x52;
    mac[1] = 0x50;
    for (size_t i = 2; i < 6; i++)
        mac[i] = (uint8_t)(hash >> (8 * i));
}

static int start_peer(struct lab_wires *wires, size_t index, struct error *err)
{
    static const enum peer_service services[] = {
        [CONFIG_ECHO] = PEER_ECHO, [CONFIG_DISCARD] = PEER_DISCARD, [CONFIG_SAY] = PEER_SAY};
    const struct config_peer *from = &wires->lab->config.peers[index];
    struct peer_listener listeners[PEER_LISTENERS];
    char wire[SWITCH_NAME_MAX + 1];
    struct peer_config peer = {.name = from->name,
                               .wire = wire,
                               .mtu = config_peer_mtu(&wires->lab->config, from),
                               .listeners = listeners,
                               .listener_count = from->listener_count};

    if (from->listener_count > PEER_LISTENERS)
        return error_set(err, EINVAL, "the peer \"%s\": more than %d listeners are not possible",
                         from->name, PEER_LISTENERS);
    for (size_t i = 0; i < IP_FAMILIES; i++)
        peer.networks[i] = (struct peer_network){
            from->networks[i].address, from->networks[i].gateway, from->networks[i].prefix};
    for (size_t i = 0; i < from->listener_count; i++) {
        const struct config_listener *l = &from->listeners[i];

        listeners[i] = (struct peer_listener){l->udp, l->port, services[l->service], l->text};
    }
    lab_switch_name(&wires->lab->config, from->wire, wire, sizeof(wire));
    if (from->has_mac)
        memcpy(peer.mac, from->mac, sizeof(peer.mac));
    else
        make_mac(wires, from, peer.mac);
    return peer_start(&wires->peers[index], &peer, err);
}

/* --- all of them --- */

static int start_switch(struct lab_wires *wires, const struct config_switch *wire,
                        struct switch_client **client, struct error *err)
{
    char name[SWITCH_NAME_MAX + 1];
    int ret;

    lab_switch_name(&wires->lab->config, wire->name, name, sizeof(name));
    ret = switch_connect(client, name, true, err);
    if (ret)
        return ret;
    if (wire->uplink.given)
        ret = start_uplink(*client, wire, err);
    if (!ret && wire->uplink_socket)
        ret = join_program(*client, wire, err);
    if (!ret && wire->capture)
        ret = start_capture(*client, NULL, wire->capture, wire->filter, err);
    return ret;
}

static int make_room(struct lab_wires **out, struct lab *lab, struct error *err)
{
    struct lab_wires *wires = *out = calloc(1, sizeof(*wires));
    const struct config *c = &lab->config;

    if (!wires)
        return error_set(err, ENOMEM, "out of memory");
    wires->lab = lab;
    wires->clients = calloc(c->switch_count + 1, sizeof(struct switch_client *));
    if (!wires->clients)
        return error_set(err, ENOMEM, "out of memory");
    wires->count = c->switch_count;
    wires->peers = calloc(c->peer_count + 1, sizeof(struct peer *));
    if (!wires->peers)
        return error_set(err, ENOMEM, "out of memory");
    wires->peer_count = c->peer_count;
    return 0;
}

int lab_wires_borrow(struct lab_wires **out, struct lab *lab, struct peer **peers,
                     struct error *err)
{
    int ret = make_room(out, lab, err);
    struct lab_wires *wires = *out;
    char name[SWITCH_NAME_MAX + 1];

    for (size_t i = 0; i < lab->config.peer_count; i++) {
        if (ret)
            peer_stop(peers[i]);
        else
            wires->peers[i] = peers[i];
    }
    if (!ret)
        wires->borrowed = true;
    for (size_t i = 0; i < lab->config.switch_count && !ret; i++) {
        lab_switch_name(&lab->config, lab->config.switches[i].name, name, sizeof(name));
        ret = switch_connect(&wires->clients[i], name, false, err);
    }
    return ret;
}

int lab_wires_create(struct lab_wires **out, struct lab *lab, struct error *err)
{
    const struct config *c = &lab->config;
    int ret = make_room(out, lab, err);
    struct lab_wires *wires = *out;

    if (ret)
        return ret;
    for (size_t i = 0; i < c->switch_count && !ret; i++) {
        ret = start_switch(wires, &c->switches[i], &wires->clients[i], err);
        if (ret)
            error_prefix(err, "the switch \"%s\"", c->switches[i].name);
    }
    for (size_t i = 0; i < c->peer_count && !ret; i++)
        ret = start_peer(wires, i, err);
    return ret;
}

static int capture_port(struct lab_wires *wires, const char *wire, const char *port,
                        const struct config_port *end, struct error *err)
{
    if (!wire || !end->capture)
        return 0;
    return start_capture(lab_wires_switch(wires, wire), port, end->capture, end->filter, err);
}

int lab_wires_ready(struct lab_wires *wires, struct error *err)
{
    const struct config *c = &wires->lab->config;
    int ret = lab_links_begin(wires, err);

    for (size_t i = 0; i < c->vm_count; i++) {
        for (size_t j = 0; j < c->vms[i].interface_count && !ret; j++) {
            const struct config_interface *in = &c->vms[i].interfaces[j];
            char port[LAB_PORT_ROOM];

            lab_port_name(&c->vms[i], j, port, sizeof(port));
            ret = capture_port(wires, in->wire, port, &in->port, err);
        }
    }
    for (size_t i = 0; i < c->peer_count && !ret; i++)
        ret = capture_port(wires, c->peers[i].wire, c->peers[i].name, &c->peers[i].port, err);
    return ret;
}

void lab_wires_abandon(struct lab_wires *wires)
{
    for (size_t i = 0; wires && i < wires->count; i++) {
        switch_disconnect(wires->clients[i]);
        wires->clients[i] = NULL;
    }
    for (size_t i = 0; wires && i < wires->peer_count; i++) {
        peer_abandon(wires->peers[i]);
        wires->peers[i] = NULL;
    }
}

void lab_wires_destroy(struct lab_wires *wires)
{
    if (!wires)
        return;
    for (size_t i = 0; i < wires->peer_count; i++)
        peer_stop(wires->peers[i]);
    for (size_t i = 0; i < wires->count; i++) {
        if (wires->clients[i] && !wires->borrowed)
            switch_stop(wires->clients[i], NULL);
        switch_disconnect(wires->clients[i]);
    }
    free(wires->peers);
    free(wires->clients);
    free(wires);
}
