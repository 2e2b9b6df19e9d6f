/* SPDX-License-Identifier: ISC */
/*
 * a64gen: makes C of the encoding table, at build time.
 *
 *   a64gen TABLE HEADER SOURCE PAGE
 *
 * HEADER gets the enumeration, the list A64_OPS and the field accessors; SOURCE the decoder, the
 * templates of the disassembler and what a random generator needs; PAGE a text page that lists each
 * line and its state. Two lines that take the same word are refused, unless just one of them is
 * marked `over`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "a64table.h"

/*
 * Overlaps.
 */

/* Is there a word with these fixed bits for which both conditions hold? */
static bool both_hold(const struct line *a, const struct line *b)
{
    uint32_t fixed = a->mask | b->mask, value = a->value | b->value;
    uint32_t open = (expr_bits(a->cond) | expr_bits(b->cond)) & ~fixed, bits = 0;

    /* Every assignment of the open bits once: the carry of the subtraction skips the others. */
    do {
        uint32_t word = value | bits;

        if (expr_eval(a->cond, word) && expr_eval(b->cond, word)) {
            return true;
        }
        bits = (bits - open) & open;
    } while (bits);
    return false;
}

static void check_overlaps(const struct table *t)
{
    for (size_t i = 0; i < t->lines; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct line *a = &t->line[i], *b = &t->line[j];

            if (((a->value ^ b->value) & a->mask & b->mask) == 0 && a->over == b->over &&
                both_hold(a, b)) {
                table_fail(t, a->number, "%s takes words of %s (line %u)", a->name, b->name,
                           b->number);
            }
        }
    }
}

/* Present lines get the ids from 1 on, in the file's order; the others follow. */
static unsigned number_lines(struct table *t)
{
    unsigned id = 1, count;

    for (size_t i = 0; i < t->lines; i++) {
        if (t->line[i].state == LINE_PRESENT) {
            t->line[i].id = id++;
        }
    }
    count = id;
    for (size_t i = 0; i < t->lines; i++) {
        if (t->line[i].state != LINE_PRESENT) {
            t->line[i].id = id++;
        }
    }
    return count;
}

/*
 * The decision tree. A node knows which bits were tested on the way; it tests the bits that all its
 * lines fix, or else the one bit that divides them best.
 */

struct node {
    const struct line **line;
    size_t count;
    uint32_t tested;
    int depth;
};

static void print_tree(FILE *out, struct node n);

static void indent(FILE *out, int depth)
{
    fprintf(out, "%*s", 4 * depth, "");
}

static void print_leaf(FILE *out, struct node n)
{
    /* Lines marked `over` come first. */
    for (int over = 1; over >= 0; over--) {
        for (size_t i = 0; i < n.count; i++) {
            const struct line *l = n.line[i];
            uint32_t mask = l->mask & ~n.tested;

            if (l->over != over) {
                continue;
            }
            indent(out, n.depth);
            if (!mask && !l->cond) {
                fprintf(out, "return %u; /* %s */\n", l->id, l->name);
                return;
            }
            fprintf(out, "if (");
            if (mask) {
                fprintf(out, "(w & 0x%08xu) == 0x%08xu", mask, l->value & mask);
            }
            if (l->cond) {
                fprintf(out, "%s", mask ? " && " : "");
                expr_print(l->cond, out);
            }
            fprintf(out, ") {\n");
            indent(out, n.depth + 1);
            fprintf(out, "return %u; /* %s */\n", l->id, l->name);
            indent(out, n.depth);
            fprintf(out, "}\n");
        }
    }
    indent(out, n.depth);
    fprintf(out, "return 0;\n");
}

/* The lines of `n` that a word with `value` in the bits `mask` may belong to. */
static struct node select_lines(struct node n, uint32_t mask, uint32_t value)
{
    struct node s = {calloc(n.count, sizeof(*s.line)), 0, n.tested | mask, n.depth + 1};

    if (!s.line) {
        perror("a64gen");
        exit(1);
    }
    for (size_t i = 0; i < n.count; i++) {
        if (((n.line[i]->value ^ value) & n.line[i]->mask & mask) == 0) {
            s.line[s.count++] = n.line[i];
        }
    }
    return s;
}

