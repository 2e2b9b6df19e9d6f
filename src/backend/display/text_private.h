/* SPDX-License-Identifier: ISC */
/*
 * What the files that read text share.
 */
#ifndef BACKEND_DISPLAY_TEXT_PRIVATE_H
#define BACKEND_DISPLAY_TEXT_PRIVATE_H

#include "backend/text.h"

#define SHAPE_WIDTH  64 /* pixels of a cell, at most */
#define SHAPE_HEIGHT 128

/* What is set in a cell: a word a line, the leftmost pixel in bit 63. Lines below the cell's height
 * are not looked at. */
struct shape {
    uint64_t lines[SHAPE_HEIGHT];
};

/* A picture, with lines `width` pixels long. */
struct picture_view {
    const uint32_t *pixels;
    uint32_t width, height;
};

/* How a screen is cut up. */
struct grid {
    unsigned cell_width, cell_height, left, top, columns, rows;
};

/* What is in a cell: at most two colours; `shape` has the pixels of `colour[1]`, which is
 * `colour[0]` when there is only one. */
struct cell_view {
    bool more_colours; /* there are more: no text */
    uint32_t colour[2];
    struct shape shape;
};

/* --- text_grid.c --- */

/* The grids that a screen of this size may have, the text in the middle or in the corner: at most
 * `room` of them. */
#define GRID_CANDIDATES 64
size_t grid_candidates(uint32_t width, uint32_t height, struct grid grids[GRID_CANDIDATES]);

void grid_cell(const struct picture_view *picture, const struct grid *grid, unsigned column,
               unsigned row, struct cell_view *cell);

/* The shapes of a grid, each once, most frequent ones not favoured; blank and full ones left out.
 * Returns how many, at most `room`; *inked is the number of cells that are no blank, and *bad of
 * those with more than two colours. */
size_t grid_shapes(const struct picture_view *picture, const struct grid *grid,
                   struct shape *shapes, size_t room, size_t *inked, size_t *bad);

uint64_t shape_hash(const struct shape *shape, unsigned height);
bool shape_equal(const struct shape *a, const struct shape *b, unsigned height);
bool shape_blank(const struct shape *shape, unsigned height);
void shape_invert(struct shape *shape, unsigned width, unsigned height);

/* --- text_font.c --- */

struct text_font {
    unsigned width, height;
    size_t count, room;
    struct text_glyph {
        uint64_t hash;
        uint32_t character;
        struct shape *shape;
    } * glyphs; /* by hash, once it is sorted */
};

/* Adds a glyph; of equal shapes the first added is the one that is found. Returns 0 or -ENOMEM. */
int font_add(struct text_font *font, const struct shape *shape, uint32_t character);
void font_sort(struct text_font *font);
void font_clear(struct text_font *font);
/* The character of a shape, 0: none. */
uint32_t font_find(const struct text_font *font, const struct shape *shape);
/* Atoll's own, `scale` times as large. Returns 0 or -ENOMEM. */
int font_own(struct text_font *font, unsigned scale);
/* The Unicode character at a place of the PC's code page 437. */
uint32_t cp437_character(unsigned code);

/* --- text_learn.c --- */

/* Finds the font of these shapes in memory. Returns 0, -ENODATA or -ENOMEM. */
int font_learn(struct text_font *font, unsigned width, unsigned height, const struct shape *shapes,
               size_t count, const struct text_memory *memory);

#endif
