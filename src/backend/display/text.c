/* SPDX-License-Identifier: ISC */
/*
 * Reading: a font that fits is kept for the next time; without one, Atoll's own is tried, and then
 * the guest's memory is asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/display/text_private.h"
#include "backend/font.h"
#include "base/units.h"

#define FONTS       4   /* that are kept */
#define TRIES       12  /* grids for which the memory is searched */
#define SHAPES      160 /* of a grid, to judge it by: text on a screen seldom has more */
#define FEW_WRONG   20  /* one in so many cells may have a shape that the font lacks */
#define OWN_SCALE   8
#define USUAL_TRIES 16        /* pairs of colours that are counted */
#define SEARCHED    (8 * GIB) /* bytes of memory that one reading looks at, at most */

struct text_reader {
    struct text_font fonts[FONTS]; /* the one that fitted last comes first */
    struct grid grid;              /* of the screen that was read last; no columns: none was */
    uint32_t width, height;
};

int text_reader_create(struct text_reader **reader)
{
    *reader = calloc(1, sizeof(**reader));
    return *reader ? 0 : -ENOMEM;
}

void text_reader_forget(struct text_reader *reader)
{
    for (unsigned i = 0; i < FONTS; i++)
        font_clear(&reader->fonts[i]);
    reader->grid.columns = 0;
}

void text_reader_free(struct text_reader *reader)
{
    if (!reader)
        return;
    text_reader_forget(reader);
    free(reader);
}

/* --- cells --- */

struct reading {
    const struct picture_view *picture;
    const struct grid *grid;
    const struct text_font *font;
    struct text_screen *text;
    uint32_t paper;                  /* the colour of most empty cells */
    size_t inked, unknown, nameless; /* cells; those of shapes without a name are known */
};

static void turn_round(const struct reading *r, struct cell_view *cell)
{
    uint32_t colour = cell->colour[0];

    cell->colour[0] = cell->colour[1];
    cell->colour[1] = colour;
    shape_invert(&cell->shape, r->grid->cell_width, r->grid->cell_height);
}

/* The colour that most empty cells have, if there is one (Boyer and Moore's vote). */
static uint32_t find_paper(const struct reading *r)
{
    uint32_t paper = 0;
    size_t votes = 0;

    for (unsigned row = 0; row < r->grid->rows; row++)
        for (unsigned column = 0; column < r->grid->columns; column++) {
            struct cell_view cell;

            grid_cell(r->picture, r->grid, column, row, &cell);
            if (cell.colour[0] != cell.colour[1])
                continue;
            if (votes == 0)
                paper = cell.colour[0];
            votes += cell.colour[0] == paper ? 1 : -1;
        }
    return paper;
}

/* Which of the colours is taken for the paper first: the screen's, or that of most of the cell. */
static bool is_upside_down(const struct reading *r, const struct cell_view *cell)
{
    const struct grid *g = r->grid;
    unsigned set = 0;

    if (cell->colour[0] == r->paper || cell->colour[1] == r->paper)
        return cell->colour[1] == r->paper;
    for (unsigned y = 0; y < g->cell_height; y++)
        set += (unsigned)__builtin_popcountll(cell->shape.lines[y]);
    return 2 * set > g->cell_width * g->cell_height;
}

/* The shape as it is, or with its colours changed places; a few, as halves of a cell, are
 * characters either way. */
static uint32_t find_either(const struct reading *r, struct cell_view *cell)
{
    uint32_t character;

    if (is_upside_down(r, cell))
        turn_round(r, cell);
    character = font_find(r->font, &cell->shape);
    if (character)
        return character;
    turn_round(r, cell);
    return font_find(r->font, &cell->shape);
}

