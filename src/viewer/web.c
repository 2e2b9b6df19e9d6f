/* SPDX-License-Identifier: ISC */
#include "viewer/web.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/clock.h"
#include "viewer/web_bridge.h"
#include "viewer/web_http.h"

#define CONNECTIONS 64
#define VIEWERS     16 /* of those */

/* How long a connection may take to ask, to take its answer and to close, and how long a viewer may
 * read nothing while something waits for it. */
#define SECOND       UINT64_C(1000000000)
#define REQUEST_TIME (5 * SECOND)
#define ANSWER_TIME  (20 * SECOND)
#define LINGER_TIME  (2 * SECOND)
#define STALL_TIME   (60 * SECOND)

/* After accept() failed for want of something. */
#define ACCEPT_PAUSE (SECOND / 4)

enum state {
    STATE_REQUEST, /* its head is not complete */
    STATE_ANSWER,  /* is being sent */
    STATE_LINGER,  /* closed on our side: what still comes is read, or the answer might be lost */
    STATE_VIEWER,
};

struct connection {
    enum state state;
    int fd;
    uint64_t deadline; /* of the monotonic clock */
    struct web_place place;
    bool stranger;

    char request[WEB_REQUEST_MAX];
    size_t length, head;
    struct web_answer answer;
    size_t sent;

    struct web_bridge *bridge; /* from the handshake on */
    uint64_t taken;            /* by the browser, when we last looked */
};

struct web {
    struct web_config config;
    char *host;
    pthread_t thread;
    int wake[2];                                 /* closing wake[1] ends the thread */
    uint64_t pause;                              /* nothing is accepted before */
    struct connection *connections[CONNECTIONS]; /* the oldest first */
    size_t count;
};

static void connection_free(struct connection *connection)
{
    web_bridge_free(connection->bridge);
    close(connection->fd);
    free(connection);
}

static void forget(struct web *web, size_t index)
{
    connection_free(web->connections[index]);
    web->count--;
    memmove(web->connections + index, web->connections + index + 1,
            (web->count - index) * sizeof(web->connections[0]));
}

static size_t viewers(const struct web *web)
{
    size_t n = 0;

    for (size_t i = 0; i < web->count; i++)
        n += web->connections[i]->bridge != NULL;
    return n;
}

/* When all places are taken, the connection that has dawdled longest goes. There is one, since
 * there are more places than viewers. */
static void make_room(struct web *web)
{
    size_t i = 0;

    if (web->count < CONNECTIONS)
        return;
    while (i < web->count - 1 && web->connections[i]->bridge)
        i++;
    forget(web, i);
}

static void accept_connection(struct web *web, uint64_t now)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(address);
    struct connection *connection;
    int fd = accept4(web->config.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            web->pause = now + ACCEPT_PAUSE;
        return;
    }
    connection = calloc(1, sizeof(*connection));
    if (!connection || getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        free(connection);
        close(fd);
        return;
    }
    make_room(web);
    connection->fd = fd;
    connection->deadline = now + REQUEST_TIME;
    connection->stranger = web->config.stranger && web->config.stranger(web->config.ctx, fd);
    connection->place.host = web->host;
    web_place_address(&connection->place, (struct sockaddr *)&address);
    web->connections[web->count++] = connection;
}

/* A browser that may come in gets a stream to the RFB server. */
static int open_viewer(struct web *web, struct connection *connection)
{
    int pair[2], error;

    if (viewers(web) == VIEWERS)
        return -EBUSY;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    connection->bridge =
        web_bridge_create(connection->fd, pair[0], connection->request + connection->head,
                          connection->length - connection->head);
    if (!connection->bridge) {
        close(pair[0]);
        close(pair[1]);
        return -ENOMEM;
    }
    error = web->config.connect(web->config.ctx, pair[1]);
    if (error < 0) {
        web_bridge_free(connection->bridge);
        connection->bridge = NULL;
    }
    return error;
}

static void answer(struct web *web, struct connection *connection, uint64_t now)
{
    connection->state = STATE_ANSWER;
    connection->deadline = now + ANSWER_TIME;
    if (connection->answer.status == 101 && open_viewer(web, connection) < 0)
        web_refuse(&connection->answer, 503);
    if (connection->answer.status >= 400)
        log_debug(web->config.log, "web: a request was refused: %u", connection->answer.status);
}

/* These return false when the connection is over at once. */

static bool run_request(struct web *web, struct connection *connection, uint64_t now)
{
    ssize_t n = recv(connection->fd, connection->request + connection->length,
                     sizeof(connection->request) - connection->length, 0);

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    connection->length += (size_t)n;
    connection->head = web_head_length(connection->request, connection->length);
    if (connection->head && connection->stranger)
        web_refuse(&connection->answer, 403);
    else if (connection->head)
        web_answer(&connection->answer, connection->request, connection->head, &connection->place);
    else if (connection->length == sizeof(connection->request))
        web_refuse(&connection->answer, 431);
    else
        return true;
    answer(web, connection, now);
    return true;
}

static bool linger(struct connection *connection, uint64_t now)
{
    web_bridge_free(connection->bridge);
    connection->bridge = NULL;
    connection->state = STATE_LINGER;
    connection->deadline = now + LINGER_TIME;
    return shutdown(connection->fd, SHUT_WR) == 0;
}

