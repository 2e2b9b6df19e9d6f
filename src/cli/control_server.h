/* SPDX-License-Identifier: ISC */
/*
 * The control socket's server from the inside: connections (control_server.c), verbs
 * (control_verbs.c) and followed consoles (control_stream.c).
 *
 * A client is a thread, which may block for as long as its verb does; a loop accepts clients and
 * joins the threads of those that have gone. What a client thread waits for, it waits for together
 * with the end of the machine: the read end of `ending`, a pipe that nobody writes to, is readable
 * from then on.
 */
#ifndef CLI_CONTROL_SERVER_H
#define CLI_CONTROL_SERVER_H

#include <pthread.h>
#include <sys/types.h>
#include <sys/un.h>

#include "cli/control.h"
#include "cli/control_protocol.h"

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_WHY_MAX     256

struct control_peer {
    struct control *control;
    pthread_t thread;
    int fd;
    bool done; /* it ends, and wants to be joined; under control->lock */
    struct control_input input;
};

struct control {
    struct control_facts facts;
    struct sockaddr_un address;
    int listener;
    uid_t owner;

    struct atoll *vm;
    const struct atoll_config *config;
    uint64_t since; /* host_clock_monotonic */

    struct host_loop *loop;
    struct host_watch *watch;
    struct host_work *reap;
    int ending[2];

    pthread_mutex_t lock;      /* guards what follows */
    char why[CONTROL_WHY_MAX]; /* the machine ends; known before `ending` says so */
    struct control_peer *peers[CONTROL_CLIENTS_MAX];
};

/* How a verb went: members of the answer, and what follows it. */
struct control_answer {
    json_t *members; /* "id" and "ok" to begin with */
    void *bytes;     /* free() */
    size_t length;
    bool stream; /* the connection follows console `console` from here on */
    bool replay;
    size_t console;
};

/* --- control_server.c --- */

/* Waits for the machine's end, at most `timeout_ms` (-1: for ever). Returns whether it has come. */
bool control_ended(struct control *control, int timeout_ms);

/* Why it has ended. */
void control_why(struct control *control, char *why, size_t room);

/* Waits until the client's socket is ready for one of `events` (poll's), or `also` is readable (-1:
 * nothing), or the machine ends, or for `timeout_ms`. Returns the socket's events, 0 when it was
 * something else. */
short control_poll(struct control_peer *peer, short events, int also, int timeout_ms);

/* Reads what has come. Returns how many bytes, 0 at the end, or -errno (-EAGAIN: nothing). */
ssize_t control_read(struct control_peer *peer);

/* Writes what the socket takes now. Returns how many bytes, or -errno (-EAGAIN: none). */
ssize_t control_write_some(struct control_peer *peer, const void *bytes, size_t length);

/* Writes everything. Returns 0, or -errno: -ETIMEDOUT when the client reads nothing for too long.
 */
int control_write_all(struct control_peer *peer, const void *bytes, size_t length);
#define CONTROL_STALL_MS 30000

/* --- control_verbs.c --- */

/* Carries out one request, a line: answer->members is the answer, the caller's to json_decref
 * (NULL: no memory), as answer->bytes is to free. Blocks as long as the verb does. */
void control_carry_out(struct control *control, const char *line, size_t length,
                       struct control_answer *answer);

/* --- control_stream.c --- */

/* Follows a console from now on. NULL: there is no memory or descriptor for it. */
struct control_stream *control_stream_begin(struct control_peer *peer, size_t console, bool replay);

/* Serves it until the client closes the connection, the machine ends or the client cannot be served
 * any more; `why` is what to tell it then, if it is still there. */
void control_stream_run(struct control_stream *stream, char *why, size_t room);

/* Takes messages out of the client's input and gives the guest their bytes, as far as there are any
 * and it takes them. Returns 0, or -errno: what came is no message. */
int control_stream_input(struct control_stream *stream, struct error *err);

void control_stream_end(struct control_stream *stream); /* NULL is allowed */

#endif
