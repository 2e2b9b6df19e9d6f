/* SPDX-License-Identifier: ISC */
/*
 * The queue between viewers and sinks (input/hub.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/input/hub.h"
#include "host/clock.h"
#include "host/thread.h"

#define NS_PER_MS UINT64_C(1000000)

/* --- the queue --- */

static struct input_event *event_at(struct input *in, unsigned index)
{
    return &in->queue[(in->first + index) % INPUT_QUEUE];
}

static unsigned keyset_count(const struct keyset *set)
{
    unsigned count = 0;

    for (size_t i = 0; i < nitems(set->bits); i++)
        count += (unsigned)__builtin_popcountll(set->bits[i]);
    return count;
}

/* Events that are needed to let go of everything; all buttons are one. */
static unsigned releases(const struct keyset *keys, const struct input_pointer *pointer)
{
    return keyset_count(keys) + (pointer->buttons != 0);
}

static struct input_event *append(struct input *in, uint64_t owner)
{
    struct input_event *event = event_at(in, in->count++);

    *event = (struct input_event){.number = ++in->number, .owner = owner};
    return event;
}

static void append_key(struct input *in, unsigned usage, bool down, uint64_t owner)
{
    struct input_event *event = append(in, owner);

    event->usage = (uint16_t)usage;
    event->down = down;
    keyset_put(&in->wanted, usage, down);
}

int hub_put(struct input *in, const struct keys *keys, uint64_t owner)
{
    struct keyset after = in->wanted;

    for (unsigned i = 0; i < keys->count; i++)
        keyset_put(&after, keys->key[i].usage, keys->key[i].down);
    if (in->count + keys->count + releases(&after, &in->wanted_pointer) > INPUT_QUEUE)
        return -ENOSPC;
    for (unsigned i = 0; i < keys->count; i++)
        append_key(in, keys->key[i].usage, keys->key[i].down, owner);
    hub_deliver(in);
    return 0;
}

/* Whether `state` can take the place of the event put in last: a move after a move, and nothing
 * that the wheel did is said to have been done elsewhere. */
static bool coalesces(struct input *in, const struct input_pointer *state)
{
    const struct input_event *last = in->count ? event_at(in, in->count - 1) : NULL;
    const struct input_pointer *old = last ? &last->state : NULL;

    if (!last || !last->pointer || !last->move || state->buttons != old->buttons)
        return false;
    if (old->wheel == 0 && old->pan == 0)
        return true;
    return state->x == old->x && state->y == old->y && abs(state->wheel + old->wheel) <= INT8_MAX &&
           abs(state->pan + old->pan) <= INT8_MAX;
}

int hub_put_pointer(struct input *in, const struct input_pointer *state)
{
    struct input_event *event;

    if (coalesces(in, state)) {
        int8_t wheel, pan;

        event = event_at(in, in->count - 1);
        wheel = (int8_t)(event->state.wheel + state->wheel);
        pan = (int8_t)(event->state.pan + state->pan);
        event->state = *state;
        event->state.wheel = wheel;
        event->state.pan = pan;
    } else {
        if (in->count + 1 + releases(&in->wanted, state) > INPUT_QUEUE)
            return -ENOSPC;
        event = append(in, 0);
        event->pointer = true;
        event->move = state->buttons == in->wanted_pointer.buttons;
        event->state = *state;
    }
    in->wanted_pointer = *state;
    hub_deliver(in);
    return 0;
}

/* --- to the sinks --- */

static struct input_sink *active_sink(const struct input *in)
{
    for (struct input_sink *sink = in->sinks; sink; sink = sink->next)
        if (sink->active(sink->ctx))
            return sink;
    return NULL;
}

bool hub_active(const struct input *in)
{
    return active_sink(in) != NULL;
}

/* Each returns whether the sink had room, or needed none. */
static bool give_key(struct input *in, unsigned usage, bool down)
{
    if (keyset_has(&in->given, usage) == down)
        return true;
    if (!in->current->key(in->current->ctx, (uint16_t)usage, down))
        return false;
    keyset_put(&in->given, usage, down);
    return true;
}

static bool give_pointer(struct input *in, const struct input_pointer *state)
{
    if (!in->current->pointer(in->current->ctx, state))
        return false;
    in->given_pointer = *state;
    return true;
}

/* Lets go of everything in the current sink. */
static bool give_releases(struct input *in)
{
    struct input_pointer pointer = in->given_pointer;

    for (unsigned usage = 0; usage < INPUT_USAGES; usage++)
        if (!give_key(in, usage, false))
            return false;
    pointer.buttons = 0;
    pointer.wheel = pointer.pan = 0;
    return in->given_pointer.buttons == 0 || give_pointer(in, &pointer);
}

static void forget_given(struct input *in)
{
    in->given = (struct keyset){0};
    in->given_pointer = (struct input_pointer){0};
}

/* From one sink to the next, if the one before still reads and has room for what must be let go, or
 * reads no more. */
static bool change_sink(struct input *in, struct input_sink *to)
{
    if (in->current && !give_releases(in) && in->current->active(in->current->ctx))
        return false;
    forget_given(in);
    in->current = to;
    return true;
}

