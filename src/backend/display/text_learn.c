/* SPDX-License-Identifier: ISC */
/*
 * Learning a font from the guest that draws with it.
 *
 * Kernels keep a console font as a table: a glyph's lines from the top, each in whole bytes with
 * the leftmost pixel in the highest bit, one glyph after another (OpenBSD's wsdisplay_font, Linux's
 * font_desc and vc_font). The shapes seen on the screen are looked for in memory; where several lie
 * as far from one another as glyphs do, there is the table. Which character its places stand for is
 * told by what they look like: the codes of ASCII, compared with Atoll's own font.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/display/text_private.h"
#include "backend/font.h"

#define TABLES       8   /* that are compared: kernels have fonts that differ in a few glyphs */
#define PATTERNS     48  /* shapes that are looked for */
#define PATTERNS_MIN 5   /* fewer tell nothing */
#define HITS         32  /* places of one pattern that are kept: page caches have copies */
#define GLYPHS       512 /* in a table, at most */
#define KEY          8   /* bytes of a pattern that are compared first */
#define FILTER_BITS  16
#define GLYPH_BYTES  1024

/* How often words of memory are compared with patterns: what a guest has filled its memory with
 * makes a search no slower than twice. By chance one word in 1365 passes the filter. */
#define LOOKS       (1u << 20)
#define LOOKS_SHARE 256 /* and one in so many words */

#define ASCII_FIRST 0x21u
#define ASCII_LAST  0x7eu
#define ASCII_COUNT (ASCII_LAST - ASCII_FIRST + 1)

#define NO_BREAK_SPACE 0xa0u

#define ACCENTS_FIRST 0xe0u
#define ACCENTS_LAST  0xffu

struct pattern {
    uint8_t bytes[GLYPH_BYTES];
    unsigned key_at; /* where in `bytes` its key is */
    uint64_t key;
    unsigned hits;
};

struct hit {
    const uint8_t *piece; /* of memory */
    size_t length, at;    /* of the piece; of the glyph in it */
    unsigned pattern;
};

struct search {
    unsigned width, height, stride;
    size_t size; /* bytes of a glyph */
    unsigned step;
    struct pattern patterns[PATTERNS];
    unsigned count;
    uint64_t looks; /* that are left */
    uint64_t filter[(1u << FILTER_BITS) / 64];
    struct hit hits[PATTERNS * HITS];
    unsigned hit_count;
};

/* --- patterns --- */

static uint64_t load_key(const uint8_t *at)
{
    uint64_t key;

    memcpy(&key, at, sizeof(key));
    return key;
}

static unsigned filter_slot(uint64_t key)
{
    return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FILTER_BITS));
}

/* The eight bytes that tell most: memory is full of zeros. */
static unsigned choose_key(const struct search *s, const uint8_t *bytes)
{
    unsigned best = 0, most = 0;

    for (unsigned at = 0; at + KEY <= s->size; at += s->step) {
        unsigned telling = 0;

        for (unsigned i = 0; i < KEY; i++)
            telling += bytes[at + i] != 0 && bytes[at + i] != 0xff;
        if (telling > most) {
            most = telling;
            best = at;
        }
    }
    return most >= 3 ? best : UINT32_MAX;
}

static void add_pattern(struct search *s, const struct shape *shape)
{
    struct pattern *p = &s->patterns[s->count];
    unsigned slot;

    for (unsigned y = 0; y < s->height; y++)
        for (unsigned i = 0; i < s->stride; i++)
            p->bytes[y * s->stride + i] = (uint8_t)(shape->lines[y] >> (56 - 8 * i));
    p->key_at = choose_key(s, p->bytes);
    if (p->key_at == UINT32_MAX)
        return;
    p->key = load_key(p->bytes + p->key_at);
    slot = filter_slot(p->key);
    s->filter[slot / 64] |= BIT(slot % 64);
    s->count++;
}

/* --- memory --- */

static void add_hit(struct search *s, const uint8_t *piece, size_t length, size_t at,
                    unsigned pattern)
{
    s->patterns[pattern].hits++;
    s->hits[s->hit_count++] = (struct hit){piece, length, at, pattern};
}