/* A cursor that is a bar at the foot of the cell, over whatever is there. */
static uint32_t find_under_bar(const struct reading *r, struct cell_view *cell)
{
    unsigned width = r->grid->cell_width, y = r->grid->cell_height;
    const uint64_t all = width == 64 ? UINT64_MAX : ~(UINT64_MAX >> width);
    struct shape rest = cell->shape;

    while (y > r->grid->cell_height / 2 && rest.lines[y - 1] == all) {
        rest.lines[--y] = 0;
        if (shape_blank(&rest, r->grid->cell_height))
            return ' ';
        if (font_find(r->font, &rest))
            return font_find(r->font, &rest);
    }
    return 0;
}

static uint32_t find_cursor(struct reading *r, struct cell_view *cell, unsigned column,
                            unsigned row)
{
    uint32_t character = find_under_bar(r, cell);

    if (!character) {
        turn_round(r, cell);
        character = find_under_bar(r, cell);
    }
    if (character) {
        r->text->cursor = true;
        r->text->cursor_column = column;
        r->text->cursor_row = row;
    }
    return character;
}

static void read_cell(struct reading *r, unsigned column, unsigned row)
{
    struct text_cell *to = &r->text->cells[row * r->grid->columns + column];
    struct cell_view cell;

    grid_cell(r->picture, r->grid, column, row, &cell);
    *to = (struct text_cell){' ', cell.colour[0], cell.colour[0]};
    if (cell.colour[0] == cell.colour[1])
        return;
    r->inked++;
    to->character = cell.more_colours ? 0 : find_either(r, &cell);
    if (!to->character && !cell.more_colours)
        to->character = find_cursor(r, &cell, column, row);
    to->background = cell.colour[0];
    to->foreground = cell.colour[1];
    r->nameless += to->character == TEXT_UNKNOWN;
    if (to->character)
        return;
    to->character = TEXT_UNKNOWN;
    r->unknown++;
}

/* --- the cursor that is a block: one cell has the usual colours the other way round --- */

static bool same_colours(const struct text_cell *a, const struct text_cell *b)
{
    return a->foreground == b->foreground && a->background == b->background;
}

static const struct text_cell *usual_colours(const struct text_screen *t)
{
    const struct text_cell *usual = NULL;
    size_t most = 0, count = (size_t)t->columns * t->rows;
    unsigned tries = 0;

    for (size_t i = 0; i < count && tries < USUAL_TRIES; i++) {
        const struct text_cell *cell = &t->cells[i];
        size_t same = 0;

        if (cell->foreground == cell->background || (usual && same_colours(usual, cell)))
            continue;
        tries++;
        for (size_t k = 0; k < count; k++)
            same += same_colours(&t->cells[k], cell);
        if (same > most) {
            most = same;
            usual = cell;
        }
    }
    return usual;
}

static bool is_turned_round(const struct text_cell *cell, uint32_t ink, uint32_t paper)
{
    return cell->background == ink && (cell->foreground == paper || cell->foreground == ink) &&
           (cell->character == ' ' || cell->foreground == paper);
}

static void find_block(struct text_screen *t)
{
    const struct text_cell *usual = usual_colours(t);
    size_t found = 0, count = (size_t)t->columns * t->rows;

    for (size_t i = 0; usual && !t->cursor && i < count; i++)
        if (is_turned_round(&t->cells[i], usual->foreground, usual->background)) {
            found++;
            t->cursor_column = (unsigned)(i % t->columns);
            t->cursor_row = (unsigned)(i / t->columns);
        }
    t->cursor |= found == 1;
}

/* Empty cells have the ink of the cell before them, which is what a writer would see. */
static void ink_blanks(struct text_screen *t)
{
    const struct text_cell *usual = usual_colours(t);
    uint32_t ink = usual ? usual->foreground : 0xffffff;

    for (size_t i = 0; i < (size_t)t->columns * t->rows; i++)
        if (t->cells[i].foreground == t->cells[i].background)
            t->cells[i].foreground = ink != t->cells[i].background ? ink : ~ink & 0xffffff;
}

/* --- whole screens --- */

