/* SPDX-License-Identifier: ISC */
/*
 * A console that a client follows: the guest's output out, the client's input in.
 *
 * The guest's side is `tell`, which runs on its thread: it copies into a buffer of fixed size and
 * goes on. What does not fit while the client does not read is counted, and the client is told how
 * much it was: a slow viewer loses text, and the guest no time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/control_server.h"
#include "host/clock.h"

#define STREAM_ROOM (4 * ATOLL_CONSOLE_HISTORY)
#define FRAME_ROOM  64 /* a message around the bytes */
#define RETRY_MS    20 /* until the guest is offered input again that it had no room for */

struct control_stream {
    struct control_peer *peer;
    size_t console;
    struct atoll_follower *follower;

    pthread_mutex_t lock; /* guards these five */
    uint8_t *told;        /* STREAM_ROOM bytes */
    size_t length;
    uint64_t lost;    /* after those */
    bool woken, deaf; /* deaf: what is told is of the past, and not wanted */
    int wake[2];

    char *out; /* messages on their way: out_done of out_length are sent */
    size_t out_done, out_length;
    uint64_t out_moved; /* when something was last sent, or nothing waited */

    size_t follows; /* bytes of the message that is being read */
    bool stuck;     /* the guest took less than it was offered */
    bool over;      /* no more input comes */
};

static void tell(void *ctx, const void *bytes, size_t length)
{
    struct control_stream *stream = ctx;
    size_t part;

    pthread_mutex_lock(&stream->lock);
    if (stream->deaf)
        length = 0;
    part = stream->lost ? 0 : MIN(length, STREAM_ROOM - stream->length);
    memcpy(stream->told + stream->length, bytes, part);
    stream->length += part;
    stream->lost += length - part;
    if (!stream->woken && length && write(stream->wake[1], "", 1) == 1)
        stream->woken = true;
    pthread_mutex_unlock(&stream->lock);
}

/* --- output --- */

/* Makes messages of what the guest has said since the last. */
static void output_take(struct control_stream *stream)
{
    char *to = stream->out, drop[8];

    pthread_mutex_lock(&stream->lock);
    if (stream->woken && read(stream->wake[0], drop, sizeof(drop)) > 0)
        stream->woken = false;
    if (stream->length) {
        to += snprintf(to, FRAME_ROOM, "{\"bytes\":%zu}\n", stream->length);
        memcpy(to, stream->told, stream->length);
        to += stream->length;
    }
    if (stream->lost)
        to += snprintf(to, FRAME_ROOM, "{\"lost\":%llu}\n", (unsigned long long)stream->lost);
    stream->length = 0;
    stream->lost = 0;
    pthread_mutex_unlock(&stream->lock);
    stream->out_done = 0;
    stream->out_length = (size_t)(to - stream->out);
    stream->out_moved = host_clock_monotonic();
}

/* Sends what the client takes of one batch. Returns 0, or -errno. */
static int output_send(struct control_stream *stream)
{
    ssize_t sent;

    if (stream->out_length == 0)
        output_take(stream);
    if (stream->out_length == 0)
        return 0;
    sent = control_write_some(stream->peer, stream->out + stream->out_done,
                              stream->out_length - stream->out_done);
    if (sent < 0)
        return sent == -EAGAIN ? 0 : (int)sent;
    stream->out_done += (size_t)sent;
    stream->out_moved = host_clock_monotonic();
    if (stream->out_done == stream->out_length)
        stream->out_length = 0;
    return 0;
}

/* The machine has ended: the guest's last words matter most. */
static void output_finish(struct control_stream *stream)
{
    for (int i = 0; i < 2; i++) {
        if (stream->out_length == 0)
            output_take(stream);
        if (control_write_all(stream->peer, stream->out + stream->out_done,
                              stream->out_length - stream->out_done))
            break;
        stream->out_length = 0;
    }
}

/* --- input --- */

/* Begins the next message. Returns 1, 0 (it is not complete) or -errno. */
static int input_begin(struct control_stream *stream, struct error *err)
{
    struct control_input *input = &stream->peer->input;
    const char *line;
    size_t length;
    json_t *message;
    int ret = control_input_line(input, &line, &length);

    if (ret <= 0)
        return ret ? error_set(err, -ret, "a message has at most %u bytes", CONTROL_LINE_MAX) : 0;
    ret = control_message_parse(line, length, &message, err);
    if (ret)
        return ret;
    ret = control_message_bytes(message, CONTROL_STREAM_MAX, &stream->follows, err);
    json_decref(message);
    control_input_drop(input, length + 1);
    return ret ? ret : 1;
}

