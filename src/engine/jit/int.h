/* SPDX-License-Identifier: ISC */
/* What the integer family's translation, folding and emission share; see ir_int.def. */
#ifndef ENGINE_JIT_INT_H
#define ENGINE_JIT_INT_H

#include "engine/jit/ir.h"

/* A bitfield, as the imm of its operation. */
static inline int64_t int_field(unsigned lsb, unsigned width)
{
    return lsb | width << 8;
}

static inline unsigned int_field_lsb(int64_t imm)
{
    return (unsigned)imm & 0xff;
}

static inline unsigned int_field_width(int64_t imm)
{
    return (unsigned)imm >> 8;
}

/* The NZCV that a conditional comparison sets when its condition does not hold: as a field of 4
 * bits, in the flags of the instruction. */
enum { INT_NZCV = 8 };

static inline unsigned int_nzcv(const struct ir_insn *i)
{
    return i->flags >> INT_NZCV & 15;
}

/* An immediate of an operation of `size` bytes in the form that all of them have: of size 4
 * sign-extended, so that every one of those fits the host's instructions. */
static inline int64_t int_imm(unsigned size, uint64_t value)
{
    return size == 4 ? (int32_t)value : (int64_t)value;
}

#endif
