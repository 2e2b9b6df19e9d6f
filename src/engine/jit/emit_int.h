/* SPDX-License-Identifier: ISC */
/* What the emitters of the integer family share. */
#ifndef ENGINE_JIT_EMIT_INT_H
#define ENGINE_JIT_EMIT_INT_H

#include "engine/jit/emit.h"
#include "engine/jit/int.h"

/* Whether `v` lives in host register r. */
static inline bool emit_int_is(const struct emit *e, ir_value v, enum x64_reg r)
{
    return emit_in_reg(e, v) && e->alloc->host[v] == (int)r;
}

/* Like emit_copy(), but what is above bit 31 is unspecified if size is 4 and `v` lives in `to`
 * already: for an operation of `size` bytes that follows. */
void emit_int_move(struct emit *e, enum x64_reg to, ir_value v, unsigned size);

/* to = bytes [at, at + from) of v, zero-extended to 64 bits; from is 1, 2 or 4; at is 0 unless v
 * lives in memory. EFLAGS are kept. */
void emit_int_zero_extend(struct emit *e, enum x64_reg to, ir_value v, unsigned at, unsigned from);

/* The same, sign-extended to `size` bytes and zero-extended from there. */
void emit_int_sign_extend(struct emit *e, unsigned size, enum x64_reg to, ir_value v, unsigned at,
                          unsigned from);

/* r &= mask, of `size` bytes. May clobber rdx. */
void emit_int_mask(struct emit *e, unsigned size, enum x64_reg r, uint64_t mask);

/* EFLAGS, in the form EMIT_FLAGS_SUB, of i->a - (i->b or i->imm). May clobber rax and rdx. */
void emit_int_compare(struct emit *e, const struct ir_insn *i);

/* The same of the sum, in the form EMIT_FLAGS_ADD. */
void emit_int_compare_sum(struct emit *e, const struct ir_insn *i);

#endif
