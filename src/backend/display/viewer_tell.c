/* SPDX-License-Identifier: ISC */
/*
 * What a viewer process is told. The pixels that it has are known, since they lie in memory that we
 * alone write: a guest that says that all has changed when nothing has costs a comparison, and the
 * process and its clients nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "backend/display/viewer_private.h"
#include "base/units.h"
#include "host/clock.h"

#define FRAME_NS (NS_PER_SEC / 60)
#define POLL_NS  (NS_PER_SEC / 20) /* screens whose changes nobody tells of; lights */

/* What is compared and copied as one. */
#define TILE_WIDTH  64
#define TILE_HEIGHT 16
#define TILES       (VIEWER_SIDE_MAX / TILE_WIDTH) /* in a row, at most */

_Static_assert(DISPLAY_CURSOR_SIDE == VIEWER_CURSOR_SIDE, "one cursor, two names");

/* --- damage --- */

static uint64_t area(const struct display_rect *r)
{
    return (uint64_t)r->width * r->height;
}

/* Two rectangles become one where that adds little to what they cover. */
static bool belong_together(const struct display_rect *a, const struct display_rect *b)
{
    struct display_rect both = display_rect_around(a, b);

    return area(&both) <= area(a) + area(b);
}

static void damage_add(struct damage *damage, const struct display_rect *rect)
{
    for (unsigned i = 0; i < damage->count; i++)
        if (belong_together(&damage->rects[i], rect)) {
            damage->rects[i] = display_rect_around(&damage->rects[i], rect);
            return;
        }
    if (damage->count < VIEWER_RECTS) {
        damage->rects[damage->count++] = *rect;
        return;
    }
    for (unsigned i = 1; i < damage->count; i++)
        damage->rects[0] = display_rect_around(&damage->rects[0], &damage->rects[i]);
    damage->rects[0] = display_rect_around(&damage->rects[0], rect);
    damage->count = 1;
}

/* --- from the threads that draw --- */

/* With the lock held. What nobody would take waits. */
static bool is_idle(const struct viewer *v)
{
    return v->watched && !v->wanted;
}

/* With the lock held. */
static void arm(struct viewer *v)
{
    if (v->armed || is_idle(v))
        return;
    v->armed = true;
    host_timer_set(v->frame, 0);
}

static void mode_changed(void *ctx, uint32_t width, uint32_t height)
{
    struct viewer *v = ctx;

    pthread_mutex_lock(&v->lock);
    v->pending.mode = true;
    arm(v);
    pthread_mutex_unlock(&v->lock);
}

static void pixels_changed(void *ctx, const struct display_rect *rect)
{
    struct viewer *v = ctx;

    pthread_mutex_lock(&v->lock);
    if (v->watched && !display_rect_empty(rect)) {
        damage_add(&v->pending.changed, rect);
        arm(v);
    }
    pthread_mutex_unlock(&v->lock);
}

static void cursor_changed(void *ctx)
{
    struct viewer *v = ctx;

    pthread_mutex_lock(&v->lock);
    if (v->watched) {
        v->pending.cursor = true;
        arm(v);
    }
    pthread_mutex_unlock(&v->lock);
}

/* --- what is different --- */

static bool copy_tile(uint32_t *to, const uint32_t *from, uint32_t to_stride, uint32_t from_stride,
                      uint32_t width, uint32_t height)
{
    const size_t bytes = (size_t)width * sizeof(*to);
    bool differ = false;

    for (uint32_t y = 0; y < height; y++, to += to_stride, from += from_stride) {
        if (!differ && memcmp(to, from, bytes) == 0)
            continue;
        differ = true;
        memcpy(to, from, bytes);
    }
    return differ;
}

/* One row of tiles; the runs of those that were different go to `copied`. */
static void copy_row(struct viewer *v, const struct display_surface *s, uint32_t y, uint32_t height,
                     const struct display_rect *rect)
{
    uint32_t *to = (uint32_t *)v->pixels.base + (size_t)y * v->width;
    const uint32_t *from = s->pixels + (size_t)y * s->stride;
    struct display_rect run = {.y = y, .height = height};
    uint32_t end = rect->x + rect->width, width;

    for (uint32_t x = rect->x; x < end; x += width) {
        width = MIN(TILE_WIDTH - x % TILE_WIDTH, end - x);
        if (copy_tile(to + x, from + x, v->width, s->stride, width, height)) {
            run.x = run.width ? run.x : x;
            run.width += width;
        } else if (run.width) {
            damage_add(&v->copied, &run);
            run.width = 0;
        }
    }
    if (run.width)
        damage_add(&v->copied, &run);
}

