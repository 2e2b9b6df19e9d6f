/* SPDX-License-Identifier: ISC */
/*
 * atoll-vnc: shows a machine's screen to RFB clients (RFC 6143), or to browsers. A machine starts
 * it (viewer/protocol.h); it opens what it needs, confines itself, and ends with the machine.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/confine.h"
#include "viewer/link.h"
#include "viewer/listen.h"
#include "viewer/peer.h"
#include "viewer/server.h"
#include "viewer/web.h"

#define VNC_PORT     5900
#define WEB_PORT     6080
#define PASSWORD_MAX 256
#define SIGNIFICANT  8 /* bytes of a password, RFC 6143 7.2.2 */
#define BATCH        64

struct vnc {
    struct link link;
    struct listener listener;
    struct peers peers;
    struct server *server;
    struct web *web; /* the listener is its own then */
    char password[PASSWORD_MAX];
};

/* The password is the file's first line. */
static int read_password(struct vnc *vnc, struct error *err)
{
    const char *path = vnc->link.setup.password_file;
    FILE *file = *path ? fopen(path, "re") : NULL;
    bool got;

    if (!*path)
        return 0;
    if (!file)
        return error_set(err, errno, "the password's file %.300s: %s", path, strerror(errno));
    got = fgets(vnc->password, sizeof(vnc->password), file) != NULL;
    fclose(file);
    vnc->password[strcspn(vnc->password, "\r\n")] = '\0';
    if (!got || !*vnc->password)
        return error_set(err, EINVAL,
                         "the password's file %.300s has no password in its first line", path);
    if (strlen(vnc->password) > SIGNIFICANT)
        log_warn(&vnc->link.log,
                 "only the first %d bytes of the password count: that is how VNC is", SIGNIFICANT);
    return 0;
}

/* A password is for whoever knows it; without one, other users of this computer see nothing. */
static bool is_stranger(void *ctx, int fd)
{
    struct vnc *vnc = ctx;

    if (*vnc->password || !peers_stranger(&vnc->peers, fd))
        return false;
    log_warn(&vnc->link.log, "another user of this computer was turned away: a password would let "
                             "others in");
    return true;
}

/* Where the system does not say whose a connection is, a user who shares the computer has to know.
 */
static void warn_of_strangers(const struct vnc *vnc)
{
    if (!*vnc->password && !vnc->listener.local && !peers_known(&vnc->peers))
        log_warn(&vnc->link.log,
                 "other users of this computer can see the screen too: give it a password, or "
                 "unix:PATH");
}

static int web_connect(void *ctx, int fd)
{
    struct vnc *vnc = ctx;

    return server_add(vnc->server, fd, true);
}

static int open_web(struct vnc *vnc, struct error *err)
{
    const struct web_config config = {.listener = vnc->listener.fd,
                                      .host = *vnc->listener.host ? vnc->listener.host : NULL,
                                      .connect = web_connect,
                                      .stranger = is_stranger,
                                      .ctx = vnc,
                                      .log = &vnc->link.log};

    return web_start(&vnc->web, &config, err);
}

static int open_all(struct vnc *vnc, struct error *err)
{
    bool web = vnc->link.setup.kind == VIEWER_WEB;
    struct listen_config config = {.address = vnc->link.setup.address,
                                   .port = web ? WEB_PORT : VNC_PORT};
    int ret = read_password(vnc, err);

    peers_open(&vnc->peers);
    config.protected = *vnc->password != '\0';
    ret = ret ? ret : listener_open(&vnc->listener, &config, err);
    ret = ret ? ret
              : server_create(&vnc->server, &vnc->link, *vnc->password ? vnc->password : NULL, err);
    if (!ret && web)
        ret = open_web(vnc, err);
    if (ret)
        return ret;
    warn_of_strangers(vnc);
    ret = host_confine(HOST_CONFINE_VIEWER, err);
    return ret == -ENOSYS ? 0 : ret;
}

static void say_ready(const struct vnc *vnc)
{
    char address[VIEWER_TEXT_MAX];

    if (vnc->web && !vnc->listener.local)
        snprintf(address, sizeof(address), "http://%s/", vnc->listener.text);
    else
        snprintf(address, sizeof(address), "%s", vnc->listener.text);
    link_ready(&vnc->link, NULL, address);
}

static void take_client(struct vnc *vnc)
{
    int fd = accept4(vnc->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0 && is_stranger(vnc, fd))
        close(fd);
    else if (fd >= 0 && server_add(vnc->server, fd, false) == -EBUSY)
        log_warn(&vnc->link.log, "a client was turned away: %d are there already", SERVER_SEATS);
}

/* Returns 0, or -EPIPE when the machine is gone. */
static int take_messages(struct vnc *vnc)
{
    for (unsigned i = 0; i < BATCH; i++) {
        union link_message message;
        int ret = link_receive(&vnc->link, &message);

        if (ret <= 0)
            return ret;
        server_tell(vnc->server, &message);
    }
    return 0;
}

static void serve(struct vnc *vnc)
{
    struct pollfd fds[] = {{.fd = vnc->link.socket, .events = POLLIN},
                           {.fd = vnc->web ? -1 : vnc->listener.fd, .events = POLLIN}};

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents && take_messages(vnc) < 0)
            return;
        if (fds[1].revents)
            take_client(vnc);
    }
}

int main(int argc, char **argv)
{
    static struct vnc vnc;
    struct error err;
    int ret = link_open(&vnc.link, &err);

    if (ret == -ENOTSOCK)
        fprintf(stderr, "%s: %s\n", argv[0], err.text);
    else if (ret)
        link_ready(&vnc.link, &err, NULL);
    if (ret)
        return 1;
    if (open_all(&vnc, &err)) {
        link_ready(&vnc.link, &err, NULL);
        return 1;
    }
    say_ready(&vnc);
    serve(&vnc);
    web_stop(vnc.web);
    return 0;
}
