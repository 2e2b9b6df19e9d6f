/* SPDX-License-Identifier: ISC */
/*
 * Characters, keysyms, text and chords as strokes of keys.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/input/hub.h"
#include "host/clock.h"
#include "host/thread.h"

#define LED_NUM_LOCK  1u
#define LED_CAPS_LOCK 2u

#define AHEAD      16 /* events of a typing that wait in the queue, about */
#define CHORD_KEYS 8
#define LIGHT_MS   1000 /* a guest without lights for its keyboard is not waited for any longer */

/* What drivers take in a burst, programs behind them may not: Linux's evdev keeps 64 events for its
 * reader, three a key, and then drops all of them. */
#define PACE_NS UINT64_C(5000000) /* from one key event to the next, on average */

/* --- strokes --- */

void keys_add(struct keys *keys, unsigned usage, bool down)
{
    if (keys->count < nitems(keys->key)) {
        keys->key[keys->count].usage = (uint16_t)usage;
        keys->key[keys->count++].down = down;
    }
}

static unsigned level_of(const struct keyset *set)
{
    bool shift = keyset_has(set, USAGE_LEFT_SHIFT) || keyset_has(set, USAGE_RIGHT_SHIFT);

    return (shift ? STROKE_SHIFT : 0) | (keyset_has(set, USAGE_RIGHT_ALT) ? STROKE_ALTGR : 0);
}

/* Adds what brings Shift and AltGr from `from` to `to`; what is held of both Shifts counts. */
static void add_level(struct keys *keys, const struct keyset *wanted, unsigned to, bool back)
{
    static const uint16_t modifiers[] = {USAGE_LEFT_SHIFT, USAGE_RIGHT_SHIFT, USAGE_RIGHT_ALT};
    unsigned held = level_of(wanted);

    for (size_t i = 0; i < nitems(modifiers); i++) {
        unsigned bit = modifiers[i] == USAGE_RIGHT_ALT ? STROKE_ALTGR : STROKE_SHIFT;

        if ((held & bit) && !(to & bit) && keyset_has(wanted, modifiers[i]))
            keys_add(keys, modifiers[i], back);
        else if (!(held & bit) && (to & bit) && modifiers[i] != USAGE_RIGHT_SHIFT)
            keys_add(keys, modifiers[i], !back);
    }
}

void keys_add_stroke(struct keys *keys, const struct keyset *wanted, unsigned leds,
                     struct stroke stroke, bool release)
{
    unsigned level = stroke.mods & STROKE_LEVEL;

    if ((stroke.mods & STROKE_CAPS) && (leds & LED_CAPS_LOCK))
        level ^= STROKE_SHIFT;
    if (stroke.mods & STROKE_ANY)
        level = level_of(wanted);
    add_level(keys, wanted, level, false);
    if (keyset_has(wanted, stroke.usage))
        keys_add(keys, stroke.usage, false);
    keys_add(keys, stroke.usage, true);
    if (release)
        keys_add(keys, stroke.usage, false);
    add_level(keys, wanted, level, true);
}

/* --- keysyms --- */

/* The strokes for a keysym as things are now; 0: it has none. */
static unsigned keysym_strokes(const struct input *in, uint32_t keysym,
                               struct stroke strokes[LAYOUT_STROKES])
{
    uint32_t dead = keysym_dead(keysym), character = keysym_character(keysym);
    uint32_t keypad = keysym_keypad(keysym);

    if (dead && layout_dead(in->layout, dead, &strokes[0]))
        return 1;
    if (dead)
        character = layout_accent(dead);
    if (keypad && !(in->leds & LED_NUM_LOCK))
        character = keypad;
    if (character)
        return layout_strokes(in->layout, character, level_of(&in->wanted), strokes);
    strokes[0].mods = STROKE_ANY;
    return keysym_key(keysym, &strokes[0].usage) ? 1 : 0;
}

/* The AltGr of a viewer whose layout has one is not the other Alt of a guest whose layout has
 * none. */
static bool is_foreign_altgr(const struct input *in, uint32_t keysym)
{
    return (keysym == 0xfe03 || keysym == 0xff7e) && !layout_has_altgr(in->layout);
}

