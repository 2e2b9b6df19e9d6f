/* SPDX-License-Identifier: ISC */
/* Products and quotients. */
#include "engine/jit/emit_int.h"

void emit_MUL(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    bool imm = i->b == IR_IMM;
    ir_value a = i->a, b = i->b;

    if (imm && i->imm == (int32_t)i->imm) {
        x64_imul_rri(e->as, i->size, d, emit_use(e, a, i->size, X64_RAX), (int32_t)i->imm);
    } else if (imm) {
        x64_mov_ri(e->as, X64_RDX, (uint64_t)i->imm);
        emit_int_move(e, d, a, i->size);
        x64_imul_rr(e->as, i->size, d, X64_RDX);
    } else {
        if (emit_int_is(e, b, d)) {
            a = i->b;
            b = i->a;
        }
        emit_int_move(e, d, a, i->size);
        if (emit_in_reg(e, b) || b == IR_ZERO)
            x64_imul_rr(e->as, i->size, d, emit_use(e, b, i->size, X64_RDX));
        else
            x64_imul_rm(e->as, i->size, d, emit_mem(e, b));
    }
    emit_done(e, i->dst, d);
}

void emit_SMULL(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_int_sign_extend(e, 8, X64_RCX, i->b, 0, 4);
    emit_int_sign_extend(e, 8, d, i->a, 0, 4);
    x64_imul_rr(e->as, 8, d, X64_RCX);
    emit_done(e, i->dst, d);
}

void emit_UMULL(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_copy(e, X64_RCX, i->b, 4);
    emit_copy(e, d, i->a, 4);
    x64_imul_rr(e->as, 8, d, X64_RCX);
    emit_done(e, i->dst, d);
}

static void multiply_high(struct emit *e, const struct ir_insn *i, enum x64_unary op)
{
    emit_copy(e, X64_RAX, i->a, 8);
    if (emit_in_reg(e, i->b) || i->b == IR_ZERO)
        x64_unary_r(e->as, op, 8, emit_use(e, i->b, 8, X64_RCX));
    else
        x64_unary_m(e->as, op, 8, emit_mem(e, i->b));
    emit_done(e, i->dst, X64_RDX);
}

void emit_SMULH(struct emit *e, const struct ir_insn *i)
{
    multiply_high(e, i, X64_IMUL);
}

void emit_UMULH(struct emit *e, const struct ir_insn *i)
{
    multiply_high(e, i, X64_MUL);
}

/* Division by 0 gives 0 on Arm (C6.2), a trap here. */
void emit_UDIV(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg m = emit_use(e, i->b, i->size, X64_RCX);
    uint8_t *by_zero;

    x64_alu_rr(e->as, X64_XOR, 4, X64_RAX, X64_RAX);
    x64_test_rr(e->as, i->size, m, m);
    by_zero = x64_jcc_short(e->as, X64_CC_Z);
    emit_copy(e, X64_RAX, i->a, i->size);
    x64_alu_rr(e->as, X64_XOR, 4, X64_RDX, X64_RDX);
    x64_unary_r(e->as, X64_DIV, i->size, m);
    x64_here(e->as, by_zero);
    emit_done(e, i->dst, X64_RAX);
}

/* The host also traps on the most negative number by -1. For the divisors 0 and -1 the quotient is
 * -n & m. */
void emit_SDIV(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg m = emit_use(e, i->b, i->size, X64_RCX);
    uint8_t *divide, *done;

    emit_copy(e, X64_RAX, i->a, i->size);
    x64_lea(e->as, i->size, X64_RDX, x64_at(m, 1));
    x64_alu_ri(e->as, X64_CMP, i->size, X64_RDX, 1);
    divide = x64_jcc_short(e->as, X64_CC_A);
    x64_unary_r(e->as, X64_NEG, i->size, X64_RAX);
    x64_alu_rr(e->as, X64_AND, i->size, X64_RAX, m);
    done = x64_jmp_short(e->as);
    x64_here(e->as, divide);
    if (i->size == 8)
        x64_cqo(e->as);
    else
        x64_cdq(e->as);
    x64_unary_r(e->as, X64_IDIV, i->size, m);
    x64_here(e->as, done);
    emit_done(e, i->dst, X64_RAX);
}
