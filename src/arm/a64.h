/* SPDX-License-Identifier: ISC */
/*
 * The A64 instruction set: decoding, names and random instructions.
 *
 * arm/a64.isa has one line an encoding. From it come, in the generated arm/a64_gen.h:
 *
 * - enum a64_op: A64_UNDEFINED, then one A64_<NAME> a line that a declared CPU has, then
 *   A64_OP_COUNT.
 * - A64_OPS(X): X(ADD_imm) X(ADDS_imm) ..., the same list without A64_UNDEFINED, for tables of
 *   handlers.
 * - a64_<FIELD>(w): a field of an instruction, unsigned: a64_Rd(w), a64_imm12(w). One name is one
 *   position, in every encoding; the head of a64.isa lists them.
 *
 * A name is one behaviour: variants by sf, size or Q share it, and its handler looks at those
 * fields. Decoding is complete: a word that the architecture leaves unallocated, or that belongs to
 * a feature the declared CPU does not have, gives A64_UNDEFINED, so a handler never raises
 * Undefined Instruction because of the word alone (it may because of the exception level, a trap or
 * another state).
 *
 * The declared CPU is Armv8.2 with FP16, LSE, CRC32, RDM, DotProd, AES, PMULL, SHA1, SHA256, LRCPC,
 * PAN, UAO, DPB, SB and SSBS (arm/cpuid.c). Hints that it does not know are NOPs (HINT). The
 * instructions of PAuth are decoded here although not every model has them: cpuid_decode() knows.
 *
 * All functions are pure and may be called by any thread.
 */
#ifndef ARM_A64_H
#define ARM_A64_H

#include <stddef.h>
#include <stdint.h>

#include "arm/a64_gen.h"

/* The operation of the instruction `word`. */
enum a64_op a64_decode(uint32_t word);

/* The name of `op` as in a64.isa ("ADD_imm"); "UNDEFINED" for A64_UNDEFINED and for a value out of
 * range. */
const char *a64_op_name(enum a64_op op);

/* The feature `op` belongs to ("FEAT_LSE"), NULL for the base architecture. */
const char *a64_op_feature(enum a64_op op);

/*
 * For a word that decodes to A64_UNDEFINED: the feature that would give it a meaning
 * ("FEAT_FlagM"), or NULL when the word is unallocated, permanently undefined or decodes to an
 * operation. "DEBUG_STATE" stands for the instructions that exist in Debug state only.
 */
const char *a64_absent_feature(uint32_t word);

/* The fixed bits of `op`, and their values: a word of `op` has (word & mask) == value. */
uint32_t a64_op_mask(enum a64_op op);
uint32_t a64_op_value(enum a64_op op);

/*
 * A word that decodes to `op`, with random fields from `rng(arg)`, 32 random bits a call. Bits that
 * should be zero or one are. Returns 0 (which is UDF) for A64_UNDEFINED, and if `rng` gives no
 * valid word in 4096 attempts.
 */
uint32_t a64_random(enum a64_op op, uint32_t (*rng)(void *), void *arg);

/*
 * Disassembles `word` at address `pc` into buf (of `len` bytes, always terminated if len is not 0):
 * "add x0, x1, #16". The text is that of LLVM, aliases included, but for branch targets, which are
 * addresses. A word that is no instruction of the declared CPU is ".inst 0x...". Returns the length
 * of the whole text, as snprintf does; 80 bytes hold any.
 */
size_t a64_disasm(uint32_t word, uint64_t pc, char *buf, size_t len);

#endif
