/* SPDX-License-Identifier: ISC */
/*
 * A Unix socket that only its owner may connect to, one client at a time; who comes while it is
 * taken is told so. Output without a client gathers, and the newest 64 KiB greet the next one.
 *
 * A socket's file that nobody listens on any more is replaced. A confined process may not remove
 * files, so the file of such a one stays behind for the next to replace.
 */
#include "backend/console/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char taken[] = "This console has a client already.\r\n";

static int stream_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return -errno;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* Removes the file of a listener that is gone. Returns 0 when it is out of the way. */
static int stale_remove(const struct sockaddr_un *address, struct error *err)
{
    struct stat st;
    int fd, ret;

    if (stat(address->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return error_set(err, EEXIST,
                         "%s: exists and is no socket; name another path for the console",
                         address->sun_path);
    fd = stream_socket();
    if (fd < 0)
        return error_set(err, -fd, "%s: cannot make a socket: %s", address->sun_path,
                         strerror(-fd));
    console_descriptor_prepare(fd); /* a listener too busy to accept is no reason to wait */
    ret = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
    close(fd);
    if (ret != ECONNREFUSED)
        return error_set(err, EADDRINUSE, "%s: another program listens on this socket already",
                         address->sun_path);
    if (unlink(address->sun_path))
        return error_set(err, errno, "%s: cannot remove the socket that was left behind: %s",
                         address->sun_path, strerror(errno));
    return 0;
}

static int socket_bind(int fd, const struct sockaddr_un *address, struct error *err)
{
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return 0;
    if (errno == EADDRINUSE) {
        int ret = stale_remove(address, err);

        if (ret)
            return ret;
        if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
            return 0;
    }
    return error_set(err, errno, "%s: cannot bind the console's socket: %s", address->sun_path,
                     strerror(errno));
}

/* Nobody can connect before listen(), so the mode is right before anybody could use it. */
static int socket_publish(struct console *console, struct error *err)
{
    struct console_socket *sock = &console->socket;
    struct stat st;

    if (chmod(sock->path, 0600) || stat(sock->path, &st) || listen(sock->listener, 4) ||
        console_descriptor_prepare(sock->listener))
        return error_set(err, errno, "%s: cannot listen on the console's socket: %s", sock->path,
                         strerror(errno));
    sock->device = st.st_dev;
    sock->inode = st.st_ino;
    return 0;
}

static int unix_open(struct console *console, const struct console_config *config,
                     struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ret;

    if (!config->path || !*config->path)
        return error_set(err, EINVAL, "console: a socket console needs a path");
    if (strlen(config->path) >= sizeof(address.sun_path))
        return error_set(err, ENAMETOOLONG, "%s: a socket's path has at most %zu bytes",
                         config->path, sizeof(address.sun_path) - 1);
    strcpy(address.sun_path, config->path);
    console->output_socket = true;
    console->socket.listener = stream_socket();
    if (console->socket.listener < 0)
        return error_set(err, -console->socket.listener, "%s: cannot make a socket", config->path);
    ret = socket_bind(console->socket.listener, &address, err);
    if (ret)
        return ret;
    console->socket.path = strdup(config->path);
    if (!console->socket.path)
        return error_set(err, ENOMEM, "%s: out of memory", config->path);
    return socket_publish(console, err);
}

static void client_drop(struct console *console)
{
    int fd = console_disconnect(console);

    if (fd >= 0)
        close(fd);
}

static void client_accept(void *ctx, unsigned events)
{
    struct console *console = ctx;
    int fd = accept(console->socket.listener, NULL, NULL);

    if (fd < 0)
        return;
    if (console_descriptor_prepare(fd)) {
        close(fd);
    } else if (console->input_fd >= 0) {
        send(fd, taken, sizeof(taken) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
    } else if (console_connect(console, fd, fd)) {
        client_drop(console);
    }
}

static int unix_attach(struct console *console)
{
    return host_watch_create(console->loop, console->socket.listener, HOST_READABLE, client_accept,
                             console, &console->socket.watch);
}

static void file_remove(const struct console_socket *sock)
{
    struct stat st;

    if (sock->path && stat(sock->path, &st) == 0 && st.st_dev == sock->device &&
        st.st_ino == sock->inode)
        unlink(sock->path);
}

static void unix_close(struct console *console)
{
    host_watch_destroy(console->socket.watch);
    client_drop(console);
    if (console->socket.listener >= 0)
        close(console->socket.listener);
    file_remove(&console->socket);
    free(console->socket.path);
}

const struct console_kind_ops console_unix_ops = {
    .open = unix_open,
    .attach = unix_attach,
    .hangup = client_drop,
    .close = unix_close,
};