static void print_switch(FILE *out, struct node n, uint32_t mask)
{
    indent(out, n.depth);
    fprintf(out, "switch (w & 0x%08xu) {\n", mask);
    for (size_t i = 0; i < n.count; i++) {
        uint32_t value = n.line[i]->value & mask;
        bool seen = false;

        for (size_t j = 0; j < i && !seen; j++) {
            seen = (n.line[j]->value & mask) == value;
        }
        if (seen) {
            continue;
        }
        struct node s = select_lines(n, mask, value);

        indent(out, n.depth);
        fprintf(out, "case 0x%08xu:\n", value);
        print_tree(out, s);
        free(s.line);
    }
    indent(out, n.depth);
    fprintf(out, "default:\n");
    indent(out, n.depth + 1);
    fprintf(out, "return 0;\n");
    indent(out, n.depth);
    fprintf(out, "}\n");
}

/* The untested bit whose larger half is smallest; 0 when none makes both halves smaller than the
 * whole. */
static uint32_t best_bit(struct node n)
{
    uint32_t best = 0;
    size_t least = n.count;

    for (int bit = 31; bit >= 0; bit--) {
        uint32_t at = UINT32_C(1) << bit;
        size_t half[2] = {0, 0}, larger;

        for (size_t i = 0; i < n.count && !(n.tested & at); i++) {
            const struct line *l = n.line[i];

            half[0] += !(l->mask & at) || !(l->value & at);
            half[1] += !(l->mask & at) || (l->value & at);
        }
        larger = half[0] > half[1] ? half[0] : half[1];
        if (larger && larger < least) {
            least = larger;
            best = at;
        }
    }
    return best;
}

static void print_tree(FILE *out, struct node n)
{
    uint32_t common = ~n.tested, differ = 0, bit;

    for (size_t i = 0; i < n.count; i++) {
        common &= n.line[i]->mask;
    }
    for (size_t i = 0; i < n.count; i++) {
        differ |= (n.line[i]->value ^ n.line[0]->value) & common;
    }
    if (n.count > 2 && differ) {
        print_switch(out, n, common);
        return;
    }
    bit = n.count > 3 ? best_bit(n) : 0;
    if (!bit) {
        print_leaf(out, n);
        return;
    }
    struct node set = select_lines(n, bit, bit), clear = select_lines(n, bit, 0);

    indent(out, n.depth);
    fprintf(out, "if (w & 0x%08xu) {\n", bit);
    print_tree(out, set);
    indent(out, n.depth);
    fprintf(out, "}\n");
    clear.depth = n.depth;
    print_tree(out, clear);
    free(set.line);
    free(clear.line);
}

/*
 * Output files.
 */

