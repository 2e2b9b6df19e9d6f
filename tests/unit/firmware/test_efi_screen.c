/* SPDX-License-Identifier: ISC */
/* EFI's text on a display: where it stands, what it looks like, and that only changes are drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backend/font.h"
#include "firmware/efi/screen.h"

#define GREY 0xaaaaaau

/* A display that remembers. */
struct canvas {
    struct efi_display display;
    uint32_t *pixels;
    unsigned draws;
    struct display_rect last;
};

static void draw(void *ctx, const struct display_rect *rect, const uint32_t *pixels)
{
    struct canvas *c = ctx;
    const struct display_rect all = {0, 0, c->display.width, c->display.height};

    assert_true(display_rect_within(rect, &all));
    for (uint32_t y = 0; y < rect->height; y++)
        memcpy(c->pixels + (size_t)(rect->y + y) * all.width + rect->x,
               pixels + (size_t)y * rect->width, rect->width * sizeof(*pixels));
    c->draws++;
    c->last = *rect;
}

static struct efi_screen *start(struct canvas *c, uint32_t width, uint32_t height)
{
    struct efi_screen *screen;

    *c = (struct canvas){.display = {width, height, draw, c}};
    c->pixels = malloc((size_t)width * height * sizeof(*c->pixels));
    assert_non_null(c->pixels);
    memset(c->pixels, 0xff, (size_t)width * height * sizeof(*c->pixels));
    assert_int_equal(efi_screen_new(&screen, &c->display), 0);
    c->draws = 0;
    return screen;
}

static void stop(struct canvas *c, struct efi_screen *screen)
{
    efi_screen_free(screen);
    free(c->pixels);
}

/* Whether the cell whose corner is at (left, top) shows the character `scale` times as large. */
static bool shows(const struct canvas *c, uint32_t left, uint32_t top, unsigned scale,
                  uint32_t character, uint32_t foreground, uint32_t background)
{
    const uint8_t *glyph = font_glyph(character);

    for (unsigned y = 0; y < FONT_HEIGHT * scale; y++)
        for (unsigned x = 0; x < FONT_WIDTH * scale; x++) {
            bool on = glyph[y / scale] >> (FONT_WIDTH - 1 - x / scale) & 1;

            if (c->pixels[(size_t)(top + y) * c->display.width + left + x] !=
                (on ? foreground : background))
                return false;
        }
    return true;
}

static bool is_black(const struct canvas *c)
{
    for (size_t i = 0; i < (size_t)c->display.width * c->display.height; i++)
        if (c->pixels[i])
            return false;
    return true;
}

/* 1280x800 is 80 by 25 characters of twice the size, to the pixel. */
static void fits(void **state)
{
    struct canvas c;
    struct efi_screen *screen = start(&c, 1280, 800);

    assert_true(is_black(&c));
    efi_screen_put(screen, 0, 0, 'A', 0x07);
    efi_screen_put(screen, 24, 79, 0x2588, 0x1f);
    efi_screen_show(screen, 10, 10, false);
    assert_true(shows(&c, 0, 0, 2, 'A', GREY, 0));
    assert_true(shows(&c, 1264, 768, 2, 0x2588, 0xffffff, 0x0000aa));
    assert_int_equal(c.draws, 2);
    stop(&c, screen);
}

static void stands_in_the_middle(void **state)
{
    struct canvas c;
    struct efi_screen *screen = start(&c, 1024, 768);

    assert_true(is_black(&c));
    efi_screen_put(screen, 1, 2, 'x', 0x0a);
    efi_screen_show(screen, 0, 0, false);
    assert_true(shows(&c, (1024 - 640) / 2 + 16, (768 - 400) / 2 + 16, 1, 'x', 0x55ff55, 0));
    assert_memory_equal(&c.last, (&(struct display_rect){208, 200, 8, 16}), sizeof(c.last));
    stop(&c, screen);
}

/* A display without room for the text has none, and nothing is drawn for it. */
static void is_too_small(void **state)
{
    struct canvas c;
    struct efi_screen *screen = start(&c, 639, 400);

    assert_null(screen);
    efi_screen_put(screen, 0, 0, 'A', 7);
    efi_screen_scroll(screen, 7);
    efi_screen_clear(screen, 7);
    efi_screen_show(screen, 0, 0, true);
    assert_int_equal(c.draws, 0);
    stop(&c, screen);
}

static void scrolls_and_clears(void **state)
{
    struct canvas c;
    struct efi_screen *screen = start(&c, 640, 400);

    efi_screen_put(screen, 1, 0, 'n', 7);
    efi_screen_put(screen, 24, 3, 'l', 7);
    efi_screen_scroll(screen, 0x17);
    efi_screen_show(screen, 0, 0, false);
    assert_true(shows(&c, 0, 0, 1, 'n', GREY, 0));
    assert_true(shows(&c, 24, 23 * 16, 1, 'l', GREY, 0));
    assert_true(shows(&c, 24, 24 * 16, 1, ' ', GREY, 0x0000aa));
    efi_screen_clear(screen, 0);
    efi_screen_show(screen, 0, 0, false);
    assert_true(is_black(&c));
    c.draws = 0;
    efi_screen_show(screen, 0, 0, false);
    assert_int_equal(c.draws, 0);
    stop(&c, screen);
}

/* The cursor is a bar at the foot, and leaves nothing behind. */
static void has_a_cursor(void **state)
{
    struct canvas c;
    struct efi_screen *screen = start(&c, 640, 400);

    efi_screen_put(screen, 0, 0, ' ', 7);
    efi_screen_show(screen, 0, 0, true);
    assert_int_equal(c.pixels[12 * 640], 0);
    assert_int_equal(c.pixels[13 * 640], GREY);
    assert_int_equal(c.pixels[15 * 640 + 7], GREY);
    efi_screen_show(screen, 0, 1, true);
    assert_true(shows(&c, 0, 0, 1, ' ', GREY, 0));
    assert_int_equal(c.pixels[15 * 640 + 8], GREY); /* nobody has written there */
    stop(&c, screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits),         cmocka_unit_test(stands_in_the_middle),
        cmocka_unit_test(is_too_small), cmocka_unit_test(scrolls_and_clears),
        cmocka_unit_test(has_a_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
