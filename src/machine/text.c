/* SPDX-License-Identifier: ISC */
/*
 * The text console on the screen, as characters (backend/text.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"

_Static_assert(sizeof(struct atoll_cell) == sizeof(struct text_cell) &&
                   offsetof(struct atoll_cell, background) ==
                       offsetof(struct text_cell, background),
               "one cell, two names");

/* Pieces of guest memory, in order of their addresses. */
struct pieces {
    const struct mem *mem;
    uint64_t ipa;
};

static const uint8_t *next_piece(void *ctx, size_t index, size_t *length)
{
    struct pieces *pieces = ctx;
    const uint8_t *bytes;
    uint64_t size;

    if (index == 0)
        pieces->ipa = 0;
    bytes = mem_next_resident(pieces->mem, &pieces->ipa, &size);
    pieces->ipa += bytes ? size : 0;
    *length = bytes ? size : 0;
    return bytes;
}

/* The screen as it is at one moment: words without gaps from line to line, malloc'ed; NULL with
 * -errno in *ret. */
static uint32_t *copy_screen(struct display *display, uint32_t *width, uint32_t *height, int *ret)
{
    struct display_surface surface;
    uint32_t *pixels = NULL;

    display_lock(display);
    surface = display_surface(display);
    *ret = surface.on && surface.pixels ? 0 : -ENODATA;
    if (*ret == 0) {
        pixels = malloc((size_t)surface.width * surface.height * sizeof(*pixels));
        *ret = pixels ? 0 : -ENOMEM;
    }
    for (uint32_t y = 0; pixels && y < surface.height; y++)
        memcpy(pixels + (size_t)y * surface.width, surface.pixels + (size_t)y * surface.stride,
               surface.width * sizeof(*pixels));
    display_unlock(display);
    *width = surface.width;
    *height = surface.height;
    return pixels;
}

/* One at a time, its copy of the screen too. Returns 0 or -errno, with the error. */
static int read_text(struct machine *m, struct text_screen *text, struct error *err)
{
    struct screen *screen = &m->screen;
    struct pieces pieces = {.mem = m->mem};
    const struct text_memory memory = {next_piece, &pieces};
    uint32_t width, height, *pixels;
    int ret;

    pixels = copy_screen(screen->display, &width, &height, &ret);
    if (ret == -ENODATA)
        return error_set(err, ENODATA, "the screen is off");
    if (!ret && !screen->reader)
        ret = text_reader_create(&screen->reader);
    ret = ret ? ret : text_read(screen->reader, pixels, width, height, &memory, text);
    free(pixels);
    if (ret == -ENODATA)
        return error_set(err, ENODATA,
                         "the screen shows no text in a font that is known or could be learnt from "
                         "the guest");
    return ret ? error_set(err, -ret, "out of memory") : 0;
}

int machine_screen_text(struct atoll *vm, struct atoll_text *text, struct error *err)
{
    struct machine *m = (struct machine *)vm;
    struct text_screen read;
    int ret;

    if (!m->screen.display)
        return error_set(err, ENODEV, "the machine has no GPU; give it one with --gpu WxH");
    pthread_mutex_lock(&m->screen.text_lock);
    ret = read_text(m, &read, err);
    pthread_mutex_unlock(&m->screen.text_lock);
    if (ret)
        return ret;
    *text = (struct atoll_text){.columns = read.columns,
                                .rows = read.rows,
                                .cell_width = read.cell_width,
                                .cell_height = read.cell_height,
                                .left = read.left,
                                .top = read.top,
                                .cursor = read.cursor,
                                .cursor_column = read.cursor_column,
                                .cursor_row = read.cursor_row,
                                .cells = (struct atoll_cell *)read.cells};
    return 0;
}