static int held_find(const struct input *in, uint32_t keysym)
{
    for (int i = 0; i < INPUT_HELD; i++)
        if (in->held[i].keysym == keysym)
            return i;
    return -1;
}

static void held_forget(struct input *in, uint16_t usage)
{
    for (int i = 0; i < INPUT_HELD; i++)
        if (in->held[i].keysym && in->held[i].usage == usage)
            in->held[i].keysym = 0;
}

static int keysym_down(struct input *in, uint32_t keysym)
{
    struct stroke strokes[LAYOUT_STROKES];
    unsigned count = keysym_strokes(in, keysym, strokes);
    struct keys keys = {0};
    uint16_t usage;
    int slot = held_find(in, keysym), ret;

    if (count == 0)
        return -EINVAL;
    usage = strokes[count - 1].usage;
    if (slot >= 0 && in->held[slot].usage == usage && keyset_has(&in->wanted, usage))
        return 0; /* the viewer's key repeat; the guest makes its own */
    for (unsigned i = 0; i < count; i++)
        keys_add_stroke(&keys, &in->wanted, in->leds, strokes[i], i + 1 < count);
    ret = hub_put(in, &keys, 0);
    if (ret)
        return ret;
    held_forget(in, usage);
    slot = held_find(in, 0);
    if (slot >= 0) {
        in->held[slot].keysym = keysym;
        in->held[slot].usage = usage;
    }
    return 0;
}

static int keysym_up(struct input *in, uint32_t keysym)
{
    struct stroke strokes[LAYOUT_STROKES];
    struct keys keys = {0};
    int slot = held_find(in, keysym);
    uint16_t usage;

    if (slot >= 0) {
        usage = in->held[slot].usage;
    } else {
        unsigned count = keysym_strokes(in, keysym, strokes);

        if (count == 0)
            return -EINVAL;
        usage = strokes[count - 1].usage;
    }
    held_forget(in, usage);
    if (!keyset_has(&in->wanted, usage))
        return 0;
    keys_add(&keys, usage, false);
    return hub_put(in, &keys, 0);
}

int input_keysym(struct input *in, uint32_t keysym, bool down)
{
    int ret = 0;

    if (keysym == 0)
        return -EINVAL;
    pthread_mutex_lock(&in->lock);
    if (!is_foreign_altgr(in, keysym))
        ret = down ? keysym_down(in, keysym) : keysym_up(in, keysym);
    pthread_mutex_unlock(&in->lock);
    return ret;
}

/* --- text --- */

uint32_t utf8_next(const char *text, size_t length, size_t *at)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = (const uint8_t *)text;
    uint32_t c = bytes[(*at)++];
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

    if (c < 0x80)
        return c;
    if (more == 0 || c >= 0xf8 || more > length - *at)
        return UINT32_MAX;
    c &= 0x3fu >> more;
    for (unsigned i = 0; i < more; i++) {
        if ((bytes[*at] & 0xc0) != 0x80)
            return UINT32_MAX;
        c = c << 6 | (bytes[(*at)++] & 0x3f);
    }
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? UINT32_MAX : c;
}

/* "U+20AC (€)" for an error; `bytes` of the text are the character. */
static void name_character(uint32_t c, const char *text, size_t bytes, char name[32])
{
    if (c < ' ' || (c >= 0x7f && c < 0xa0))
        snprintf(name, 32, "U+%04X", (unsigned)c);
    else
        snprintf(name, 32, "U+%04X (%.*s)", (unsigned)c, (int)bytes, text);
}

static int check_text(const struct input *in, const char *utf8, size_t length, struct error *err)
{
    struct stroke strokes[LAYOUT_STROKES];
    char name[32];

    for (size_t at = 0, start = 0; at < length; start = at) {
        uint32_t c = utf8_next(utf8, length, &at);

        if (c == UINT32_MAX)
            return error_set(err, EINVAL, "the text is not UTF-8 at byte %zu", start);
        if (layout_strokes(in->layout, c, 0, strokes))
            continue;
        name_character(c, utf8 + start, at - start, name);
        return error_set(err, EINVAL,
                         "the guest's keyboard layout \"%s\" has no key for %s; --keyboard says "
                         "which layout the guest is set to",
                         layout_name(in->layout), name);
    }
    return 0;
}

