/* SPDX-License-Identifier: ISC */
/*
 * What tools/a64gen.c makes of the encoding table, for the files of arm/ alone; others include
 * arm/a64.h.
 *
 * A line of the table has a number: 0 is "no line", 1 to A64_OP_COUNT-1 are the operations of enum
 * a64_op, and the lines of encodings that the declared CPU does not have come after those.
 */
#ifndef ARM_A64_TABLE_H
#define ARM_A64_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "arm/a64_gen.h"

struct a64_line {
    const char *name;
    const char *feature;          /* "FEAT_X", or NULL for the base architecture */
    uint32_t mask, value;         /* the bits the line fixes */
    uint32_t should_mask, should; /* bits that should have a value, but that the CPU ignores */
};

extern const struct a64_line a64_lines[];

/* The number of the line that `w` belongs to, 0 if none. */
unsigned a64_find_line(uint32_t w);

/* Whether a word with the fixed bits of `line` also meets its condition. */
bool a64_condition(unsigned line, uint32_t w);

/* The template that writes `w` of `line`, the fitting alias before the plain one; NULL for an
 * absent encoding. */
const char *a64_template(unsigned line, uint32_t w);

#endif
