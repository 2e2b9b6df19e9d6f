/* SPDX-License-Identifier: ISC */
#include "viewer/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/entropy.h"
#include "host/thread.h"
#include "viewer/seat.h"

static void quiet(const char *format, ...)
{
}

/* libvncserver's challenges come from random(), which it seeds with the time. */
static void seed(void)
{
    unsigned value = 0;

    host_entropy(&value, sizeof(value));
    srandom(value);
}

int server_create(struct server **server, const struct link *link, const char *password,
                  struct error *err)
{
    struct server *s = calloc(1, sizeof(*s));

    if (!s)
        return error_set(err, ENOMEM, "out of memory");
    rfbLog = quiet;
    rfbErr = quiet;
    s->link = link;
    s->mode = (struct viewer_mode){
        .message = VIEWER_MODE, .width = link->setup.width, .height = link->setup.height};
    if (password)
        snprintf(s->password, sizeof(s->password), "%s", password);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->crypt_lock, NULL);
    pthread_mutex_init(&s->watch_lock, NULL);
    for (unsigned i = 0; i < SERVER_SEATS; i++) {
        int ret = seat_create(&s->seats[i], s);

        if (ret)
            return error_set(err, -ret, "cannot prepare for clients: %s", strerror(-ret));
    }
    if (seat_rehearse(&s->seats[0]))
        return error_set(err, EINVAL, "VNC cannot use this password; choose another one");
    seed();
    *server = s;
    return 0;
}

static struct seat *free_seat(struct server *server)
{
    for (unsigned i = 0; i < SERVER_SEATS; i++)
        if (!server->seats[i].taken)
            return &server->seats[i];
    return NULL;
}

/* With the lock held, which the thread takes to give the seat back. */
static int take_seat(struct server *server, int fd, bool web)
{
    struct seat *seat = free_seat(server);
    pthread_t thread;
    int ret;

    if (!seat)
        return -EBUSY;
    seat->fd = fd;
    seat->web = web;
    seat->news = (struct seat_news){.mode = true, .cursor = server->cursor_set};
    ret = host_thread_start(&thread, "client", seat_serve, seat);
    if (ret)
        return ret;
    pthread_detach(thread);
    seat->taken = true;
    return 0;
}

int server_add(struct server *server, int fd, bool web)
{
    int ret;

    pthread_mutex_lock(&server->lock);
    ret = take_seat(server, fd, web);
    pthread_mutex_unlock(&server->lock);
    if (ret)
        close(fd);
    return ret;
}

void server_watch(struct server *server, int more)
{
    struct viewer_watch message = {.message = VIEWER_WATCH};

    pthread_mutex_lock(&server->watch_lock);
    server->watching += (unsigned)more;
    message.count = server->watching;
    link_send(server->link, &message, sizeof(message)); /* in the order of the counts */
    pthread_mutex_unlock(&server->watch_lock);
    pthread_mutex_lock(&server->lock);
    server->pixels = PIXELS_STALE; /* until now, nobody may have wanted them */
    pthread_mutex_unlock(&server->lock);
}

int server_want(struct server *server)
{
    const struct viewer_want message = {.message = VIEWER_WANT};
    int ret = 0;

    pthread_mutex_lock(&server->lock);
    if (server->pixels == PIXELS_STALE)
        ret = link_try(server->link, &message, sizeof(message));
    if (server->pixels == PIXELS_STALE && !ret)
        server->pixels = PIXELS_WANTED;
    ret = ret ? ret : server->pixels == PIXELS_WANTED;
    pthread_mutex_unlock(&server->lock);
    return ret;
}

/* --- news --- */

static uint32_t right(const struct viewer_rect *r)
{
    return r->x + r->width;
}

static uint32_t bottom(const struct viewer_rect *r)
{
    return r->y + r->height;
}

static struct viewer_rect around(const struct viewer_rect *a, const struct viewer_rect *b)
{
    uint32_t x = MIN(a->x, b->x), y = MIN(a->y, b->y);

    return (struct viewer_rect){x, y, MAX(right(a), right(b)) - x, MAX(bottom(a), bottom(b)) - y};
}

/* A client that is slow is told of more than has changed, when the list is full. */
static void add_rect(struct seat_news *news, const struct viewer_rect *rect)
{
    if (news->count < SEAT_RECTS) {
        news->rects[news->count++] = *rect;
        return;
    }
    for (unsigned i = 1; i < news->count; i++)
        news->rects[0] = around(&news->rects[0], &news->rects[i]);
    news->rects[0] = around(&news->rects[0], rect);
    news->count = 1;
}

static bool rect_fits(const struct viewer_rect *r, const struct viewer_mode *mode)
{
    return r->width && r->height && r->x < mode->width && r->y < mode->height &&
           r->width <= mode->width - r->x && r->height <= mode->height - r->y;
}

static void add_damage(struct server *server, struct seat_news *news,
                       const struct viewer_damage *damage)
{
    for (unsigned i = 0; i < damage->count; i++)
        if (rect_fits(&damage->rects[i], &server->mode))
            add_rect(news, &damage->rects[i]);
}

static void take_note(struct server *server, const union link_message *m)
{
    switch (m->message) {
    case VIEWER_MODE:
        server->mode = m->mode;
        server->pixels = PIXELS_STALE;
        break;
    case VIEWER_DAMAGE: server->pixels = m->damage.count ? PIXELS_STALE : PIXELS_FRESH; break;
    case VIEWER_CURSOR:
        server->cursor = m->cursor;
        server->cursor_set |= m->cursor.visible != 0;
        break;
    case VIEWER_LEDS: server->leds = m->leds.leds; break;
    default: break;
    }
}

/* A mode has every pixel in it. */
static void add_news(struct server *server, struct seat *seat, const union link_message *m)
{
    struct seat_news *news = &seat->news;

    switch (m->message) {
    case VIEWER_MODE:
        news->mode = news->answer = true;
        news->count = 0;
        break;
    case VIEWER_DAMAGE:
        news->answer = true;
        add_damage(server, news, &m->damage);
        break;
    case VIEWER_CURSOR: news->cursor = server->cursor_set; break;
    default: break;
    }
}

void server_tell(struct server *server, const union link_message *message)
{
    pthread_mutex_lock(&server->lock);
    take_note(server, message);
    for (unsigned i = 0; i < SERVER_SEATS; i++) {
        struct seat *seat = &server->seats[i];

        if (!seat->taken)
            continue;
        add_news(server, seat, message);
        if (write(seat->wake[1], "", 1) < 0) /* a full pipe wakes as well */
            continue;
    }
    pthread_mutex_unlock(&server->lock);
}