int control_stream_input(struct control_stream *stream, struct error *err)
{
    struct control *control = stream->peer->control;
    struct control_input *input = &stream->peer->input;

    stream->stuck = false;
    while (input->length) {
        size_t part = MIN(stream->follows, input->length);
        int64_t taken = 0;

        if (part == 0) {
            int ret = input_begin(stream, err);

            if (ret <= 0)
                return ret;
            continue;
        }
        taken = atoll_console_write(control->vm, stream->console, input->bytes, part);
        if (taken < 0)
            return error_set(err, (int)-taken, "the console takes no input");
        stream->follows -= (size_t)taken;
        control_input_drop(input, (size_t)taken);
        if ((size_t)taken < part) {
            stream->stuck = true;
            break;
        }
    }
    return 0;
}

/* Reads what the client sent, unless the guest is to take something first. Returns 0 or -errno. */
static int input_read(struct control_stream *stream)
{
    ssize_t came = control_read(stream->peer);

    if (came == 0)
        stream->over = true;
    return came < 0 && came != -EAGAIN ? (int)came : 0;
}

/* --- the stream --- */

/* Waits for something to do and does it. Returns 0, or -errno: it is over, and `err` says why if
 * the client may still read. */
static int stream_turn(struct control_stream *stream, struct error *err)
{
    bool waiting = stream->out_length != 0, wanted = !stream->stuck && !stream->over;
    short events = control_poll(stream->peer, (waiting ? POLLOUT : 0) | (wanted ? POLLIN : 0),
                                waiting ? -1 : stream->wake[0],
                                stream->stuck ? RETRY_MS
                                : waiting     ? CONTROL_STALL_MS
                                              : -1);
    int ret = 0;

    if (control_ended(stream->peer->control, 0))
        return -ESHUTDOWN;
    if ((events & (POLLHUP | POLLERR)) && !(wanted && (events & POLLIN)))
        return -EPIPE;
    if (wanted && (events & POLLIN))
        ret = input_read(stream);
    ret = ret ? ret : control_stream_input(stream, err);
    ret = ret ? ret : output_send(stream);
    if (!ret && stream->out_length &&
        host_clock_monotonic() - stream->out_moved >= CONTROL_STALL_MS * NS_PER_MSEC)
        return -ETIMEDOUT;
    return ret;
}

static int stream_open(struct control_stream *stream)
{
    stream->told = malloc(STREAM_ROOM);
    stream->out = malloc(STREAM_ROOM + 2 * FRAME_ROOM);
    if (!stream->told || !stream->out)
        return -ENOMEM;
    return pipe2(stream->wake, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;
}

void control_stream_end(struct control_stream *stream)
{
    if (!stream)
        return;
    atoll_console_unfollow(stream->follower);
    for (int i = 0; i < 2; i++)
        if (stream->wake[i] >= 0)
            close(stream->wake[i]);
    pthread_mutex_destroy(&stream->lock);
    free(stream->told);
    free(stream->out);
    free(stream);
}

struct control_stream *control_stream_begin(struct control_peer *peer, size_t console, bool replay)
{
    struct control_stream *stream = malloc(sizeof(*stream));

    if (!stream)
        return NULL;
    *stream = (struct control_stream){
        .peer = peer, .console = console, .deaf = !replay, .wake = {-1, -1}};
    pthread_mutex_init(&stream->lock, NULL);
    if (stream_open(stream) ||
        atoll_console_follow(peer->control->vm, console, tell, stream, &stream->follower)) {
        control_stream_end(stream);
        return NULL;
    }
    pthread_mutex_lock(&stream->lock);
    stream->deaf = false;
    pthread_mutex_unlock(&stream->lock);
    return stream;
}

void control_stream_run(struct control_stream *stream, char *why, size_t room)
{
    struct error err = {0};
    int ret = 0;

    while (!ret)
        ret = stream_turn(stream, &err);
    if (ret == -ESHUTDOWN)
        output_finish(stream);
    else if (stream->out_length == 0) /* otherwise in the midst of a message: no telling why */
        snprintf(why, room, "%s", err.text);
}
