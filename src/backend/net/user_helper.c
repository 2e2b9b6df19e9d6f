/* SPDX-License-Identifier: ISC */
/*
 * The user-mode network, the helper's side: libslirp and its sockets in a confined process that
 * holds nothing else of the machine's. IPv4 only: libslirp's IPv6 would offer the guest a default
 * route that most hosts do not have.
 */
#include "backend/net/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net/user_dns.h"
#include "backend/net/user_filter.h"
#include "base/units.h"
#include "host/clock.h"
#include "host/confine.h"

#define BACKLOG_FRAMES 256 /* towards the machine, while its socket is full */
#define POLL_FIRST     64  /* sockets that the poll array starts with */
#define BATCH          64
#define RESOLV_CONF    "/etc/resolv.conf"

struct queued {
    struct queued *next;
    size_t length;
    uint8_t frame[];
};

struct timer {
    struct timer *next;
    SlirpTimerCb expired;
    void *ctx;
    int64_t deadline_ms; /* -1: not set */
};

struct helper {
    Slirp *slirp;
    int socket;
    bool over;
    struct user_filter filter;
    struct user_dns dns;
    struct timer *timers;
    struct queued *first, **last;
    unsigned backlog;
    struct pollfd *polls; /* [0] is the machine's socket */
    size_t poll_count, poll_room;
    uint8_t frame[NET_MAX_FRAME]; /* from the machine */
};

static int64_t now_ns(void *opaque)
{
    return (int64_t)host_clock_monotonic();
}

