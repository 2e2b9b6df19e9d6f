/* SPDX-License-Identifier: ISC */
/*
 * Cutting a screen into cells.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/display/text_private.h"

/* The sizes of console fonts: OpenBSD's Spleen (5x8 to 32x64), Linux's own, and those of Debian's
 * console-setup and kbd. */
static const struct {
    uint8_t width, height;
} sizes[] = {
    {8, 16},  {12, 24}, {16, 32}, {32, 64}, {6, 12},  {5, 8},   {8, 8},   {8, 14},
    {10, 18}, {6, 10},  {4, 6},   {7, 14},  {10, 20}, {11, 22}, {14, 28}, {16, 16},
    {8, 15},  {9, 16},  {12, 22}, {8, 13},  {8, 18},  {16, 28}, {6, 8},   {6, 11},
};

/* rasops(9), which draws OpenBSD's and NetBSD's consoles, has at most so many of each, and puts
 * them in the middle. */
#define RASOPS_MOST 160

/* No console has more cells; a guest can make a screen of millions. */
#define CELLS_MOST (1u << 18)

static bool known(const struct grid *grids, size_t count, const struct grid *grid)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&grids[i], grid, sizeof(*grid)) == 0)
            return true;
    return false;
}

size_t grid_candidates(uint32_t width, uint32_t height, struct grid grids[GRID_CANDIDATES])
{
    size_t count = 0;

    for (size_t i = 0; i < nitems(sizes) && count + 2 <= GRID_CANDIDATES; i++) {
        unsigned w = sizes[i].width, h = sizes[i].height;
        struct grid corner = {w, h, 0, 0, width / w, height / h}, middle = corner;

        if (corner.columns < 20 || corner.rows < 5)
            continue;
        middle.columns = MIN(middle.columns, RASOPS_MOST);
        middle.rows = MIN(middle.rows, RASOPS_MOST);
        middle.left = (width - middle.columns * w) / 2;
        middle.top = (height - middle.rows * h) / 2;
        if (corner.columns * corner.rows <= CELLS_MOST)
            grids[count++] = corner;
        if (!known(grids, count, &middle))
            grids[count++] = middle;
    }
    return count;
}

/* Which of the cell's two colours the pixel has; a third is noted. */
static bool is_second(struct cell_view *cell, uint32_t pixel)
{
    if (pixel == cell->colour[0])
        return false;
    if (cell->colour[1] == cell->colour[0])
        cell->colour[1] = pixel;
    if (pixel != cell->colour[1])
        cell->more_colours = true;
    return true;
}

void grid_cell(const struct picture_view *picture, const struct grid *grid, unsigned column,
               unsigned row, struct cell_view *cell)
{
    const uint32_t *line = picture->pixels +
                           (size_t)(grid->top + row * grid->cell_height) * picture->width +
                           grid->left + column * grid->cell_width;

    cell->more_colours = false;
    cell->colour[0] = cell->colour[1] = line[0] & 0xffffff;
    for (unsigned y = 0; y < grid->cell_height; y++, line += picture->width) {
        uint64_t set = 0;

        for (unsigned x = 0; x < grid->cell_width; x++)
            if (is_second(cell, line[x] & 0xffffff))
                set |= BIT(63 - x);
        cell->shape.lines[y] = set;
        if (cell->more_colours)
            return;
    }
}

uint64_t shape_hash(const struct shape *shape, unsigned height)
{
    uint64_t hash = height;

    for (unsigned y = 0; y < height; y++)
        hash = (hash ^ shape->lines[y]) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
    return hash;
}

bool shape_equal(const struct shape *a, const struct shape *b, unsigned height)
{
    return memcmp(a->lines, b->lines, height * sizeof(*a->lines)) == 0;
}

bool shape_blank(const struct shape *shape, unsigned height)
{
    uint64_t any = 0;

    for (unsigned y = 0; y < height; y++)
        any |= shape->lines[y];
    return any == 0;
}

void shape_invert(struct shape *shape, unsigned width, unsigned height)
{
    const uint64_t all = width == 64 ? UINT64_MAX : ~(UINT64_MAX >> width);

    for (unsigned y = 0; y < height; y++)
        shape->lines[y] ^= all;
}

/* Text is less ink than paper: the shape with fewer pixels is taken for the glyph. */
static void right_way_round(struct shape *shape, const struct grid *grid)
{
    unsigned set = 0;

    for (unsigned y = 0; y < grid->cell_height; y++)
        set += (unsigned)__builtin_popcountll(shape->lines[y]);
    if (2 * set > grid->cell_width * grid->cell_height)
        shape_invert(shape, grid->cell_width, grid->cell_height);
}

static bool seen(const struct shape *shapes, size_t count, const struct shape *shape,
                 unsigned height)
{
    for (size_t i = 0; i < count; i++)
        if (shape_equal(&shapes[i], shape, height))
            return true;
    return false;
}

size_t grid_shapes(const struct picture_view *picture, const struct grid *grid,
                   struct shape *shapes, size_t room, size_t *inked, size_t *bad)
{
    struct cell_view cell;
    size_t count = 0;

    *inked = *bad = 0;
    for (unsigned row = 0; row < grid->rows; row++)
        for (unsigned column = 0; column < grid->columns; column++) {
            grid_cell(picture, grid, column, row, &cell);
            if (cell.colour[0] == cell.colour[1])
                continue;
            ++*inked;
            *bad += cell.more_colours;
            if (cell.more_colours || count == room)
                continue;
            right_way_round(&cell.shape, grid);
            if (!seen(shapes, count, &cell.shape, grid->cell_height))
                shapes[count++] = cell.shape;
        }
    return count;
}
