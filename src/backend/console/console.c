/* SPDX-License-Identifier: ISC */
/*
 * Consoles: the queues between a guest's serial port and whatever carries its bytes on the host.
 *
 * Output is written at once by the thread that calls console_write, as far as the host takes it;
 * the rest waits in the output queue for the loop. Input is read on the loop and offered to the
 * client; what the client does not take stays in the input queue, and reading stops, until
 * console_resume.
 */
#include "backend/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/console/private.h"

/* What a descriptor that may block takes in one write after poll said that it is writable (POSIX's
 * PIPE_BUF). */
#define BLOCKING_PART 512
/* How often who waits for a reader looks whether there is a hurry. */
#define HURRY_MS 100

static const struct console_kind_ops *const kinds[] = {
    [CONSOLE_NONE] = &console_none_ops, [CONSOLE_STDIO] = &console_stdio_ops,
    [CONSOLE_PTY] = &console_pty_ops,   [CONSOLE_FILE] = &console_file_ops,
    [CONSOLE_UNIX] = &console_unix_ops, [CONSOLE_MEMORY] = &console_memory_ops,
};

int console_descriptor_prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return -errno;
    return 0;
}

/* --- output --- */

static bool output_ready(const struct console *console)
{
    struct pollfd fd = {.fd = console->output_fd, .events = POLLOUT};

    return !console->output_blocks || (poll(&fd, 1, 0) > 0 && fd.revents);
}

/* Output goes nowhere: a full file system, a pipe whose reader has gone. Said once until it works
 * again. */
static void output_lost(struct console *console, int code)
{
    if (!console->output_failed)
        log_warn(console->log, "console: output is lost: %s", strerror(code));
    console->output_failed = true;
    fifo_drop(&console->output, console->output.length);
}

static ssize_t output_some(struct console *console)
{
    const uint8_t *bytes;
    size_t length = fifo_peek(&console->output, &bytes);

    if (console->output_socket)
        return send(console->output_fd, bytes, length, MSG_NOSIGNAL);
    if (console->output_blocks)
        length = MIN(length, (size_t)BLOCKING_PART);
    return write(console->output_fd, bytes, length);
}

/* Writes what the host takes now. Lock held. */
static void output_flush(struct console *console)
{
    while (console->output_fd >= 0 && console->output.length && output_ready(console)) {
        ssize_t done = output_some(console);

        if (done > 0) {
            fifo_drop(&console->output, (size_t)done);
            console->output_failed = false;
        } else if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        } else if (console->output_socket) {
            console->output_fd = -1; /* the client has gone; the next one gets what is left */
        } else if (done < 0 && errno != EINTR) {
            output_lost(console, errno);
        }
    }
    if (console->output_watch)
        host_watch_want(console->output_watch,
                        console->output.length && console->output_fd >= 0 ? HOST_WRITABLE : 0);
}

/* Waits until the host takes more (false: not within the time). Lock held, but not while waiting.
 */
static bool output_wait(struct console *console, int timeout_ms)
{
    struct pollfd fd = {.fd = console->output_fd, .events = POLLOUT};
    int ready;

    pthread_mutex_unlock(&console->lock);
    ready = poll(&fd, 1, timeout_ms);
    pthread_mutex_lock(&console->lock);
    output_flush(console);
    return ready != 0;
}

void console_flush(struct console *console)
{
    pthread_mutex_lock(&console->lock);
    while (console->output_fd >= 0 && console->output.length && output_wait(console, 1000))
        ;
    pthread_mutex_unlock(&console->lock);
}

size_t console_write(struct console *console, const uint8_t *bytes, size_t length)
{
    size_t done = 0;

    console_tell(console, bytes, length);
    pthread_mutex_lock(&console->lock);
    while (done < length) {
        size_t part = fifo_put(&console->output, bytes + done, length - done);

        done += part;
        output_flush(console);
        if (done == length)
            break;
        if (console->ops->waits && !console->hurry && console->output_fd >= 0 &&
            console->output.length)
            output_wait(console, HURRY_MS);
        else if (part == 0 && console->output.length)
            fifo_drop(&console->output, MIN(length - done, console->output.length));
        else if (part == 0)
            break; /* no memory at all: the bytes are lost */
    }
    pthread_mutex_unlock(&console->lock);
    return length;
}

void console_hurry(struct console *console, bool hurry)
{
    pthread_mutex_lock(&console->lock);
    console->hurry = hurry;
    pthread_mutex_unlock(&console->lock);
}

static void output_writable(void *ctx, unsigned events)
{
    struct console *console = ctx;

    pthread_mutex_lock(&console->lock);
    output_flush(console);
    pthread_mutex_unlock(&console->lock);
}

/* --- input --- */

/* Whether more is to be read. Lock held. */
static void input_want(struct console *console)
{
    bool room = console->input.length == 0 || console->ops->filter;

    if (console->input_watch)
        host_watch_want(console->input_watch, room ? HOST_READABLE : 0);
}

/* Offers what is queued to the client, on the loop's thread. */
static void input_deliver(void *ctx)
{
    struct console *console = ctx;
    uint8_t part[512];

    pthread_mutex_lock(&console->lock);
    while (console->input.length && !console->stalled) {
        const uint8_t *bytes;
        size_t length = MIN(fifo_peek(&console->input, &bytes), sizeof(part)), taken;

        memcpy(part, bytes, length);
        console->stalled = true; /* a console_resume during the call clears it */
        pthread_mutex_unlock(&console->lock);
        taken = console->client.receive(console->client.ctx, part, length);
        pthread_mutex_lock(&console->lock);
        fifo_drop(&console->input, MIN(taken, length));
        if (taken >= length)
            console->stalled = false;
    }
    input_want(console);
    pthread_mutex_unlock(&console->lock);
}