static bool run_answer(struct connection *connection, uint64_t now)
{
    const struct web_answer *answer = &connection->answer;
    bool in_head = connection->sent < answer->head_length;
    size_t at = connection->sent - (in_head ? 0 : answer->head_length);
    ssize_t n = in_head ? send(connection->fd, answer->head + at, answer->head_length - at,
                               MSG_NOSIGNAL | (answer->body_length ? MSG_MORE : 0))
                        : send(connection->fd, (const char *)answer->body + at,
                               answer->body_length - at, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->sent += (size_t)n;
    if (connection->sent < answer->head_length + answer->body_length)
        return true;
    if (!connection->bridge)
        return linger(connection, now);
    connection->state = STATE_VIEWER;
    connection->deadline = UINT64_MAX;
    return true;
}

static bool run_linger(struct connection *connection)
{
    char waste[4096];
    ssize_t n = recv(connection->fd, waste, sizeof(waste), 0);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool run_viewer(struct connection *connection, uint64_t now)
{
    uint64_t taken;

    if (!web_bridge_run(connection->bridge))
        return linger(connection, now);
    taken = web_bridge_sent(connection->bridge);
    if (!web_bridge_waits(connection->bridge))
        connection->deadline = UINT64_MAX;
    else if (taken != connection->taken || connection->deadline == UINT64_MAX)
        connection->deadline = now + STALL_TIME;
    connection->taken = taken;
    return true;
}

static bool run(struct web *web, struct connection *connection, uint64_t now)
{
    switch (connection->state) {
    case STATE_REQUEST: return run_request(web, connection, now);
    case STATE_ANSWER: return run_answer(connection, now);
    case STATE_LINGER: return run_linger(connection);
    case STATE_VIEWER: return run_viewer(connection, now);
    }
    return false;
}

/* Its time is over. */
static bool expire(struct connection *connection, uint64_t now)
{
    if (connection->state != STATE_REQUEST)
        return false;
    web_refuse(&connection->answer, 408);
    connection->state = STATE_ANSWER;
    connection->deadline = now + LINGER_TIME;
    return true;
}

static void want(const struct connection *connection, struct pollfd fds[2])
{
    fds[0] = (struct pollfd){.fd = connection->fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = -1};
    if (connection->state == STATE_ANSWER)
        fds[0].events = POLLOUT;
    else if (connection->state == STATE_VIEWER)
        web_bridge_wait(connection->bridge, fds);
}

/* Milliseconds for poll(), rounded up: -1 when nothing has an end. */
static int patience(const struct web *web, uint64_t now)
{
    uint64_t first = web->pause > now ? web->pause : UINT64_MAX;

    for (size_t i = 0; i < web->count; i++)
        first = MIN(first, web->connections[i]->deadline);
    if (first == UINT64_MAX)
        return -1;
    return first <= now ? 0 : (int)((first - now) / (SECOND / 1000)) + 1;
}

/* One round; false when web_stop is waiting. */
static bool turn(struct web *web)
{
    struct pollfd fds[2 + 2 * CONNECTIONS];
    uint64_t now = host_clock_monotonic();
    size_t count = web->count;

    fds[0] = (struct pollfd){.fd = web->wake[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = web->pause > now ? -1 : web->config.listener, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        want(web->connections[i], fds + 2 + 2 * i);
    if (poll(fds, 2 + 2 * count, patience(web, now)) < 0)
        return true;
    if (fds[0].revents)
        return false;
    now = host_clock_monotonic();
    for (size_t i = count; i-- > 0;) {
        const struct pollfd *pair = fds + 2 + 2 * i;
        struct connection *connection = web->connections[i];
        bool alive = true;

        if (pair[0].revents || pair[1].revents)
            alive = run(web, connection, now);
        if (alive && connection->deadline <= now)
            alive = expire(connection, now);
        if (!alive)
            forget(web, i);
    }
    if (fds[1].revents)
        accept_connection(web, now);
    return true;
}

static void *work(void *arg)
{
    struct web *web = arg;

    while (turn(web))
        ;
    return NULL;
}

static void destroy(struct web *web)
{
    while (web->count > 0)
        forget(web, web->count - 1);
    for (size_t i = 0; i < nitems(web->wake); i++) {
        if (web->wake[i] >= 0)
            close(web->wake[i]);
    }
    free(web->host);
    free(web);
}

/* Connections inherit these. On a Unix socket they mean nothing, and fail. */
static void set_options(int listener)
{
    int on = 1;

    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_KEEPIDLE
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &(int){60}, sizeof(int));
#endif
}

static int start_thread(struct web *web)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&web->thread, NULL, work, web);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int web_start(struct web **result, const struct web_config *config, struct error *err)
{
    struct web *web = calloc(1, sizeof(*web));
    int error;

    if (!web)
        return error_set(err, ENOMEM, "no memory for the web server");
    web->config = *config;
    web->wake[0] = web->wake[1] = -1;
    if (config->host && !(web->host = strdup(config->host))) {
        destroy(web);
        return error_set(err, ENOMEM, "no memory for the web server");
    }
    if (pipe2(web->wake, O_CLOEXEC) < 0 || listen(config->listener, SOMAXCONN) < 0 ||
        fcntl(config->listener, F_SETFL, O_NONBLOCK) < 0) {
        error = errno;
        destroy(web);
        return error_set(err, error, "the web server cannot listen: %s", strerror(error));
    }
    set_options(config->listener);
    error = start_thread(web);
    if (error) {
        destroy(web);
        return error_set(err, error, "the web server has no thread: %s", strerror(error));
    }
    *result = web;
    return 0;
}

void web_stop(struct web *web)
{
    if (!web)
        return;
    close(web->wake[1]);
    web->wake[1] = -1;
    pthread_join(web->thread, NULL);
    close(web->config.listener);
    destroy(web);
}
