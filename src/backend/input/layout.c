/* SPDX-License-Identifier: ISC */
/*
 * The search in layouts, and what accents make of letters (layouts.c has the tables).
 */
#include "backend/input/layout.h"

#include <string.h>

#include "backend/input/layouts.h"

/* The keys of each row in the order of the tables, as they lie on an ISO or JIS keyboard; an ANSI
 * keyboard has its backslash at the end of the second row. */
static const uint16_t row_e[] = {0x35, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23,
                                 0x24, 0x25, 0x26, 0x27, 0x2d, 0x2e, 0x89};
static const uint16_t row_d[] = {0x14, 0x1a, 0x08, 0x15, 0x17, 0x1c, 0x18,
                                 0x0c, 0x12, 0x13, 0x2f, 0x30, 0x31};
static const uint16_t row_c[] = {0x04, 0x16, 0x07, 0x09, 0x0a, 0x0b,
                                 0x0d, 0x0e, 0x0f, 0x33, 0x34, 0x32};
static const uint16_t row_b[] = {0x64, 0x1d, 0x1b, 0x06, 0x19, 0x05,
                                 0x11, 0x10, 0x36, 0x37, 0x38, 0x87};
static const uint16_t *const row_usages[LAYOUT_ROWS] = {row_e, row_d, row_c, row_b};
static const size_t row_lengths[LAYOUT_ROWS] = {nitems(row_e), nitems(row_d), nitems(row_c),
                                                nitems(row_b)};

/* Accents by their combining characters: what they look like alone, and the letters that they are
 * put on with what comes of it (Unicode, canonical decomposition). */
static const struct accent {
    uint32_t combining;
    uint32_t alone;
    const wchar_t *letters, *accented;
} accents[] = {
    {0x300, L'`', L"aeiouAEIOU", L"àèìòùÀÈÌÒÙ"},
    {0x301, L'´', L"aeiouyAEIOUYcnszCNSZ", L"áéíóúýÁÉÍÓÚÝćńśźĆŃŚŹ"},
    {0x302, L'^', L"aeiouAEIOU", L"âêîôûÂÊÎÔÛ"},
    {0x303, L'~', L"anoANO", L"ãñõÃÑÕ"},
    {0x308, L'¨', L"aeiouyAEIOUY", L"äëïöüÿÄËÏÖÜŸ"},
    {0x30a, L'°', L"aA", L"åÅ"},
    {0x30c, L'ˇ', L"cdenrstzCDENRSTZ", L"čďěňřšťžČĎĚŇŘŠŤŽ"},
    {0x327, L'¸', L"cC", L"çÇ"},
};

const struct layout *layout_at(size_t index)
{
    return index < layout_count ? &layout_table[index] : NULL;
}

const struct layout *layout_find(const char *name)
{
    for (size_t i = 0; i < layout_count; i++)
        if (strcmp(layout_table[i].name, name ? name : "us") == 0)
            return &layout_table[i];
    return NULL;
}

const char *layout_name(const struct layout *layout)
{
    return layout->name;
}

const char *layout_about(const struct layout *layout)
{
    return layout->about;
}

static uint32_t printed(const struct layout *layout, unsigned row, unsigned level, size_t column)
{
    const wchar_t *keys = layout->rows[row][level];

    return keys && column < wcslen(keys) ? (uint32_t)keys[column] : L' ';
}

/* A key whose two first levels are a letter's two cases. */
static bool is_letter(const struct layout *layout, unsigned row, size_t column)
{
    uint32_t small = printed(layout, row, 0, column), large = printed(layout, row, 1, column);

    return small != large && small >= 'a' &&
           ((small <= 'z' && large == small - 32) ||
            (small >= 0xe0 && small <= 0xfe && large == small - 32));
}

