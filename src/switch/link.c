/* SPDX-License-Identifier: ISC */
#include "switch/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define QUEUE_MIN     (UINT32_C(64) << 10)
#define DEFAULT_TENTH 10 /* of a second's bytes wait for the rate at most */

struct pending {
    uint64_t deadline;
    uint64_t number; /* equal deadlines come out in the order they went in */
    uint32_t length, tag;
    uint8_t frame[];
};

struct link {
    struct link_settings settings;
    struct link_counters counters;
    uint64_t salt, random;
    uint64_t busy_until;   /* the wire's, at its rate */
    uint64_t last;         /* the latest deadline that keeps its place in the order */
    uint64_t next_number;  /* of a frame */
    struct pending **heap; /* the earliest is first */
    uint32_t count, room;
    uint64_t bytes;
    struct pending *taken;
};

static void begin_chance(struct link *link)
{
    link->random = (link->settings.seed ? link->settings.seed : 1) ^ link->salt;
}

struct link *link_create(void)
{
    struct link *link = calloc(1, sizeof(*link));

    if (link)
        begin_chance(link);
    return link;
}

void link_destroy(struct link *link)
{
    if (!link)
        return;
    for (uint32_t i = 0; i < link->count; i++)
        free(link->heap[i]);
    free(link->heap);
    free(link->taken);
    free(link);
}