/* The key at `at` is one of a pattern's, perhaps. */
static void look_closer(struct search *s, const uint8_t *piece, size_t length, size_t at,
                        uint64_t key)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct pattern *p = &s->patterns[i];

        if (p->key != key || p->hits == HITS || at < p->key_at ||
            length - (at - p->key_at) < s->size || s->looks == 0)
            continue;
        s->looks--;
        if (memcmp(piece + at - p->key_at, p->bytes, s->size) == 0)
            add_hit(s, piece, length, at - p->key_at, i);
    }
}

static void search_piece(struct search *s, const uint8_t *piece, size_t length)
{
    s->looks += length / s->step / LOOKS_SHARE;
    for (size_t at = 0; at + KEY <= length; at += s->step) {
        uint64_t key = load_key(piece + at);
        unsigned slot = filter_slot(key);

        if (!(s->filter[slot / 64] >> (slot % 64) & 1))
            continue;
        if (s->looks == 0)
            return;
        s->looks--;
        look_closer(s, piece, length, at, key);
    }
}

/* Whether two hits may be glyphs of one table. */
static bool together(const struct search *s, const struct hit *a, const struct hit *b)
{
    size_t distance = a->at > b->at ? a->at - b->at : b->at - a->at;

    return a->piece == b->piece && distance % s->size == 0 && distance < GLYPHS * s->size;
}

static unsigned count_together(const struct search *s, const struct hit *hit)
{
    uint64_t patterns = 0;

    for (unsigned i = 0; i < s->hit_count; i++)
        if (together(s, hit, &s->hits[i]))
            patterns |= BIT(s->hits[i].pattern);
    return (unsigned)__builtin_popcountll(patterns);
}

static bool is_new_table(const struct search *s, const struct hit *hit,
                         const struct hit *const *tables, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (together(s, hit, tables[i]))
            return false;
    return true;
}

/* The hits that have most others beside them, each of another table. */
static unsigned find_tables(const struct search *s, const struct hit *tables[TABLES])
{
    unsigned most = 0, count = 0;

    for (unsigned i = 0; i < s->hit_count; i++) {
        unsigned beside = count_together(s, &s->hits[i]);

        if (beside < PATTERNS_MIN || 2 * beside <= s->count || beside < most)
            continue;
        if (beside > most)
            count = 0;
        most = beside;
        if (count < TABLES && is_new_table(s, &s->hits[i], tables, count))
            tables[count++] = &s->hits[i];
    }
    return count;
}

/* --- which character is where --- */

#define LOOK_ACROSS 6
#define LOOK_DOWN   10
#define LOOK        (LOOK_ACROSS * LOOK_DOWN)

/* What a glyph looks like from afar: how dark it is here and there, with a mean of 0. */
struct look {
    float dark[LOOK];
    float norm;
};

/* Where a font has ink: fonts differ in what they leave free around a character. */
struct box {
    unsigned left, top, right, bottom;
};

static const struct box no_box = {SHAPE_WIDTH, SHAPE_HEIGHT, 0, 0};

static void box_add(struct box *box, const struct shape *shape, unsigned width, unsigned height)
{
    for (unsigned y = 0; y < height; y++)
        for (unsigned x = 0; x < width; x++)
            if (shape->lines[y] >> (63 - x) & 1) {
                box->left = MIN(box->left, x);
                box->top = MIN(box->top, y);
                box->right = MAX(box->right, x + 1);
                box->bottom = MAX(box->bottom, y + 1);
            }
}

static void look_at(struct look *look, const struct shape *shape, const struct box *box)
{
    unsigned width = box->right - box->left, height = box->bottom - box->top;
    float mean = 0;

    memset(look, 0, sizeof(*look));
    for (unsigned y = 0; y < height; y++)
        for (unsigned x = 0; x < width; x++)
            if (shape->lines[box->top + y] >> (63 - box->left - x) & 1)
                look->dark[y * LOOK_DOWN / height * LOOK_ACROSS + x * LOOK_ACROSS / width] += 1;
    for (unsigned i = 0; i < LOOK; i++)
        mean += look->dark[i] / LOOK;
    for (unsigned i = 0; i < LOOK; i++) {
        look->dark[i] -= mean;
        look->norm += look->dark[i] * look->dark[i];
    }
}

/* 1 for the same, 0 for nothing in common; squared, so that no root is taken. */
static float likeness(const struct look *a, const struct look *b)
{
    float product = 0;

    for (unsigned i = 0; i < LOOK; i++)
        product += a->dark[i] * b->dark[i];
    return product <= 0 || a->norm <= 0 || b->norm <= 0 ? 0
                                                        : product * product / (a->norm * b->norm);
}

