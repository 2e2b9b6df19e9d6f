/* SPDX-License-Identifier: ISC */
/*
 * Random numbers for tests of instructions: a sequence that a seed repeats, and values at which
 * instructions change their mind.
 */
#ifndef TESTS_ISA_RANDOM_H
#define TESTS_ISA_RANDOM_H

#include <stdint.h>

/* A pseudo-random sequence; the same seed gives the same numbers. */
struct random {
    uint64_t state;
};

uint64_t random_u64(struct random *r);
/* 32 random bits; `arg` is a struct random, as a64_random wants it. */
uint32_t random_bits(void *arg);
/* 0 to limit - 1. */
unsigned random_below(struct random *r, unsigned limit);

/* Zero, ones, the limits of every width and their neighbours. */
uint64_t random_integer(struct random *r);
/* Half of a vector register. Kinds: floating-point numbers of 16 (0), 32 (1) or 64 (2) bits next
 * to every boundary, one integer (3), integers of 16 bits (4). */
#define RANDOM_KINDS 5
uint64_t random_lanes(struct random *r, unsigned kind);
/* A value of FPCR; half of the time 0. */
uint32_t random_fpcr(struct random *r);

#endif
