/* SPDX-License-Identifier: ISC */
/*
 * A network card of the guest's and the network behind it: one Ethernet frame a datagram on a pair
 * of Unix sockets (VZFileHandleNetworkDeviceAttachment.h), and a network of backend/net.h, on the
 * machine's loop. As on a wire, what does not fit is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vz/private.h"

/* The header wants a receive buffer of twice the send buffer at least, and likes four times. */
#define SEND_BUFFER    (1 << 20)
#define RECEIVE_BUFFER (4 << 20)

#define BURST 64 /* frames that are taken before others have their turn */

struct vz_wire {
    struct net *net;
    int socket; /* our end, non-blocking */
    struct host_watch *watch;
    uint8_t frame[NET_MAX_FRAME];
};

/* From the network to the guest. */
static bool receive(void *ctx, const void *frame, size_t length)
{
    struct vz_wire *wire = ctx;

    (void)!write(wire->socket, frame, length);
    return true;
}

/* From the guest to the network. */
static void has_frames(void *ctx, unsigned events)
{
    struct vz_wire *wire = ctx;

    for (int i = 0; i < BURST; i++) {
        ssize_t got = read(wire->socket, wire->frame, sizeof(wire->frame));
        const struct iovec iov = {wire->frame, got > 0 ? (size_t)got : 0};

        if (got > 0)
            net_send(wire->net, &iov, 1);
        else if (got < 0 && errno == EAGAIN)
            return;
        else if (got == 0 || errno != EINTR) {
            host_watch_want(wire->watch, 0); /* the framework has closed its end */
            return;
        }
    }
}

static int open_pair(int ends[2])
{
    const int send = SEND_BUFFER, receive_size = RECEIVE_BUFFER;

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
        return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
        setsockopt(ends[i], SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof(receive_size));
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

int vz_wire_open(struct vz_wire **wire, struct net *net, struct host_loop *loop, int *guest,
                 struct error *err)
{
    struct vz_wire *w = calloc(1, sizeof(*w));
    const struct net_client client = {.receive = receive, .ctx = w};
    int ends[2] = {-1, -1}, ret = w ? open_pair(ends) : -ENOMEM;

    if (!ret) {
        *w = (struct vz_wire){.net = net, .socket = ends[0]};
        ret = host_watch_create(loop, w->socket, HOST_READABLE, has_frames, w, &w->watch);
    }
    ret = ret ? ret : net_attach(net, loop, &client);
    if (!ret) {
        *wire = w;
        *guest = ends[1];
        return 0;
    }
    if (w && w->watch)
        host_watch_destroy(w->watch);
    net_close(net);
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    free(w);
    return error_set(err, -ret, "cannot connect a network card: %s", strerror(-ret));
}

void vz_wire_close(struct vz_wire *wire)
{
    host_watch_destroy(wire->watch);
    net_close(wire->net);
    close(wire->socket);
    free(wire);
}
