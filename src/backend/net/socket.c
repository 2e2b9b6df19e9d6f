/* SPDX-License-Identifier: ISC */
/*
 * The network is a program that listens on a Unix socket: QEMU's protocol on one of bytes
 * (stream.h: passt, socket_vmnet, gvproxy -listen-qemu), vfkit's on one of messages, each a frame
 * (gvproxy -listen-vfkit). What the program has no room for is dropped, as on a wire; what the
 * guest cannot take yet stays in the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/net/capture.h"
#include "backend/net/private.h"
#include "backend/net/stream.h"
#include "host/runtime.h"

#define BATCH        64
#define SEND_BUFFER  (1 << 20) /* vfkit's */
#define TAKE_BUFFER  (4 << 20)
#define VFKIT_MAGIC  "VFKT" /* the first message: now the program knows our address */
#define ADDRESS_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)

struct net_socket {
    struct net net;
    int fd;
    struct host_watch *watch;
    struct host_work *more;
    bool over;
    char own[ADDRESS_ROOM];             /* the file of our own address, or "" */
    struct net_stream *stream;          /* NULL: messages */
    uint8_t message[NET_MAX_FRAME + 1]; /* so that one that is too long is seen */
    uint8_t *frame;                     /* the one at hand */
    size_t held;
};

static struct net_socket *socket_of(struct net *net)
{
    return container_of(net, struct net_socket, net);
}

static void lost(struct net_socket *s)
{
    s->over = true;
    host_watch_want(s->watch, 0);
    net_link(&s->net, false);
    log_warn(s->net.log, "network: the program at the socket has ended; the guest is cut off");
}

/* --- from the program --- */

/* The next message's length; 0: none has come. What can be no frame is dropped. */
static size_t next_message(struct net_socket *s)
{
    ssize_t length;

    s->frame = s->message;
    do
        length = recv(s->fd, s->message, sizeof(s->message), MSG_DONTWAIT);
    while (length > NET_MAX_FRAME || (length > 0 && length < NET_HEADER));
    if (length > 0)
        return (size_t)length;
    if (length == 0 || (errno != EAGAIN && errno != EINTR))
        lost(s);
    return 0;
}

static size_t next_in_stream(struct net_socket *s)
{
    ssize_t length = net_stream_next(s->stream, &s->frame), got;

    if (length == 0) {
        got = net_stream_read(s->stream, s->fd);
        if (got < 0 && got != -EAGAIN)
            length = got;
        else if (got > 0)
            length = net_stream_next(s->stream, &s->frame);
    }
    if (length < 0)
        lost(s);
    return length > 0 ? (size_t)length : 0;
}

static void receive(void *ctx)
{
    struct net_socket *s = ctx;

    for (unsigned i = 0; i < BATCH && !s->over; i++) {
        if (!s->held)
            s->held = s->stream ? next_in_stream(s) : next_message(s);
        if (!s->held)
            return;
        if (!net_deliver(&s->net, s->frame, s->held)) {
            host_watch_want(s->watch, 0); /* net_socket_resume goes on */
            return;
        }
        s->held = 0;
    }
    host_work_post(s->more);
}

/* --- to the program --- */

/* The rest of a frame waits for room. */
static void settle(struct net_socket *s, int ret)
{
    unsigned wanted = s->held ? 0 : HOST_READABLE;

    if (ret && ret != -EAGAIN)
        lost(s);
    else
        host_watch_want(s->watch, wanted | (ret == -EAGAIN ? HOST_WRITABLE : 0));
}

static void on_ready(void *ctx, unsigned events)
{
    struct net_socket *s = ctx;

    if (s->over)
        return;
    if ((events & HOST_WRITABLE) && s->stream)
        settle(s, net_stream_flush(s->stream, s->fd));
    if ((events & HOST_READABLE) && !s->over)
        receive(s);
}

static int net_socket_send(struct net *net, const struct iovec *iov, int count)
{
    struct net_socket *s = socket_of(net);
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                                   .msg_iovlen = (size_t)count};
    int ret;

    if (s->over)
        return -EPIPE;
    if (!s->stream) {
        ret = sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
        if (ret == -ECONNREFUSED || ret == -ECONNRESET || ret == -ENOTCONN)
            lost(s); /* which is seen here alone */
        return ret;
    }
    ret = net_stream_write(s->stream, s->fd, iov, count);
    if (!ret && net_stream_flush(s->stream, s->fd) == -EAGAIN)
        settle(s, -EAGAIN);
    return ret;
}

/* --- life --- */

static int net_socket_attach(struct net *net, struct host_loop *loop)
{
    struct net_socket *s = socket_of(net);
    int ret = host_work_create(loop, receive, s, &s->more);

    return ret ? ret : host_watch_create(loop, s->fd, HOST_READABLE, on_ready, s, &s->watch);
}

static void net_socket_resume(struct net *net)
{
    struct net_socket *s = socket_of(net);

    if (!s->held || s->over)
        return;
    host_watch_want(s->watch, HOST_READABLE);
    host_work_post(s->more);
}

