/* SPDX-License-Identifier: ISC */
/*
 * Blocks of random code for the differential fuzzer: a seed makes one, always the same. What they
 * run in is guest/fuzz.h.
 *
 * A block is some dozens of pieces, each safe wherever control comes from and whatever the
 * registers hold: an instruction of the encoding table, pointed at memory or at another piece where
 * it needs to be; or a structure that single instructions would not make by chance (a loop, a
 * change of a translation, of code, of the exception level). Branches go forward, from the start of
 * a piece to the start of another, and loops count, so every block ends.
 */
#ifndef TESTS_ENGINE_FUZZ_BLOCK_H
#define TESTS_ENGINE_FUZZ_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm/a64.h"

#define FUZZ_MAX_WORDS 1024

/* Registers before a block and after it, as guest/fuzz.S has them (FUZZ_S_*). */
struct fuzz_state {
    uint64_t x[31], pc, sp_el0, sp_el1, pstate, fpcr, fpsr, cpacr, tpidr, par, contextidr, pad[7];
    uint64_t v[32][2];
};

enum {
    FUZZ_PORTABLE = 1,    /* only what QEMU does as the Arm ARM says; no devices, no calls */
    FUZZ_INTERRUPTED = 2, /* interrupts come at any time: nothing that could see them */
};

struct fuzz_block {
    uint64_t seed;
    unsigned options;
    struct fuzz_state state;
    unsigned start, count; /* words from the start of the code */
    bool flush;            /* it changes translations */
    uint32_t word[FUZZ_MAX_WORDS];
};

void fuzz_block_make(struct fuzz_block *b, uint64_t seed, unsigned options);

/* --- memory (fuzz_arena.c) --- */

/* The arena as it is before a block (FUZZ_ARENA_LEN bytes), code and all. */
void fuzz_arena_fill(uint8_t *arena, bool device);
void fuzz_arena_code(uint8_t *arena, const struct fuzz_block *b);
/* The tables (FUZZ_TABLES_LEN bytes). */
void fuzz_tables_fill(uint8_t *tables);
/* A descriptor of a page of the arena's, and the virtual addresses of the window. */
enum fuzz_page { FUZZ_USER = 1 << 6, FUZZ_RO = 1 << 7, FUZZ_NO_AF = 1 << 10 };
uint64_t fuzz_descriptor(unsigned arena_page, unsigned flags);
uint64_t fuzz_va(unsigned window_page);
/* SCTLR_EL1 while blocks run. */
uint64_t fuzz_sctlr(unsigned options);

#endif
