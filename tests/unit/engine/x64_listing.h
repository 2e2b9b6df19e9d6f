/* SPDX-License-Identifier: ISC */
/*
 * What the assembler's tests share: code with the text that it should read as, the check of one
 * against the other by an independent disassembler (objdump of binutils, in Intel's syntax), and
 * operands as text.
 */
#ifndef TESTS_UNIT_ENGINE_X64_LISTING_H
#define TESTS_UNIT_ENGINE_X64_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "engine/jit/x64.h"

#define EXIT_SKIP 77 /* to Meson */

struct line;

struct listing {
    struct x64 a;
    uint8_t *done; /* up to here the code has its lines */
    struct line *lines;
    size_t count;
};

/* Whether there is a disassembler. */
bool listing_possible(void);
void listing_init(struct listing *l, bool avx);
/* The code written since the last call is to be read as this; further lines of the same code follow
 * in order. */
void expect(struct listing *l, const char *format, ...) PRINTF(2, 3);
/* Disassembles, compares, fails, frees. `widths`: whether memory operands were written with theirs.
 */
void listing_check(struct listing *l, bool widths);

/* ---- operands as text; what is returned is good for one instruction ---- */

char *text_buffer(void);
#define MAX_TEXT 96
const char *reg(unsigned size, unsigned r);
const char *imm_text(unsigned size, int64_t imm);
/* size 0: without the width. */
const char *mem_text(unsigned size, struct x64_mem m);

/* ---- operands to try ---- */

/*
 * Addresses: every register as a base, with no displacement, short and long ones; every index with
 * every scale; an index alone; a displacement alone.
 */
#define MEMS (16 * 6 + 15 * 4 + 2)
struct x64_mem mem(unsigned n);

/* A few, where the operation is not about addresses: REX, disp8, disp32, SIB. */
#define FEW 6
struct x64_mem few(unsigned n);

/* A partner of r that, with r, makes every combination of REX bits and of byte registers. */
unsigned partner(unsigned r);

#endif