/* With the display's lock held, and a mode that the process knows or will be told of. */
static void copy_rect(struct viewer *v, const struct display_surface *s,
                      const struct display_rect *changed)
{
    const struct display_rect screen = {.width = v->width, .height = v->height};
    struct display_rect rect = display_rect_common(changed, &screen);
    uint32_t height;

    for (uint32_t y = rect.y; y < rect.y + rect.height; y += height) {
        height = MIN(TILE_HEIGHT - y % TILE_HEIGHT, rect.y + rect.height - y);
        copy_row(v, s, y, height, &rect);
    }
}

/* Whether the surface is another one than the process was told of; takes note of it. */
static bool take_mode(struct viewer *v, const struct display_surface *s)
{
    bool on = s->on && s->pixels, differ;
    uint32_t width = MAX(1, MIN(s->width, VIEWER_SIDE_MAX));
    uint32_t height = MAX(1, MIN(s->height, VIEWER_SIDE_MAX));

    differ = on != v->on || width != v->width || height != v->height;
    v->on = on;
    v->width = width;
    v->height = height;
    v->firmware = on && s->firmware;
    return differ;
}

/* Everything that `pending` says, as far as it is true. A screen that nobody sees is not copied:
 * that is done when somebody comes, and then the process is told of it too. */
static void take_picture(struct viewer *v, const struct viewer_pending *pending, bool watched)
{
    const struct display_rect all = {.width = VIEWER_SIDE_MAX, .height = VIEWER_SIDE_MAX};
    struct display_surface surface;
    bool other;

    display_lock(v->config.display);
    surface = display_surface(v->config.display);
    other = take_mode(v, &surface);
    if (other)
        v->copied.count = 0;
    if (v->on && watched && (other || pending->mode))
        copy_rect(v, &surface, &all);
    else if (v->on && watched)
        for (unsigned i = 0; i < pending->changed.count; i++)
            copy_rect(v, &surface, &pending->changed.rects[i]);
    display_unlock(v->config.display);
    v->tell_mode |= other;
}

/* --- messages --- */

