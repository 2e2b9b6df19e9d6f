/* SPDX-License-Identifier: ISC */
/* Vector integer operations that saturate, and set FPSR.QC when they do; see emit_vec.h. */
#include "engine/jit/emit_vec.h"

#include "arm/regs.h"

/* EFLAGS.ZF: no bit is set. */
static void test(struct emit *e, unsigned diff, bool q)
{
    if (!q)
        x64_v2(e->as, X64_MOVQ, diff, diff);
    x64_v2(e->as, X64_PTEST, diff, diff);
}

void vec_set_qc(struct emit *e, unsigned diff, bool q)
{
    uint8_t *same;

    test(e, diff, q);
    same = x64_jcc_short(e->as, X64_CC_Z);
    x64_alu_mi(e->as, X64_OR, 4, EMIT_FIELD(fpsr), (int32_t)FPSR_QC);
    x64_here(e->as, same);
}

void vec_slow_if(struct emit *e, unsigned diff, bool q)
{
    test(e, diff, q);
    emit_slow(e, X64_CC_NZ);
}

/* Bytes and halfwords: the host saturates; what wraps instead tells whether it did. */
static void add_narrow(struct emit *e, const struct ir_insn *i, unsigned a, unsigned b)
{
    static const enum x64_vop ops[2][2][2] = {
        {{X64_PADDUSB, X64_PADDUSW}, {X64_PADDSB, X64_PADDSW}},
        {{X64_PSUBUSB, X64_PSUBUSW}, {X64_PSUBSB, X64_PSUBSW}},
    };
    bool minus = i->flags & VEC_MINUS, sign = i->flags & VEC_SIGNED;

    x64_v3(e->as, ops[minus][sign][i->size - 1], X64_XMM15, a, b);
    x64_v3(e->as, vec_op(minus ? vec_sub_ops : vec_add_ops, i->size), X64_XMM13, a, b);
    x64_v3(e->as, X64_PXOR, X64_XMM13, X64_XMM13, X64_XMM15);
    vec_set_qc(e, X64_XMM13, i->flags & IR_Q);
}

/* Unsigned words: a + min(b, ~a), max(a, b) - b. */
static void add_unsigned(struct emit *e, const struct ir_insn *i, unsigned a, unsigned b)
{
    if (i->flags & VEC_MINUS) {
        x64_v3(e->as, X64_PMAXUD, X64_XMM15, a, b);
        x64_v3(e->as, X64_PXOR, X64_XMM13, a, X64_XMM15);
        x64_v3(e->as, X64_PSUBD, X64_XMM15, X64_XMM15, b);
        vec_set_qc(e, X64_XMM13, i->flags & IR_Q);
    } else {
        x64_vones(e->as, X64_XMM15);
        x64_v3(e->as, X64_PXOR, X64_XMM15, X64_XMM15, a);
        x64_v3(e->as, X64_PMINUD, X64_XMM15, X64_XMM15, b);
        x64_v3(e->as, X64_PXOR, X64_XMM14, b, X64_XMM15);
        x64_v3(e->as, X64_PADDD, X64_XMM15, X64_XMM15, a);
        vec_set_qc(e, X64_XMM14, i->flags & IR_Q);
    }
}

/* Signed words and longer: replayed if the sum's sign is not that of both operands, the
 * difference's that of neither. */
static void add_signed(struct emit *e, const struct ir_insn *i, unsigned a, unsigned b)
{
    bool minus = i->flags & VEC_MINUS;
    unsigned lanes = (i->flags & IR_Q ? 16 : 8) / i->size;

    x64_v3(e->as, vec_op(minus ? vec_sub_ops : vec_add_ops, i->size), X64_XMM15, a, b);
    x64_v3(e->as, X64_PXOR, X64_XMM14, minus ? a : X64_XMM15, b);
    x64_v3(e->as, X64_PXOR, X64_XMM13, a, X64_XMM15);
    x64_v3(e->as, X64_PAND, X64_XMM13, X64_XMM13, X64_XMM14);
    x64_movmsk(e->as, i->size == 4 ? X64_MOVMSKPS : X64_MOVMSKPD, X64_RAX, X64_XMM13);
    x64_test_ri(e->as, 4, X64_RAX, (1 << lanes) - 1);
    emit_slow(e, X64_CC_NZ);
}

