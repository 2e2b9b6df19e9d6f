/* SPDX-License-Identifier: ISC */
/*
 * The generator of random blocks, shared by its two files: fuzz_insn.c makes single instructions
 * of the encoding table safe, fuzz_block.c makes structures of them.
 */
#ifndef TESTS_ENGINE_FUZZ_GEN_H
#define TESTS_ENGINE_FUZZ_GEN_H

#include "fuzz_block.h"
#include "random.h"

#define GEN_FIXUPS 64

struct gen {
    struct random r;
    struct fuzz_block *b;
    unsigned options;
    uint32_t reserved; /* registers that must keep their value */
    bool in_loop;
    /* Forward branches (and ADR) whose target is still to come: after `left` more pieces. */
    struct {
        unsigned at, left;
    } fixup[GEN_FIXUPS];
    unsigned fixups;
    unsigned scope; /* fixups before it belong outside of the loop */
};

/* Words: A64 encodings with register operands. */
enum {
    A64W_NOP = 0xd503201f,
    A64W_ISB = 0xd5033fdf,
    A64W_DSB = 0xd5033b9f, /* dsb ish */
    A64W_ERET = 0xd69f03e0,
    A64W_RET = 0xd65f03c0,
    A64W_ADR = 0x10000000, /* adr x0, . */
    A64W_B = 0x14000000,
    A64W_BL = 0x94000000,
    A64W_MASK_IRQ = 0xd50342df, /* msr daifset, #2 */
};
#define A64W_SVC(imm)     (0xd4000001u | (uint32_t)(imm) << 5)
#define A64W_MRS(key, rt) (0xd5200000u | (uint32_t)(key) << 5 | (rt))
#define A64W_MSR(key, rt) (0xd5000000u | (uint32_t)(key) << 5 | (rt))
#define A64W_BR(rn)       (0xd61f0000u | (uint32_t)(rn) << 5)

void gen_emit(struct gen *g, uint32_t word);
unsigned gen_at(const struct gen *g); /* words so far */
/* A register, X0 to X30, that may be written; another than `other` (31 for any). */
unsigned gen_reg(struct gen *g, unsigned other);
/* MOVZ and MOVK. */
void gen_mov(struct gen *g, unsigned rd, uint64_t value);
/* A branch, or ADR, to the start of one of the pieces to come. */
void gen_forward(struct gen *g, uint32_t word, unsigned pieces);
/* A piece starts here: branches that were waiting for it arrive. */
void gen_piece(struct gen *g);
/* All that wait since `scope` arrive here. */
void gen_arrive(struct gen *g, unsigned scope);
/* Sets the distance of the branch or ADR at `at`. */
void gen_link(struct gen *g, unsigned at, unsigned target);

/* --- fuzz_insn.c --- */

/* One of the encoding table, with what it needs before it. */
void gen_random(struct gen *g);
/* A word of `op` that leaves reserved registers alone; false when it cannot be had. */
bool gen_word(struct gen *g, enum a64_op op, uint32_t *word);
/* Data processing that goes on to the next word, whatever the registers hold. */
uint32_t gen_plain(struct gen *g);
/* A load or store of `op` at an address of the window that is in use, or next to one. */
bool gen_access(struct gen *g, uint32_t word);
/* An address in the window for an access. */
uint64_t gen_target(struct gen *g, bool aligned);

#endif