/* Returns 0 with the text, -ENODATA when it is none in this font, or -ENOMEM. */
static int read_as(const struct picture_view *picture, const struct grid *grid,
                   const struct text_font *font, struct text_screen *text)
{
    const size_t most = (size_t)grid->columns * grid->rows / FEW_WRONG + 1;
    struct reading r = {picture, grid, font, text, 0, 0, 0, 0};

    *text = (struct text_screen){.columns = grid->columns,
                                 .rows = grid->rows,
                                 .cell_width = grid->cell_width,
                                 .cell_height = grid->cell_height,
                                 .left = grid->left,
                                 .top = grid->top};
    text->cells = calloc((size_t)grid->columns * grid->rows, sizeof(*text->cells));
    if (!text->cells)
        return -ENOMEM;
    r.paper = find_paper(&r);
    for (unsigned row = 0; row < grid->rows && r.unknown <= most; row++)
        for (unsigned column = 0; column < grid->columns; column++)
            read_cell(&r, column, row);
    if (r.inked == 0 || r.unknown * FEW_WRONG > r.inked + FEW_WRONG || 2 * r.nameless > r.inked) {
        free(text->cells);
        *text = (struct text_screen){0};
        return -ENODATA;
    }
    find_block(text);
    ink_blanks(text);
    return 0;
}

/* The text in the middle, as EFI's console has it. */
static int read_own(const struct picture_view *p, struct text_screen *text)
{
    struct text_font font;
    struct grid grid = {.columns = 80, .rows = 25};
    unsigned scale = MIN(p->width / (80 * FONT_WIDTH), p->height / (25 * FONT_HEIGHT));
    int ret;

    if (scale == 0 || scale > OWN_SCALE)
        return -ENODATA;
    ret = font_own(&font, scale);
    grid.cell_width = FONT_WIDTH * scale;
    grid.cell_height = FONT_HEIGHT * scale;
    grid.left = (p->width - 80 * grid.cell_width) / 2;
    grid.top = (p->height - 25 * grid.cell_height) / 2;
    ret = ret ? ret : read_as(p, &grid, &font, text);
    font_clear(&font);
    return ret;
}

/* A font that fitted comes to the front. */
static void use_font(struct text_reader *reader, unsigned index, const struct grid *grid)
{
    struct text_font font = reader->fonts[index];

    memmove(reader->fonts + 1, reader->fonts, index * sizeof(font));
    reader->fonts[0] = font;
    reader->grid = *grid;
}

static int read_known(struct text_reader *reader, const struct picture_view *p,
                      const struct grid *grids, size_t count, struct text_screen *text)
{
    for (unsigned i = 0; i < FONTS; i++)
        for (size_t k = 0; k < count; k++) {
            int ret;

            if (reader->fonts[i].count == 0 || grids[k].cell_width != reader->fonts[i].width ||
                grids[k].cell_height != reader->fonts[i].height)
                continue;
            ret = read_as(p, &grids[k], &reader->fonts[i], text);
            if (ret == 0)
                use_font(reader, i, &grids[k]);
            if (ret != -ENODATA)
                return ret;
        }
    return -ENODATA;
}

/* --- learning --- */

struct candidate {
    const struct grid *grid;
    size_t shapes, inked;
};

/* Text repeats its letters: the right grid has few shapes for its ink, and an alphabet of them. */
static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    size_t left = x->shapes * y->inked, right = y->shapes * x->inked;

    if ((x->shapes == SHAPES) != (y->shapes == SHAPES))
        return x->shapes == SHAPES ? 1 : -1;
    return left < right ? -1 : left > right;
}

static size_t judge(const struct picture_view *p, const struct grid *grids, size_t count,
                    struct shape *shapes, struct candidate *candidates)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct candidate c = {.grid = &grids[i]};
        size_t bad;

        c.shapes = grid_shapes(p, c.grid, shapes, SHAPES, &c.inked, &bad);
        if (c.shapes && bad * FEW_WRONG <= c.inked)
            candidates[kept++] = c;
    }
    qsort(candidates, kept, sizeof(*candidates), compare);
    return kept;
}

