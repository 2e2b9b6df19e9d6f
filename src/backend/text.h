/* SPDX-License-Identifier: ISC */
/*
 * The text console on a screen, as characters: cells of a fixed size are cut out, and their shapes
 * looked up, pixel by pixel, among the glyphs of a font.
 *
 *      pixels --> grid (text_grid.c): cell size and corner, the shape and two colours of each cell
 *             --> font (text_font.c): shapes to characters
 *                   ^ Atoll's own, as EFI draws it, enlarged
 *                   ^ the guest's, learnt from its memory (text_learn.c)
 *
 * No font of a guest's has to be known beforehand: a kernel that draws its console keeps the glyphs
 * in memory, one after another in the order of their codes. The shapes on the screen say where.
 */
#ifndef BACKEND_TEXT_H
#define BACKEND_TEXT_H

#include "backend/display.h"

struct text_cell {
    uint32_t character; /* Unicode; TEXT_UNKNOWN: a shape that the font does not have */
    uint32_t foreground, background; /* 0xRRGGBB */
};
#define TEXT_UNKNOWN 0xfffdu

struct text_screen {
    unsigned columns, rows;
    unsigned cell_width, cell_height, left, top; /* pixels */
    bool cursor;                                 /* there is one to be seen, at: */
    unsigned cursor_column, cursor_row;
    struct text_cell *cells; /* row by row, from malloc */
};

/* The guest's memory, where its font is looked for. */
struct text_memory {
    /* Piece `index` of what is worth looking at, NULL after the last; guests write it meanwhile. */
    const uint8_t *(*piece)(void *ctx, size_t index, size_t *length);
    void *ctx;
};

/* Keeps the fonts that were learnt. One thread at a time uses it. */
struct text_reader;

/* Returns 0 or -ENOMEM. */
int text_reader_create(struct text_reader **reader);
void text_reader_free(struct text_reader *reader); /* NULL is allowed */

/* Another guest, another font. */
void text_reader_forget(struct text_reader *reader);

/* Reads `pixels`, words 0xXXRRGGBB, `width` of them a line. Returns 0; -ENODATA: there is no text
 * in a font that could be found; or -ENOMEM. Takes up to a second when it has to learn, and a few
 * when the guest does what it can against it: nothing here goes by what a guest made larger than
 * consoles are. */
int text_read(struct text_reader *reader, const uint32_t *pixels, uint32_t width, uint32_t height,
              const struct text_memory *memory, struct text_screen *text);

#endif
