/* SPDX-License-Identifier: ISC */
/*
 * A viewer process's life, and what it says. Whatever it says is checked as if it came from the
 * network: its clients do.
 */
#include "backend/viewer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/display/viewer_private.h"
#include "host/clock.h"
#include "host/helper.h"

#define READY_TIMEOUT_MS 20000
#define BATCH            64 /* messages in one turn of the loop */
#define EARLY_LINES      8  /* for the log, before the process is ready */
#define PATH_ROOM        4096
#define PEOPLE_MAX       256
#define WHEEL_MAX        127
#define SIZE_MIN         64 /* of a screen that a person may wish for */

union message {
    uint32_t message;
    struct viewer_log log;
    struct viewer_ready ready;
    struct viewer_watch watch;
    struct viewer_key key;
    struct viewer_pointer pointer;
    struct viewer_type type;
    struct viewer_resize resize;
    struct viewer_button button;
    struct viewer_want want;
};

/* --- what it says: false, what it must not say --- */

/* A line of somebody else's for a terminal. */
static void printable(char *text, size_t room)
{
    text[room - 1] = '\0';
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static bool take_log(struct viewer *v, union message *m)
{
    if (m->log.level > LOG_DEBUG)
        return false;
    printable(m->log.text, sizeof(m->log.text));
    log_write(v->log, (enum log_level)m->log.level, "display: %s", m->log.text);
    return true;
}

static bool take_watch(struct viewer *v, union message *m)
{
    if (m->watch.count > PEOPLE_MAX)
        return false;
    tell_watched(v, m->watch.count > 0);
    return true;
}

static bool take_want(struct viewer *v, union message *m)
{
    tell_wanted(v);
    return true;
}

static bool take_key(struct viewer *v, union message *m)
{
    if (v->config.input)
        held_key(v, &m->key);
    return true;
}

static bool take_pointer(struct viewer *v, union message *m)
{
    const struct viewer_pointer *p = &m->pointer;
    const struct input_pointer state = {.x = (uint16_t)p->x,
                                        .y = (uint16_t)p->y,
                                        .buttons = (uint8_t)p->buttons,
                                        .wheel = (int8_t)p->wheel,
                                        .pan = (int8_t)p->pan};

    if (p->x > INPUT_AXIS_MAX || p->y > INPUT_AXIS_MAX ||
        p->buttons > (INPUT_LEFT | INPUT_RIGHT | INPUT_MIDDLE) || p->wheel < -WHEEL_MAX ||
        p->wheel > WHEEL_MAX || p->pan < -WHEEL_MAX || p->pan > WHEEL_MAX)
        return false;
    if (v->config.input)
        held_pointer(v, &state);
    return true;
}

static bool take_type(struct viewer *v, union message *m)
{
    if (v->config.input)
        type_text(v, m->type.text, m->type.length);
    return true;
}

/* Applied after the turn: of many wishes the last one counts. */
static bool take_resize(struct viewer *v, union message *m)
{
    v->wish = m->resize;
    v->wish.width = MIN(MAX(v->wish.width, SIZE_MIN), VIEWER_SIDE_MAX);
    v->wish.height = MIN(MAX(v->wish.height, SIZE_MIN), VIEWER_SIDE_MAX);
    return true;
}

static bool take_button(struct viewer *v, union message *m)
{
    if (v->config.kind != VIEWER_WINDOW || m->button.button > VIEWER_BUTTON_QUIT)
        return false;
    if (v->config.button)
        v->config.button(v->config.ctx, (enum viewer_button_kind)m->button.button);
    return true;
}

static const struct {
    enum viewer_message message;
    size_t length;
    bool (*take)(struct viewer *v, union message *m);
} verbs[] = {
    {VIEWER_LOG, sizeof(struct viewer_log), take_log},
    {VIEWER_WATCH, sizeof(struct viewer_watch), take_watch},
    {VIEWER_KEYSYM, sizeof(struct viewer_key), take_key},
    {VIEWER_KEY, sizeof(struct viewer_key), take_key},
    {VIEWER_POINTER, sizeof(struct viewer_pointer), take_pointer},
    {VIEWER_TYPE, 0, take_type}, /* as long as its text */
    {VIEWER_RESIZE, sizeof(struct viewer_resize), take_resize},
    {VIEWER_BUTTON, sizeof(struct viewer_button), take_button},
    {VIEWER_WANT, sizeof(struct viewer_want), take_want},
};

static bool length_is_right(const union message *m, size_t length, size_t wanted)
{
    const size_t head = offsetof(struct viewer_type, text);

    if (m->message != VIEWER_TYPE)
        return length == wanted;
    return length >= head && m->type.length <= sizeof(m->type.text) &&
           length == head + m->type.length;
}

static bool take(struct viewer *v, union message *m, size_t length)
{
    if (length < sizeof(m->message))
        return false;
    for (size_t i = 0; i < nitems(verbs); i++)
        if (verbs[i].message == m->message)
            return length_is_right(m, length, verbs[i].length) && verbs[i].take(v, m);
    return false;
}

/* --- its life --- */

static void lost(struct viewer *v, const char *why)
{
    v->over = true;
    tell_watched(v, false);
    host_watch_want(v->watch, 0);
    shutdown(v->socket, SHUT_RDWR);
    if (v->config.input)
        held_let_go(v);
    log_warn(v->log, "display: %s; the guest goes on without it", why);
}

/* Returns whether there was one. */
static bool receive(struct viewer *v)
{
    union message m;
    ssize_t length = recv(v->socket, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0)
        lost(v, "its process has ended");
    else if ((size_t)length > sizeof(m) || !take(v, &m, (size_t)length))
        lost(v, "its process does not keep to the protocol and is cut off");
    return !v->over;
}

static void on_ready(void *ctx, unsigned events)
{
    struct viewer *v = ctx;

    for (unsigned i = 0; i < BATCH && !v->over && receive(v); i++)
        ;
    if (v->over)
        return;
    if (v->wish.width)
        display_resize(v->config.display, v->wish.width, v->wish.height);
    v->wish.width = 0;
    if (events & HOST_WRITABLE)
        tell_room(v);
}

/* --- its start --- */

struct start {
    const char *path;
};

struct attach {
    struct viewer *viewer;
    int ret;
};

/* In the new process. A program that does not run says so by the socket's end. */
static void run_program(void *ctx)
{
    const struct start *start = ctx;
    char *const arguments[] = {(char *)(uintptr_t)start->path, NULL};

    execv(start->path, arguments);
    _exit(127);
}

static const char *program_of(enum viewer_kind kind)
{
    return kind == VIEWER_WINDOW ? "atoll-window" : "atoll-vnc";
}

static int find_program(const struct viewer_config *config, char path[PATH_ROOM], struct error *err)
{
    int ret = host_helper_find(program_of(config->kind), VIEWER_LIBEXEC, path, PATH_ROOM, err);

    if (ret && config->kind == VIEWER_WINDOW)
        error_prefix(err, "windows need SDL2 when Atoll is built (--display vnc and web do not)");
    return ret;
}

static int start_process(struct viewer *v, const char *path, struct error *err)
{
    struct start start = {path};
    int sockets[2], fds[2], ret;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    v->socket = sockets[0];
    fds[VIEWER_SOCKET - HOST_HELPER_FIRST] = sockets[1];
    fds[VIEWER_PIXELS - HOST_HELPER_FIRST] = v->pixels.reader;
    ret = host_helper_start(fds, nitems(fds), run_program, &start);
    close(sockets[1]);
    close(v->pixels.reader);
    v->pixels.reader = -1;
    return ret ? error_set(err, -ret, "cannot start %s: %s", path, strerror(-ret)) : 0;
}

static int send_setup(struct viewer *v, struct error *err)
{
    const struct viewer_config *c = &v->config;
    struct viewer_setup setup = {.message = VIEWER_SETUP,
                                 .version = VIEWER_VERSION,
                                 .kind = c->kind,
                                 .width = v->width,
                                 .height = v->height};

    if ((c->address && strlen(c->address) >= sizeof(setup.address)) ||
        (c->password_file && strlen(c->password_file) >= sizeof(setup.password_file)))
        return error_set(err, ENAMETOOLONG, "its address or its password's file is too long");
    snprintf(setup.name, sizeof(setup.name), "%s", c->name ? c->name : "");
    snprintf(setup.address, sizeof(setup.address), "%s", c->address ? c->address : "");
    snprintf(setup.password_file, sizeof(setup.password_file), "%s",
             c->password_file ? c->password_file : "");
    if (send(v->socket, &setup, sizeof(setup), MSG_NOSIGNAL) < 0)
        return error_set(err, errno, "its process ended while it started");
    return 0;
}

/* Returns 1 when the process is ready, 0 when it only wrote a line, or -errno. */
static int take_early(struct viewer *v, struct error *err)
{
    struct pollfd ready = {.fd = v->socket, .events = POLLIN};
    union message m;
    ssize_t length;

    if (poll(&ready, 1, READY_TIMEOUT_MS) <= 0)
        return error_set(err, ETIMEDOUT, "its process does not start");
    length = recv(v->socket, &m, sizeof(m), 0);
    if (length == sizeof(m.log) && m.message == VIEWER_LOG && take_log(v, &m))
        return 0;
    if (length != sizeof(m.ready) || m.message != VIEWER_READY)
        return error_set(err, EPIPE, "its process ended while it started");
    printable(m.ready.text, sizeof(m.ready.text));
    if (m.ready.code)
        return error_set(err, m.ready.code > 0 ? m.ready.code : EPROTO, "%s", m.ready.text);
    snprintf(v->address, sizeof(v->address), "%s", m.ready.text);
    return 1;
}

static int wait_for_ready(struct viewer *v, struct error *err)
{
    int ret = 0;

    for (unsigned i = 0; i <= EARLY_LINES && ret == 0; i++)
        ret = take_early(v, err);
    return ret > 0 ? 0 : ret < 0 ? ret : error_set(err, EPROTO, "its process does not get ready");
}

/* On the loop, where its callbacks wait until all of it is there. */
static void attach(void *ctx)
{
    struct attach *a = ctx;
    struct viewer *v = a->viewer;

    a->ret = host_watch_create(v->config.loop, v->socket, HOST_READABLE, on_ready, v, &v->watch);
    a->ret = a->ret ? a->ret : tell_start(v);
}

static int open_all(struct viewer *v, struct error *err)
{
    struct attach start = {.viewer = v};
    char path[PATH_ROOM];
    int ret = find_program(&v->config, path, err);

    ret = ret ? ret : host_shared_create(&v->pixels, "atoll-display", VIEWER_PIXELS_SIZE, err);
    ret = ret ? ret : start_process(v, path, err);
    ret = ret ? ret : send_setup(v, err);
    ret = ret ? ret : wait_for_ready(v, err);
    if (ret)
        return ret;
    if (v->config.input)
        ret = type_start(v);
    if (!ret) {
        host_loop_call(v->config.loop, attach, &start);
        ret = start.ret;
    }
    return ret ? error_set(err, -ret, "cannot watch it: %s", strerror(-ret)) : 0;
}

int viewer_open(struct viewer **viewer, const struct viewer_config *config, const struct log *log,
                struct error *err)
{
    struct viewer *v = calloc(1, sizeof(*v));
    int ret;

    if (!v)
        return error_set(err, ENOMEM, "display: out of memory");
    v->config = *config;
    v->log = log;
    v->socket = -1;
    v->pixels.reader = -1;
    display_size(config->display, &v->width, &v->height);
    pthread_mutex_init(&v->lock, NULL);
    pthread_mutex_init(&v->type.lock, NULL);
    pthread_cond_init(&v->type.wake, NULL);
    ret = open_all(v, err);
    if (ret) {
        error_prefix(err, "display");
        viewer_close(v);
        return ret;
    }
    *viewer = v;
    return 0;
}

const char *viewer_address(const struct viewer *viewer)
{
    return viewer->address;
}

void viewer_reset(struct viewer *viewer)
{
    type_forget(viewer);
}

/* On the loop: what still runs there before all of it is gone finds that it is over, and touches
 * nothing. */
static void detach(void *ctx)
{
    struct viewer *v = ctx;

    v->over = true;
    host_watch_want(v->watch, 0);
    if (v->config.input)
        held_let_go(v);
}

void viewer_close(struct viewer *v)
{
    if (!v)
        return;
    if (v->watch)
        host_loop_call(v->config.loop, detach, v);
    tell_stop(v);
    host_watch_destroy(v->watch);
    type_stop(v);
    if (v->socket >= 0)
        close(v->socket);
    host_shared_destroy(&v->pixels);
    pthread_cond_destroy(&v->type.wake);
    pthread_mutex_destroy(&v->type.lock);
    pthread_mutex_destroy(&v->lock);
    free(v);
}
