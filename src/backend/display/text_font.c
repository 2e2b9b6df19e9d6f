/* SPDX-License-Identifier: ISC */
/*
 * Fonts by shape.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/display/text_private.h"
#include "backend/font.h"

int font_add(struct text_font *font, const struct shape *shape, uint32_t character)
{
    struct text_glyph *glyph;

    if (font->count == font->room) {
        size_t room = font->room ? 2 * font->room : 256;
        struct text_glyph *glyphs = realloc(font->glyphs, room * sizeof(*glyphs));

        if (!glyphs)
            return -ENOMEM;
        font->glyphs = glyphs;
        font->room = room;
    }
    glyph = &font->glyphs[font->count];
    glyph->shape = malloc(sizeof(*shape));
    if (!glyph->shape)
        return -ENOMEM;
    *glyph->shape = *shape;
    glyph->hash = shape_hash(shape, font->height);
    glyph->character = character;
    font->count++;
    return 0;
}

/* ASCII before the rest, then by number: of equal shapes the usual character comes first. */
static int compare(const void *a, const void *b)
{
    const struct text_glyph *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->character < y->character ? -1 : x->character > y->character;
}

void font_sort(struct text_font *font)
{
    if (font->count)
        qsort(font->glyphs, font->count, sizeof(*font->glyphs), compare);
}

void font_clear(struct text_font *font)
{
    for (size_t i = 0; i < font->count; i++)
        free(font->glyphs[i].shape);
    free(font->glyphs);
    *font = (struct text_font){0};
}

uint32_t font_find(const struct text_font *font, const struct shape *shape)
{
    uint64_t hash = shape_hash(shape, font->height);
    size_t low = 0, high = font->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (font->glyphs[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < font->count && font->glyphs[low].hash == hash; low++)
        if (shape_equal(font->glyphs[low].shape, shape, font->height))
            return font->glyphs[low].character;
    return 0;
}

/* A line of a glyph, each pixel `scale` times. */
static uint64_t stretch(uint8_t row, unsigned scale)
{
    uint64_t line = 0;

    for (unsigned x = 0; x < FONT_WIDTH * scale; x++)
        if (row >> (FONT_WIDTH - 1 - x / scale) & 1)
            line |= BIT(63 - x);
    return line;
}

int font_own(struct text_font *font, unsigned scale)
{
    size_t count;
    const struct font_glyph *glyphs = font_glyphs(&count);

    *font = (struct text_font){.width = FONT_WIDTH * scale, .height = FONT_HEIGHT * scale};
    for (size_t i = 0; i < count; i++) {
        struct shape shape = {0};

        for (unsigned y = 0; y < font->height; y++)
            shape.lines[y] = stretch(glyphs[i].rows[y / scale], scale);
        if (font_add(font, &shape, glyphs[i].character))
            return -ENOMEM;
    }
    font_sort(font);
    return 0;
}

/* IBM's code page 437, by what Unicode's table CP437.TXT and, below 32, the PC's glyphs are. */
static const uint16_t low[32] = {
    0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9,
    0x2642, 0x2640, 0x266a, 0x266b, 0x263c, 0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7,
    0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const uint16_t high[129] = {
    0x2302, 0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8,
    0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb,
    0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3,
    0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab,
    0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551,
    0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e,
    0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565,
    0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590,
    0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9,
    0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7,
    0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

uint32_t cp437_character(unsigned code)
{
    return code < 32 ? low[code] : code < 127 ? code : code < 256 ? high[code - 127] : 0;
}