/* Sends without waiting. Returns whether the frame is dealt with. */
static bool try_send(struct helper *helper, const struct queued *queued)
{
    if (send(helper->socket, queued->frame, queued->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno == EAGAIN || errno == ENOBUFS)
        return false;
    helper->over |= errno == EPIPE || errno == ECONNRESET;
    return true;
}

static void drain(struct helper *helper)
{
    while (helper->first && try_send(helper, helper->first)) {
        struct queued *sent = helper->first;

        helper->first = sent->next;
        if (!helper->first)
            helper->last = &helper->first;
        helper->backlog--;
        free(sent);
    }
}

/*
 * A frame for the guest waits for the end of the turn: what answers a burst comes as a burst, with
 * few interrupts.
 */
static ssize_t on_packet(const void *frame, size_t length, void *opaque)
{
    struct helper *helper = opaque;
    struct queued *queued;

    if (helper->backlog && helper->backlog % BATCH == 0)
        drain(helper);
    if (length > NET_MAX_FRAME || helper->backlog >= BACKLOG_FRAMES)
        return (ssize_t)length;
    queued = malloc(sizeof(*queued) + length);
    if (!queued)
        return (ssize_t)length;
    *queued = (struct queued){.length = length};
    memcpy(queued->frame, frame, length);
    user_filter_in(&helper->filter, queued->frame, length);
    user_dns_in(&helper->dns, queued->frame, length);
    *helper->last = queued;
    helper->last = &queued->next;
    helper->backlog++;
    return (ssize_t)length;
}

static void on_guest_error(const char *message, void *opaque)
{
}

static void *timer_new(SlirpTimerCb expired, void *ctx, void *opaque)
{
    struct helper *helper = opaque;
    struct timer *timer = calloc(1, sizeof(*timer));

    if (!timer)
        _exit(1);
    *timer = (struct timer){helper->timers, expired, ctx, -1};
    helper->timers = timer;
    return timer;
}

static void timer_free(void *freed, void *opaque)
{
    struct helper *helper = opaque;

    for (struct timer **at = &helper->timers; *at; at = &(*at)->next)
        if (*at == freed) {
            *at = (*at)->next;
            free(freed);
            return;
        }
}

static void timer_mod(void *timer, int64_t deadline_ms, void *opaque)
{
    ((struct timer *)timer)->deadline_ms = deadline_ms;
}

static void on_poll_fd(int fd, void *opaque)
{
}

static void on_notify(void *opaque)
{
}

static const SlirpCb callbacks = {
    .send_packet = on_packet,
    .guest_error = on_guest_error,
    .clock_get_ns = now_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = on_poll_fd,
    .unregister_poll_fd = on_poll_fd,
    .notify = on_notify,
};

/* Runs what is due, and returns the milliseconds until the next one, at most `limit`. */
static uint32_t run_timers(struct helper *helper, uint32_t limit)
{
    int64_t now = now_ns(NULL) / (int64_t)NS_PER_MSEC;

    for (struct timer *timer = helper->timers; timer; timer = timer->next) {
        if (timer->deadline_ms < 0)
            continue;
        if (timer->deadline_ms > now) {
            limit = (uint32_t)MIN(limit, (uint64_t)(timer->deadline_ms - now));
            continue;
        }
        timer->deadline_ms = -1;
        timer->expired(timer->ctx);
        return 0; /* the list may have changed */
    }
    return limit;
}

static int add_poll(int fd, int events, void *opaque)
{
    struct helper *helper = opaque;
    short wanted = 0;

    if (helper->poll_count == helper->poll_room) {
        size_t room = helper->poll_room ? helper->poll_room * 2 : POLL_FIRST;
        struct pollfd *polls = realloc(helper->polls, room * sizeof(*polls));

        if (!polls)
            return -1;
        helper->polls = polls;
        helper->poll_room = room;
    }
    wanted |= events & SLIRP_POLL_IN ? POLLIN : 0;
    wanted |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
    wanted |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
    helper->polls[helper->poll_count] = (struct pollfd){.fd = fd, .events = wanted};
    return (int)helper->poll_count++;
}

static int get_revents(int index, void *opaque)
{
    struct helper *helper = opaque;
    short got = index >= 0 && (size_t)index < helper->poll_count ? helper->polls[index].revents : 0;

    return (got & POLLIN ? SLIRP_POLL_IN : 0) | (got & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (got & POLLPRI ? SLIRP_POLL_PRI : 0) | (got & POLLERR ? SLIRP_POLL_ERR : 0) |
           (got & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static void take_frames(struct helper *helper)
{
    for (unsigned i = 0; i < BATCH; i++) {
        ssize_t length = recv(helper->socket, helper->frame, sizeof(helper->frame), MSG_DONTWAIT);

        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (length <= 0) {
            helper->over = true;
            return;
        }
        if (!user_filter_out(&helper->filter, helper->frame, (size_t)length))
            continue;
        user_dns_out(&helper->dns, helper->frame, (size_t)length);
        slirp_input(helper->slirp, helper->frame, (int)length);
    }
}

/*
 * One turn. While the machine takes no more frames, libslirp's sockets are not looked at, so that
 * their senders are slowed down by their own protocols and nothing is lost here.
 */
static void turn(struct helper *helper)
{
    bool full = helper->first != NULL;
    uint32_t timeout = 1000;
    int ready;

    helper->poll_count = 0;
    if (add_poll(helper->socket, SLIRP_POLL_IN | (full ? SLIRP_POLL_OUT : 0), helper) < 0)
        _exit(1);
    if (!full)
        slirp_pollfds_fill(helper->slirp, &timeout, add_poll, helper);
    timeout = run_timers(helper, timeout);
    ready = poll(helper->polls, helper->poll_count, (int)MIN(timeout, 1000u));
    if (ready < 0 && errno != EINTR)
        _exit(1);
    if (ready > 0 && helper->polls[0].revents)
        take_frames(helper);
    /* After the guest's frames: libslirp sends from here what waited for the guest's ARP reply. */
    if (!full)
        slirp_pollfds_poll(helper->slirp, ready < 0, get_revents, helper);
    drain(helper);
}

static struct in_addr address(uint32_t host_order)
{
    return (struct in_addr){htonl(host_order)};
}

static Slirp *make_slirp(struct helper *helper, const struct net_user_config *config)
{
    const size_t mtu = config->mtu ? config->mtu : USER_MTU;
    const SlirpConfig slirp = {
        .version = SLIRP_CONFIG_VERSION_MAX,
        .restricted = config->isolated,
        .in_enabled = true,
        .vnetwork = address(USER_NETWORK),
        .vnetmask = address(USER_MASK),
        .vhost = address(USER_GATEWAY),
        .vdhcp_start = address(USER_GUEST),
        .vnameserver = address(USER_DNS),
        .if_mtu = mtu,
        .if_mru = mtu,
        .disable_host_loopback = !config->host && !helper->filter.guard,
        .disable_dns = config->isolated,
    };

    return slirp_new(&slirp, &callbacks, helper);
}

static bool add_forward(Slirp *slirp, const struct net_forward *forward, struct user_hello *hello)
{
    struct in_addr host = address(forward->host_address);
    struct in_addr guest = address(forward->guest_address ? forward->guest_address : USER_GUEST);
    char text[INET_ADDRSTRLEN];

    if (slirp_add_hostfwd(slirp, forward->udp, host, forward->host_port, guest,
                          forward->guest_port) == 0)
        return true;
    hello->code = errno ? errno : EADDRINUSE;
    inet_ntop(AF_INET, &host, text, sizeof(text));
    snprintf(hello->text, sizeof(hello->text), "cannot forward %s %s:%u to the guest: %s",
             forward->udp ? "UDP" : "TCP", text, forward->host_port, strerror(hello->code));
    return false;
}

static void set_up(struct helper *helper, const struct net_user_config *config,
                   struct user_hello *hello)
{
    struct error err = {0};
    int ret;

    for (size_t i = 0; i < config->forward_count && !config->host; i++)
        helper->filter.guard |= config->forwards[i].udp;
    helper->dns.server = config->isolated ? 0 : user_dns_server(RESOLV_CONF);
    helper->slirp = make_slirp(helper, config);
    if (!helper->slirp) {
        hello->code = EINVAL;
        snprintf(hello->text, sizeof(hello->text), "libslirp refuses its configuration");
        return;
    }
    /* Sets libslirp's clock, which is set here only: a socket that the guest's first frame opens
     * would otherwise count as old as the host's uptime, and be closed at once. */
    slirp_pollfds_poll(helper->slirp, 0, get_revents, helper);
    for (size_t i = 0; i < config->forward_count; i++)
        if (!add_forward(helper->slirp, &config->forwards[i], hello))
            return;
    ret = host_confine(HOST_CONFINE_NET, &err);
    if (ret && ret != -ENOSYS) {
        hello->code = -ret;
        snprintf(hello->text, sizeof(hello->text), "cannot confine its process: %.200s", err.text);
    }
}

_Noreturn void user_helper(int socket, const struct net_user_config *config)
{
    struct helper *helper = calloc(1, sizeof(*helper));
    struct user_hello hello = {0};

    if (!helper)
        _exit(1);
    helper->socket = socket;
    helper->last = &helper->first;
    set_up(helper, config, &hello);
    if (send(helper->socket, &hello, sizeof(hello), MSG_NOSIGNAL) < 0 || hello.code)
        _exit(1);
    while (!helper->over)
        turn(helper);
    _exit(0);
}