static int learn_as(struct text_reader *reader, const struct picture_view *p,
                    const struct grid *grid, struct shape *shapes, const struct text_memory *memory,
                    struct text_screen *text)
{
    size_t inked, bad, count = grid_shapes(p, grid, shapes, SHAPES, &inked, &bad);
    struct text_font font;
    int ret = font_learn(&font, grid->cell_width, grid->cell_height, shapes, count, memory);

    ret = ret ? ret : read_as(p, grid, &font, text);
    if (ret) {
        font_clear(&font);
        return ret;
    }
    font_clear(&reader->fonts[FONTS - 1]);
    reader->fonts[FONTS - 1] = font;
    use_font(reader, FONTS - 1, grid);
    return 0;
}

/* Memory of which there is an end. */
struct limited {
    const struct text_memory *memory;
    uint64_t left;
};

static const uint8_t *limited_piece(void *ctx, size_t index, size_t *length)
{
    struct limited *limited = ctx;
    const uint8_t *piece = limited->memory->piece(limited->memory->ctx, index, length);

    if (!piece || limited->left == 0)
        return NULL;
    *length = MIN(*length, limited->left);
    limited->left -= *length;
    return piece;
}

static int learn(struct text_reader *reader, const struct picture_view *p, const struct grid *grids,
                 size_t count, const struct text_memory *memory, struct text_screen *text)
{
    struct candidate candidates[GRID_CANDIDATES];
    struct shape *shapes = calloc(SHAPES, sizeof(*shapes));
    struct limited limited = {memory, SEARCHED};
    const struct text_memory pieces = {limited_piece, &limited};
    size_t kept;
    int ret = -ENODATA;

    if (!shapes)
        return -ENOMEM;
    kept = judge(p, grids, count, shapes, candidates);
    for (size_t i = 0; i < MIN(kept, TRIES) && ret == -ENODATA; i++)
        ret = learn_as(reader, p, candidates[i].grid, shapes, &pieces, text);
    free(shapes);
    return ret;
}

/* Nothing is drawn: an empty console, if there was one on a screen of this size. */
static bool all_one_colour(const struct picture_view *p)
{
    for (size_t i = 1; i < (size_t)p->width * p->height; i++)
        if ((p->pixels[i] ^ p->pixels[0]) & 0xffffff)
            return false;
    return true;
}

static int read_empty(const struct text_reader *reader, const struct picture_view *p,
                      struct text_screen *text)
{
    const struct grid *g = &reader->grid;

    if (g->columns == 0 || reader->width != p->width || reader->height != p->height)
        return -ENODATA;
    *text = (struct text_screen){
        g->columns, g->rows, g->cell_width, g->cell_height, g->left, g->top, false, 0, 0, NULL};
    text->cells = calloc((size_t)g->columns * g->rows, sizeof(*text->cells));
    if (!text->cells)
        return -ENOMEM;
    for (size_t i = 0; i < (size_t)g->columns * g->rows; i++)
        text->cells[i] = (struct text_cell){' ', p->pixels[0] & 0xffffff, p->pixels[0] & 0xffffff};
    ink_blanks(text);
    return 0;
}

int text_read(struct text_reader *reader, const uint32_t *pixels, uint32_t width, uint32_t height,
              const struct text_memory *memory, struct text_screen *text)
{
    const struct picture_view p = {pixels, width, height};
    struct grid grids[GRID_CANDIDATES];
    size_t count = grid_candidates(width, height, grids);
    int ret;

    *text = (struct text_screen){0};
    if (all_one_colour(&p))
        return read_empty(reader, &p, text);
    ret = read_known(reader, &p, grids, count, text);
    if (ret == -ENODATA)
        ret = read_own(&p, text);
    if (ret == -ENODATA)
        ret = learn(reader, &p, grids, count, memory, text);
    if (ret == 0) {
        reader->width = width;
        reader->height = height;
    }
    return ret;
}
