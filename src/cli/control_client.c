/* SPDX-License-Identifier: ISC */
/*
 * A client of the control socket (atoll-control(7)).
 *
 * Nothing is read ahead: a line is looked at in the socket's queue before it is taken out, so that
 * what follows a message is still there for whoever reads the connection next.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/control.h"
#include "cli/control_names.h"
#include "cli/control_protocol.h"
#include "cli/places.h"
#include "cli/printable.h"
#include "host/clock.h"

#define GREETING_MS 10000
#define ANSWER_MAX  (64u << 20) /* of a line */
#define BYTES_MAX   (1u << 30)  /* after one */
#define PART        4096u

struct control_client {
    char name[PLACE_NAME_MAX + 1];
    int fd;
    int patience_ms;
    json_int_t id; /* of the last request */
    char *line;
    size_t room, have; /* bytes of a line whose end has not come in time */
};

/* --- bytes --- */

static uint64_t deadline_in(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX
                          : host_clock_monotonic() + (uint64_t)timeout_ms * NS_PER_MSEC;
}

/* Waits for the socket. Returns 0 or -errno. */
static int await(struct control_client *client, short events, uint64_t deadline)
{
    struct pollfd fd = {.fd = client->fd, .events = events};

    for (;;) {
        uint64_t now = host_clock_monotonic();
        uint64_t left = (deadline > now ? deadline - now : 0) / NS_PER_MSEC;
        int ready = poll(&fd, 1, deadline == UINT64_MAX ? -1 : (int)MIN(left, 1u << 30));

        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready == 0 && host_clock_monotonic() >= deadline)
            return -ETIMEDOUT;
    }
}

/* What there is, at least one byte. Returns how many, or -errno. */
static ssize_t receive(struct control_client *client, void *to, size_t room, int flags,
                       uint64_t deadline)
{
    for (;;) {
        int ret = await(client, POLLIN, deadline);
        ssize_t length;

        if (ret)
            return ret;
        length = recv(client->fd, to, room, flags | MSG_DONTWAIT);
        if (length > 0)
            return length;
        if (length == 0)
            return -ECONNRESET;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

static int receive_all(struct control_client *client, void *to, size_t length, uint64_t deadline)
{
    for (size_t done = 0; done < length;) {
        ssize_t part = receive(client, (char *)to + done, length - done, 0, deadline);

        if (part < 0)
            return (int)part;
        done += (size_t)part;
    }
    return 0;
}

static int send_all(struct control_client *client, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t sent = send(client->fd, (const char *)bytes + done, length - done,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        int ret = 0;

        if (sent >= 0)
            done += (size_t)sent;
        else if (errno == EAGAIN)
            ret = await(client, POLLOUT, UINT64_MAX);
        else if (errno != EINTR)
            ret = -errno;
        if (ret)
            return ret;
    }
    return 0;
}

/* --- messages --- */

/* Takes the next line out of the queue, into client->line. Returns its length or -errno; what has
 * come until then is kept for the next call. */
static ssize_t receive_line(struct control_client *client, uint64_t deadline)
{
    for (;;) {
        size_t length = client->have;
        ssize_t part;
        char *end;
        int ret;

        if (client->room - length < PART) {
            size_t room = MAX(2 * client->room, 2 * PART);
            char *line = room <= ANSWER_MAX ? realloc(client->line, room) : NULL;

            if (!line)
                return -ENOMEM;
            client->line = line;
            client->room = room;
        }
        part = receive(client, client->line + length, client->room - length, MSG_PEEK, deadline);
        if (part < 0)
            return part;
        end = memchr(client->line + length, '\n', (size_t)part);
        if (end)
            part = end + 1 - (client->line + length);
        ret = receive_all(client, client->line + length, (size_t)part, deadline);
        if (ret)
            return ret;
        length += (size_t)part;
        client->have = end ? 0 : length;
        if (end)
            return (ssize_t)length - 1;
    }
}

/* One that hangs takes no orders; its process does. */
static int mute(struct control_client *client, struct error *err)
{
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0)
        return error_set(err, ETIMEDOUT,
                         "%s: the machine does not answer; it is process %d, which can be killed",
                         client->name, (int)peer.pid);
#endif
    return error_set(err, ETIMEDOUT, "%s: the machine does not answer", client->name);
}

static int lost(struct control_client *client, int ret, struct error *err)
{
    if (ret == -ECONNRESET || ret == -EPIPE)
        return error_set(err, ECONNRESET, "%s: the machine has gone", client->name);
    if (ret == -ETIMEDOUT)
        return mute(client, err);
    return error_set(err, -ret, "%s: the connection failed: %s", client->name, strerror(-ret));
}

/* What a machine says is shown on a terminal, and what it says may be its guest's words. */
static void make_printable(json_t *value)
{
    const char *name, *text = json_string_value(value);
    char *copy = text && !is_printable(text) ? strdup(text) : NULL;
    json_t *member;
    size_t i;

    if (copy) {
        printable(copy);
        json_string_set(value, copy);
        free(copy);
    }
    json_object_foreach(value, name, member) make_printable(member);
    json_array_foreach(value, i, member) make_printable(member);
}

/* Reads one message. Returns 0, or -errno: -ESHUTDOWN for the machine's last. */
static int receive_message(struct control_client *client, json_t **message, int timeout_ms,
                           struct error *err)
{
    ssize_t length = receive_line(client, deadline_in(timeout_ms));
    const char *why;
    int ret;

    if (length < 0)
        return lost(client, (int)length, err);
    ret = control_message_parse(client->line, (size_t)length, message, err);
    if (ret)
        return error_prefix(err, "%s", client->name);
    make_printable(*message);
    why = json_string_value(json_object_get(*message, "end"));
    if (!why)
        return 0;
    error_set(err, ESHUTDOWN, "%s: %s", client->name, why);
    json_decref(*message);
    *message = NULL;
    return -ESHUTDOWN;
}

/* The bytes after a message; *bytes is NULL when there are none. */
static int receive_bytes(struct control_client *client, json_t *message, void **bytes,
                         size_t *length, struct error *err)
{
    int ret = control_message_bytes(message, BYTES_MAX, length, err);

    *bytes = NULL;
    if (ret || *length == 0)
        return ret;
    *bytes = malloc(*length);
    if (!*bytes)
        return error_set(err, ENOMEM, "out of memory");
    ret = receive_all(client, *bytes, *length, UINT64_MAX);
    if (ret) {
        free(*bytes);
        *bytes = NULL;
        return lost(client, ret, err);
    }
    return 0;
}

/* `message` is stolen. */
static int send_message(struct control_client *client, json_t *message, struct error *err)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0;
    int ret;

    json_decref(message);
    if (!text)
        return error_set(err, EINVAL, "%s: the request is no UTF-8, or out of memory",
                         client->name);
    text[length] = '\n'; /* in the place of its final NUL */
    ret = send_all(client, text, length + 1);
    free(text);
    return ret && ret != -EPIPE ? lost(client, ret, err) : 0; /* what there is to read says why */
}

