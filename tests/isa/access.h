/* SPDX-License-Identifier: ISC */
/*
 * What tests need to know of a load or store instruction to point it at memory.
 */
#ifndef TESTS_ISA_ACCESS_H
#define TESTS_ISA_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

/* A word that decodes to an operation: is it a load or store (C4.1.96)? */
bool access_is(uint32_t w);
/* Exclusive, ordered and atomic accesses must be aligned. */
bool access_must_align(uint32_t w);
/* The distance of the access from the base register, with these X0 to X30. */
uint64_t access_offset(uint32_t w, const uint64_t x[31]);

#endif
