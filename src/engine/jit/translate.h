/* SPDX-License-Identifier: ISC */
/*
 * From A64 to IR: one function a line of arm/a64.isa that is translated, translate_<NAME>, named in
 * translate.def and living in the translate_*.c of its family. What has none, or whose function
 * returns false, becomes a call of the interpreter's handler.
 */
#ifndef ENGINE_JIT_TRANSLATE_H
#define ENGINE_JIT_TRANSLATE_H

#include "engine/jit/ir.h"

struct translator {
    struct ir_region *r;
    unsigned guest;  /* index of the instruction being translated */
    unsigned offset; /* of it in the page */
};

typedef bool translate_fn(struct translator *t, uint32_t w);

#define TRANSLATE(name) translate_fn translate_##name;
#include "engine/jit/translate.def"
#undef TRANSLATE

/* Fills r->insn from r->guest. */
void translate_region(struct ir_region *r);

/* Appends an operation with all operands IR_NONE, size 8, and the caller fills in the rest. Never
 * NULL: when there is no room it is one that does not count, and r->full is set. */
struct ir_insn *ir_add(struct translator *t, enum ir_opcode op);

/* dst = op(a, b), and dst = op(a, imm), of `size` bytes. */
struct ir_insn *ir_op3(struct translator *t, enum ir_opcode op, unsigned size, ir_value dst,
                       ir_value a, ir_value b);
struct ir_insn *ir_op_imm(struct translator *t, enum ir_opcode op, unsigned size, ir_value dst,
                          ir_value a, int64_t imm);

/* Xn as an operand, where register 31 is XZR; as a result (31: IR_NONE); and where 31 is SP. */
static inline ir_value ir_x(unsigned n)
{
    return (ir_value)(n == 31 ? IR_ZERO : IR_X + n);
}

static inline ir_value ir_dst(unsigned n)
{
    return (ir_value)(n == 31 ? IR_NONE : IR_X + n);
}

static inline ir_value ir_xsp(unsigned n)
{
    return (ir_value)(IR_X + n);
}

static inline ir_value ir_v(unsigned n)
{
    return (ir_value)(IR_V + n);
}

#endif
