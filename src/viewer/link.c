/* SPDX-License-Identifier: ISC */
#include "viewer/link.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETUP_TIMEOUT_MS 10000

static void log_line(void *ctx, enum log_level level, const char *line)
{
    struct viewer_log message = {.message = VIEWER_LOG, .level = level};

    snprintf(message.text, sizeof(message.text), "%s", line);
    link_send(ctx, &message, sizeof(message));
}

static int receive_setup(struct link *link, struct error *err)
{
    struct viewer_setup *setup = &link->setup;
    struct pollfd ready = {.fd = link->socket, .events = POLLIN};

    if (poll(&ready, 1, SETUP_TIMEOUT_MS) <= 0 ||
        recv(link->socket, setup, sizeof(*setup), 0) != sizeof(*setup) ||
        setup->message != VIEWER_SETUP || setup->version != VIEWER_VERSION)
        return error_set(err, EPROTO, "the machine and its viewer are of different versions");
    setup->name[sizeof(setup->name) - 1] = '\0';
    setup->address[sizeof(setup->address) - 1] = '\0';
    setup->password_file[sizeof(setup->password_file) - 1] = '\0';
    setup->width = MAX(1, MIN(setup->width, VIEWER_SIDE_MAX));
    setup->height = MAX(1, MIN(setup->height, VIEWER_SIDE_MAX));
    return 0;
}

int link_open(struct link *link, struct error *err)
{
    socklen_t length = sizeof(int);
    int type = 0, ret;
    void *pixels;

    *link = (struct link){.socket = VIEWER_SOCKET};
    link->log = (struct log){.sink = log_line, .ctx = link, .level = LOG_DEBUG};
    /* One that keeps messages apart; macOS has only the second kind. */
    if (getsockopt(link->socket, SOL_SOCKET, SO_TYPE, &type, &length) ||
        (type != SOCK_SEQPACKET && type != SOCK_DGRAM))
        return error_set(err, ENOTSOCK, "this program is started by atoll, for its --display");
    ret = receive_setup(link, err);
    if (ret)
        return ret;
    pixels = mmap(NULL, VIEWER_PIXELS_SIZE, PROT_READ, MAP_SHARED, VIEWER_PIXELS, 0);
    if (pixels == MAP_FAILED)
        return error_set(err, errno, "cannot map the screen: %s", strerror(errno));
    close(VIEWER_PIXELS);
    link->pixels = pixels;
    return 0;
}

void link_ready(const struct link *link, const struct error *err, const char *address)
{
    struct viewer_ready ready = {.message = VIEWER_READY, .code = err ? err->code : 0};

    snprintf(ready.text, sizeof(ready.text), "%s", err ? err->text : address);
    link_send(link, &ready, sizeof(ready));
}

void link_send(const struct link *link, const void *message, size_t length)
{
    while (send(link->socket, message, length, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

int link_try(const struct link *link, const void *message, size_t length)
{
    ssize_t sent;

    do
        sent = send(link->socket, message, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 && (errno == EAGAIN || errno == ENOBUFS) ? -EAGAIN : 0;
}

/* Where to cut UTF-8 so that no character is torn: at most `room` bytes. */
static size_t whole_characters(const char *utf8, size_t length, size_t room)
{
    if (length <= room)
        return length;
    while (room > 0 && ((unsigned char)utf8[room] & 0xc0) == 0x80)
        room--;
    return room;
}

void link_type(const struct link *link, const char *utf8, size_t length)
{
    struct viewer_type message = {.message = VIEWER_TYPE};

    while (length > 0) {
        size_t part = whole_characters(utf8, length, sizeof(message.text));

        if (part == 0) /* no UTF-8 at all */
            return;
        message.length = (uint32_t)part;
        memcpy(message.text, utf8, part);
        link_send(link, &message, offsetof(struct viewer_type, text) + part);
        utf8 += part;
        length -= part;
    }
}

static size_t size_of(uint32_t message)
{
    switch (message) {
    case VIEWER_MODE: return sizeof(struct viewer_mode);
    case VIEWER_DAMAGE: return sizeof(struct viewer_damage);
    case VIEWER_CURSOR: return sizeof(struct viewer_cursor);
    case VIEWER_CURSOR_MOVE: return sizeof(struct viewer_cursor_move);
    case VIEWER_LEDS: return sizeof(struct viewer_leds);
    default: return 0;
    }
}

static bool is_sound(const union link_message *m, size_t length)
{
    if (length < sizeof(m->message) || length != size_of(m->message))
        return false;
    switch (m->message) {
    case VIEWER_MODE:
        return m->mode.width - 1 < VIEWER_SIDE_MAX && m->mode.height - 1 < VIEWER_SIDE_MAX;
    case VIEWER_DAMAGE: return m->damage.count <= VIEWER_RECTS;
    case VIEWER_CURSOR:
        return m->cursor.hot_x < VIEWER_CURSOR_SIDE && m->cursor.hot_y < VIEWER_CURSOR_SIDE;
    default: return true;
    }
}

int link_receive(const struct link *link, union link_message *message)
{
    for (;;) {
        ssize_t length = recv(link->socket, message, sizeof(*message), MSG_DONTWAIT | MSG_TRUNC);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && errno == EAGAIN)
            return 0;
        if (length <= 0)
            return -EPIPE;
        if (is_sound(message, (size_t)length))
            return 1;
    }
}