/* --- connecting --- */

/* "none does", or the names of those that run. */
static void list_running(char *to, size_t room)
{
    char **names;
    size_t used = 0;

    snprintf(to, room, "none does");
    if (control_names(&names, NULL))
        return;
    for (size_t i = 0; names[i] && used < room; i++)
        used += (size_t)snprintf(to + used, room - used, "%s%s", i ? ", " : "", names[i]);
    control_names_free(names);
}

static int nobody_there(const char *name, struct error *err)
{
    char running[256], folder[PATH_MAX];
    struct stat st;

    if (place_folder(name, folder, sizeof(folder), NULL) == 0 && stat(folder, &st) == 0)
        return error_set(err, ENOENT, "the machine \"%s\" does not run; `atoll start %s` starts it",
                         name, name);
    list_running(running, sizeof(running));
    return error_set(err, ENOENT, "no machine called \"%s\" runs (running: %s)", name, running);
}

static int connect_to(const struct sockaddr_un *address)
{
    const struct timeval patience = {.tv_sec = GREETING_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); /* connect waits, too */
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return fd;
    ret = -errno;
    close(fd);
    return ret;
}

static int check_greeting(struct control_client *client, struct error *err)
{
    json_t *greeting;
    const char *protocol;
    json_int_t version;
    int ret = receive_message(client, &greeting, GREETING_MS, err);

    if (ret)
        return ret;
    protocol = json_string_value(json_object_get(greeting, "protocol"));
    version = json_integer_value(json_object_get(greeting, "version"));
    if (!protocol || strcmp(protocol, CONTROL_PROTOCOL) != 0)
        ret = error_set(err, EPROTO, "%s: this is no machine's control socket", client->name);
    else if (version != CONTROL_VERSION)
        ret = error_set(err, EPROTO,
                        "%s: the machine speaks version %lld of the control protocol, and this "
                        "atoll version %d: use the atoll that started it",
                        client->name, (long long)version, CONTROL_VERSION);
    json_decref(greeting);
    return ret;
}

/* Whether `name` is "LAB.word". */
static bool is_in_lab(const char *name, const char *word)
{
    size_t length = strlen(name), end = strlen(word);

    return length > end && name[length - end - 1] == '.' && strcmp(name + length - end, word) == 0;
}

/* A VM of a lab that is up may be called without the lab, if no other is called so, nor a machine
 * with a folder. Returns whether there is one, and its whole name. */
