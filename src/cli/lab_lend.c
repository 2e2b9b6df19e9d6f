/* SPDX-License-Identifier: ISC */
#include "cli/lab_lend.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/lab_links.h"
#include "host/runtime.h"
#include "switch/message.h"

#define SEND_MS 1000 /* for a test that does not read what it is told */

int lab_lend_path(const char *name, char *path, size_t room, struct error *err)
{
    char folder[PATH_MAX];
    int length, ret = host_runtime_subfolder("lab", folder, sizeof(folder), err);

    if (ret)
        return ret;
    length = snprintf(path, room, "%s/%s.sock", folder, name);
    return length > 0 && (size_t)length < room
               ? 0
               : error_set(err, ENAMETOOLONG, "%s: the path is too long", folder);
}

int lab_lend_open(struct lab_lend *lend, struct lab_run *run, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    int ret;

    *lend = (struct lab_lend){.run = run, .listener = -1, .test = -1};
    ret = lab_lend_path(run->name, address.sun_path, sizeof(address.sun_path), err);
    if (ret)
        return ret;
    memcpy(lend->path, address.sun_path, sizeof(address.sun_path));
    unlink(lend->path); /* a killed keeper's: the lab's lock is ours */
    lend->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mask = umask(0177);
    ret = lend->listener < 0 ? -1
                             : bind(lend->listener, (struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (ret || listen(lend->listener, 4))
        return error_set(err, errno, "%s: cannot listen: %s", lend->path, strerror(errno));
    return 0;
}

/* --- what is said --- */

static int send_line(int socket, json_t *message, int fd)
{
    size_t length, done = 0;
    char *line = message_line(message, &length);
    int ret = line ? 0 : -ENOMEM;

    while (!ret && done < length) {
        struct pollfd ready = {.fd = socket, .events = POLLOUT};
        ssize_t sent = message_send(socket, line + done, length - done, done ? -1 : fd);

        if (sent > 0)
            done += (size_t)sent;
        else if (sent != -EAGAIN || poll(&ready, 1, SEND_MS) <= 0)
            ret = -EPIPE;
    }
    free(line);
    return ret;
}

static void refuse(int socket, const char *why)
{
    send_line(socket, json_pack("{s:s}", "error", why), -1);
    close(socket);
}

static int give_peer(struct lab_lend *lend, size_t index, struct error *err)
{
    const struct config_peer *peer = &lend->run->lab->config.peers[index];
    char networks[CONFIG_NETWORKS_ROOM];
    int fd, ret = peer_lend(lab_wires_peer(lend->run->wires, index), &fd, err);

    if (ret)
        return error_prefix(err, "the peer \"%s\"", peer->name);
    config_peer_networks(peer, networks);
    ret = send_line(
        lend->test,
        json_pack("{s:s, s:s, s:s}", "peer", peer->name, "wire", peer->wire, "networks", networks),
        fd);
    close(fd);
    return ret ? error_set(err, -ret, "it does not listen") : 0;
}

static json_t *machines(const struct config *c)
{
    json_t *names = json_array();

    for (size_t i = 0; i < c->vm_count; i++)
        json_array_append_new(names, json_string(c->vms[i].name));
    return json_pack("{s:o}", "vms", names);
}

/* --- tests that come and go --- */

static void take_back(struct lab_lend *lend)
{
    lab_links_restore(lend->run->wires, lend->links);
    close(lend->test);
    lend->links = NULL;
    lend->test = -1;
}

static void give(struct lab_lend *lend, int socket)
{
    const struct config *c = &lend->run->lab->config;
    struct error err;
    int ret = 0;

    if (lend->test >= 0) {
        refuse(socket, "another test has the lab; when that has ended, it can be tested again");
        return;
    }
    lend->test = socket;
    lend->links = lab_links_note(lend->run->wires);
    for (size_t i = 0; i < c->peer_count && !ret; i++)
        ret = give_peer(lend, i, &err);
    if (ret)
        send_line(socket, json_pack("{s:s}", "error", err.text), -1);
    if (ret || send_line(socket, machines(c), -1))
        take_back(lend);
}

bool lab_lend_wait(struct lab_lend *lend)
{
    struct pollfd fds[] = {{.fd = lend->listener, .events = POLLIN},
                           {.fd = lend->test, .events = POLLIN}};
    bool end = lab_run_wait(fds, nitems(fds), -1);
    char drop[64];
    ssize_t length;
    int socket;

    if (end)
        return true;
    if (fds[1].revents) {
        length = recv(lend->test, drop, sizeof(drop), MSG_DONTWAIT);
        if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
            take_back(lend);
    }
    if (fds[0].revents) {
        socket = accept4(lend->listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket >= 0)
            give(lend, socket);
    }
    return false;
}

void lab_lend_close(struct lab_lend *lend)
{
    if (lend->test >= 0)
        take_back(lend);
    if (lend->listener >= 0) {
        close(lend->listener);
        unlink(lend->path);
    }
    lend->listener = -1;
}