void hub_deliver(struct input *in)
{
    struct input_sink *sink = active_sink(in);

    if (sink != in->current && !change_sink(in, sink))
        return;
    while (in->count && in->current) {
        struct input_event *event = event_at(in, 0);

        if (!(event->pointer ? give_pointer(in, &event->state)
                             : give_key(in, event->usage, event->down)))
            break;
        in->first = (in->first + 1) % INPUT_QUEUE;
        in->count--;
    }
    pthread_cond_broadcast(&in->moved);
}

void input_attach(struct input *in, struct input_sink *sink)
{
    pthread_mutex_lock(&in->lock);
    sink->next = in->sinks;
    in->sinks = sink;
    hub_deliver(in);
    pthread_mutex_unlock(&in->lock);
}

void input_detach(struct input *in, struct input_sink *sink)
{
    pthread_mutex_lock(&in->lock);
    for (struct input_sink **at = &in->sinks; *at; at = &(*at)->next) {
        if (*at == sink) {
            *at = sink->next;
            break;
        }
    }
    if (in->current == sink) {
        in->current = NULL;
        forget_given(in);
        hub_deliver(in);
    }
    pthread_mutex_unlock(&in->lock);
}

void input_sink_room(struct input *in)
{
    pthread_mutex_lock(&in->lock);
    hub_deliver(in);
    pthread_mutex_unlock(&in->lock);
}

static void forget_all(struct input *in)
{
    in->first = in->count = 0;
    in->resets++;
    in->current = NULL;
    forget_given(in);
    in->wanted = (struct keyset){0};
    in->wanted_pointer = (struct input_pointer){0};
    in->leds = 0;
    memset(in->held, 0, sizeof(in->held));
    pthread_cond_broadcast(&in->moved);
}

void input_reset(struct input *in)
{
    pthread_mutex_lock(&in->lock);
    forget_all(in);
    pthread_mutex_unlock(&in->lock);
}

void input_end(struct input *in)
{
    pthread_mutex_lock(&in->lock);
    forget_all(in);
    in->over = true;
    pthread_mutex_unlock(&in->lock);
}

/* --- waiting --- */

int hub_wait(struct input *in, uint64_t number, unsigned left, uint64_t deadline)
{
    uint64_t resets = in->resets;
    int ret = 0;

    while (!in->over && in->resets == resets && in->count > left &&
           event_at(in, 0)->number <= number && !ret)
        ret = host_cond_wait_until(&in->moved, &in->lock, deadline);
    if (in->over || in->resets != resets)
        return -ECANCELED;
    return in->count > left && event_at(in, 0)->number <= number ? ret : 0;
}

int hub_pause(struct input *in, uint64_t until)
{
    uint64_t resets = in->resets;

    while (!in->over && in->resets == resets && host_clock_monotonic() < until)
        host_cond_wait_until(&in->moved, &in->lock, until);
    return !in->over && in->resets == resets ? 0 : -ECANCELED;
}

uint64_t hub_deadline(unsigned timeout_ms)
{
    return host_clock_monotonic() + timeout_ms * NS_PER_MS;
}

/* --- what is not to happen any more --- */

/* Takes events out of the queue; what is wanted follows from those that are left. */
static void drop(struct input *in, bool (*dropped)(const struct input_event *event, void *ctx),
                 void *ctx)
{
    unsigned kept = 0;

    in->wanted = in->given;
    in->wanted_pointer = in->given_pointer;
    for (unsigned i = 0; i < in->count; i++) {
        const struct input_event event = *event_at(in, i);

        if (dropped(&event, ctx))
            continue;
        if (event.pointer)
            in->wanted_pointer = event.state;
        else
            keyset_put(&in->wanted, event.usage, event.down);
        *event_at(in, kept++) = event;
    }
    in->count = kept;
    pthread_cond_broadcast(&in->moved);
}

struct typed {
    uint64_t owner;
    unsigned total[INPUT_USAGES], seen[INPUT_USAGES]; /* events of each key */
};

/*
 * What a typing puts in leaves every key as it was before, so a key's events come in pairs. Those
 * that are still in the queue have no effect together if they are even in number; if not, the last
 * one alone has the same effect.
 */
static bool typed_dropped(const struct input_event *event, void *ctx)
{
    struct typed *typed = ctx;
    unsigned total = typed->total[event->usage];

    if (event->owner != typed->owner)
        return false;
    return ++typed->seen[event->usage] != total || total % 2 == 0;
}

void hub_withdraw(struct input *in, uint64_t owner)
{
    struct typed typed = {.owner = owner};

    for (unsigned i = 0; i < in->count; i++)
        if (event_at(in, i)->owner == owner)
            typed.total[event_at(in, i)->usage]++;
    drop(in, typed_dropped, &typed);
}

static bool is_numbered(const struct input_event *event, void *ctx)
{
    return event->number == *(uint64_t *)ctx;
}

void hub_drop(struct input *in, uint64_t number)
{
    drop(in, is_numbered, &number);
}
