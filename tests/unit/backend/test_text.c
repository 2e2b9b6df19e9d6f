/* SPDX-License-Identifier: ISC */
/*
 * Text on a screen: consoles are drawn in fonts that nobody told the reader of, whose glyphs lie
 * somewhere in a guest's memory, and read back character by character.
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

#define MEMORY (1u << 20)
#define GREY   0xc0c0c0u
#define BLUE   0x000080u

/* A guest with a font of its own: ours, with fat feet or leaning, and stretched. */
struct guest {
    uint32_t *pixels;
    uint32_t width, height;
    unsigned cell_width, cell_height, left, top;
    enum { FAT_FEET, LEANING } style;
    uint8_t *memory;
    unsigned pieces; /* that were looked at */
};

static struct shape glyph_of(const struct guest *g, uint32_t character)
{
    const uint8_t *rows = font_glyph(character);
    struct shape shape = {0};

    for (unsigned y = 0; y < g->cell_height; y++) {
        bool foot = y >= g->cell_height / 2;

        for (unsigned x = 0; x < g->cell_width; x++)
            if (rows[y * FONT_HEIGHT / g->cell_height] >>
                    (FONT_WIDTH - 1 - x * FONT_WIDTH / g->cell_width) &
                1)
                shape.lines[y] |= BIT(63 - x);
        if (g->style == FAT_FEET && foot)
            shape.lines[y] |= shape.lines[y] << 1;
        if (g->style == LEANING && !foot)
            shape.lines[y] = shape.lines[y] >> 1 & ~bits_mask(64 - g->cell_width);
    }
    return shape;
}

/* Fills the memory with noise, and puts `count` glyphs of the font at `at`. */
static void make_memory(struct guest *g, size_t at, const uint32_t *characters, unsigned count)
{
    size_t stride = (g->cell_width + 7) / 8;
    uint32_t noise = 1;

    for (size_t i = 0; i < MEMORY; i++) {
        noise = noise * 1664525 + 1013904223;
        g->memory[i] = (uint8_t)(noise >> 24);
    }
    for (unsigned i = 0; i < count; i++) {
        struct shape shape = glyph_of(g, characters[i]);

        for (unsigned y = 0; y < g->cell_height; y++)
            for (size_t b = 0; b < stride; b++)
                g->memory[at++] = (uint8_t)(shape.lines[y] >> (56 - 8 * b));
    }
}

static const uint8_t *piece(void *ctx, size_t index, size_t *length)
{
    struct guest *g = ctx;

    g->pieces++;
    *length = MEMORY;
    return index == 0 ? g->memory : NULL;
}

static void start(struct guest *g, uint32_t width, uint32_t height, unsigned cell_width,
                  unsigned cell_height)
{
    *g = (struct guest){
        .width = width, .height = height, .cell_width = cell_width, .cell_height = cell_height};
    g->pixels = calloc((size_t)width * height, sizeof(*g->pixels));
    g->memory = calloc(1, MEMORY);
    assert_true(g->pixels && g->memory);
}

static void stop(struct guest *g)
{
    free(g->pixels);
    free(g->memory);
}

static void draw(struct guest *g, unsigned column, unsigned row, uint32_t character,
                 uint32_t foreground, uint32_t background)
{
    struct shape shape = glyph_of(g, character);

    for (unsigned y = 0; y < g->cell_height; y++)
        for (unsigned x = 0; x < g->cell_width; x++)
            g->pixels[(size_t)(g->top + row * g->cell_height + y) * g->width + g->left +
                      column * g->cell_width + x] =
                shape.lines[y] >> (63 - x) & 1 ? foreground : background;
}

static void print(struct guest *g, unsigned row, const char *text, uint32_t foreground,
                  uint32_t background)
{
    for (unsigned i = 0; text[i]; i++)
        draw(g, i, row, (unsigned char)text[i], foreground, background);
}

static int read_text(struct guest *g, struct text_reader *reader, struct text_screen *text)
{
    return text_read(reader, g->pixels, g->width, g->height, &(struct text_memory){piece, g}, text);
}

static void assert_row(const struct text_screen *text, unsigned row, const char *wanted)
{
    char line[512] = "";

    assert_true(row < text->rows && text->columns < sizeof(line));
    for (unsigned i = 0; i < text->columns; i++) {
        uint32_t c = text->cells[row * text->columns + i].character;

        line[i] = (char)(c < 0x80 ? c : '?');
    }
    for (size_t end = text->columns; end > 0 && line[end - 1] == ' '; end--)
        line[end - 1] = '\0';
    assert_string_equal(line, wanted);
}

static const char *const lines[] = {
    "virtio4 at pci0 dev 6 function 0 \"Qumranet Virtio 1.x Memory Balloon\" rev 0x01",
    "The quick brown fox jumps over the lazy dog; {[(<!@#$%^&*+=~`'|\\/:,.?>)]}",
    "SPHINX OF BLACK QUARTZ, JUDGE MY VOW 0123456789 -_-",
    "$ uname -a",
};