static bool find_on_level(const struct layout *layout, uint32_t character, unsigned level,
                          struct stroke *stroke)
{
    for (unsigned row = 0; row < LAYOUT_ROWS; row++) {
        for (size_t column = 0; column < row_lengths[row]; column++) {
            if (printed(layout, row, level, column) != character)
                continue;
            *stroke = (struct stroke){row_usages[row][column], (uint8_t)level};
            if (!(level & STROKE_ALTGR) && is_letter(layout, row, column))
                stroke->mods |= STROKE_CAPS;
            return true;
        }
    }
    return false;
}

static bool find_key(const struct layout *layout, uint32_t character, unsigned held,
                     struct stroke *stroke)
{
    if (character == L' ') {
        *stroke = (struct stroke){USAGE_SPACE, STROKE_ANY};
        return true;
    }
    if (find_on_level(layout, character, held, stroke))
        return true;
    for (unsigned level = 0; level < LAYOUT_LEVELS; level++)
        if (find_on_level(layout, character, level, stroke))
            return true;
    return false;
}

uint32_t layout_character(const struct layout *layout, unsigned usage, unsigned level)
{
    if (usage == USAGE_SPACE)
        return L' ';
    for (unsigned row = 0; row < LAYOUT_ROWS; row++)
        for (size_t column = 0; column < row_lengths[row]; column++)
            if (row_usages[row][column] == usage) {
                uint32_t character = printed(layout, row, level & STROKE_LEVEL, column);

                return character == L' ' ? 0 : character;
            }
    return 0;
}

bool layout_dead(const struct layout *layout, uint32_t combining, struct stroke *stroke)
{
    return combining >= LAYOUT_DEAD_FIRST && combining <= LAYOUT_DEAD_LAST &&
           find_key(layout, combining, 0, stroke);
}

uint32_t layout_accent(uint32_t combining)
{
    for (size_t i = 0; i < nitems(accents); i++)
        if (accents[i].combining == combining)
            return accents[i].alone;
    return 0;
}

bool layout_has_altgr(const struct layout *layout)
{
    for (unsigned row = 0; row < LAYOUT_ROWS; row++)
        if (layout->rows[row][STROKE_ALTGR])
            return true;
    return false;
}

/* The accent and the letter that make `character`; an accent that stands alone is put on a space.
 */
static bool decompose(uint32_t character, uint32_t *combining, uint32_t *letter)
{
    for (size_t i = 0; i < nitems(accents); i++) {
        const wchar_t *found = wcschr(accents[i].accented, (wchar_t)character);

        *combining = accents[i].combining;
        *letter = L' ';
        if (accents[i].alone == character)
            return true;
        if (found) {
            *letter = (uint32_t)accents[i].letters[found - accents[i].accented];
            return true;
        }
    }
    return false;
}

/* Space, Enter and their like. */
static bool find_control(uint32_t character, struct stroke *stroke)
{
    static const struct {
        uint8_t character, usage;
    } controls[] = {{'\n', USAGE_ENTER},     {'\r', USAGE_ENTER},  {'\t', USAGE_TAB},
                    {'\b', USAGE_BACKSPACE}, {0x1b, USAGE_ESCAPE}, {0x7f, USAGE_BACKSPACE}};

    for (size_t i = 0; i < nitems(controls); i++) {
        if (controls[i].character == character) {
            *stroke = (struct stroke){controls[i].usage, STROKE_ANY};
            return true;
        }
    }
    return false;
}

unsigned layout_strokes(const struct layout *layout, uint32_t character, unsigned held,
                        struct stroke strokes[LAYOUT_STROKES])
{
    uint32_t combining, letter;

    if (find_control(character, &strokes[0]))
        return 1;
    if (character < ' ' || (character >= LAYOUT_DEAD_FIRST && character <= LAYOUT_DEAD_LAST))
        return 0;
    if (find_key(layout, character, held, &strokes[0]))
        return 1;
    if (decompose(character, &combining, &letter) && layout_dead(layout, combining, &strokes[0]) &&
        find_key(layout, letter, 0, &strokes[1]))
        return 2;
    return 0;
}
