/* SPDX-License-Identifier: ISC */
/*
 * Text on a screen of a guest that does not want to be read: what it draws and what it has in
 * memory costs a bounded effort and no more. Where that is a matter of time alone, this test's time
 * would be up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/display/text_private.h"
#include "backend/font.h"
#include "base/units.h"

#define PIECE (1u << 20)
#define INK   0xc0c0c0u

struct guest {
    uint32_t *pixels;
    uint32_t width, height;
    uint8_t *memory;
    size_t length;
    unsigned most;   /* pieces, all the same */
    unsigned pieces; /* that were looked at */
    bool wipes;      /* its memory, once it has been looked at */
};

static const uint8_t *piece(void *ctx, size_t index, size_t *length)
{
    struct guest *g = ctx;

    g->pieces++;
    *length = g->length;
    if (index < g->most)
        return g->memory;
    if (g->wipes)
        memset(g->memory, 0, g->length);
    return NULL;
}

static void start(struct guest *g, uint32_t width, uint32_t height, size_t length)
{
    *g = (struct guest){.width = width, .height = height, .length = length, .most = 1};
    g->pixels = calloc((size_t)width * height, sizeof(*g->pixels));
    g->memory = calloc(1, length);
    assert_true(g->pixels && g->memory);
}

static int read_screen(struct guest *g)
{
    struct text_reader *reader;
    struct text_screen text;
    int ret;

    assert_int_equal(text_reader_create(&reader), 0);
    ret = text_read(reader, g->pixels, g->width, g->height, &(struct text_memory){piece, g}, &text);
    free(text.cells);
    text_reader_free(reader);
    free(g->pixels);
    free(g->memory);
    return ret;
}

static void draw_line(struct guest *g, uint32_t x, uint32_t y, unsigned width, uint64_t bits)
{
    for (unsigned i = 0; i < width; i++)
        if (bits >> (width - 1 - i) & 1)
            g->pixels[(size_t)y * g->width + x + i] = INK;
}

/* Our own font with fat feet: a font that has to be learnt. */
static uint8_t fat(uint32_t character, unsigned y)
{
    uint8_t row = font_glyph(character)[y];

    return y < FONT_HEIGHT / 2 ? row : (uint8_t)(row | row << 1);
}

static void draw_text(struct guest *g)
{
    const char *c = "The quick brown fox jumps over the lazy dog";

    for (uint32_t x = 0; *c; c++, x += FONT_WIDTH)
        for (unsigned y = 0; y < FONT_HEIGHT; y++)
            draw_line(g, x, y, FONT_WIDTH, fat((unsigned char)*c, y));
}

static void put_font(struct guest *g)
{
    uint8_t *at = g->memory + 4096;

    for (uint32_t c = ' '; c < 0x7f; c++)
        for (unsigned y = 0; y < FONT_HEIGHT; y++)
            *at++ = fat(c, y);
}

static void test_font_that_stays(void **state)
{
    struct guest g;

    start(&g, 640, 400, PIECE);
    draw_text(&g);
    put_font(&g);
    assert_int_equal(read_screen(&g), 0);
}

/* Between the search and the look at what was found. */
static void test_font_that_goes(void **state)
{
    struct guest g;

    start(&g, 640, 400, PIECE);
    draw_text(&g);
    put_font(&g);
    g.wipes = true;
    assert_int_equal(read_screen(&g), -ENODATA);
}

static void test_much_memory(void **state)
{
    struct guest g;

    start(&g, 640, 400, PIECE);
    draw_text(&g);
    g.most = 16384;
    assert_int_equal(read_screen(&g), -ENODATA);
    assert_in_range(g.pieces, 8192, 8192 + 64);
}

/* Memory full of what differs from 48 glyphs on the screen in their last lines only. */
static void test_look_alikes(void **state)
{
    const unsigned columns = 160, rows = 50, width = 8, height = 16;
    struct guest g;

    start(&g, columns * width, rows * height, 512 * MIB);
    for (unsigned i = 0; i < columns * rows; i++)
        for (unsigned y = 0; y < height; y++)
            draw_line(&g, i % columns * width, i / columns * height + y, width,
                      y + 1 < height ? 0x12 : 0x40 + i % 48);
    memset(g.memory, 0x12, g.length);
    assert_int_equal(read_screen(&g), -ENODATA);
}

static void test_random_pixels(void **state)
{
    uint32_t noise = 1;
    struct guest g;

    start(&g, 8192, 8192, PIECE);
    for (size_t i = 0; i < (size_t)g.width * g.height; i++) {
        noise = noise * 1664525 + 1013904223;
        g.pixels[i] = noise >> 31 ? INK : 0;
    }
    assert_int_equal(read_screen(&g), -ENODATA);
}

static void test_grids(void **state)
{
    struct grid grids[GRID_CANDIDATES];
    size_t count = grid_candidates(8192, 8192, grids);

    assert_in_range(count, 1, GRID_CANDIDATES);
    for (size_t i = 0; i < count; i++)
        assert_in_range(grids[i].columns * grids[i].rows, 100, 1u << 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_font_that_stays), cmocka_unit_test(test_font_that_goes),
        cmocka_unit_test(test_much_memory),     cmocka_unit_test(test_look_alikes),
        cmocka_unit_test(test_random_pixels),   cmocka_unit_test(test_grids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
