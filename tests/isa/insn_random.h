/* SPDX-License-Identifier: ISC */
/*
 * Random cases for the differential instruction test: instances of an operation with a register
 * state that makes them meaningful.
 */
#ifndef TESTS_ISA_INSN_RANDOM_H
#define TESTS_ISA_INSN_RANDOM_H

#include <stdint.h>

#include "arm/a64.h"
#include "insn_case.h"

/* A pseudo-random sequence; the same seed gives the same cases. */
struct random {
    uint64_t state;
};

/* 32 random bits; `arg` is a struct random, as a64_random wants it. */
uint32_t random_bits(void *arg);

/* Fills `c` with a random case of `op`. */
void random_case(struct random *r, enum a64_op op, struct insn_case *c);

#endif