/* One typing at a time, each with a number of its own for what it puts in the queue. */
static int typing_begin(struct input *in, uint64_t deadline, uint64_t *owner)
{
    int ret = 0;

    while (in->typing && !ret)
        ret = host_cond_wait_until(&in->moved, &in->lock, deadline);
    if (in->typing)
        return -ETIMEDOUT;
    in->typing = true;
    *owner = ++in->typist;
    return 0;
}

static void typing_end(struct input *in)
{
    in->typing = false;
    pthread_cond_broadcast(&in->moved);
}

/* Puts one character in, once there is room; the pause that is to follow is added to *next. */
static int type_character(struct input *in, uint32_t character, uint64_t owner, unsigned timeout_ms,
                          uint64_t *next)
{
    struct stroke strokes[LAYOUT_STROKES];
    struct keys keys = {0};
    unsigned count;
    int ret = timeout_ms ? hub_pause(in, *next) : 0;

    ret = ret ? ret : hub_wait(in, in->number, AHEAD, hub_deadline(timeout_ms));
    if (ret)
        return ret;
    count = layout_strokes(in->layout, character, level_of(&in->wanted), strokes);
    for (unsigned i = 0; i < count; i++)
        keys_add_stroke(&keys, &in->wanted, in->leds, strokes[i], true);
    *next = host_clock_monotonic() + keys.count * PACE_NS;
    return hub_put(in, &keys, owner);
}

/* "\r\n" is one Enter. */
static int type_all(struct input *in, const char *utf8, size_t length, uint64_t owner,
                    unsigned timeout_ms)
{
    uint64_t next = 0;
    int ret = 0;

    for (size_t at = 0; at < length && !ret;) {
        uint32_t c = utf8_next(utf8, length, &at);

        if (c != '\r' || at == length || utf8[at] != '\n')
            ret = type_character(in, c, owner, timeout_ms, &next);
    }
    return ret ? ret : hub_wait(in, in->number, 0, hub_deadline(timeout_ms));
}

/* The end of a typing that went wrong: the rest is not to be typed later. */
static int typing_failed(struct input *in, int ret, uint64_t owner, const char *what,
                         struct error *err)
{
    bool active = hub_active(in);

    if (ret == -ECANCELED)
        return error_set(err, ECANCELED, "the machine was reset or stopped while %s waited", what);
    if (ret == -ENOSPC)
        return error_set(err, ENOSPC, "too much input for the guest waits already");
    hub_withdraw(in, owner);
    if (!active)
        return error_set(err, ETIMEDOUT, "the guest has no driver for its keyboard yet");
    return error_set(err, ETIMEDOUT, "the guest's keyboard driver did not take %s in time", what);
}

static int busy(struct error *err)
{
    return error_set(err, ETIMEDOUT, "something else is still being typed");
}

int input_type(struct input *in, const char *utf8, size_t length, unsigned timeout_ms,
               struct error *err)
{
    uint64_t owner;
    int ret = check_text(in, utf8, length, err);

    if (ret)
        return ret;
    pthread_mutex_lock(&in->lock);
    ret = typing_begin(in, hub_deadline(timeout_ms), &owner);
    if (ret) {
        pthread_mutex_unlock(&in->lock);
        return busy(err);
    }
    ret = type_all(in, utf8, length, owner, timeout_ms);
    if (ret)
        ret = typing_failed(in, ret, owner, "the text", err);
    typing_end(in);
    pthread_mutex_unlock(&in->lock);
    return ret;
}

/* --- chords --- */

struct chord {
    unsigned count;
    uint16_t usages[CHORD_KEYS];
};

static void chord_add(struct chord *chord, uint16_t usage)
{
    for (unsigned i = 0; i < chord->count; i++)
        if (chord->usages[i] == usage)
            return;
    if (chord->count < CHORD_KEYS)
        chord->usages[chord->count++] = usage;
}