/* Returns whether the process has it, or is gone. */
static bool tell(struct viewer *v, const void *message, size_t length)
{
    if (send(v->socket, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    return errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM && errno != EINTR;
}

/* The process has something to take. */
static void told(struct viewer *v)
{
    pthread_mutex_lock(&v->lock);
    v->wanted = false;
    pthread_mutex_unlock(&v->lock);
}

static bool tell_mode(struct viewer *v)
{
    const struct viewer_mode message = {
        .message = VIEWER_MODE, .on = v->on, .width = v->width, .height = v->height};

    if (!v->tell_mode)
        return true;
    if (!tell(v, &message, sizeof(message)))
        return false;
    v->tell_mode = v->answer = false;
    v->copied.count = 0; /* a mode has every pixel in it */
    told(v);
    return true;
}

static bool tell_damage(struct viewer *v)
{
    struct viewer_damage message = {.message = VIEWER_DAMAGE, .count = v->copied.count};

    if (!v->copied.count && !v->answer)
        return true;
    for (unsigned i = 0; i < v->copied.count; i++) {
        const struct display_rect *r = &v->copied.rects[i];

        message.rects[i] = (struct viewer_rect){r->x, r->y, r->width, r->height};
    }
    if (!tell(v, &message, sizeof(message)))
        return false;
    v->answer = false;
    if (v->copied.count)
        told(v);
    v->copied.count = 0;
    return true;
}

static bool tell_cursor(struct viewer *v)
{
    struct viewer_cursor message = {.message = VIEWER_CURSOR};
    const struct display_cursor *cursor;

    if (!v->tell_cursor)
        return true;
    display_lock(v->config.display);
    cursor = display_cursor(v->config.display);
    message.visible = cursor->visible;
    message.x = cursor->x;
    message.y = cursor->y;
    message.hot_x = MIN(cursor->hot_x, DISPLAY_CURSOR_SIDE - 1);
    message.hot_y = MIN(cursor->hot_y, DISPLAY_CURSOR_SIDE - 1);
    memcpy(message.pixels, cursor->pixels, sizeof(message.pixels));
    display_unlock(v->config.display);
    if (!tell(v, &message, sizeof(message)))
        return false;
    v->tell_cursor = false;
    return true;
}

static bool tell_leds(struct viewer *v)
{
    const struct viewer_leds message = {.message = VIEWER_LEDS,
                                        .leds = v->config.input ? input_leds(v->config.input) : 0};

    if (message.leds == v->leds)
        return true;
    if (!tell(v, &message, sizeof(message)))
        return false;
    v->leds = message.leds;
    return true;
}

/* What could not be told waits until the socket has room: until then there are no frames. */
static void tell_all(struct viewer *v)
{
    if (tell_mode(v) && tell_damage(v) && tell_cursor(v) && tell_leds(v)) {
        v->full = false;
        return;
    }
    v->full = true;
    host_watch_want(v->watch, HOST_READABLE | HOST_WRITABLE);
}

/* --- frames --- */

static void frame(struct viewer *v)
{
    struct viewer_pending pending = {0};
    bool watched;

    pthread_mutex_lock(&v->lock);
    v->armed = false;
    watched = v->watched;
    if (!is_idle(v)) {
        pending = v->pending;
        v->pending = (struct viewer_pending){0};
    }
    pthread_mutex_unlock(&v->lock);
    if (pending.mode || pending.changed.count)
        take_picture(v, &pending, watched);
    v->tell_cursor |= pending.cursor;
    tell_all(v);
}

static void frame_due(void *ctx)
{
    struct viewer *v = ctx;
    uint64_t now = host_clock_monotonic();

    if (v->over || v->full)
        return; /* tell_room goes on */
    if (now < v->next_ns) {
        host_timer_set(v->frame, v->next_ns);
        return;
    }
    v->next_ns = now + FRAME_NS;
    frame(v);
}

/* Before a driver takes over, nobody says what changes on the screen; nor does anybody say what
 * lights are lit. */
static void poll_due(void *ctx)
{
    struct viewer *v = ctx;
    bool watched;

    if (v->over)
        return;
    pthread_mutex_lock(&v->lock);
    watched = v->watched;
    v->pending.mode |= watched && v->firmware;
    pthread_mutex_unlock(&v->lock);
    if (!watched)
        return;
    if (!v->full)
        frame(v);
    host_timer_set(v->poll, host_clock_monotonic() + POLL_NS);
}

void tell_watched(struct viewer *v, bool watched)
{
    pthread_mutex_lock(&v->lock);
    v->watched = watched;
    if (watched) {
        v->wanted = true;
        v->pending.mode = true;
        v->pending.cursor = true;
        arm(v);
    }
    pthread_mutex_unlock(&v->lock);
    if (watched)
        host_timer_set(v->poll, host_clock_monotonic() + POLL_NS);
}

void tell_wanted(struct viewer *v)
{
    v->answer = true;
    pthread_mutex_lock(&v->lock);
    v->wanted = true;
    arm(v);
    pthread_mutex_unlock(&v->lock);
}

void tell_room(struct viewer *v)
{
    host_watch_want(v->watch, HOST_READABLE);
    v->full = false;
    frame(v);
}

int tell_start(struct viewer *v)
{
    int ret = host_timer_create(v->config.loop, frame_due, v, &v->frame);

    ret = ret ? ret : host_timer_create(v->config.loop, poll_due, v, &v->poll);
    if (ret)
        return ret;
    v->display = (struct display_viewer){
        .mode = mode_changed, .changed = pixels_changed, .cursor = cursor_changed, .ctx = v};
    display_attach(v->config.display, &v->display);
    mode_changed(v, 0, 0); /* it is not told what is there already */
    return 0;
}

void tell_stop(struct viewer *v)
{
    if (v->display.ctx)
        display_detach(v->config.display, &v->display);
    if (v->frame)
        host_timer_destroy(v->frame);
    if (v->poll)
        host_timer_destroy(v->poll);
}
