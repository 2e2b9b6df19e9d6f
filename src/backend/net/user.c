/* SPDX-License-Identifier: ISC */
/*
 * The user-mode network, the machine's side: starts the helper process, and passes frames between
 * its socket and the guest's card. Backpressure is the socket's buffer: frames that the guest
 * cannot take stay in it, and the helper then reads no more from the host's network.
 */
#include "backend/net/private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net/capture.h"
#include "host/helper.h"

#define HELLO_TIMEOUT_MS 10000
#define BATCH            64 /* frames in one turn of the loop */
#define SOCKET_BUFFER    (1 << 20)

struct user {
    struct net net;
    int socket;
    struct host_watch *watch;
    uint8_t frame[NET_MAX_FRAME];
    size_t held; /* bytes of `frame` that the guest had no room for */
    bool over;   /* the helper is gone */
};

/* Tries to hand over what is held. Returns whether nothing is held any more. */
static bool flush(struct user *user)
{
    if (user->held && !net_deliver(&user->net, user->frame, user->held))
        return false;
    user->held = 0;
    return true;
}

static void lost(struct user *user)
{
    user->over = true;
    host_watch_want(user->watch, 0);
    net_link(&user->net, false);
    log_warn(user->net.log, "network: its process has ended; the guest is cut off");
}

static void on_ready(void *ctx, unsigned events)
{
    struct user *user = ctx;

    if (!(events & HOST_READABLE) || user->over)
        return;
    for (unsigned i = 0; i < BATCH; i++) {
        ssize_t length = recv(user->socket, user->frame, sizeof(user->frame), MSG_DONTWAIT);

        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (length <= 0) {
            lost(user);
            return;
        }
        user->held = (size_t)length;
        if (!flush(user)) {
            host_watch_want(user->watch, 0);
            return;
        }
    }
}

static int user_attach(struct net *net, struct host_loop *loop)
{
    struct user *user = container_of(net, struct user, net);

    return host_watch_create(loop, user->socket, HOST_READABLE, on_ready, user, &user->watch);
}

static int user_send(struct net *net, const struct iovec *iov, int count)
{
    struct user *user = container_of(net, struct user, net);
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                                   .msg_iovlen = (size_t)count};

    return sendmsg(user->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void user_resume(struct net *net)
{
    struct user *user = container_of(net, struct user, net);

    if (user->held && flush(user) && !user->over)
        host_watch_want(user->watch, HOST_READABLE);
}

static void user_close(struct net *net)
{
    struct user *user = container_of(net, struct user, net);

    if (user->watch)
        host_watch_destroy(user->watch);
    if (user->socket >= 0)
        close(user->socket);
    free(user);
}

static const struct net_ops user_ops = {
    .attach = user_attach, .send = user_send, .resume = user_resume, .close = user_close};

/* What the helper process is started with. */
static void run_helper(void *ctx)
{
    user_helper(HOST_HELPER_FIRST, ctx);
}

static int wait_for_hello(int socket, struct error *err)
{
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    struct user_hello hello;

    if (poll(&ready, 1, HELLO_TIMEOUT_MS) <= 0)
        return error_set(err, ETIMEDOUT, "network: its process does not start");
    if (recv(socket, &hello, sizeof(hello), 0) != sizeof(hello))
        return error_set(err, EPIPE, "network: its process ended while it started");
    if (hello.code == 0)
        return 0;
    hello.text[sizeof(hello.text) - 1] = '\0';
    return error_set(err, hello.code, "network: %s", hello.text);
}

/* Room for some frames of the greatest size each way; the default holds three. */
static void widen(const int sockets[2])
{
    const int bytes = SOCKET_BUFFER;

    for (int i = 0; i < 2; i++)
        setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int check(const struct net_user_config *config, struct error *err)
{
    if (config->mtu && (config->mtu < USER_MTU_MIN || config->mtu > USER_MTU_MAX))
        return error_set(err, EINVAL, "network: an MTU of %u; it must be %u to %u", config->mtu,
                         USER_MTU_MIN, USER_MTU_MAX);
    if (config->forward_count > NET_MAX_FORWARDS)
        return error_set(err, EINVAL, "network: more than %u forwarded ports", NET_MAX_FORWARDS);
    return 0;
}

int net_user_start(const struct net_user_config *config, int *socket, struct error *err)
{
    int sockets[2], ret = check(config, err);

    if (ret)
        return ret;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        return error_set(err, errno, "network: cannot make a socket: %s", strerror(errno));
    widen(sockets);
    ret = host_helper_start(&sockets[1], 1, run_helper, (void *)(uintptr_t)config);
    close(sockets[1]);
    if (ret)
        ret = error_set(err, -ret, "network: cannot start its process: %s", strerror(-ret));
    else
        ret = wait_for_hello(sockets[0], err);
    if (ret)
        close(sockets[0]);
    else
        *socket = sockets[0];
    return ret;
}

int net_user_open(struct net **net, const struct net_user_config *config, const struct log *log,
                  struct error *err)
{
    struct user *user = calloc(1, sizeof(*user));
    int ret;

    if (!user)
        return error_set(err, ENOMEM, "network: out of memory");
    user->net.ops = &user_ops;
    user->net.log = log;
    user->net.mtu = config->mtu ? config->mtu : USER_MTU;
    user->socket = -1;
    ret = net_user_start(config, &user->socket, err);
    if (!ret && config->capture)
        ret = net_capture_open(&user->net.capture, config->capture, log, err);
    if (ret) {
        net_close(&user->net);
        return ret;
    }
    *net = &user->net;
    return 0;
}