static void print_lines(struct guest *g)
{
    for (unsigned i = 0; i < nitems(lines); i++)
        print(g, i, lines[i], GREY, i ? 0 : BLUE);
}

static void assert_lines(const struct text_screen *text)
{
    for (unsigned i = 0; i < nitems(lines); i++)
        assert_row(text, i, lines[i]);
    assert_int_equal(text->cells[0].foreground, GREY);
    assert_int_equal(text->cells[0].background, BLUE);
    assert_int_equal(text->cells[text->columns].background, 0);
}

/* The codes of OpenBSD's fonts: from the space on, as in Latin 1. */
static unsigned latin1(uint32_t characters[256])
{
    for (unsigned c = 0x20; c < 0x100; c++)
        characters[c - 0x20] = c >= 0x7f && c < 0xa0 ? 0xfffd : c;
    return 0x100 - 0x20;
}

/* Every size of OpenBSD's Spleen that a screen could have, in the corner and in the middle. */
static void learns_each_size(void **state)
{
    static const unsigned sizes[][4] = {
        {8, 16, 1024, 768}, {12, 24, 1280, 800}, {16, 32, 1920, 1200}, {32, 64, 3840, 2160}};
    uint32_t characters[256];
    unsigned count = latin1(characters);

    for (unsigned i = 0; i < 2 * nitems(sizes); i++) {
        const unsigned *size = sizes[i / 2];
        struct text_reader *reader;
        struct text_screen text;
        struct guest g;

        start(&g, size[2], size[3], size[0], size[1]);
        g.style = i % 2 ? LEANING : FAT_FEET;
        if (i % 2) {
            g.left = g.width % g.cell_width / 2;
            g.top = g.height % g.cell_height / 2;
        }
        make_memory(&g, 0x12344 + 4 * i, characters, count);
        print_lines(&g);
        assert_int_equal(text_reader_create(&reader), 0);
        assert_int_equal(read_text(&g, reader, &text), 0);
        assert_int_equal(text.cell_width, size[0]);
        assert_int_equal(text.cell_height, size[1]);
        assert_int_equal(text.left, g.left);
        assert_int_equal(text.top, g.top);
        assert_lines(&text);
        assert_false(text.cursor);
        free(text.cells);
        /* What is known needs no memory. */
        g.pieces = 0;
        assert_int_equal(read_text(&g, reader, &text), 0);
        assert_lines(&text);
        assert_int_equal(g.pieces, 0);
        free(text.cells);
        text_reader_free(reader);
        stop(&g);
    }
}

/* Linux's built-in font has the codes of the PC. */
static void knows_the_pc(void **state)
{
    struct text_reader *reader;
    struct text_screen text;
    uint32_t characters[256];
    struct guest g;

    for (unsigned c = 0; c < 256; c++)
        characters[c] = cp437_character(c);
    start(&g, 1024, 768, 8, 16);
    make_memory(&g, 0x800, characters, 256);
    print_lines(&g);
    draw(&g, 0, 6, 0x2554, GREY, 0);
    draw(&g, 1, 6, 0x2550, GREY, 0);
    draw(&g, 2, 6, 0xe9, GREY, 0);
    assert_int_equal(text_reader_create(&reader), 0);
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_lines(&text);
    assert_int_equal(text.cells[6 * text.columns].character, 0x2554);
    assert_int_equal(text.cells[6 * text.columns + 1].character, 0x2550);
    assert_int_equal(text.cells[6 * text.columns + 2].character, 0xe9);
    free(text.cells);
    text_reader_free(reader);
    stop(&g);
}

/* Debian's fonts have the PC's codes but for a few, and kernels more than one font: the one that
 * has every shape is the guest's. What has a shape and no name is still text, a half of a cell is
 * the one that stands on the screen's paper, and an em dash at the place of a space is none. */
static void knows_variants(void **state)
{
    struct text_reader *reader;
    struct text_screen text;
    uint32_t characters[256];
    struct guest g;

    for (unsigned c = 0; c < 256; c++)
        characters[c] = cp437_character(c);
    characters[0] = 0x2014;
    characters[0x01] = 0xde;
    start(&g, 1024, 768, 8, 13);
    make_memory(&g, 0x8000, characters, 256);
    for (unsigned i = 0; i < 256 * 13; i++) /* a font without a tilde comes before it */
        g.memory[0x1000 + i] = i / 13 == '~' ? 0x18 : g.memory[0x8000 + i];
    print_lines(&g);
    draw(&g, 0, 5, 0x2580, GREY, 0);
    draw(&g, 1, 5, 0x2584, GREY, 0);
    draw(&g, 2, 5, 0x2014, GREY, 0);
    draw(&g, 3, 5, '~', 0, GREY);
    assert_int_equal(text_reader_create(&reader), 0);
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_int_equal(text.cell_height, 13);
    assert_lines(&text);
    assert_int_equal(text.cells[5 * text.columns].character, 0x2580);
    assert_int_equal(text.cells[5 * text.columns + 1].character, 0x2584);
    assert_int_not_equal(text.cells[5 * text.columns + 2].character, ' ');
    assert_int_equal(text.cells[5 * text.columns + 3].character, '~');
    free(text.cells);
    text_reader_free(reader);
    stop(&g);
}

