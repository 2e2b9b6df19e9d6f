/* SPDX-License-Identifier: ISC */
/*
 * The control protocol of switches (atoll-switch(1)), as both sides speak it: lines of JSON over a
 * Unix socket, and descriptors beside them. The other side may be hostile.
 */
#ifndef SWITCH_MESSAGE_H
#define SWITCH_MESSAGE_H

#include <jansson.h>
#include <sys/types.h>

#include "base/bits.h"
#include "base/error.h"
#include "switch/link.h"

#define SWITCH_PROTOCOL  "atoll-switch"
#define SWITCH_VERSION   1
#define MESSAGE_LINE_MAX (128u << 10) /* with its line feed */

/* What has come and not been used. All zero, and fd -1, at first. */
struct message_input {
    char *bytes; /* MESSAGE_LINE_MAX, once there are any */
    size_t length;
    int fd; /* the last that came and nobody has taken; closed when another comes */
};

void message_input_free(struct message_input *input);

/* Reads what the socket has, without waiting. Returns how many bytes, -EAGAIN, -EPIPE (the end),
 * -EMSGSIZE (a line is too long), or -errno. */
ssize_t message_read(struct message_input *input, int socket);

/* Takes one message out of the input. Returns 1 with *message, an object that is the caller's; 0:
 * there is none yet; -EINVAL: the line is none. */
int message_take(struct message_input *input, json_t **message, struct error *err);

/* The message (stolen) as a line; free() it. NULL: out of memory. */
char *message_line(json_t *message, size_t *length);

/* Sends `length` bytes with `fd` beside the first (-1: none), without waiting. Returns how many, or
 * -errno. */
ssize_t message_send(int socket, const void *bytes, size_t length, int fd);

/* --- how a link's settings are written there --- */

json_t *link_to_json(const struct link_settings *settings);

/* Every member must be there. Returns 0 or -EINVAL. */
int link_from_json(json_t *json, struct link_settings *settings, struct error *err);

/* Whether it can be the name of a switch or of a port. Returns 0 or -EINVAL. */
int switch_check_name(const char *what, const char *name, struct error *err);

#endif