static bool find_in_labs(const char *word, char *name, size_t room)
{
    char folder[PATH_MAX], **names;
    struct stat st;
    size_t found = 0;

    if (strchr(word, '.') ||
        (place_folder(word, folder, sizeof(folder), NULL) == 0 && lstat(folder, &st) == 0) ||
        control_names(&names, NULL))
        return false;
    for (size_t i = 0; names[i]; i++)
        if (is_in_lab(names[i], word) && found++ == 0)
            snprintf(name, room, "%s", names[i]);
    control_names_free(names);
    return found == 1;
}

/* Connects to the socket of client->name. */
static int reach(struct control_client *client, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ret = place_socket(client->name, address.sun_path, sizeof(address.sun_path), err);

    if (ret)
        return ret;
    client->fd = connect_to(&address);
    if (client->fd == -ENOENT || client->fd == -ECONNREFUSED)
        return nobody_there(client->name, err);
    if (client->fd < 0)
        return error_set(err, -client->fd, "%s: cannot connect to the machine: %s", client->name,
                         strerror(-client->fd));
    return 0;
}

int control_connect(struct control_client **out, const char *name, struct error *err)
{
    struct control_client *client;
    int ret = place_check_name(name, err);

    if (ret)
        return ret;
    client = calloc(1, sizeof(*client));
    if (!client)
        return error_set(err, ENOMEM, "out of memory");
    client->fd = client->patience_ms = -1;
    snprintf(client->name, sizeof(client->name), "%s", name);
    ret = reach(client, err);
    if (ret == -ENOENT && find_in_labs(name, client->name, sizeof(client->name)))
        ret = reach(client, err);
    ret = ret ? ret : check_greeting(client, err);
    if (ret)
        control_disconnect(client);
    else
        *out = client;
    return ret;
}

void control_disconnect(struct control_client *client)
{
    if (!client)
        return;
    if (client->fd >= 0)
        close(client->fd);
    free(client->line);
    free(client);
}

void control_patience(struct control_client *client, int timeout_ms)
{
    client->patience_ms = timeout_ms;
}

int control_descriptor(struct control_client *client)
{
    return client->fd;
}

/* --- asking --- */

/* What an answer says when it is not "ok". */
static int refusal(struct control_client *client, json_t *answer, struct error *err)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    int number = control_errno_number(json_string_value(json_object_get(answer, "errno")));

    return error_set(err, number, "%s: %s", client->name, error ? error : strerror(number));
}

int control_ask_bytes(struct control_client *client, const char *verb, json_t *arguments,
                      json_t **answer, void **bytes, size_t *length, struct error *err)
{
    json_t *message = json_pack("{s:I, s:s}", "id", ++client->id, "verb", verb);
    json_int_t id;
    int ret;

    if (arguments)
        json_object_set_new(message, "arguments", arguments);
    ret = send_message(client, message, err);
    ret = ret ? ret : receive_message(client, answer, client->patience_ms, err);
    if (ret)
        return ret;
    id = json_integer_value(json_object_get(*answer, "id"));
    if (id != client->id && id != 0) /* 0: of a request that could not be read */
        ret = error_set(err, EPROTO, "%s: the answer is to another question", client->name);
    else if (!json_is_true(json_object_get(*answer, "ok")))
        ret = refusal(client, *answer, err);
    else
        ret = receive_bytes(client, *answer, bytes, length, err);
    if (ret)
        json_decref(*answer);
    return ret;
}

int control_ask(struct control_client *client, const char *verb, json_t *arguments, json_t **answer,
                struct error *err)
{
    json_t *own;
    void *bytes;
    size_t length;
    int ret = control_ask_bytes(client, verb, arguments, &own, &bytes, &length, err);

    if (ret)
        return ret;
    free(bytes);
    if (answer)
        *answer = own;
    else
        json_decref(own);
    return 0;
}

/* --- streams --- */

int control_receive(struct control_client *client, int timeout_ms, json_t **message, void **bytes,
                    size_t *length, struct error *err)
{
    int ret = receive_message(client, message, timeout_ms, err);

    if (ret)
        return ret;
    ret = receive_bytes(client, *message, bytes, length, err);
    if (ret)
        json_decref(*message);
    return ret;
}

int control_send(struct control_client *client, const void *bytes, size_t length, struct error *err)
{
    const char *from = bytes;

    while (length) {
        size_t part = MIN(length, CONTROL_STREAM_MAX);
        int ret = send_message(client, json_pack("{s:I}", "bytes", (json_int_t)part), err);

        if (!ret)
            ret = send_all(client, from, part);
        if (ret)
            return lost(client, ret, err);
        from += part;
        length -= part;
    }
    return 0;
}
