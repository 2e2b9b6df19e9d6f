/* SPDX-License-Identifier: ISC */
/*
 * The control socket of a running machine: who runs it answers, and verbs ask
 * (atoll-control(7): the protocol).
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <jansson.h>

#include "atoll/atoll.h"
#include "base/error.h"
#include "host/loop.h"

/* --- the server, in the process that runs the machine --- */

struct control;

/* What `status` tells besides what the machine knows itself. Strings stay the caller's. */
struct control_facts {
    const char *name, *folder; /* folder NULL: a temporary machine */
    const char *log;           /* the log's file, or NULL */
};

/* Opens the socket of this name (mode 0600), before the machine is confined. -EEXIST: a machine of
 * that name runs; what a dead one left is replaced. Returns 0 or -errno. */
int control_open(struct control **control, const struct control_facts *facts, struct error *err);

/* Answers from now on, for `vm`, until control_close. Clients are served on a thread of the
 * control's; none of them can block the machine or another. Returns 0 or -errno. */
int control_serve(struct control *control, struct atoll *vm, const struct atoll_config *config,
                  struct error *err);

/* The machine ends: clients are told why, and cut off; the socket is removed if that is permitted.
 * NULL is allowed. Before atoll_destroy. */
void control_close(struct control *control, const char *why);

/* --- a client --- */

struct control_client;

/* Connects to the machine of this name, or to the one VM that is called so in all labs that are up.
 * -ENOENT: none runs (the line says which do). */
int control_connect(struct control_client **client, const char *name, struct error *err);
void control_disconnect(struct control_client *client); /* NULL is allowed */

/* Asks `verb` with `arguments` (stolen; NULL: none) and waits for the answer, which is the caller's
 * to json_decref (`answer` may be NULL). Returns 0, or -errno: what the machine answered, or how
 * the connection ended. Bytes that follow the answer are dropped, see control_ask_bytes. */
int control_ask(struct control_client *client, const char *verb, json_t *arguments, json_t **answer,
                struct error *err);

/* Likewise, of a verb whose answer is followed by bytes: *bytes is the caller's to free. */
int control_ask_bytes(struct control_client *client, const char *verb, json_t *arguments,
                      json_t **answer, void **bytes, size_t *length, struct error *err);

/* How long control_ask waits for an answer: for ever (-1), unless this says otherwise. (-ETIMEDOUT:
 * a machine whose process is stopped, or that is busy with the verb. control_connect waits 10
 * seconds.) */
void control_patience(struct control_client *client, int timeout_ms);

/* Messages of a stream (a console), after an answer that began one; `bytes` is what follows a
 * message that says so. control_receive waits up to `timeout_ms` (-1: for ever; -ETIMEDOUT) for the
 * next, whose parts are the caller's to json_decref and free (bytes NULL: none); -ESHUTDOWN: the
 * machine has ended the stream, and `err` has its reason. */
int control_receive(struct control_client *client, int timeout_ms, json_t **message, void **bytes,
                    size_t *length, struct error *err);
int control_send(struct control_client *client, const void *bytes, size_t length,
                 struct error *err);

/* The connection, to wait for together with others: nothing is read ahead of what was received. */
int control_descriptor(struct control_client *client);

#endif
