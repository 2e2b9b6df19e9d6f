/* SPDX-License-Identifier: ISC */
/*
 * The control socket's server: who may connect, and what happens to those that do nothing, too
 * much, or never listen.
 */
#include "cli/control_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/control_names.h"
#include "cli/places.h"
#include "host/clock.h"
#include "host/thread.h"

#define IDLE_MS     (10 * 60 * 1000) /* between requests */
#define REQUEST_MS  30000            /* from a request's first byte to its last */
#define GRACE_MS    1000             /* for answers on their way when the machine ends */
#define STALL_NS    (CONTROL_STALL_MS * NS_PER_MSEC)
#define ACCEPT_WAIT (100 * NS_PER_MSEC)

/* --- waiting --- */

bool control_ended(struct control *control, int timeout_ms)
{
    struct pollfd fd = {.fd = control->ending[0], .events = POLLIN};

    return poll(&fd, 1, timeout_ms) > 0;
}

void control_why(struct control *control, char *why, size_t room)
{
    pthread_mutex_lock(&control->lock);
    snprintf(why, room, "%s", control->why);
    pthread_mutex_unlock(&control->lock);
}

short control_poll(struct control_peer *peer, short events, int also, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = peer->fd, .events = events},
                           {.fd = peer->control->ending[0], .events = POLLIN},
                           {.fd = also, .events = POLLIN}};

    return poll(fds, nitems(fds), timeout_ms) > 0 ? fds[0].revents : 0;
}

