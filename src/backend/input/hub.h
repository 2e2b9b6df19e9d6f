/* SPDX-License-Identifier: ISC */
/*
 * The input's inside: its queue, and the state of keys on both ends of it. Private to input/.
 *
 * `wanted` is what is down behind the last event in the queue, `given` what the current sink has
 * been told. An event that would change nothing in `given` is not passed on, so that neither a
 * viewer's key repeats nor the release of a key that was let go meanwhile reach the guest.
 *
 * The queue always has room left for the release of everything that is down in `wanted`: what is
 * full for presses is never full for releases.
 */
#ifndef BACKEND_INPUT_HUB_H
#define BACKEND_INPUT_HUB_H

#include <pthread.h>

#include "backend/input.h"
#include "backend/input/layout.h"

#define INPUT_QUEUE   1024 /* events */
#define INPUT_HELD    16   /* keysyms that viewers hold at once */
#define INPUT_USAGES  256
#define INPUT_STROKES 32 /* key events that go in together, at most */

struct keyset {
    uint64_t bits[INPUT_USAGES / 64];
};

struct input_event {
    uint64_t number; /* counts up */
    uint64_t owner;  /* the typing that it belongs to, 0: none */
    bool pointer;
    bool down;      /* of a key */
    bool move;      /* of a pointer whose buttons are as they were */
    uint16_t usage; /* of a key */
    struct input_pointer state;
};

struct input {
    pthread_mutex_t lock;
    pthread_cond_t moved; /* events were taken or dropped, a typing ended, a light changed */
    const struct layout *layout;
    struct input_sink *sinks;   /* the one attached last comes first */
    struct input_sink *current; /* who was given what is down; NULL: nothing is */
    struct input_event queue[INPUT_QUEUE];
    unsigned first, count;
    uint64_t number; /* of the event put in last */
    uint64_t resets;
    bool over; /* input_end */
    struct keyset wanted, given;
    struct input_pointer wanted_pointer, given_pointer;
    unsigned leds;
    bool typing;     /* somebody is at it */
    uint64_t typist; /* the owner of its events */
    struct {
        uint32_t keysym; /* 0: free */
        uint16_t usage;
    } held[INPUT_HELD]; /* which keys were pressed for a viewer's keysyms */
};

static inline bool keyset_has(const struct keyset *set, unsigned usage)
{
    return (set->bits[usage / 64] & BIT(usage % 64)) != 0;
}

static inline void keyset_put(struct keyset *set, unsigned usage, bool down)
{
    if (down)
        set->bits[usage / 64] |= BIT(usage % 64);
    else
        set->bits[usage / 64] &= ~BIT(usage % 64);
}

/* A few key events that go in together or not at all. */
struct keys {
    unsigned count;
    struct {
        uint16_t usage;
        bool down;
    } key[INPUT_STROKES];
};

void keys_add(struct keys *keys, unsigned usage, bool down);

/* Adds `stroke`, pressed and, with `release`, let go, and around it what must be held or not, given
 * that `wanted` is down and `leds` are lit. */
void keys_add_stroke(struct keys *keys, const struct keyset *wanted, unsigned leds,
                     struct stroke stroke, bool release);

/* With input->lock held: puts them in the queue and passes on what the sink takes. Returns 0 or
 * -ENOSPC. */
int hub_put(struct input *input, const struct keys *keys, uint64_t owner);
int hub_put_pointer(struct input *input, const struct input_pointer *state);
void hub_deliver(struct input *input);
/* Waits until events up to `number` are taken, or no more than `left` wait. Returns 0, -ETIMEDOUT
 * at `deadline` (host_clock_monotonic), -ECANCELED (a reset, or the end). */
int hub_wait(struct input *input, uint64_t number, unsigned left, uint64_t deadline);
/* Waits until host_clock_monotonic() reaches `until`. Returns 0 or -ECANCELED (a reset, or the
 * end). */
int hub_pause(struct input *input, uint64_t until);
/* The end of a wait of `timeout_ms` that begins now. */
uint64_t hub_deadline(unsigned timeout_ms);
/* Drops one event, if it still waits. */
void hub_drop(struct input *input, uint64_t number);
/* Drops what `owner` still has in the queue, and lets go what it holds down. */
void hub_withdraw(struct input *input, uint64_t owner);
/* Whether anybody takes events. */
bool hub_active(const struct input *input);

/* The key of X11 `keysym` that is no character; or the character that it is, 0: neither. */
bool keysym_key(uint32_t keysym, uint16_t *usage);
uint32_t keysym_character(uint32_t keysym);
/* The combining character of a dead key's keysym, or 0; the digit or sign of a keypad's, or 0. */
uint32_t keysym_dead(uint32_t keysym);
uint32_t keysym_keypad(uint32_t keysym);

/* A key by its name in a chord, which is no NUL-terminated string. */
bool key_named(const char *name, size_t length, uint16_t *usage);
/* The names that are near `name`, for an error: "ENTER, END", or "" when there are none. */
void key_names_near(const char *name, size_t length, char *text, size_t room);

/* The next character of UTF-8 text at *at, which moves on; UINT32_MAX: malformed. */
uint32_t utf8_next(const char *text, size_t length, size_t *at);

#endif