static void own_shape(struct shape *shape, uint32_t character)
{
    const uint8_t *rows = font_glyph(character);

    for (unsigned y = 0; y < FONT_HEIGHT; y++)
        shape->lines[y] = (uint64_t)rows[y] << 56;
}

/* The glyph `place` places after the table's hit; false: it would lie outside of the piece. */
static bool table_shape(const struct search *s, const struct hit *table, long place,
                        struct shape *shape)
{
    long at = (long)table->at + place * (long)s->size;
    const uint8_t *bytes;

    if (at < 0 || (size_t)at > table->length - s->size)
        return false;
    bytes = table->piece + at;
    for (unsigned y = 0; y < s->height; y++) {
        shape->lines[y] = 0;
        for (unsigned i = 0; i < s->stride; i++)
            shape->lines[y] |= (uint64_t)bytes[y * s->stride + i] << (56 - 8 * i);
    }
    return true;
}

/* Our own font, and the box of its letters, which go from the top of a capital to the foot of a
 * small one. */
struct looks {
    struct box own_box;
    struct look own[ASCII_COUNT];
};

static bool is_letter(unsigned c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void own_looks(struct looks *looks)
{
    struct shape shape;

    looks->own_box = no_box;
    for (unsigned c = ASCII_FIRST; c <= ASCII_LAST; c++) {
        own_shape(&shape, c);
        if (is_letter(c))
            box_add(&looks->own_box, &shape, FONT_WIDTH, FONT_HEIGHT);
    }
    for (unsigned c = ASCII_FIRST; c <= ASCII_LAST; c++) {
        own_shape(&shape, c);
        look_at(&looks->own[c - ASCII_FIRST], &shape, &looks->own_box);
    }
}

/* The box of the table's letters when the hit is the glyph of `code`; false: that cannot be. A
 * space, where there is one, is blank. */
static bool letters_box(const struct search *s, const struct hit *table, long code, struct box *box)
{
    struct shape shape;

    *box = no_box;
    if (table_shape(s, table, ' ' - code, &shape) && !shape_blank(&shape, s->height))
        return false;
    for (unsigned c = ASCII_FIRST; c <= ASCII_LAST; c++) {
        if (!table_shape(s, table, (long)c - code, &shape))
            return false;
        if (is_letter(c))
            box_add(box, &shape, s->width, s->height);
    }
    return box->left < box->right;
}

/* How much the table looks like our own font in these codes when the hit is the glyph of `code`. */
static float like_own(const struct search *s, const struct hit *table, const struct look *own,
                      unsigned first, unsigned last, long code, const struct box *box)
{
    struct shape shape;
    struct look look;
    float sum = 0;

    for (unsigned c = first; c <= last; c++) {
        if (!table_shape(s, table, (long)c - code, &shape))
            return 0;
        look_at(&look, &shape, box);
        sum += likeness(&own[c - first], &look);
    }
    return sum / (float)(last - first + 1);
}

/* The code of the hit, or -1 when no place is clearly better than all others. */
static long find_code(const struct search *s, const struct hit *table, const struct looks *looks)
{
    float best = 0, next = 0;
    long found = -1;

    for (long code = 0; code < GLYPHS; code++) {
        struct box box;
        float like = letters_box(s, table, code, &box)
                         ? like_own(s, table, looks->own, ASCII_FIRST, ASCII_LAST, code, &box)
                         : 0;

        if (like > best) {
            next = best;
            best = like;
            found = code;
        } else if (like > next) {
            next = like;
        }
    }
    return best > 0.25f && best > 1.5f * next ? found : -1;
}

/* --- the codes that are not ASCII --- */

static bool is_full(const struct search *s, const struct shape *shape)
{
    struct shape inverted = *shape;

    shape_invert(&inverted, s->width, s->height);
    return shape_blank(&inverted, s->height);
}

/* The PC's code page has a full block where Latin 1 has a letter. */
static bool is_cp437(const struct search *s, const struct hit *table, long code)
{
    struct shape shape;

    return table_shape(s, table, 0xdb - code, &shape) && is_full(s, &shape);
}

/* Whether the letters with accents are where Latin 1 has them. */
static bool is_latin1(const struct search *s, const struct hit *table, const struct looks *looks,
                      long code)
{
    struct look own[ACCENTS_LAST - ACCENTS_FIRST + 1];
    struct shape shape;
    struct box box;

    for (unsigned c = ACCENTS_FIRST; c <= ACCENTS_LAST; c++) {
        own_shape(&shape, c);
        look_at(&own[c - ACCENTS_FIRST], &shape, &looks->own_box);
    }
    return letters_box(s, table, code, &box) &&
           like_own(s, table, own, ACCENTS_FIRST, ACCENTS_LAST, code, &box) > 0.25f;
}

/* The character at a place of the table; what only a map of the guest's could tell is unknown. */
static uint32_t table_character(unsigned place, bool cp437, bool latin1)
{
    if (place >= 0x20 && place <= ASCII_LAST)
        return place;
    if (cp437 && place < 256)
        return cp437_character(place);
    return latin1 && place >= 0xa0 && place < 256 ? place : TEXT_UNKNOWN;
}

static int take_font(const struct search *s, const struct hit *table, const struct looks *looks,
                     long code, struct text_font *font)
{
    bool cp437 = is_cp437(s, table, code), latin1 = !cp437 && is_latin1(s, table, looks, code);
    struct shape shape;

    for (unsigned place = 0; place < GLYPHS; place++) {
        uint32_t character = table_character(place, cp437, latin1);

        if (!table_shape(s, table, (long)place - code, &shape))
            continue;
        if ((character == ' ' || character == NO_BREAK_SPACE) && !shape_blank(&shape, s->height))
            character = TEXT_UNKNOWN;
        if (font_add(font, &shape, character))
            return -ENOMEM;
    }
    font_sort(font);
    return 0;
}

static int read_table(const struct search *s, const struct hit *table, const struct looks *looks,
                      struct text_font *font)
{
    long code = find_code(s, table, looks);

    return code < 0 ? -ENODATA : take_font(s, table, looks, code, font);
}

static size_t count_found(const struct text_font *font, const struct shape *shapes, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += font_find(font, &shapes[i]) != 0;
    return found;
}

/* Of the tables that have the patterns, the one that has most of the shapes. */
static int read_tables(const struct search *s, const struct shape *shapes, size_t count,
                       struct text_font *font)
{
    const struct hit *tables[TABLES];
    unsigned table_count = find_tables(s, tables);
    struct looks *looks = calloc(1, sizeof(*looks));
    size_t most = 0;
    int ret = looks ? -ENODATA : -ENOMEM;

    if (looks)
        own_looks(looks);
    for (unsigned i = 0; i < table_count && (ret == 0 || ret == -ENODATA); i++) {
        struct text_font other = {.width = s->width, .height = s->height};
        int read = read_table(s, tables[i], looks, &other);
        size_t found = read ? 0 : count_found(&other, shapes, count);

        if (found > most) {
            struct text_font worse = *font;

            *font = other;
            other = worse;
            most = found;
        }
        font_clear(&other);
        ret = read == -ENODATA ? ret : read;
    }
    free(looks);
    return ret;
}

/* Tables are aligned as their glyphs are long, up to a word. */
static unsigned alignment(size_t size)
{
    return size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
}

static int run_search(struct search *s, const struct shape *shapes, size_t count,
                      const struct text_memory *memory, struct text_font *font)
{
    const uint8_t *piece;
    size_t length;

    for (size_t i = 0; i < count && s->count < PATTERNS; i++)
        add_pattern(s, &shapes[i]);
    if (s->count < PATTERNS_MIN)
        return -ENODATA;
    for (size_t i = 0; (piece = memory->piece(memory->ctx, i, &length)); i++)
        search_piece(s, piece, length);
    return read_tables(s, shapes, count, font);
}

int font_learn(struct text_font *font, unsigned width, unsigned height, const struct shape *shapes,
               size_t count, const struct text_memory *memory)
{
    struct search *s = calloc(1, sizeof(*s));
    int ret;

    *font = (struct text_font){.width = width, .height = height};
    if (!s)
        return -ENOMEM;
    s->width = width;
    s->height = height;
    s->stride = (width + 7) / 8;
    s->size = (size_t)s->stride * height;
    s->step = alignment(s->size);
    s->looks = LOOKS;
    ret = s->size >= KEY && s->size <= GLYPH_BYTES ? run_search(s, shapes, count, memory, font)
                                                   : -ENODATA;
    free(s);
    if (ret)
        font_clear(font);
    return ret;
}
