/* SPDX-License-Identifier: ISC */
/*
 * Random cases for the differential instruction test: instances of an operation with a register
 * state that makes them meaningful.
 */
#ifndef TESTS_ISA_INSN_RANDOM_H
#define TESTS_ISA_INSN_RANDOM_H

#include "arm/a64.h"
#include "insn_case.h"
#include "random.h"

/* Fills `c` with a random case of `op`. */
void random_case(struct random *r, enum a64_op op, struct insn_case *c);

#endif
