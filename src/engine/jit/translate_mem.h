/* SPDX-License-Identifier: ISC */
/* What the translate_mem*.c files share. */
#ifndef ENGINE_JIT_TRANSLATE_MEM_H
#define ENGINE_JIT_TRANSLATE_MEM_H

#include "base/bits.h"
#include "engine/jit/mem.h"
#include "engine/jit/translate.h"

static inline bool mem_fp_traps(const struct translator *t)
{
    return t->r->context & CONTEXT_FP_TRAP;
}

/* An access of `size` bytes at Rn + imm. */
static inline struct ir_insn *mem_access(struct translator *t, enum ir_opcode op, unsigned size,
                                         uint32_t w, int64_t imm)
{
    struct ir_insn *i = ir_add(t, op);

    i->size = (uint8_t)size;
    i->a = ir_xsp(a64_Rn(w));
    i->imm = imm;
    return i;
}

/* Rn += imm. */
static inline void mem_writeback(struct translator *t, uint32_t w, int64_t imm)
{
    ir_op_imm(t, IR_ADD, 8, ir_xsp(a64_Rn(w)), ir_xsp(a64_Rn(w)), imm);
}

/* Whether Rn, the base, which the instruction writes back, is its general register n, too (31 is
 * SP in one and XZR in the other). */
static inline bool mem_base_is(uint32_t w, unsigned n)
{
    return n != 31 && n == a64_Rn(w);
}

#endif
