/* SPDX-License-Identifier: ISC */
/*
 * Questions to the encoding table; see arm/a64.h.
 */
#include "arm/a64.h"

#include "arm/a64_table.h"

enum a64_op a64_decode(uint32_t word)
{
    unsigned line = a64_find_line(word);

    return line < A64_OP_COUNT ? (enum a64_op)line : A64_UNDEFINED;
}

static const struct a64_line *line_of(enum a64_op op)
{
    return &a64_lines[(unsigned)op < A64_OP_COUNT ? op : A64_UNDEFINED];
}

const char *a64_op_name(enum a64_op op)
{
    return line_of(op)->name;
}

const char *a64_op_feature(enum a64_op op)
{
    return line_of(op)->feature;
}

const char *a64_absent_feature(uint32_t word)
{
    unsigned line = a64_find_line(word);

    return line < A64_OP_COUNT ? NULL : a64_lines[line].feature;
}

uint32_t a64_op_mask(enum a64_op op)
{
    return line_of(op)->mask;
}

uint32_t a64_op_value(enum a64_op op)
{
    return line_of(op)->value;
}

uint32_t a64_random(enum a64_op op, uint32_t (*rng)(void *), void *arg)
{
    const struct a64_line *l = line_of(op);

    if (op == A64_UNDEFINED) {
        return 0;
    }
    /* The narrowest conditions take one word in 32, and a word may belong to a more specific line.
     */
    for (int attempt = 0; attempt < 4096; attempt++) {
        uint32_t w = rng(arg);

        w = (w & ~(l->mask | l->should_mask)) | l->value | l->should;
        if (a64_find_line(w) == (unsigned)op) {
            return w;
        }
    }
    return 0;
}