ssize_t control_read(struct control_peer *peer)
{
    size_t room;
    char *to = control_input_room(&peer->input, &room);
    ssize_t length;

    if (!to)
        return -ENOMEM;
    length = recv(peer->fd, to, room, MSG_DONTWAIT);
    if (length < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    control_input_came(&peer->input, (size_t)length);
    return length;
}

ssize_t control_write_some(struct control_peer *peer, const void *bytes, size_t length)
{
    ssize_t sent = send(peer->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return sent;
}

/* A client may take nothing for a while; once the machine ends, there is little time in all. */
int control_write_all(struct control_peer *peer, const void *bytes, size_t length)
{
    uint64_t deadline = host_clock_monotonic() + STALL_NS, now;
    const char *from = bytes;

    while (length) {
        ssize_t sent = control_write_some(peer, from, length);
        struct pollfd fd = {.fd = peer->fd, .events = POLLOUT};

        if (sent >= 0) {
            from += sent;
            length -= (size_t)sent;
            deadline =
                control_ended(peer->control, 0) ? deadline : host_clock_monotonic() + STALL_NS;
            continue;
        }
        now = host_clock_monotonic();
        if (control_ended(peer->control, 0))
            deadline = MIN(deadline, now + GRACE_MS * NS_PER_MSEC);
        if (sent != -EAGAIN || now >= deadline) {
            shutdown(peer->fd, SHUT_RDWR); /* what else was sent would not be a message */
            return sent == -EAGAIN ? -ETIMEDOUT : (int)sent;
        }
        poll(&fd, 1, MIN((int)((deadline - now) / NS_PER_MSEC) + 1, GRACE_MS));
    }
    return 0;
}

/* `message` is stolen. */
static int send_message(struct control_peer *peer, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0;
    int ret = -ENOMEM;

    json_decref(message);
    if (text) {
        text[length] = '\n'; /* in the place of its final NUL */
        ret = control_write_all(peer, text, length + 1);
    }
    free(text);
    return ret;
}

/* --- one client, on its thread --- */

/* Reads until there is a line. Returns 0, or -errno and in `why` what to tell the client, "" when
 * it has gone or the machine ends. */
static int next_line(struct control_peer *peer, const char **line, size_t *length, char *why,
                     size_t room)
{
    uint64_t begin = host_clock_monotonic();
    bool begun = peer->input.length != 0;
    int got;

    while ((got = control_input_line(&peer->input, line, length)) == 0) {
        int limit = begun ? REQUEST_MS : IDLE_MS;
        uint64_t passed = (host_clock_monotonic() - begin) / NS_PER_MSEC;
        ssize_t came;

        if (control_ended(peer->control, 0))
            return -ESHUTDOWN;
        if (passed >= (uint64_t)limit) {
            snprintf(why, room,
                     begun ? "a request took longer than %d seconds to come"
                           : "nothing was asked for %d seconds",
                     limit / 1000);
            return -ETIMEDOUT;
        }
        if (!control_poll(peer, POLLIN, -1, limit - (int)passed))
            continue;
        came = control_read(peer);
        if (came <= 0 && came != -EAGAIN)
            return came ? (int)came : -EPIPE;
        if (came > 0 && !begun) {
            begun = true;
            begin = host_clock_monotonic();
        }
    }
    if (got < 0)
        snprintf(why, room, "a request has at most %u bytes", CONTROL_LINE_MAX);
    return got < 0 ? got : 0;
}

/* One request and its answer. Returns 0, or -errno when the connection is over, and `why` as
 * above. */
static int serve_request(struct control_peer *peer, char *why, size_t room)
{
    struct control_answer answer = {0};
    struct control_stream *stream = NULL;
    const char *line;
    size_t length;
    int ret = next_line(peer, &line, &length, why, room);

    if (ret)
        return ret;
    control_carry_out(peer->control, line, length, &answer);
    control_input_drop(&peer->input, length + 1);
    if (answer.stream) /* before the answer: the client hears all that comes after it */
        stream = control_stream_begin(peer, answer.console, answer.replay);
    ret = send_message(peer, answer.members);
    if (!ret && answer.length)
        ret = control_write_all(peer, answer.bytes, answer.length);
    free(answer.bytes);
    if (stream && !ret)
        control_stream_run(stream, why, room);
    else if (answer.stream)
        snprintf(why, room, "out of memory or descriptors");
    control_stream_end(stream);
    return answer.stream ? -ESHUTDOWN : ret;
}

static json_t *greeting(const struct control *control)
{
    return json_pack("{s:s, s:i, s:s, s:s}", "protocol", CONTROL_PROTOCOL, "version",
                     CONTROL_VERSION, "atoll", ATOLL_VERSION, "name", control->facts.name);
}

/* In one piece or not at all: who does not read hears nothing. */
static void say_end(int fd, const char *why)
{
    json_t *message = json_pack("{s:o}", "end", control_text(why));
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

    if (text) {
        size_t length = strlen(text);

        text[length] = '\n';
        send(fd, text, length + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    free(text);
    json_decref(message);
}

static void *peer_main(void *arg)
{
    struct control_peer *peer = arg;
    struct control *control = peer->control;
    char why[CONTROL_WHY_MAX] = "";

    if (send_message(peer, greeting(control)) == 0)
        while (serve_request(peer, why, sizeof(why)) == 0 && !control_ended(control, 0))
            ;
    if (control_ended(control, 0))
        control_why(control, why, sizeof(why));
    if (*why)
        say_end(peer->fd, why);
    shutdown(peer->fd, SHUT_RDWR);
    pthread_mutex_lock(&control->lock);
    peer->done = true;
    host_work_post(control->reap);
    pthread_mutex_unlock(&control->lock);
    return NULL;
}

static void peer_free(struct control_peer *peer)
{
    close(peer->fd);
    control_input_free(&peer->input);
    free(peer);
}

/* --- clients come and go, on the loop --- */

/* Whoever connects is the machine's owner, or root. Returns 0 or -EACCES. */
static int check_peer(const struct control *control, int fd)
{
    uid_t uid;
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
        return -EACCES;
    uid = peer.uid;
#else
    gid_t gid;

    if (getpeereid(fd, &uid, &gid))
        return -EACCES;
#endif
    return uid == control->owner || uid == 0 ? 0 : -EACCES;
}

/* A place for one more, and its thread. Returns 0 or -errno. */
static int peer_start(struct control *control, int fd)
{
    struct control_peer *peer = calloc(1, sizeof(*peer));
    int ret = -EBUSY;

    if (!peer)
        return -ENOMEM;
    peer->control = control;
    peer->fd = fd;
    pthread_mutex_lock(&control->lock);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX && ret == -EBUSY; i++) {
        if (control->peers[i])
            continue;
        ret = host_thread_start(&peer->thread, "control-client", peer_main, peer);
        if (ret == 0)
            control->peers[i] = peer;
    }
    pthread_mutex_unlock(&control->lock);
    if (ret)
        free(peer);
    return ret;
}

static void peer_accept(void *ctx, unsigned events)
{
    struct control *control = ctx;
    int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), ret;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            host_sleep(ACCEPT_WAIT); /* the client waits in the socket's queue */
        return;
    }
    ret = check_peer(control, fd);
    ret = ret ? ret : peer_start(control, fd);
    if (ret == 0)
        return;
    say_end(fd, ret == -EACCES  ? "this machine is another user's"
                : ret == -EBUSY ? "too many clients are connected"
                                : "out of memory or threads");
    close(fd);
}

/* Takes a client out of the table: any, or one whose thread ends. NULL: there is none. */
static struct control_peer *peer_take(struct control *control, bool any)
{
    struct control_peer *peer = NULL;

    pthread_mutex_lock(&control->lock);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX && !peer; i++) {
        if (!control->peers[i] || !(any || control->peers[i]->done))
            continue;
        peer = control->peers[i];
        control->peers[i] = NULL;
    }
    pthread_mutex_unlock(&control->lock);
    return peer;
}

