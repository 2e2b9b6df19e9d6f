/* SPDX-License-Identifier: ISC */
#include "viewer/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

/* --- Unix sockets --- */

/* Removes the file of a listener that is gone. */
static int stale_remove(const struct sockaddr_un *address, struct error *err)
{
    struct stat st;
    int fd, ret;

    if (stat(address->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return error_set(err, EEXIST, "%s exists and is no socket; name another path",
                         address->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
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

static int bind_unix(int fd, const struct sockaddr_un *address, struct error *err)
{
    int ret = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;

    if (ret == -EADDRINUSE) {
        ret = stale_remove(address, err);
        if (ret)
            return ret;
        ret = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
    }
    /* Nobody can connect before listen(): the mode is right before anybody could. */
    if (!ret && chmod(address->sun_path, 0600))
        ret = -errno;
    return ret ? error_set(err, -ret, "%s: cannot make this socket: %s", address->sun_path,
                           strerror(-ret))
               : 0;
}

static int open_unix(struct listener *listener, const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ret;

    if (!*path || strlen(path) >= sizeof(address.sun_path))
        return error_set(err, EINVAL, "a socket's path has 1 to %zu bytes",
                         sizeof(address.sun_path) - 1);
    strcpy(address.sun_path, path);
    listener->local = true;
    snprintf(listener->text, sizeof(listener->text), "unix:%s", path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    ret = bind_unix(listener->fd, &address, err);
    if (!ret && listen(listener->fd, BACKLOG))
        ret = error_set(err, errno, "%s: %s", path, strerror(errno));
    return ret;
}

/* --- internet addresses --- */

static bool is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;

    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    return address->sa_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

/* Returns a listening socket or -errno. */
static int listen_on(const struct addrinfo *info)
{
    const int yes = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    ret = -errno;
    close(fd);
    return ret;
}

static void describe(struct listener *listener)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getsockname(listener->fd, (struct sockaddr *)&address, &length) ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    snprintf(listener->text, sizeof(listener->text),
             address.ss_family == AF_INET6 ? "[%.200s]:%s" : "%.200s:%s", host, port);
}

/* One port of `host`. Returns 0 or -errno, with an error unless it is -EADDRINUSE. */
static int try_port(struct listener *listener, const struct listen_config *config, const char *host,
                    unsigned port, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    int ret;

    snprintf(service, sizeof(service), "%u", port);
    ret = getaddrinfo(host, service, &hints, &found);
    if (ret)
        return error_set(err, EINVAL, "%s: %s", host, gai_strerror(ret));
    if (!config->protected && !is_loopback(found->ai_addr)) {
        freeaddrinfo(found);
        return error_set(err, EACCES,
                         "%s can be reached from other hosts, and there is no password: give one "
                         "with password=FILE, or listen on 127.0.0.1 or unix:PATH",
                         host);
    }
    listener->fd = listen_on(found);
    freeaddrinfo(found);
    if (listener->fd >= 0)
        describe(listener);
    else if (listener->fd != -EADDRINUSE)
        return error_set(err, -listener->fd, "cannot listen on %s port %u: %s", host, port,
                         strerror(-listener->fd));
    return MIN(listener->fd, 0);
}

/* Takes "[HOST:]PORT" apart; HOST may be an IPv6 address in brackets. Returns whether it is one. */
static bool parse(const char *address, char *host, size_t room, unsigned *port)
{
    const char *colon = strrchr(address, ':'), *digits = colon ? colon + 1 : address;
    size_t length = colon ? (size_t)(colon - address) : 0;
    char *end;

    if (length >= 2 && address[0] == '[' && address[length - 1] == ']') {
        address++;
        length -= 2;
    } else if (memchr(address, ':', length)) {
        return false; /* an IPv6 address without its brackets could be read in two ways */
    }
    if (length >= room || (colon && length == 0) || *digits < '0' || *digits > '9')
        return false;
    memcpy(host, address, length);
    host[length] = '\0';
    *port = (unsigned)MIN(strtoul(digits, &end, 10), 65536);
    return *end == '\0' && *port < 65536;
}

static int open_free_port(struct listener *listener, const struct listen_config *config,
                          struct error *err)
{
    const unsigned end = config->port + LISTEN_PORTS;

    for (unsigned port = config->port; port < end; port++) {
        int ret = try_port(listener, config, "127.0.0.1", port, err);

        if (ret != -EADDRINUSE)
            return ret;
    }
    return error_set(err, EADDRINUSE, "the ports %u to %u are all taken", config->port, end - 1);
}

static int open_internet(struct listener *listener, const struct listen_config *config,
                         struct error *err)
{
    const char *host;
    unsigned port;
    int ret;

    if (!parse(config->address, listener->host, sizeof(listener->host), &port))
        return error_set(err, EINVAL,
                         "\"%s\" is no address: give [HOST:]PORT (an IPv6 address in brackets) or "
                         "unix:PATH",
                         config->address);
    host = *listener->host ? listener->host : "127.0.0.1";
    ret = try_port(listener, config, host, port, err);
    if (ret == -EADDRINUSE)
        return error_set(err, EADDRINUSE, "%s port %u is taken by another program", host, port);
    return ret;
}

int listener_open(struct listener *listener, const struct listen_config *config, struct error *err)
{
    int ret;

    *listener = (struct listener){.fd = -1};
    if (strncmp(config->address, "unix:", 5) == 0)
        ret = open_unix(listener, config->address + 5, err);
    else if (*config->address)
        ret = open_internet(listener, config, err);
    else
        ret = open_free_port(listener, config, err);
    if (ret && listener->fd >= 0)
        close(listener->fd);
    return ret;
}
