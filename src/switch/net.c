/* SPDX-License-Identifier: ISC */
/*
 * What the guest cannot take yet stays in the ring, where the switch has a bound for it; what the
 * ring has no room for is dropped, as on a wire.
 */
#include "switch/net.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/net/capture.h"
#include "backend/net/private.h"

#define BATCH 64 /* frames in one turn of the loop */

struct net_switch {
    struct net net;
    struct switch_port *port;
    struct host_watch *watch;
    struct host_work *more;   /* the rest of a batch */
    struct net_header header; /* of a frame that waits for the guest's buffers */
    const void *frame;
    size_t held;
    bool over;
};

static struct net_switch *switch_of(struct net *net)
{
    return container_of(net, struct net_switch, net);
}

/* Tries to hand over the frame at hand. Returns whether there is none any more. */
static bool hand_over(struct net_switch *s)
{
    if (!s->held)
        return true;
    if (!net_deliver_offload(&s->net, &s->header, s->frame, s->held))
        return false;
    s->held = 0;
    switch_port_done(s->port);
    return true;
}

static void receive(void *ctx)
{
    struct net_switch *s = ctx;

    for (unsigned i = 0; i < BATCH; i++) {
        if (!hand_over(s)) /* net_switch_resume goes on */
            return;
        s->held = switch_port_receive(s->port, &s->header, &s->frame);
        if (!s->held)
            return;
    }
    host_work_post(s->more);
}

static void on_ready(void *ctx, unsigned events)
{
    struct net_switch *s = ctx;
    struct error why;

    if (!switch_port_awake(s->port) && !s->over) {
        s->over = true;
        host_watch_want(s->watch, 0);
        switch_port_explain(s->port, &why);
        log_warn(s->net.log, "network: %s; the guest is cut off", why.text);
    }
    net_link(&s->net, !s->over && switch_port_up(s->port));
    receive(s);
}

static int net_switch_attach(struct net *net, struct host_loop *loop)
{
    struct net_switch *s = switch_of(net);
    int ret = host_work_create(loop, receive, s, &s->more);

    if (!ret)
        ret = host_watch_create(loop, switch_port_descriptor(s->port), HOST_READABLE, on_ready, s,
                                &s->watch);
    if (!ret)
        host_work_post(s->more); /* from where receive asks to be woken */
    return ret;
}

static int net_switch_send_offload(struct net *net, const struct net_header *header,
                                   const struct iovec *iov, int count)
{
    struct net_switch *s = switch_of(net);
    int ret = switch_port_send(s->port, header, iov, count);

    if (ret == -EAGAIN)
        switch_port_drop(s->port);
    switch_port_flush(s->port);
    return ret;
}

static int net_switch_send(struct net *net, const struct iovec *iov, int count)
{
    return net_switch_send_offload(net, NULL, iov, count);
}

static void net_switch_resume(struct net *net)
{
    struct net_switch *s = switch_of(net);

    if (s->held)
        host_work_post(s->more);
}

static void net_switch_accept(struct net *net, unsigned offloads)
{
    switch_port_accept(switch_of(net)->port, offloads);
}

static void net_switch_close(struct net *net)
{
    struct net_switch *s = switch_of(net);

    if (s->watch)
        host_watch_destroy(s->watch);
    if (s->more)
        host_work_destroy(s->more);
    switch_leave(s->port);
    free(s);
}

static const struct net_ops switch_ops = {
    .attach = net_switch_attach,
    .send = net_switch_send,
    .resume = net_switch_resume,
    .close = net_switch_close,
    .send_offload = net_switch_send_offload,
    .accept = net_switch_accept,
};

int net_switch_open(struct net **net, const char *name, const struct switch_port_config *config,
                    const char *capture, const struct log *log, struct error *err)
{
    struct net_switch *s = calloc(1, sizeof(*s));
    int ret;

    if (!s)
        return error_set(err, ENOMEM, "network: out of memory");
    s->net.ops = &switch_ops;
    s->net.log = log;
    s->net.mtu = config->mtu ? config->mtu : 1500;
    ret = switch_join(&s->port, name, config, err);
    if (!ret && capture)
        ret = net_capture_open(&s->net.capture, capture, log, err);
    if (ret) {
        net_close(&s->net);
        return ret;
    }
    *net = &s->net;
    return 0;
}
