/* SPDX-License-Identifier: ISC */
/*
 * Keyboard layouts of guests: which keys make a character. Private to input/.
 *
 * A layout is a table of what is printed on the keys, row by row as one sees it on a keyboard. It
 * must be what the guest itself is set to; names are those of XKB and the Linux console ("uk" is
 * XKB's "gb").
 */
#ifndef BACKEND_INPUT_LAYOUT_H
#define BACKEND_INPUT_LAYOUT_H

#include "base/bits.h"

/* Usages on page 7 of the HID Usage Tables that the code names. */
enum {
    USAGE_A = 0x04,
    USAGE_ENTER = 0x28,
    USAGE_ESCAPE = 0x29,
    USAGE_BACKSPACE = 0x2a,
    USAGE_TAB = 0x2b,
    USAGE_SPACE = 0x2c,
    USAGE_CAPS_LOCK = 0x39,
    USAGE_NUM_LOCK = 0x53,
    USAGE_LEFT_CONTROL = 0xe0,
    USAGE_LEFT_SHIFT = 0xe1,
    USAGE_RIGHT_SHIFT = 0xe5,
    USAGE_RIGHT_ALT = 0xe6, /* AltGr where the layout has one */
    USAGE_LAST = 0xe7,
};

/* What must be held for a stroke. */
#define STROKE_SHIFT 1u
#define STROKE_ALTGR 2u
#define STROKE_LEVEL (STROKE_SHIFT | STROKE_ALTGR)
#define STROKE_CAPS  4u /* a letter: Caps Lock turns its Shift round */
#define STROKE_ANY   8u /* no character: whatever is held stays */

struct stroke {
    uint16_t usage;
    uint8_t mods;
};

#define LAYOUT_STROKES 2 /* for one character: a dead key and what it is put on */

struct layout;

/* By name, "us" for NULL; NULL when there is none. */
const struct layout *layout_find(const char *name);
const struct layout *layout_at(size_t index);
const char *layout_name(const struct layout *layout);
const char *layout_about(const struct layout *layout);

/* The strokes that make Unicode `character`; the level `held` is preferred where several do.
 * Returns how many, 0 when the layout does not have it. */
unsigned layout_strokes(const struct layout *layout, uint32_t character, unsigned held,
                        struct stroke strokes[LAYOUT_STROKES]);

/* What the key makes with STROKE_SHIFT and STROKE_ALTGR of `level` held; 0: no character. */
uint32_t layout_character(const struct layout *layout, unsigned usage, unsigned level);

/* Whether AltGr makes characters; otherwise the key is another Alt. */
bool layout_has_altgr(const struct layout *layout);

/* The key of a dead accent, by its Unicode combining character. */
bool layout_dead(const struct layout *layout, uint32_t combining, struct stroke *stroke);

/* A dead accent that stands alone, as a character: 0x300 is '`'; 0: unknown. */
uint32_t layout_accent(uint32_t combining);

#endif
