/* SPDX-License-Identifier: ISC */
/*
 * Vector integer comparisons; see emit_vec.h. The host has equal and signed greater: the rest are
 * their inverses, comparisons of the greater one with an operand, or of operands whose signs are
 * inverted.
 */
#include "engine/jit/emit_vec.h"

#define SIGN_BIT (UINT64_C(1) << 63)

/* dst <- the inverse of xmm13. */
static void store_inverse(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_not(e, d, X64_XMM13, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VCMEQ(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    vec_op3(e, vec_op(vec_cmpeq_ops, i->size), d, a, i->b, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VCMGT(struct emit *e, const struct ir_insn *i)
{
    unsigned a = vec_use(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    vec_op3(e, vec_op(vec_cmpgt_ops, i->size), d, a, i->b, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VCMGE(struct emit *e, const struct ir_insn *i)
{
    enum x64_vop greater = vec_op(vec_cmpgt_ops, i->size);

    if (i->b == IR_NONE) { /* above -1 */
        unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

        x64_vones(e->as, X64_XMM14);
        x64_v3(e->as, greater, d, a, X64_XMM14);
        vec_store(e, i, d);
        return;
    }
    vec_op3(e, greater, X64_XMM13, vec_use(e, i->b, X64_XMM13), i->a, X64_XMM14);
    store_inverse(e, i);
}

/* xmm13 <- a > b, unsigned, of 64 bits. */
static void above_long(struct emit *e, ir_value a, ir_value b)
{
    struct x64_mem sign = vec_const(e, SIGN_BIT);
    unsigned ra = emit_vuse(e, a, X64_XMM13), rb = emit_vuse(e, b, X64_XMM14);

    x64_v3m(e->as, X64_PXOR, X64_XMM13, ra, sign);
    x64_v3m(e->as, X64_PXOR, X64_XMM14, rb, sign);
    x64_v3(e->as, X64_PCMPGTQ, X64_XMM13, X64_XMM13, X64_XMM14);
}

/* d <- a >= b, unsigned: the greater one is a. */
static void not_below(struct emit *e, unsigned size, unsigned d, ir_value a, ir_value b)
{
    unsigned ra = emit_vuse(e, a, X64_XMM14);

    vec_op3(e, vec_op(vec_umax_ops, size), X64_XMM13, ra, b, X64_XMM13);
    x64_v3(e->as, vec_op(vec_cmpeq_ops, size), d, X64_XMM13, ra);
}

void emit_VCMHI(struct emit *e, const struct ir_insn *i)
{
    if (i->size == 8) {
        above_long(e, i->a, i->b);
        vec_store(e, i, X64_XMM13);
    } else {
        not_below(e, i->size, X64_XMM13, i->b, i->a);
        store_inverse(e, i);
    }
}

void emit_VCMHS(struct emit *e, const struct ir_insn *i)
{
    if (i->size == 8) {
        above_long(e, i->b, i->a);
        store_inverse(e, i);
    } else {
        unsigned d = emit_vdef(e, i->dst, X64_XMM13);

        not_below(e, i->size, d, i->a, i->b);
        vec_store(e, i, d);
    }
}

/* Some bit is set in both. */
void emit_VCMTST(struct emit *e, const struct ir_insn *i)
{
    vec_op3(e, X64_PAND, X64_XMM13, emit_vuse(e, i->a, X64_XMM13), i->b, X64_XMM14);
    x64_vzero(e->as, X64_XMM14);
    x64_v3(e->as, vec_op(vec_cmpeq_ops, i->size), X64_XMM13, X64_XMM13, X64_XMM14);
    store_inverse(e, i);
}