/* EFI's console, twice as large as its font. */
static void knows_our_own(void **state)
{
    struct text_reader *reader;
    struct text_screen text;
    struct guest g;

    start(&g, 1300, 820, 16, 32);
    g.left = g.top = 10;
    for (unsigned i = 0; i < 5; i++) {
        struct shape shape = {0};
        const uint8_t *rows = font_glyph((uint8_t) "boot>"[i]);

        for (unsigned y = 0; y < 32; y++)
            for (unsigned x = 0; x < 16; x++)
                if (rows[y / 2] >> (7 - x / 2) & 1)
                    shape.lines[y] |= BIT(63 - x);
        for (unsigned y = 0; y < 32; y++)
            for (unsigned x = 0; x < 16; x++)
                g.pixels[(size_t)(10 + y) * 1300 + 10 + i * 16 + x] =
                    shape.lines[y] >> (63 - x) & 1 ? GREY : 0;
    }
    assert_int_equal(text_reader_create(&reader), 0);
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_int_equal(text.columns, 80);
    assert_row(&text, 0, "boot>");
    assert_int_equal(g.pieces, 0);
    free(text.cells);
    text_reader_free(reader);
    stop(&g);
}

static void sees_cursors(void **state)
{
    uint32_t characters[256];
    unsigned count = latin1(characters);
    struct text_reader *reader;
    struct text_screen text;
    struct guest g;

    start(&g, 1024, 768, 8, 16);
    make_memory(&g, 0x4000, characters, count);
    print_lines(&g);
    assert_int_equal(text_reader_create(&reader), 0);
    draw(&g, 11, 3, ' ', 0, GREY); /* a block on nothing */
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_true(text.cursor && text.cursor_column == 11 && text.cursor_row == 3);
    assert_lines(&text);
    free(text.cells);
    draw(&g, 11, 3, ' ', GREY, 0);
    draw(&g, 6, 3, 'e', 0, GREY); /* and on a character */
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_true(text.cursor && text.cursor_column == 6 && text.cursor_row == 3);
    assert_lines(&text);
    free(text.cells);
    draw(&g, 6, 3, 'e', GREY, 0);
    for (unsigned y = 14; y < 16; y++) /* two lines at the foot, as Linux draws it */
        for (unsigned x = 0; x < 8; x++)
            g.pixels[(size_t)(3 * 16 + y) * 1024 + 2 * 8 + x] = GREY;
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_true(text.cursor && text.cursor_column == 2 && text.cursor_row == 3);
    assert_lines(&text);
    free(text.cells);
    /* An empty screen has the console's size, once it is known. */
    memset(g.pixels, 0, (size_t)g.width * g.height * sizeof(*g.pixels));
    assert_int_equal(read_text(&g, reader, &text), 0);
    assert_int_equal(text.columns, 128);
    assert_row(&text, 3, "");
    free(text.cells);
    text_reader_free(reader);
    stop(&g);
}

/* No font, no text: nothing is guessed. */
static void guesses_nothing(void **state)
{
    static const uint32_t sizes[][2] = {{1024, 768}, {1, 1}, {8192, 64}, {159, 39}};
    uint32_t characters[256], noise = 7;
    unsigned count = latin1(characters);
    struct text_reader *reader;
    struct text_screen text;
    struct guest g;

    assert_int_equal(text_reader_create(&reader), 0);
    start(&g, 1024, 768, 8, 16);
    make_memory(&g, 0x4000, characters, 0); /* text, but no glyphs in memory */
    print_lines(&g);
    assert_int_equal(read_text(&g, reader, &text), -ENODATA);
    stop(&g);
    for (unsigned i = 0; i < nitems(sizes); i++) {
        start(&g, sizes[i][0], sizes[i][1], 8, 16);
        assert_int_equal(read_text(&g, reader, &text), -ENODATA); /* black */
        make_memory(&g, 0x4000, characters, count);
        for (size_t at = 0; at < (size_t)g.width * g.height; at++) {
            noise = noise * 1664525 + 1013904223;
            g.pixels[at] = i % 2 ? noise >> 8 : noise >> 31 ? 0xffffff : 0;
        }
        assert_int_equal(read_text(&g, reader, &text), -ENODATA);
        assert_null(text.cells);
        stop(&g);
    }
    text_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_each_size), cmocka_unit_test(knows_the_pc),
        cmocka_unit_test(knows_variants),   cmocka_unit_test(knows_our_own),
        cmocka_unit_test(sees_cursors),     cmocka_unit_test(guesses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