void emit_VQADD(struct emit *e, const struct ir_insn *i)
{
    unsigned a, b;

    if (i->size == 8 && !(i->flags & VEC_SIGNED)) {
        emit_handler(e, i);
        return;
    }
    a = emit_vuse(e, i->a, X64_XMM13);
    b = emit_vuse(e, i->b, X64_XMM14);
    if (i->size < 4)
        add_narrow(e, i, a, b);
    else if (i->flags & VEC_SIGNED)
        add_signed(e, i, a, b);
    else
        add_unsigned(e, i, a, b);
    vec_store(e, i, X64_XMM15);
}

/* xmm15 <- the upper halves of twice the products of halfwords. PMULHRSW is the rounded one. */
static void multiply_halfwords(struct emit *e, const struct ir_insn *i, unsigned a, unsigned b)
{
    if (i->flags & VEC_ROUND) {
        x64_v3(e->as, X64_PMULHRSW, X64_XMM15, a, b);
        return;
    }
    x64_v3(e->as, X64_PMULHW, X64_XMM15, a, b);
    x64_v3(e->as, X64_PADDW, X64_XMM15, X64_XMM15, X64_XMM15);
    x64_v3(e->as, X64_PMULLW, X64_XMM13, a, b);
    x64_vshift_i(e->as, X64_PSRLW_I, X64_XMM13, X64_XMM13, 15);
    x64_v3(e->as, X64_POR, X64_XMM15, X64_XMM15, X64_XMM13);
}

/* The same of words: bits 31 to 62 of the products, of the even and of the odd ones. */
static void multiply_words(struct emit *e, const struct ir_insn *i, unsigned a, unsigned b)
{
    struct x64_mem half = vec_const(e, UINT64_C(1) << 30);
    bool round = i->flags & VEC_ROUND;

    x64_v3(e->as, X64_PMULDQ, X64_XMM15, a, b);
    if (round)
        x64_v3m(e->as, X64_PADDQ, X64_XMM15, X64_XMM15, half);
    x64_vshift_i(e->as, X64_PSRLQ_I, X64_XMM15, X64_XMM15, 31);
    x64_vshift_i(e->as, X64_PSRLQ_I, X64_XMM13, a, 32);
    x64_vshift_i(e->as, X64_PSRLQ_I, X64_XMM14, b, 32);
    x64_v3(e->as, X64_PMULDQ, X64_XMM13, X64_XMM13, X64_XMM14);
    if (round)
        x64_v3m(e->as, X64_PADDQ, X64_XMM13, X64_XMM13, half);
    x64_vshift_i(e->as, X64_PSLLQ_I, X64_XMM13, X64_XMM13, 1);
    x64_v3i(e->as, X64_PBLENDW, X64_XMM15, X64_XMM15, X64_XMM13, 0xcc);
}

/* Only the smallest number squared saturates, and nothing else gives the smallest number. */
void emit_VQDMULH(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = vec_use_b(e, i, X64_XMM14);
    uint64_t smallest = vec_replicate(UINT64_C(1) << (8 * i->size - 1), i->size);

    if (i->size == 2)
        multiply_halfwords(e, i, a, b);
    else
        multiply_words(e, i, a, b);
    x64_v3m(e->as, vec_op(vec_cmpeq_ops, i->size), X64_XMM14, X64_XMM15, vec_const(e, smallest));
    vec_slow_if(e, X64_XMM14, i->flags & IR_Q);
    vec_store(e, i, X64_XMM15);
}
