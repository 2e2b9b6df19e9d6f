/* SPDX-License-Identifier: ISC */
/*
 * The screen between a device and its viewers.
 *
 * Two locks: `lock` over what is shown, taken for as long as a copy of pixels takes, and
 * `viewers_lock` over the list of viewers while they are told. A viewer that is being told may take
 * `lock`.
 */
#include "backend/display.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct display {
    uint32_t width, height; /* what the device suggests to its guest at first */
    struct display_source source;

    pthread_mutex_t lock;
    bool on, firmware;
    struct picture *picture;  /* what is shown, or was shown last */
    struct display_rect part; /* of it */
    struct display_cursor cursor;

    pthread_mutex_t viewers_lock; /* before `lock` */
    struct display_viewer *viewers;
};

/* Rectangles */

bool display_rect_within(const struct display_rect *inner, const struct display_rect *outer)
{
    return inner->x >= outer->x && inner->y >= outer->y &&
           range_fits(inner->x - outer->x, inner->width, outer->width) &&
           range_fits(inner->y - outer->y, inner->height, outer->height);
}

struct display_rect display_rect_common(const struct display_rect *a, const struct display_rect *b)
{
    uint32_t x = MAX(a->x, b->x), right = MIN(a->x + a->width, b->x + b->width);
    uint32_t y = MAX(a->y, b->y), bottom = MIN(a->y + a->height, b->y + b->height);

    if (right <= x || bottom <= y)
        return (struct display_rect){0};
    return (struct display_rect){x, y, right - x, bottom - y};
}

struct display_rect display_rect_around(const struct display_rect *a, const struct display_rect *b)
{
    uint32_t x, y;

    if (display_rect_empty(a) || display_rect_empty(b))
        return display_rect_empty(a) ? *b : *a;
    x = MIN(a->x, b->x);
    y = MIN(a->y, b->y);
    return (struct display_rect){x, y, MAX(a->x + a->width, b->x + b->width) - x,
                                 MAX(a->y + a->height, b->y + b->height) - y};
}

/* Pictures */

struct picture *picture_new(uint32_t width, uint32_t height)
{
    struct picture *picture = calloc(1, sizeof(*picture) + (size_t)width * height * 4);

    if (!picture)
        return NULL;
    picture->references = 1;
    picture->width = width;
    picture->height = height;
    return picture;
}

struct picture *picture_hold(struct picture *picture)
{
    atomic_fetch_add(&picture->references, 1);
    return picture;
}

void picture_release(struct picture *picture)
{
    if (picture && atomic_fetch_sub(&picture->references, 1) == 1)
        free(picture);
}

/* Life */

int display_create(struct display **display, uint32_t width, uint32_t height)
{
    struct display *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    d->width = width;
    d->height = height;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->viewers_lock, NULL);
    *display = d;
    return 0;
}

void display_free(struct display *d)
{
    if (!d)
        return;
    picture_release(d->picture);
    pthread_mutex_destroy(&d->viewers_lock);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void display_attach_source(struct display *d, const struct display_source *source)
{
    d->source = *source;
}

void display_size(struct display *d, uint32_t *width, uint32_t *height)
{
    *width = d->width;
    *height = d->height;
}

void display_lock(struct display *d)
{
    pthread_mutex_lock(&d->lock);
}

void display_unlock(struct display *d)
{
    pthread_mutex_unlock(&d->lock);
}

/* Telling the viewers */

static void tell_mode(struct display *d, uint32_t width, uint32_t height)
{
    pthread_mutex_lock(&d->viewers_lock);
    for (struct display_viewer *v = d->viewers; v; v = v->next)
        if (v->mode)
            v->mode(v->ctx, width, height);
    pthread_mutex_unlock(&d->viewers_lock);
}

void display_changed(struct display *d, const struct display_rect *rect)
{
    pthread_mutex_lock(&d->viewers_lock);
    for (struct display_viewer *v = d->viewers; v; v = v->next)
        if (v->changed)
            v->changed(v->ctx, rect);
    pthread_mutex_unlock(&d->viewers_lock);
}

static void tell_cursor(struct display *d)
{
    pthread_mutex_lock(&d->viewers_lock);
    for (struct display_viewer *v = d->viewers; v; v = v->next)
        if (v->cursor)
            v->cursor(v->ctx);
    pthread_mutex_unlock(&d->viewers_lock);
}

/* The device's side */

void display_show(struct display *d, struct picture *picture, const struct display_rect *part,
                  bool firmware)
{
    struct picture *before;
    bool same_size, same_place;

    display_lock(d);
    before = d->picture;
    same_size = d->on && d->firmware == firmware && d->part.width == part->width &&
                d->part.height == part->height;
    same_place = same_size && before == picture && d->part.x == part->x && d->part.y == part->y;
    d->picture = picture_hold(picture);
    d->part = *part;
    d->on = true;
    d->firmware = firmware;
    display_unlock(d);
    picture_release(before);
    if (!same_size)
        tell_mode(d, part->width, part->height);
    else if (!same_place)
        display_changed(d, &(struct display_rect){0, 0, part->width, part->height});
}

void display_off(struct display *d)
{
    bool was_on;

    display_lock(d);
    was_on = d->on;
    d->on = false;
    display_unlock(d);
    if (was_on)
        tell_mode(d, 0, 0);
}

void display_cursor_set(struct display *d, const struct display_cursor *cursor)
{
    display_lock(d);
    d->cursor = *cursor;
    display_unlock(d);
    tell_cursor(d);
}

void display_cursor_move(struct display *d, uint32_t x, uint32_t y)
{
    display_lock(d);
    d->cursor.x = x;
    d->cursor.y = y;
    display_unlock(d);
    tell_cursor(d);
}

/* The viewers' side */

void display_attach(struct display *d, struct display_viewer *viewer)
{
    pthread_mutex_lock(&d->viewers_lock);
    viewer->next = d->viewers;
    d->viewers = viewer;
    pthread_mutex_unlock(&d->viewers_lock);
}

void display_detach(struct display *d, struct display_viewer *viewer)
{
    struct display_viewer **at = &d->viewers;

    pthread_mutex_lock(&d->viewers_lock);
    while (*at && *at != viewer)
        at = &(*at)->next;
    if (*at)
        *at = viewer->next;
    pthread_mutex_unlock(&d->viewers_lock);
}

struct display_surface display_surface(struct display *d)
{
    const struct display_rect *part = &d->part;

    if (!d->picture)
        return (struct display_surface){.width = d->width, .height = d->height};
    if (d->on && d->source.refresh)
        d->source.refresh(d->source.ctx);
    return (struct display_surface){
        .on = d->on,
        .firmware = d->firmware,
        .width = part->width,
        .height = part->height,
        .stride = d->picture->width,
        .pixels = d->picture->pixels + (size_t)part->y * d->picture->width + part->x,
    };
}

const struct display_cursor *display_cursor(const struct display *d)
{
    return &d->cursor;
}

void display_resize(struct display *d, uint32_t width, uint32_t height)
{
    if (d->source.resize)
        d->source.resize(d->source.ctx, width, height);
}
