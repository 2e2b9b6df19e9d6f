/* SPDX-License-Identifier: ISC */
/* What all network backends have in common: lengths are checked and frames captured here. */
#include "backend/net/private.h"

#include <errno.h>

#include "backend/net/capture.h"

int net_attach(struct net *net, struct host_loop *loop, const struct net_client *client)
{
    net->client = *client;
    return net->ops->attach(net, loop);
}

static size_t frame_length(const struct iovec *iov, int count, size_t most)
{
    size_t length = 0;

    for (int i = 0; i < count; i++)
        length += MIN(iov[i].iov_len, most + 1);
    return length;
}

/* What was not sent is lost. */
static int note_loss(struct net *net, int ret)
{
    if (ret && net->capture)
        net_capture_lost(net->capture);
    return ret;
}

int net_send(struct net *net, const struct iovec *iov, int count)
{
    size_t length = frame_length(iov, count, NET_MAX_FRAME);

    if (length < NET_HEADER || length > NET_MAX_FRAME)
        return -EMSGSIZE;
    if (net->capture)
        net_capture_frame(net->capture, true, iov, count);
    return note_loss(net, net->ops->send(net, iov, count));
}

int net_send_offload(struct net *net, const struct net_header *header, const struct iovec *iov,
                     int count)
{
    size_t length = frame_length(iov, count, NET_OFFLOAD_MAX_FRAME);

    if (length < NET_HEADER || length > NET_OFFLOAD_MAX_FRAME)
        return -EMSGSIZE;
    if (net->capture)
        net_capture_frame(net->capture, true, iov, count);
    return note_loss(net, net->ops->send_offload(net, header, iov, count));
}

void net_accept_offloads(struct net *net, unsigned offloads)
{
    if (net->ops->accept)
        net->ops->accept(net, offloads);
}

bool net_deliver(struct net *net, void *frame, size_t length)
{
    const struct iovec iov = {frame, length};

    if (!net->client.receive(net->client.ctx, frame, length))
        return false;
    if (net->capture)
        net_capture_frame(net->capture, false, &iov, 1);
    return true;
}

bool net_deliver_offload(struct net *net, const struct net_header *header, const void *frame,
                         size_t length)
{
    const struct iovec iov = {(void *)(uintptr_t)frame, length};

    if (!net->client.receive_offload(net->client.ctx, header, frame, length))
        return false;
    if (net->capture)
        net_capture_frame(net->capture, false, &iov, 1);
    return true;
}

void net_link(struct net *net, bool up)
{
    if (atomic_exchange(&net->unplugged, !up) == up && net->client.link)
        net->client.link(net->client.ctx, up);
}

void net_resume(struct net *net)
{
    net->ops->resume(net);
}

void net_close(struct net *net)
{
    struct net_capture *capture;

    if (!net)
        return;
    capture = net->capture;
    net->ops->close(net);
    net_capture_close(capture);
}
