/* SPDX-License-Identifier: ISC */
/*
 * The disassembler, for the parts of arm/ that print operands: an output buffer and the table of
 * operand routines.
 *
 * A template of a64.isa is text with operands in braces. An operand that begins with a capital
 * letter is a register, KIND REGISTER, where KIND says what decides the register's width and
 * REGISTER which field numbers it: {Rd} by sf, {Lt} by ldsize, {Vn.T} a vector of size:Q. "{#name}"
 * prints a field as a number. The rest are routines of disasm_operand.c.
 */
#ifndef ARM_DISASM_H
#define ARM_DISASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disasm {
    char *buf;
    size_t size; /* of buf */
    size_t used; /* characters the whole text needs so far, like snprintf */
    uint32_t w;  /* the instruction */
    uint64_t pc;
};

/* Appends formatted text. */
void disasm_print(struct disasm *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends general register `n` as Xn or Wn; 31 is SP with `sp`, else the zero register. */
void disasm_gpr(struct disasm *d, bool wide, unsigned n, bool sp);

/* Prints the operand `name`; false: there is none of that name. */
bool disasm_operand(struct disasm *d, const char *name);

/* The letter of an element of 8 << log bits: b h s d q. */
char disasm_element(unsigned log);

/* The log2 of the bytes of an element that imm5 or immh describes: the lowest or the highest bit
 * set. */
unsigned disasm_low_bit(uint32_t value);
unsigned disasm_high_bit(uint32_t value);

#endif