static FILE *create(const char *path)
{
    FILE *out = fopen(path, "w");

    if (!out) {
        fprintf(stderr, "a64gen: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    return out;
}

static void finish(FILE *out, const char *path)
{
    if (fclose(out) != 0) {
        fprintf(stderr, "a64gen: %s: %s\n", path, strerror(errno));
        exit(1);
    }
}

static void write_header(const struct table *t, const char *path)
{
    FILE *out = create(path);

    fprintf(out, "/* Made by tools/a64gen.c from arm/a64.isa; include arm/a64.h instead. */\n"
                 "#ifndef ARM_A64_GEN_H\n#define ARM_A64_GEN_H\n\n#include <stdint.h>\n\n"
                 "enum a64_op {\n    A64_UNDEFINED,\n");
    for (size_t i = 0; i < t->lines; i++) {
        if (t->line[i].state == LINE_PRESENT) {
            fprintf(out, "    A64_%s,\n", t->line[i].name);
        }
    }
    fprintf(out, "    A64_OP_COUNT\n};\n\n#define A64_OPS(X) \\\n");
    for (size_t i = 0; i < t->lines; i++) {
        if (t->line[i].state == LINE_PRESENT) {
            fprintf(out, "    X(%s) \\\n", t->line[i].name);
        }
    }
    fprintf(out, "    /* end of the list */\n\n");
    for (size_t i = 0; i < t->fields; i++) {
        const struct field *f = &t->field[i];

        fprintf(out, "static inline uint32_t a64_%s(uint32_t w) { return w >> %u & 0x%xu; }\n",
                f->name, f->low, (unsigned)((UINT64_C(1) << (f->high - f->low + 1)) - 1));
    }
    fprintf(out, "\n#endif\n");
    finish(out, path);
}

static void write_lines(const struct table *t, FILE *out)
{
    fprintf(out,
            "const struct a64_line a64_lines[] = {\n    [0] = {\"UNDEFINED\", 0, 0, 0, 0, 0},\n");
    for (size_t i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];

        fprintf(out, "    [%u] = {\"%s\", ", l->id, l->name);
        fprintf(out, l->feature ? "\"%s\"" : "%s", l->feature ? l->feature : "0");
        fprintf(out, ", 0x%08xu, 0x%08xu, 0x%08xu, 0x%08xu},\n", l->mask, l->value, l->should_mask,
                l->should);
    }
    fprintf(out, "};\n\n");
}

static void write_conditions(const struct table *t, FILE *out)
{
    fprintf(out, "bool a64_condition(unsigned line, uint32_t w)\n{\n    switch (line) {\n");
    for (size_t i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];

        if (l->cond) {
            fprintf(out, "    case %u: /* %s */\n        return ", l->id, l->name);
            expr_print(l->cond, out);
            fprintf(out, ";\n");
        }
    }
    fprintf(out, "    default:\n        return true;\n    }\n}\n\n");
}

static void write_templates(const struct table *t, FILE *out)
{
    fprintf(out, "const char *a64_template(unsigned line, uint32_t w)\n{\n    switch (line) {\n");
    for (size_t i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];

        if (!l->text) {
            continue;
        }
        fprintf(out, "    case %u: /* %s */\n", l->id, l->name);
        for (size_t j = 0; j < l->aliases; j++) {
            fprintf(out, "        if (");
            expr_print(l->alias[j].cond, out);
            fprintf(out, ") {\n            return \"%s\";\n        }\n", l->alias[j].text);
        }
        fprintf(out, "        return \"%s\";\n", l->text);
    }
    fprintf(out, "    default:\n        return 0;\n    }\n}\n\n");
}

static void write_source(const struct table *t, const char *path)
{
    FILE *out = create(path);
    struct node root = {calloc(t->lines, sizeof(*root.line)), t->lines, 0, 1};

    if (!root.line) {
        perror("a64gen");
        exit(1);
    }
    for (size_t i = 0; i < t->lines; i++) {
        root.line[i] = &t->line[i];
    }
    fprintf(out,
            "/* Made by tools/a64gen.c from arm/a64.isa. */\n#include \"arm/a64_table.h\"\n\n");
    write_lines(t, out);
    write_conditions(t, out);
    write_templates(t, out);
    fprintf(out, "unsigned a64_find_line(uint32_t w)\n{\n");
    print_tree(out, root);
    fprintf(out, "}\n");
    free(root.line);
    finish(out, path);
}

static void write_page(const struct table *t, const char *path, unsigned present)
{
    static const char *const STATE[] = {
        [LINE_PRESENT] = "present", [LINE_ABSENT] = "absent", [LINE_UNDEFINED] = "undefined"};
    FILE *out = create(path);

    fprintf(out,
            "A64 encodings known to Atoll: %zu, of which %u are present in the declared CPU.\n\n",
            t->lines, present);
    for (size_t i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];

        fprintf(out, "%-18s %-9s %-18s %s\n", l->name, STATE[l->state],
                l->feature ? l->feature : "-", l->bits);
    }
    finish(out, path);
}

int main(int argc, char **argv)
{
    struct table t;
    unsigned count;

    if (argc != 5) {
        fprintf(stderr, "usage: a64gen TABLE HEADER SOURCE PAGE\n");
        return 2;
    }
    table_read(&t, argv[1]);
    check_overlaps(&t);
    count = number_lines(&t);
    write_header(&t, argv[2]);
    write_source(&t, argv[3]);
    write_page(&t, argv[4], count - 1);
    return 0;
}