static int unknown_key(const char *name, size_t length, const char *why, struct error *err)
{
    char near[128];

    key_names_near(name, length, near, sizeof(near));
    if (near[0])
        return error_set(err, EINVAL, "no key is called \"%.*s\"; there is %s",
                         (int)MIN(length, 32), name, near);
    return error_set(err, EINVAL,
                     "\"%.*s\" %s; a chord is like CTRL-ALT-F1, SHIFT-TAB, META-L, A or ENTER",
                     (int)MIN(length, 32), name, why);
}

/* A key by the character that is on it, in either case; Shift and AltGr that it needs come first.
 */
static int chord_character(const struct input *in, struct chord *chord, const char *name,
                           size_t length, struct error *err)
{
    struct stroke strokes[LAYOUT_STROKES];
    size_t at = 0;
    uint32_t c = utf8_next(name, length, &at);

    if (c == UINT32_MAX || at != length)
        return unknown_key(name, length, "is no key", err);
    if (c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    if (c <= ' ' || layout_strokes(in->layout, c, 0, strokes) != 1)
        return unknown_key(name, length, "is no one key on the guest's keyboard", err);
    if (strokes[0].mods & STROKE_SHIFT)
        chord_add(chord, USAGE_LEFT_SHIFT);
    if (strokes[0].mods & STROKE_ALTGR)
        chord_add(chord, USAGE_RIGHT_ALT);
    chord_add(chord, strokes[0].usage);
    return 0;
}

/* Names and characters with '-' or '+' between them, which are themselves keys where a key is
 * expected. */
static int chord_parse(const struct input *in, const char *text, struct chord *chord,
                       struct error *err)
{
    if (*text == '\0')
        return error_set(err, EINVAL, "a chord needs a key, like CTRL-C or ENTER");
    while (*text) {
        size_t length = 1 + strcspn(text + 1, "-+");
        uint16_t usage;
        int ret = 0;

        if (chord->count == CHORD_KEYS)
            return error_set(err, EINVAL, "a chord has at most %u keys", CHORD_KEYS);
        if (key_named(text, length, &usage))
            chord_add(chord, usage);
        else
            ret = chord_character(in, chord, text, length, err);
        if (ret)
            return ret;
        text += length;
        if (*text && *++text == '\0')
            return error_set(err, EINVAL, "a chord ends with a key, not with \"%c\"", text[-1]);
    }
    return 0;
}

/* The guest answers a lock key by its light, some time later; what is typed next depends on it. */
static void wait_for_light(struct input *in, const struct chord *chord, unsigned leds)
{
    uint64_t deadline = hub_deadline(LIGHT_MS);
    bool lock = false;

    for (unsigned i = 0; i < chord->count; i++)
        lock |= chord->usages[i] == USAGE_CAPS_LOCK || chord->usages[i] == USAGE_NUM_LOCK;
    while (lock && in->leds == leds && !in->over)
        if (host_cond_wait_until(&in->moved, &in->lock, deadline))
            break;
}

int input_chord(struct input *in, const char *text, unsigned timeout_ms, struct error *err)
{
    uint64_t deadline = hub_deadline(timeout_ms), owner;
    struct chord chord = {0};
    struct keys keys = {0};
    unsigned leds;
    int ret = chord_parse(in, text, &chord, err);

    if (ret)
        return ret;
    for (unsigned i = 0; i < chord.count; i++)
        keys_add(&keys, chord.usages[i], true);
    for (unsigned i = chord.count; i-- > 0;)
        keys_add(&keys, chord.usages[i], false);
    pthread_mutex_lock(&in->lock);
    ret = typing_begin(in, deadline, &owner);
    if (ret) {
        pthread_mutex_unlock(&in->lock);
        return busy(err);
    }
    leds = in->leds;
    ret = hub_put(in, &keys, owner);
    ret = ret ? ret : hub_wait(in, in->number, 0, deadline);
    if (ret)
        ret = typing_failed(in, ret, owner, "the keys", err);
    else
        wait_for_light(in, &chord, leds);
    typing_end(in);
    pthread_mutex_unlock(&in->lock);
    return ret;
}
