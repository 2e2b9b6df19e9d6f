/* SPDX-License-Identifier: ISC */
/*
 * A guest's keyboard and pointer: viewers and scripts put input in, devices take it out.
 *
 *      viewers, any thread           struct input              sinks
 *      input_key(usage, down)   -->  queue of events,     -->  key(), pointer(): a keyboard and a
 *      input_keysym(keysym, down)    paced by the sink         pointer on USB, virtio-input, or
 * EFI's input_pointer(x, y, ..)  -->                            console as long as it reads the
 * keys input_type(text)              layouts, dead keys   <--  input_sink_room()
 *
 * The currency is the HID usage (HID Usage Tables 1.12, page 7): what a key is, not what is printed
 * on it. Where a character is wanted (a viewer's keysym, text to type), the guest's keyboard layout
 * says which keys make it.
 *
 * Of several sinks the one attached last that is active takes everything; when another becomes
 * active, keys that are down are let go in the old one first. Events wait in a bounded queue while
 * no sink is active or it is full; a pointer's moves that follow one another become one. So a guest
 * that never reads costs nothing and a slow one loses no key.
 */
#ifndef BACKEND_INPUT_H
#define BACKEND_INPUT_H

#include "base/bits.h"
#include "base/error.h"

struct input;

#define INPUT_AXIS_MAX 32767 /* the pointer's range in both directions, over the whole screen */

#define INPUT_LEFT   1u
#define INPUT_RIGHT  2u
#define INPUT_MIDDLE 4u

struct input_pointer {
    uint16_t x, y;   /* 0 to INPUT_AXIS_MAX */
    uint8_t buttons; /* INPUT_LEFT, ... that are down */
    int8_t wheel;    /* notches away from the user, since the event before */
    int8_t pan;      /* and to the right */
};

/* Who takes input. Called on any thread, with the input's lock held: they must not block, nor call
 * anything here. */
struct input_sink {
    /* Whether somebody reads: a driver has started the device, a loader asks for keys. */
    bool (*active)(void *ctx);
    /* A key goes down or up; the pointer is somewhere else. False: no room, the event is kept until
     * input_sink_room. */
    bool (*key)(void *ctx, uint16_t usage, bool down);
    bool (*pointer)(void *ctx, const struct input_pointer *state);
    void *ctx;
    struct input_sink *next; /* the input's */
};

/* `layout` is the guest's, "us" when it is NULL. Returns 0, -EINVAL (an unknown layout) or -ENOMEM.
 */
int input_create(struct input **input, const char *layout, struct error *err);
void input_free(struct input *input); /* NULL is allowed; after all sinks and users are gone */

/* --- the devices' side --- */

/* `sink` stays the caller's. When input_detach returns, it is not being called and will not be. */
void input_attach(struct input *input, struct input_sink *sink);
void input_detach(struct input *input, struct input_sink *sink);

/* The sink has room again, became active or inactive. Any thread, with no lock held that its
 * callbacks take. */
void input_sink_room(struct input *input);

/* What the guest wants to be lit: bits 0 Num Lock, 1 Caps Lock, 2 Scroll Lock (HID Usage Tables,
 * page 8). Any thread. */
void input_set_leds(struct input *input, unsigned leds);
unsigned input_leds(const struct input *input);

/* The Unicode character that a key makes on the guest's layout, for a sink that is asked for
 * characters; 0: none. Any thread. */
uint32_t input_character(const struct input *input, unsigned usage, bool shift, bool altgr);

/* The machine was reset: nothing is pressed any more and nothing waits. */
void input_reset(struct input *input);

/* The machine has stopped for good: who waits is told (-ECANCELED), and nobody waits any more. */
void input_end(struct input *input);

/* --- the viewers' side; any thread. 0, -EINVAL (no such key, or not on the guest's layout) or
 * -ENOSPC (the queue is full: the event is dropped, but never a release). None of it blocks --- */

/* Pressing what is down, or letting go of what is up, does nothing: a viewer may repeat keys. */

int input_key(struct input *input, unsigned usage, bool down);

/* A key by the X11 keysym that the viewer's own layout made of it (RFC 6143, 7.5.4). Shift and
 * AltGr are pressed or let go around it as the guest's layout needs, so that the same character
 * appears whatever layout the viewer has. */
int input_keysym(struct input *input, uint32_t keysym, bool down);

/* The pointer is at a place, with these buttons down. */
int input_pointer(struct input *input, const struct input_pointer *state);

/* --- the scripts' side: each blocks until the sink has taken all of it, so not from a callback;
 * -ETIMEDOUT after `timeout_ms`, when what is left is dropped and what was pressed is let go;
 * -ECANCELED when the machine is reset or stops; and the errors above --- */

/* Text as key strokes on the guest's layout, about a hundred a second; \n is Enter. It times out
 * when the guest takes nothing for so long, however long the text is; with 0, nothing is waited
 * for. -EINVAL with nothing typed when it is not UTF-8, or when a character has no key. One at a
 * time: others wait. */
int input_type(struct input *input, const char *utf8, size_t length, unsigned timeout_ms,
               struct error *err);

/* Keys by name, pressed from left to right and let go the other way: "CTRL-ALT-F1", "SHIFT-A",
 * "ENTER", "CTRL-%"; in either case. -EINVAL for a name that there is not. Waits like input_type.
 */
int input_chord(struct input *input, const char *keys, unsigned timeout_ms, struct error *err);

/* input_key and input_pointer for those who want to know that it has arrived. */
int input_key_within(struct input *input, unsigned usage, bool down, unsigned timeout_ms,
                     struct error *err);
int input_pointer_within(struct input *input, const struct input_pointer *state,
                         unsigned timeout_ms, struct error *err);

/* Waits until everything put in so far has been taken, and drops nothing. */
int input_flush(struct input *input, unsigned timeout_ms);

/* Whether there is such a layout, NULL being "us": 0, or -EINVAL and an error that lists them. */
int input_check_layout(const char *layout, struct error *err);

/* The layouts. Returns 0, or -ENOENT past the last. */
int input_layout_info(size_t index, const char **name, const char **about);

#endif