static void peers_join(struct control *control, bool all)
{
    struct control_peer *peer;

    while ((peer = peer_take(control, all)) != NULL) {
        pthread_join(peer->thread, NULL);
        peer_free(peer);
    }
}

static void peers_reap(void *ctx)
{
    peers_join(ctx, false);
}

/* --- the socket --- */

/* Nobody can connect before listen(), so the mode is right before anybody could use it. */
static int socket_bind(struct control *control)
{
    const struct sockaddr *address = (const struct sockaddr *)&control->address;
    const char *path = control->address.sun_path;

    if (bind(control->listener, address, sizeof(control->address)) == 0)
        return chmod(path, 0600) || listen(control->listener, 16) ? -errno : 0;
    if (errno != EADDRINUSE || control_alive(&control->address))
        return -errno;
    if (unlink(path) || bind(control->listener, address, sizeof(control->address)))
        return -errno;
    return chmod(path, 0600) || listen(control->listener, 16) ? -errno : 0;
}

/* Two that start at once would take each other's socket for a dead one, between bind and listen. */
static int socket_open(struct control *control, struct error *err)
{
    const char *name = control->facts.name;
    int lock = control_names_lock(err), ret;

    if (lock < 0)
        return lock;
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ret = control->listener < 0 ? -errno : socket_bind(control);
    close(lock);
    if (ret == -EADDRINUSE)
        return error_set(err, EEXIST, "a machine called \"%s\" runs already", name);
    return ret ? error_set(err, -ret, "%s: cannot open the control socket: %s",
                           control->address.sun_path, strerror(-ret))
               : 0;
}

/* --- life --- */

static void control_free(struct control *control)
{
    for (int i = 0; i < 2; i++)
        if (control->ending[i] >= 0)
            close(control->ending[i]);
    if (control->listener >= 0)
        close(control->listener);
    pthread_mutex_destroy(&control->lock);
    free(control);
}

int control_open(struct control **out, const struct control_facts *facts, struct error *err)
{
    struct control *control = calloc(1, sizeof(*control));
    int ret;

    if (!control)
        return error_set(err, ENOMEM, "out of memory");
    *control = (struct control){.facts = *facts, .listener = -1, .ending = {-1, -1}};
    control->owner = geteuid();
    control->address.sun_family = AF_UNIX;
    pthread_mutex_init(&control->lock, NULL);
    json_object_seed(0); /* from the host's entropy, which is out of reach later */
    ret = place_socket(facts->name, control->address.sun_path, sizeof(control->address.sun_path),
                       err);
    if (!ret && pipe2(control->ending, O_CLOEXEC))
        ret = error_set(err, errno, "control socket: cannot make a pipe: %s", strerror(errno));
    ret = ret ? ret : socket_open(control, err);
    if (ret)
        control_free(control);
    else
        *out = control;
    return ret;
}

int control_serve(struct control *control, struct atoll *vm, const struct atoll_config *config,
                  struct error *err)
{
    int ret;

    control->vm = vm;
    control->config = config;
    control->since = host_clock_monotonic();
    ret = host_loop_create(&control->loop, "control-socket", err);
    if (ret)
        return ret;
    ret = host_work_create(control->loop, peers_reap, control, &control->reap);
    ret = ret ? ret
              : host_watch_create(control->loop, control->listener, HOST_READABLE, peer_accept,
                                  control, &control->watch);
    return ret ? error_set(err, -ret, "cannot serve the control socket: %s", strerror(-ret)) : 0;
}

void control_close(struct control *control, const char *why)
{
    if (!control)
        return;
    pthread_mutex_lock(&control->lock);
    snprintf(control->why, sizeof(control->why), "%s", why);
    pthread_mutex_unlock(&control->lock);
    host_watch_destroy(control->watch);
    close(control->ending[1]); /* which whoever waits for ending[0] sees */
    control->ending[1] = -1;
    peers_join(control, true);
    host_work_destroy(control->reap);
    host_loop_destroy(control->loop);
    /* While it listens nobody takes it for a dead one's and puts another in its place. A confined
     * process may not remove files. */
    unlink(control->address.sun_path);
    control_free(control);
}