static void net_socket_close(struct net *net)
{
    struct net_socket *s = socket_of(net);

    if (s->watch)
        host_watch_destroy(s->watch);
    if (s->more)
        host_work_destroy(s->more);
    if (s->fd >= 0)
        close(s->fd);
    if (*s->own)
        unlink(s->own); /* a confined process cannot, and it stays behind */
    free(s->stream);
    free(s);
}

static const struct net_ops socket_ops = {
    .attach = net_socket_attach,
    .send = net_socket_send,
    .resume = net_socket_resume,
    .close = net_socket_close,
};

/* --- connecting --- */

static int connect_as(int type, const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), number;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return fd;
    number = errno;
    close(fd);
    return -number;
}

/* What a program was reached by. */
struct connection {
    int fd;
    bool messages;
    char own[ADDRESS_ROOM];
};

/* A socket of messages is answered at its address: an abstract one where the system gives such
 * (Linux: unix(7), autobind), a file of ours elsewhere. */
static int bind_own(struct connection *c, struct error *err)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    char folder[ADDRESS_ROOM];
    int ret;

    if (bind(c->fd, (const struct sockaddr *)&own, sizeof(own.sun_family)) == 0)
        return 0;
    ret = host_runtime_folder(folder, sizeof(folder) - 32, err);
    if (ret)
        return ret;
    snprintf(c->own, sizeof(c->own), "%.70s/net-%ld-%d", folder, (long)getpid(), c->fd);
    memcpy(own.sun_path, c->own, sizeof(own.sun_path));
    unlink(c->own);
    if (bind(c->fd, (const struct sockaddr *)&own, sizeof(own)) == 0)
        return 0;
    return error_set(err, errno, "network: cannot make the socket %s: %s", c->own, strerror(errno));
}

static int greet_vfkit(struct connection *c, const char *path, struct error *err)
{
    const int room = SEND_BUFFER, take = TAKE_BUFFER;
    int ret = bind_own(c, err);

    if (ret)
        return ret;
    setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &take, sizeof(take));
    if (send(c->fd, VFKIT_MAGIC, strlen(VFKIT_MAGIC), MSG_NOSIGNAL) < 0)
        return error_set(err, errno, "network: %s: %s", path, strerror(errno));
    return 0;
}

/* Which protocol a socket speaks its type says, unless the user says otherwise. What is in `c` is
 * the caller's to close, after a failure too. */
static int connect_program(struct connection *c, const struct net_socket_config *config,
                           struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *c = (struct connection){.fd = -1, .messages = config->protocol == NET_SOCKET_VFKIT};
    if (strlen(config->path) >= sizeof(address.sun_path))
        return error_set(err, ENAMETOOLONG, "network: %s: the path is too long for a socket",
                         config->path);
    strcpy(address.sun_path, config->path);
    c->fd = connect_as(c->messages ? SOCK_DGRAM : SOCK_STREAM, &address);
    if (c->fd == -EPROTOTYPE && config->protocol == NET_SOCKET_ANY) {
        c->messages = true;
        c->fd = connect_as(SOCK_DGRAM, &address);
    }
    if (c->fd == -EPROTOTYPE)
        return error_set(err, EPROTOTYPE,
                         "network: the program at %s does not speak %s's protocol; give "
                         "protocol=%s",
                         config->path, c->messages ? "vfkit" : "QEMU",
                         c->messages ? "qemu" : "vfkit");
    if (c->fd < 0)
        return error_set(err, -c->fd, "network: cannot connect to %s: %s", config->path,
                         strerror(-c->fd));
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK))
        return error_set(err, errno, "network: %s: %s", config->path, strerror(errno));
    return c->messages ? greet_vfkit(c, config->path, err) : 0;
}

/* On a system without abstract addresses a file stays behind: the program answers there. */
int net_socket_descriptor(const struct net_socket_config *config, bool *messages, struct error *err)
{
    struct connection c;
    int ret = connect_program(&c, config, err);

    *messages = c.messages;
    if (!ret)
        return c.fd;
    if (c.fd >= 0)
        close(c.fd);
    if (*c.own)
        unlink(c.own);
    return ret;
}

static int connect_socket(struct net_socket *s, const struct net_socket_config *config,
                          struct error *err)
{
    struct connection c;
    int ret = connect_program(&c, config, err);

    s->fd = c.fd;
    memcpy(s->own, c.own, sizeof(s->own));
    if (ret || c.messages)
        return ret;
    s->stream = calloc(1, sizeof(*s->stream));
    return s->stream ? 0 : error_set(err, ENOMEM, "network: out of memory");
}

int net_socket_open(struct net **net, const struct net_socket_config *config, const struct log *log,
                    struct error *err)
{
    struct net_socket *s = calloc(1, sizeof(*s));
    int ret;

    if (!s)
        return error_set(err, ENOMEM, "network: out of memory");
    s->net.ops = &socket_ops;
    s->net.log = log;
    s->net.mtu = config->mtu ? config->mtu : 1500;
    ret = connect_socket(s, config, err);
    if (!ret && config->capture)
        ret = net_capture_open(&s->net.capture, config->capture, log, err);
    if (ret) {
        net_close(&s->net);
        return ret;
    }
    *net = &s->net;
    return 0;
}
