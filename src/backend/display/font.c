/* SPDX-License-Identifier: ISC */
#include "backend/font.h"

#include <stdlib.h>

#include "base/bits.h"

/* display/font.txt as struct font_glyph, by tools/fontgen.c. */
static const struct font_glyph glyphs[] = {
#include "backend/font_table.h"
};

#define NO_CHARACTER 0xfffd

const struct font_glyph *font_glyphs(size_t *count)
{
    *count = nitems(glyphs);
    return glyphs;
}

static int compare(const void *key, const void *glyph)
{
    uint32_t wanted = *(const uint32_t *)key;
    uint32_t character = ((const struct font_glyph *)glyph)->character;

    return wanted < character ? -1 : wanted > character;
}

const uint8_t *font_glyph(uint32_t character)
{
    const uint32_t missing = NO_CHARACTER;
    const struct font_glyph *found =
        bsearch(&character, glyphs, nitems(glyphs), sizeof(*glyphs), compare);

    if (!found)
        found = bsearch(&missing, glyphs, nitems(glyphs), sizeof(*glyphs), compare);
    return found->rows;
}