size_t console_input(struct console *console, const void *bytes, size_t length)
{
    size_t taken;

    pthread_mutex_lock(&console->lock);
    taken = fifo_put(&console->input, bytes, length);
    if (console->deliver && taken)
        host_work_post(console->deliver);
    pthread_mutex_unlock(&console->lock);
    return taken;
}

void console_resume(struct console *console)
{
    pthread_mutex_lock(&console->lock);
    console->stalled = false;
    if (console->deliver && console->input.length)
        host_work_post(console->deliver);
    pthread_mutex_unlock(&console->lock);
}

static void input_ended(struct console *console)
{
    pthread_mutex_lock(&console->lock);
    host_watch_destroy(console->input_watch);
    console->input_watch = NULL;
    pthread_mutex_unlock(&console->lock);
    if (console->ops->hangup)
        console->ops->hangup(console);
}

static void input_readable(void *ctx, unsigned events)
{
    struct console *console = ctx;
    uint8_t bytes[512];
    ssize_t length;
    int fd;

    pthread_mutex_lock(&console->lock);
    fd = console->input_fd;
    pthread_mutex_unlock(&console->lock);
    length = read(fd, bytes, sizeof(bytes));
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (length <= 0) {
        input_ended(console);
        return;
    }
    if (console->ops->filter)
        length = (ssize_t)console->ops->filter(console, bytes, (size_t)length);
    pthread_mutex_lock(&console->lock);
    fifo_put(&console->input, bytes,
             (size_t)length); /* a filtered console drops what does not fit */
    pthread_mutex_unlock(&console->lock);
    input_deliver(console);
}

/* --- connections --- */

static int watches_create(struct console *console)
{
    int ret = 0;

    if (!console->loop)
        return 0;
    if (console->input_fd >= 0)
        ret = host_watch_create(console->loop, console->input_fd, 0, input_readable, console,
                                &console->input_watch);
    if (!ret && console->output_fd >= 0)
        ret = host_watch_create(console->loop, console->output_fd, 0, output_writable, console,
                                &console->output_watch);
    return ret;
}

int console_connect(struct console *console, int input_fd, int output_fd)
{
    int ret;

    pthread_mutex_lock(&console->lock);
    console->input_fd = input_fd;
    console->output_fd = output_fd;
    console->output_failed = false;
    ret = watches_create(console);
    input_want(console);
    output_flush(console);
    pthread_mutex_unlock(&console->lock);
    return ret;
}

int console_disconnect(struct console *console)
{
    struct host_watch *input, *output;
    int fd;

    pthread_mutex_lock(&console->lock);
    fd = console->input_fd >= 0 ? console->input_fd : console->output_fd;
    input = console->input_watch;
    output = console->output_watch;
    console->input_watch = console->output_watch = NULL;
    console->input_fd = console->output_fd = -1;
    pthread_mutex_unlock(&console->lock);
    /* Without the lock: from another thread than the loop's these wait for a callback that may want
     * it. */
    host_watch_destroy(input);
    host_watch_destroy(output);
    return fd;
}

/* --- life --- */

int console_open(struct console **out, const struct console_config *config, const struct log *log,
                 struct error *err)
{
    struct console *console;
    int ret;

    if ((size_t)config->kind >= nitems(kinds))
        return error_set(err, EINVAL, "console: no kind %d", (int)config->kind);
    console = calloc(1, sizeof(*console));
    if (!console)
        return error_set(err, ENOMEM, "console: out of memory");
    console->ops = kinds[config->kind];
    console->log = log;
    console->input.limit = CONSOLE_INPUT_LIMIT;
    console->output.limit = CONSOLE_OUTPUT_LIMIT;
    console->history.limit = CONSOLE_HISTORY;
    console->input_fd = console->output_fd = console->pty_slave = console->socket.listener = -1;
    pthread_mutex_init(&console->lock, NULL);
    pthread_mutex_init(&console->follow_lock, NULL);
    ret = console->ops->open(console, config, err);
    if (ret) {
        console_close(console);
        return ret;
    }
    *out = console;
    return 0;
}

int console_attach(struct console *console, struct host_loop *loop,
                   const struct console_client *client)
{
    int ret = host_work_create(loop, input_deliver, console, &console->deliver);

    if (ret)
        return ret;
    console->client = *client;
    console->loop = loop;
    ret = console_connect(console, console->input_fd, console->output_fd);
    if (!ret && console->ops->attach)
        ret = console->ops->attach(console);
    if (!ret)
        host_work_post(console->deliver);
    return ret;
}

void console_close(struct console *console)
{
    if (!console)
        return;
    console->ops->close(console);
    host_work_destroy(console->deliver);
    fifo_free(&console->input);
    fifo_free(&console->output);
    fifo_free(&console->history);
    pthread_mutex_destroy(&console->follow_lock);
    pthread_mutex_destroy(&console->lock);
    free(console);
}

void console_restore_terminal(const struct console *console)
{
    if (console && console->terminal.raw)
        tcsetattr(console->terminal.fd, TCSANOW, &console->terminal.before);
}
