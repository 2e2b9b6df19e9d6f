/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/lab_lend.h"
#include "cli/lab_wires.h"
#include "host/clock.h"
#include "switch/message.h"

#define WAIT_NS (20 * NS_PER_SEC)

#define OTHERWISE "; `atoll down` and `atoll up` make it as the file says"

struct borrowed {
    struct lab *lab;
    struct peer **peers; /* of lab->config.peers; NULL: not yet */
    bool ready;
};

static int connect_keeper(const char *name, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, ret = lab_lend_path(name, address.sun_path, sizeof(address.sun_path), err);

    if (ret)
        return ret;
    if (!lab_keeper(name))
        return error_set(err, ENOENT, "no lab called \"%s\" is up; `atoll up FILE` starts it",
                         name);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        ret = error_set(err, errno, "the lab \"%s\" is not to be had: %s", name,
                        errno == ENOENT ? "it starts, or is one of `atoll lab test`"
                                        : strerror(errno));
        if (fd >= 0)
            close(fd);
        return ret;
    }
    return fd;
}

/* --- what the keeper says --- */

static int take_peer(struct borrowed *b, json_t *message, int fd, struct error *err)
{
    const char *name = json_string_value(json_object_get(message, "peer"));
    const char *wire = json_string_value(json_object_get(message, "wire"));
    const char *networks = json_string_value(json_object_get(message, "networks"));
    const struct config_peer *peer = config_peer_find(&b->lab->config, name);
    char wanted[CONFIG_NETWORKS_ROOM];
    size_t index;

    if (!peer) { /* which the file has no more */
        close(fd);
        return 0;
    }
    config_peer_networks(peer, wanted);
    if (!wire || !networks || strcmp(wire, peer->wire) != 0 || strcmp(networks, wanted) != 0) {
        close(fd);
        return error_set(err, EINVAL,
                         "the peer \"%s\" is up with another switch or address" OTHERWISE, name);
    }
    index = (size_t)(peer - b->lab->config.peers);
    if (!b->peers[index])
        b->peers[index] = peer_borrow(fd);
    return b->peers[index] ? 0 : error_set(err, ENOMEM, "out of memory");
}

static bool has_name(json_t *names, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach(names, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* All that there is has been said. */
static int take_machines(struct borrowed *b, json_t *names, struct error *err)
{
    const struct config *c = &b->lab->config;

    b->ready = true;
    for (size_t i = 0; i < c->vm_count; i++)
        if (!has_name(names, c->vms[i].name))
            return error_set(err, EINVAL, "the lab that is up has no VM \"%s\"" OTHERWISE,
                             c->vms[i].name);
    for (size_t i = 0; i < c->peer_count; i++)
        if (!b->peers[i])
            return error_set(err, EINVAL, "the lab that is up has no peer \"%s\"" OTHERWISE,
                             c->peers[i].name);
    return 0;
}

static int take(struct borrowed *b, json_t *message, struct message_input *input, struct error *err)
{
    const char *error = json_string_value(json_object_get(message, "error"));
    json_t *names = json_object_get(message, "vms");
    int fd = input->fd;

    if (error)
        return error_set(err, EBUSY, "%s", error);
    if (json_is_array(names))
        return take_machines(b, names, err);
    if (!json_is_string(json_object_get(message, "peer")) || fd < 0)
        return error_set(err, EPROTO, "the lab's keeper says what cannot be");
    input->fd = -1;
    return take_peer(b, message, fd, err);
}

static int hear(struct borrowed *b, int connection, struct error *err)
{
    uint64_t deadline = host_clock_monotonic() + WAIT_NS;
    struct message_input input = {.fd = -1};
    json_t *message;
    int ret = 0;

    while (!ret && !b->ready) {
        ssize_t length = message_read(&input, connection);

        if (length < 0 && length != -EAGAIN)
            ret = error_set(err, EPIPE, "the lab's keeper has gone");
        while (!ret && !b->ready && (ret = message_take(&input, &message, err)) > 0) {
            ret = take(b, message, &input, err);
            json_decref(message);
        }
        if (!ret && length == -EAGAIN &&
            (host_clock_monotonic() > deadline || lab_run_pause(connection, POLLIN, 1000)))
            ret = error_set(err, ETIMEDOUT, "the lab's keeper does not answer");
    }
    message_input_free(&input);
    return ret;
}

/* --- all of it --- */

static int fill(struct lab_run *run, struct peer **peers, struct error *err)
{
    const struct config *c = &run->lab->config;

    run->machines = calloc(c->vm_count + 1, sizeof(*run->machines));
    if (!run->machines)
        return error_set(err, ENOMEM, "out of memory");
    run->machine_count = c->vm_count;
    for (size_t i = 0; i < c->vm_count; i++)
        snprintf(run->machines[i].name, sizeof(run->machines[i].name), "%s.%s", run->name,
                 c->vms[i].name);
    return lab_folder(run->name, run->folder, sizeof(run->folder), err);
}

int lab_borrow(struct lab_run *run, struct lab *lab, struct error *err)
{
    struct borrowed b = {.lab = lab};
    int connection, ret;

    *run = (struct lab_run){.lab = lab, .name = lab->config.name, .lock = -1, .private = -1};
    connection = connect_keeper(run->name, err);
    if (connection < 0)
        return connection;
    b.peers = calloc(lab->config.peer_count + 1, sizeof(struct peer *));
    ret = b.peers ? hear(&b, connection, err) : error_set(err, ENOMEM, "out of memory");
    ret = ret ? ret : fill(run, b.peers, err);
    if (ret)
        for (size_t i = 0; b.peers && i < lab->config.peer_count; i++)
            peer_stop(b.peers[i]);
    else
        ret = lab_wires_borrow(&run->wires, lab, b.peers, err);
    free(b.peers);
    if (!ret)
        return connection;
    lab_return(run, connection);
    return ret;
}

/* The keeper puts back what has changed, and then closes its end. */
static void await_restored(int connection)
{
    uint64_t deadline = host_clock_monotonic() + WAIT_NS;
    struct pollfd fd = {.fd = connection, .events = POLLIN};
    char drop[256];

    shutdown(connection, SHUT_WR);
    while (host_clock_monotonic() < deadline) {
        if (poll(&fd, 1, 1000) > 0 && recv(connection, drop, sizeof(drop), MSG_DONTWAIT) <= 0)
            return;
    }
}

void lab_return(struct lab_run *run, int connection)
{
    lab_wires_destroy(run->wires);
    free(run->machines);
    await_restored(connection);
    close(connection);
}
