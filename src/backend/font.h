/* SPDX-License-Identifier: ISC */
/*
 * Atoll's own console font, made from the pictures in display/font.txt: ASCII, Latin letters with
 * accents, box drawing, blocks, arrows.
 */
#ifndef BACKEND_FONT_H
#define BACKEND_FONT_H

#include <stddef.h>
#include <stdint.h>

#define FONT_WIDTH  8
#define FONT_HEIGHT 16

struct font_glyph {
    uint32_t character;        /* Unicode */
    uint8_t rows[FONT_HEIGHT]; /* from the top; bit 7 is the leftmost pixel */
};

/* All of them, in the order of their characters. */
const struct font_glyph *font_glyphs(size_t *count);

/* The FONT_HEIGHT rows of a character; of U+FFFD when the font does not have it. */
const uint8_t *font_glyph(uint32_t character);

#endif