void link_distinguish(struct link *link, uint64_t salt)
{
    link->salt = salt;
    begin_chance(link);
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

int link_settings_check(const struct link_settings *s, struct error *err)
{
    if (!is_share(s->loss) || !is_share(s->reorder) || !is_share(s->duplicate) ||
        !is_share(s->corrupt))
        return error_set(err, EINVAL,
                         "loss, reorder, duplicate and corrupt are shares: give 0%% to 100%%");
    if (s->delay_ns > LINK_DELAY_MAX)
        return error_set(err, EINVAL, "a delay of more than 60 s is not possible");
    if (s->jitter_ns > s->delay_ns)
        return error_set(err, EINVAL, "the jitter is greater than the delay; give at most that");
    if (s->rate_bps && (s->rate_bps < LINK_RATE_MIN || s->rate_bps > LINK_RATE_MAX))
        return error_set(err, EINVAL, "a rate is 1K to 1000G bits a second, or 0 for any");
    if (s->queue_bytes > LINK_QUEUE_BYTES)
        return error_set(err, EINVAL, "a queue has %u bytes at most", LINK_QUEUE_BYTES);
    return 0;
}

void link_set(struct link *link, const struct link_settings *settings)
{
    bool anew = settings->seed != link->settings.seed;

    link->settings = *settings;
    if (anew)
        begin_chance(link);
    if (!settings->rate_bps)
        link->busy_until = 0;
}

const struct link_settings *link_get(const struct link *link)
{
    return &link->settings;
}

const struct link_counters *link_counters(const struct link *link)
{
    return &link->counters;
}

bool link_idle(const struct link *link)
{
    const struct link_settings *s = &link->settings;

    return !link->count && !s->down && !s->delay_ns && !s->rate_bps && s->loss <= 0 &&
           s->reorder <= 0 && s->duplicate <= 0 && s->corrupt <= 0;
}

/* --- chance: splitmix64 (Steele, Lea, Flood 2014) --- */

static uint64_t draw(struct link *link)
{
    uint64_t z = link->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double draw_share(struct link *link) /* of [0, 1) */
{
    return (double)(draw(link) >> 11) * 0x1p-53;
}

struct fate {
    bool lost, duplicated, reordered, corrupted;
    double jitter; /* of [-1, 1) */
    uint64_t bit;  /* to be turned, of any */
};

static struct fate draw_fate(struct link *link)
{
    const struct link_settings *s = &link->settings;
    struct fate fate;

    fate.lost = draw_share(link) < s->loss;
    fate.duplicated = draw_share(link) < s->duplicate;
    fate.corrupted = draw_share(link) < s->corrupt;
    fate.bit = draw(link);
    fate.reordered = draw_share(link) < s->reorder;
    fate.jitter = 2 * draw_share(link) - 1;
    return fate;
}

/* --- the heap --- */

static bool before(const struct pending *a, const struct pending *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->number < b->number;
}

static void swap(struct link *link, uint32_t a, uint32_t b)
{
    struct pending *kept = link->heap[a];

    link->heap[a] = link->heap[b];
    link->heap[b] = kept;
}

static void sift_up(struct link *link, uint32_t i)
{
    for (; i > 0 && before(link->heap[i], link->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(link, i, (i - 1) / 2);
}

static void sift_down(struct link *link)
{
    uint32_t i = 0, child;

    while ((child = 2 * i + 1) < link->count) {
        if (child + 1 < link->count && before(link->heap[child + 1], link->heap[child]))
            child++;
        if (!before(link->heap[child], link->heap[i]))
            return;
        swap(link, i, child);
        i = child;
    }
}

static bool grow(struct link *link)
{
    uint32_t room = link->room ? 2 * link->room : 64;
    struct pending **heap;

    if (link->count < link->room)
        return true;
    heap = realloc(link->heap, room * sizeof(struct pending *));
    if (!heap)
        return false;
    link->heap = heap;
    link->room = room;
    return true;
}

/* NULL: there is no room. */
static struct pending *push(struct link *link, const struct pending *head, const void *frame)
{
    struct pending *pending;

    if (link->count >= LINK_QUEUE_FRAMES || link->bytes + head->length > LINK_QUEUE_BYTES ||
        !grow(link))
        return NULL;
    pending = malloc(sizeof(*pending) + head->length);
    if (!pending)
        return NULL;
    *pending = *head;
    memcpy(pending->frame, frame, head->length);
    link->heap[link->count] = pending;
    link->bytes += head->length;
    sift_up(link, link->count++);
    return pending;
}

/* --- a frame's way --- */

static uint64_t wire_time(const struct link_settings *s, uint64_t bytes)
{
    return (uint64_t)((unsigned __int128)bytes * 8 * NS_PER_SEC / s->rate_bps);
}

/* When the frame has left a wire of this rate. False: the queue in front of it is full. */
static bool pass_rate(struct link *link, uint64_t now, size_t length, uint64_t *left)
{
    const struct link_settings *s = &link->settings;
    uint64_t start = MAX(now, link->busy_until);
    uint64_t queue =
        s->queue_bytes ? s->queue_bytes : MAX(s->rate_bps / 8 / DEFAULT_TENTH, QUEUE_MIN);

    *left = now;
    if (!s->rate_bps)
        return true;
    if (start - now > wire_time(s, queue))
        return false;
    *left = link->busy_until = start + wire_time(s, length);
    return true;
}

/* Delay and jitter keep the order; what is reordered stays out of it. */
static uint64_t deadline_of(struct link *link, uint64_t left, const struct fate *fate)
{
    const struct link_settings *s = &link->settings;
    int64_t jitter = (int64_t)((double)s->jitter_ns * fate->jitter);
    uint64_t deadline = left + s->delay_ns + (uint64_t)jitter;

    if (fate->reordered)
        return MAX(deadline, link->last) + LINK_HOLD_NS;
    link->last = MAX(deadline, link->last);
    return link->last;
}

static void corrupt(struct pending *pending, uint64_t bit)
{
    bit %= (uint64_t)pending->length * 8;
    pending->frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void submit_one(struct link *link, uint64_t now, const void *frame, size_t length,
                       uint32_t tag, const struct fate *fate)
{
    struct pending head = {.length = (uint32_t)length, .tag = tag, .number = link->next_number++};
    struct pending *pending;
    uint64_t left;

    if (!pass_rate(link, now, length, &left)) {
        link->counters.queue_full++;
        return;
    }
    head.deadline = deadline_of(link, left, fate);
    pending = push(link, &head, frame);
    if (!pending) {
        link->counters.queue_full++;
        return;
    }
    if (fate->corrupted)
        corrupt(pending, fate->bit);
    link->counters.corrupted += fate->corrupted;
    link->counters.reordered += fate->reordered;
}

void link_submit(struct link *link, uint64_t now, const void *frame, size_t length, uint32_t tag)
{
    struct fate fate = draw_fate(link);

    if (fate.lost || link->settings.down || length == 0) {
        link->counters.lost++;
        return;
    }
    submit_one(link, now, frame, length, tag, &fate);
    if (fate.duplicated) {
        link->counters.duplicated++;
        submit_one(link, now, frame, length, tag, &fate);
    }
}

uint64_t link_deadline(const struct link *link)
{
    return link->count ? link->heap[0]->deadline : UINT64_MAX;
}

bool link_take(struct link *link, uint64_t now, const void **frame, size_t *length, uint32_t *tag)
{
    struct pending *pending;

    free(link->taken);
    link->taken = NULL;
    if (link_deadline(link) > now)
        return false;
    pending = link->taken = link->heap[0];
    link->heap[0] = link->heap[--link->count];
    sift_down(link);
    link->bytes -= pending->length;
    link->counters.frames++;
    link->counters.bytes += pending->length;
    *frame = pending->frame;
    *length = pending->length;
    *tag = pending->tag;
    return true;
}
