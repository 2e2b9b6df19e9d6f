/* SPDX-License-Identifier: ISC */
#include "switch/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/client.h"

#define FDS_MAX                                                                                    \
    4 /* descriptors that are looked for beside one read; all but the last are closed              \
       */

void message_input_free(struct message_input *input)
{
    free(input->bytes);
    if (input->fd >= 0)
        close(input->fd);
    *input = (struct message_input){.fd = -1};
}

static void keep_descriptors(struct message_input *input, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (input->fd >= 0)
                close(input->fd);
            memcpy(&input->fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            fcntl(input->fd, F_SETFD, FD_CLOEXEC);
        }
    }
}

ssize_t message_read(struct message_input *input, int socket)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov;
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t length;

    if (!input->bytes && !(input->bytes = malloc(MESSAGE_LINE_MAX)))
        return -ENOMEM;
    if (input->length == MESSAGE_LINE_MAX)
        return -EMSGSIZE;
    iov = (struct iovec){input->bytes + input->length, MESSAGE_LINE_MAX - input->length};
    do
        length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    keep_descriptors(input, &message);
    input->length += (size_t)length;
    return length ? length : -EPIPE;
}

int message_take(struct message_input *input, json_t **message, struct error *err)
{
    char *end = input->length ? memchr(input->bytes, '\n', input->length) : NULL;
    json_error_t wrong;
    size_t line;

    if (!end)
        return 0;
    line = (size_t)(end - input->bytes);
    *message = json_loadb(input->bytes, line, JSON_REJECT_DUPLICATES, &wrong);
    input->length -= line + 1;
    memmove(input->bytes, end + 1, input->length);
    if (json_is_object(*message))
        return 1;
    json_decref(*message);
    return error_set(err, EINVAL, "the line is no JSON object: %s", wrong.text);
}

char *message_line(json_t *message, size_t *length)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL, *line = NULL;

    json_decref(message);
    if (text && (line = realloc(text, strlen(text) + 2))) {
        *length = strlen(line) + 1;
        memcpy(line + *length - 1, "\n", 2);
    } else {
        free(text);
    }
    return line;
}

ssize_t message_send(int socket, const void *bytes, size_t length, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    struct cmsghdr *head;
    ssize_t sent;

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    }
    do
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* --- settings --- */

json_t *link_to_json(const struct link_settings *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:b, s:I}", "delay",
                     (json_int_t)s->delay_ns, "jitter", (json_int_t)s->jitter_ns, "rate",
                     (json_int_t)s->rate_bps, "queue", (json_int_t)s->queue_bytes, "loss", s->loss,
                     "reorder", s->reorder, "duplicate", s->duplicate, "corrupt", s->corrupt,
                     "down", s->down, "seed", (json_int_t)s->seed);
}

int link_from_json(json_t *json, struct link_settings *s, struct error *err)
{
    json_int_t delay, jitter, rate, queue, seed;
    json_error_t wrong;
    int down;

    *s = (struct link_settings){0};
    if (json_unpack_ex(json, &wrong, JSON_STRICT,
                       "{s:I, s:I, s:I, s:I, s:F, s:F, s:F, s:F, s:b, s:I}", "delay", &delay,
                       "jitter", &jitter, "rate", &rate, "queue", &queue, "loss", &s->loss,
                       "reorder", &s->reorder, "duplicate", &s->duplicate, "corrupt", &s->corrupt,
                       "down", &down, "seed", &seed))
        return error_set(err, EINVAL, "the link's settings: %s", wrong.text);
    if (delay < 0 || jitter < 0 || rate < 0 || queue < 0 || queue > UINT32_MAX)
        return error_set(err, EINVAL, "a link has no negative settings");
    s->delay_ns = (uint64_t)delay;
    s->jitter_ns = (uint64_t)jitter;
    s->rate_bps = (uint64_t)rate;
    s->queue_bytes = (uint32_t)queue;
    s->down = down;
    s->seed = (uint64_t)seed;
    return link_settings_check(s, err);
}

int switch_check_name(const char *what, const char *name, struct error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(name);
    bool right = length && length <= SWITCH_NAME_MAX && strchr(letters, name[0]);

    for (size_t i = 0; i < length && right; i++)
        right = strchr(letters, name[i]) || strchr("._-", name[i]);
    return right ? 0
                 : error_set(err, EINVAL,
                             "\"%.80s\" cannot be %s's name: letters, digits, \".\", \"_\" and "
                             "\"-\", at most %d, a letter or a digit first",
                             name, what, SWITCH_NAME_MAX);
}
