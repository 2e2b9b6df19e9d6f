/* SPDX-License-Identifier: ISC */
/*
 * The text is kept as characters, beside what the display shows of it, so that a program which
 * writes a screenful of lines costs one drawing of what has changed in the end.
 */
#include "firmware/efi/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/font.h"

#define CURSOR_LINES 3u /* of a character's, at its foot */

struct cell {
    uint16_t character;
    uint8_t attribute;
    bool cursor;
};

struct efi_screen {
    const struct efi_display *display;
    unsigned scale, left, top; /* pixels of the display for one of the font's; the text's corner */
    struct cell text[EFI_ROWS][EFI_COLUMNS], shown[EFI_ROWS][EFI_COLUMNS];
    uint32_t *pixels; /* of a row of text */
};

/* EFI's colours are the PC's. */
static const uint32_t colours[16] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static struct cell empty(int32_t attribute)
{
    return (struct cell){.character = ' ', .attribute = (uint8_t)(attribute & 0x7f)};
}

static void fill_row(struct cell *row, int32_t attribute)
{
    for (unsigned i = 0; i < EFI_COLUMNS; i++)
        row[i] = empty(attribute);
}

static void blacken(const struct efi_display *display)
{
    struct display_rect line = {0, 0, display->width, 1};
    uint32_t *black = calloc(display->width, sizeof(*black));

    for (; black && line.y < display->height; line.y++)
        display->draw(display->ctx, &line, black);
    free(black);
}

int efi_screen_new(struct efi_screen **screen, const struct efi_display *display)
{
    unsigned scale = MIN(display->width / (EFI_COLUMNS * FONT_WIDTH),
                         display->height / (EFI_ROWS * FONT_HEIGHT));
    struct efi_screen *s;

    *screen = NULL;
    if (scale == 0)
        return 0;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->pixels =
        calloc((size_t)EFI_COLUMNS * FONT_WIDTH * scale * FONT_HEIGHT * scale, sizeof(*s->pixels));
    if (!s->pixels) {
        free(s);
        return -ENOMEM;
    }
    s->display = display;
    s->scale = scale;
    s->left = (display->width - EFI_COLUMNS * FONT_WIDTH * scale) / 2;
    s->top = (display->height - EFI_ROWS * FONT_HEIGHT * scale) / 2;
    efi_screen_clear(s, 7);
    memcpy(s->shown, s->text, sizeof(s->shown));
    blacken(display);
    *screen = s;
    return 0;
}

void efi_screen_free(struct efi_screen *s)
{
    if (!s)
        return;
    free(s->pixels);
    free(s);
}

void efi_screen_put(struct efi_screen *s, int32_t row, int32_t column, uint16_t character,
                    int32_t attribute)
{
    if (!s)
        return;
    s->text[row][column] = empty(attribute);
    s->text[row][column].character = character;
}

void efi_screen_scroll(struct efi_screen *s, int32_t attribute)
{
    if (!s)
        return;
    memmove(s->text[0], s->text[1], sizeof(s->text) - sizeof(s->text[0]));
    fill_row(s->text[EFI_ROWS - 1], attribute);
}

void efi_screen_clear(struct efi_screen *s, int32_t attribute)
{
    for (unsigned row = 0; s && row < EFI_ROWS; row++)
        fill_row(s->text[row], attribute);
}

/* One line of a character's pixels, `scale` times as wide. */
static void draw_line(const struct efi_screen *s, uint32_t *to, uint8_t bits, uint32_t foreground,
                      uint32_t background)
{
    for (unsigned x = 0; x < FONT_WIDTH; x++)
        for (unsigned i = 0; i < s->scale; i++)
            *to++ = bits >> (FONT_WIDTH - 1 - x) & 1 ? foreground : background;
}

/* `cell` as the `index`-th of `count` that are drawn together. */
static void draw_cell(struct efi_screen *s, const struct cell *cell, unsigned index, unsigned count)
{
    const uint8_t *glyph = font_glyph(cell->character);
    uint32_t foreground = colours[cell->attribute & 15], background = colours[cell->attribute >> 4];
    size_t width = FONT_WIDTH * s->scale, stride = width * count;

    for (unsigned y = 0; y < FONT_HEIGHT; y++) {
        bool cursor = cell->cursor && y >= FONT_HEIGHT - CURSOR_LINES;
        uint32_t *line = s->pixels + (size_t)y * s->scale * stride + index * width;

        draw_line(s, line, cursor ? 0xff : glyph[y], foreground, background);
        for (unsigned i = 1; i < s->scale; i++)
            memcpy(line + i * stride, line, width * sizeof(*line));
    }
}

static bool same(const struct cell *a, const struct cell *b)
{
    return a->character == b->character && a->attribute == b->attribute && a->cursor == b->cursor;
}

/* Draws from the first to the last character of the row that differ. */
static void show_row(struct efi_screen *s, unsigned row)
{
    struct cell *text = s->text[row], *shown = s->shown[row];
    unsigned first = 0, end = EFI_COLUMNS;
    struct display_rect rect = {.y = s->top + row * FONT_HEIGHT * s->scale,
                                .height = FONT_HEIGHT * s->scale};

    while (first < end && same(&text[first], &shown[first]))
        first++;
    while (end > first && same(&text[end - 1], &shown[end - 1]))
        end--;
    if (first == end)
        return;
    for (unsigned i = first; i < end; i++)
        draw_cell(s, &text[i], i - first, end - first);
    memcpy(shown + first, text + first, (end - first) * sizeof(*text));
    rect.x = s->left + first * FONT_WIDTH * s->scale;
    rect.width = (end - first) * FONT_WIDTH * s->scale;
    s->display->draw(s->display->ctx, &rect, s->pixels);
}

void efi_screen_show(struct efi_screen *s, int32_t row, int32_t column, bool cursor)
{
    if (!s)
        return;
    s->text[row][column].cursor = cursor;
    for (unsigned i = 0; i < EFI_ROWS; i++)
        show_row(s, i);
    s->text[row][column].cursor = false;
}
