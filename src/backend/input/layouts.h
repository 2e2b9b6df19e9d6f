/* SPDX-License-Identifier: ISC */
/*
 * How a keyboard layout is written down. Private to input/.
 *
 * Four rows of keys, from the digits down to the row above the space bar, each in four levels:
 * alone, with Shift, with AltGr, and with both. A blank is a key without a character there, and
 * what is missing at a row's end, or a whole level, is blank too. Dead keys are Unicode combining
 * characters (DEAD_GRAVE and so on). layout.c says which key each column is.
 */
#ifndef BACKEND_INPUT_LAYOUTS_H
#define BACKEND_INPUT_LAYOUTS_H

#include <wchar.h>

#include "base/bits.h"

#define LAYOUT_ROWS   4
#define LAYOUT_LEVELS 4

#define LAYOUT_DEAD_FIRST 0x300
#define LAYOUT_DEAD_LAST  0x36f

#define DEAD_GRAVE      L"\u0300"
#define DEAD_ACUTE      L"\u0301"
#define DEAD_CIRCUMFLEX L"\u0302"
#define DEAD_TILDE      L"\u0303"
#define DEAD_DIAERESIS  L"\u0308"
#define DEAD_RING       L"\u030a"
#define DEAD_CARON      L"\u030c"
#define DEAD_CEDILLA    L"\u0327"

struct layout {
    const char *name, *about;
    const wchar_t *rows[LAYOUT_ROWS][LAYOUT_LEVELS];
};

extern const struct layout layout_table[];
extern const size_t layout_count;

#endif
