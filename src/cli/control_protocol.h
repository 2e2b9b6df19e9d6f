/* SPDX-License-Identifier: ISC */
/*
 * The control protocol's messages, without any socket (atoll-control(7)): lines out of a stream of
 * bytes, requests out of lines, and arguments as a verb wants them. Everything that a client sends
 * passes here first.
 */
#ifndef CLI_CONTROL_PROTOCOL_H
#define CLI_CONTROL_PROTOCOL_H

#include <jansson.h>

#include "base/bits.h"
#include "base/error.h"

#define CONTROL_PROTOCOL   "atoll-control"
#define CONTROL_VERSION    1
#define CONTROL_LINE_MAX   (256u << 10) /* of a request, without its line feed */
#define CONTROL_DEPTH_MAX  8            /* objects and arrays in one another */
#define CONTROL_STREAM_MAX (64u << 10)  /* bytes after one message of a client's */

/* --- bytes to lines --- */

/* What has come and not been used. All zero at first. */
struct control_input {
    char *bytes;
    size_t length, capacity;
    size_t scanned; /* no line feed up to here */
};

/* Room for more bytes: its size, at least 1, goes to *room, and control_input_came says how many
 * came. NULL: no memory, or a line and a stream's message are there and have not been used. */
char *control_input_room(struct control_input *input, size_t *room);
void control_input_came(struct control_input *input, size_t length);

/* The first line, without its line feed, valid until the next call with this input. Returns 1, 0
 * (more bytes are needed) or -EMSGSIZE (it is too long). */
int control_input_line(struct control_input *input, const char **line, size_t *length);

/* Takes the first `length` bytes away; length is at most input->length. */
void control_input_drop(struct control_input *input, size_t length);
void control_input_free(struct control_input *input);

/* --- lines to messages --- */

/* One JSON object; *message is the caller's to json_decref. Returns 0 or -EINVAL. */
int control_message_parse(const char *line, size_t length, json_t **message, struct error *err);

/* How many bytes follow a message, at most `limit`. Returns 0 or -EINVAL. */
int control_message_bytes(json_t *message, size_t limit, size_t *bytes, struct error *err);

/* Text of unknown origin as a JSON string: what is not UTF-8 becomes "?". NULL: null. */
json_t *control_text(const char *text);

/* --- requests --- */

enum control_kind {
    CONTROL_BOOLEAN,
    CONTROL_INTEGER, /* min to max */
    CONTROL_NUMBER,  /* likewise, maybe with a fraction */
    CONTROL_STRING,
    CONTROL_STRINGS, /* a string, or an array of strings */
};

struct control_argument {
    const char *name; /* NULL ends a table */
    enum control_kind kind;
    bool required;
    double min, max;
};

struct control_request {
    json_int_t id;
    const char *verb;  /* the message's */
    json_t *arguments; /* an object; the message's, or NULL */
};

/* Reads a message as a request; request->id is what there was even on errors. Returns 0 or -EINVAL.
 */
int control_request_read(json_t *message, struct control_request *request, struct error *err);

/* Whether arguments are those of a verb: no other, of the right kinds, and in their ranges. Returns
 * 0 or -EINVAL. */
int control_arguments_check(const char *verb, const struct control_argument *table,
                            json_t *arguments, struct error *err);

/* --- error numbers by name: "EINVAL" --- */

const char *control_errno_name(int number); /* "EIO" for one without a name here */
int control_errno_number(const char *name); /* EIO likewise */

#endif
