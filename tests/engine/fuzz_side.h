/* SPDX-License-Identifier: ISC */
/*
 * One engine of the differential fuzzer, with a VM of its own in which the harness (guest/fuzz.S)
 * runs blocks, and what is left of a block. Used by the thread that made it, but for
 * fuzz_side_kick.
 */
#ifndef TESTS_ENGINE_FUZZ_SIDE_H
#define TESTS_ENGINE_FUZZ_SIDE_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "fuzz_block.h"
#include "random.h"

struct fuzz_side {
    const struct engine_ops *ops;
    struct mem *mem;
    struct engine_vm *vm;
    struct vcpu *vcpu;
    struct vcpu_exit *exit;
    uint8_t *ram;         /* the guest's RAM */
    uint8_t *pristine;    /* the arena before any block */
    struct random random; /* when interrupts come */
    bool irq;
    uint64_t trace;       /* of accesses to the device */
    _Atomic bool give_up; /* set by another thread, which then kicks */
};

enum fuzz_end { FUZZ_DONE, FUZZ_HUNG, FUZZ_BROKEN };

/* Of instructions, by stepping (fuzz_side_count). */
struct fuzz_counts {
    uint64_t executed, completed;
    uint64_t op[A64_OP_COUNT];
};

/* Returns 0, or -1 with err set. */
int fuzz_side_create(struct fuzz_side *s, const char *engine, const char *harness,
                     struct error *err);
void fuzz_side_destroy(struct fuzz_side *s);
/* Any thread: the block that runs sees an EXIT_KICKED. */
void fuzz_side_kick(struct fuzz_side *s);

/* Runs the block. With FUZZ_DONE, `state` is what it left in the registers, and the rest is in
 * memory: fuzz_side_arena and fuzz_side_log. */
enum fuzz_end fuzz_side_run(struct fuzz_side *s, const struct fuzz_block *b,
                            struct fuzz_state *state);
/* Runs it instruction by instruction, and counts those of the block. */
enum fuzz_end fuzz_side_count(struct fuzz_side *s, const struct fuzz_block *b,
                              struct fuzz_counts *counts);

const uint8_t *fuzz_side_arena(const struct fuzz_side *s);
/* Entries of four words: vector and ESR, FAR, ELR, SPSR. */
const uint64_t *fuzz_side_log(const struct fuzz_side *s, uint64_t *entries);
uint64_t fuzz_side_interrupts(const struct fuzz_side *s);

#endif
