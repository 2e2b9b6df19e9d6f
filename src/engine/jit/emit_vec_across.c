/* SPDX-License-Identifier: ISC */
/* Vector integer operations between the elements of a vector; see emit_vec.h. */
#include "engine/jit/emit_vec.h"

/* --- pairs --- */

/* Both operands are in one register: each element with the one above it, and what is of interest
 * moved together. */
static void pairwise_in_one(struct emit *e, const struct ir_insn *i, enum x64_vop op)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);
    uint64_t parts = vec_parts(i->size, 0);
    bool q = i->flags & IR_Q;

    if (!q) {
        vec_op3(e, X64_PUNPCKLQDQ, X64_XMM13, a, i->b, X64_XMM14);
        a = X64_XMM13;
    }
    vec_shift_right_logical(e, X64_XMM14, a, 2 * i->size, 8 * i->size);
    x64_v3(e->as, op, X64_XMM14, X64_XMM14, a);
    x64_v3m(e->as, X64_PSHUFB, d, X64_XMM14,
            emit_const16(e, parts, q ? parts : vec_replicate(0x80, 1)));
    emit_vdone(e, i->dst, d);
}

/* to <- the lesser of each pair of v's unsigned elements, twice as wide: zeros that are shifted in
 * are the least. */
static void least_of_pairs(struct emit *e, const struct ir_insn *i, unsigned to, ir_value v)
{
    unsigned a = emit_vuse(e, v, X64_XMM15);

    vec_shift_right_logical(e, to, a, 2 * i->size, 8 * i->size);
    x64_v3(e->as, vec_op(vec_umin_ops, i->size), to, to, a);
}

/* Even elements with odd ones. */
static void pairwise(struct emit *e, const struct ir_insn *i, enum x64_vop op)
{
    if (i->size < 8 && (i->a == i->b || !(i->flags & IR_Q))) {
        pairwise_in_one(e, i, op);
    } else {
        unsigned d = emit_vdef(e, i->dst, X64_XMM13);

        vec_unzip(e, i, false, X64_XMM13, X64_XMM14, X64_XMM13);
        vec_unzip(e, i, true, X64_XMM14, X64_XMM15, X64_XMM14);
        x64_v3(e->as, op, d, X64_XMM13, X64_XMM14);
        vec_store(e, i, d);
    }
}

/* --- all elements of one --- */

/* to <- op of all elements of the vector in `from`, in element 0; xmm14 is clobbered. */
static void reduce(struct emit *e, enum x64_vop op, unsigned size, unsigned width, unsigned to,
                   unsigned from)
{
    for (unsigned n = width / 2; n >= size; n /= 2) {
        if (n == 8)
            x64_v2i(e->as, X64_PSHUFD, X64_XMM14, from, 0xee);
        else
            x64_vshift_i(e->as, X64_PSRLDQ_I, X64_XMM14, from, (uint8_t)n);
        x64_v3(e->as, op, to, from, X64_XMM14);
        from = to;
    }
}

/* Stores element 0 of xmm13, zero above it. */
static void store_first(struct emit *e, const struct ir_insn *i, unsigned size)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (size == 8)
        x64_v2(e->as, X64_MOVQ, d, X64_XMM13);
    else
        x64_v3m(e->as, X64_PAND, d, X64_XMM13, emit_const16(e, (UINT64_C(1) << 8 * size) - 1, 0));
    emit_vdone(e, i->dst, d);
}

static unsigned width_of(const struct ir_insn *i)
{
    return i->flags & IR_Q ? 16 : 8;
}

static void across(struct emit *e, const struct ir_insn *i, enum x64_vop op)
{
    reduce(e, op, i->size, width_of(i), X64_XMM13, emit_vuse(e, i->a, X64_XMM13));
    store_first(e, i, i->size);
}

#define PAIRWISE_AND_ACROSS(name, ops)                                                             \
    void emit_##name##P(struct emit *e, const struct ir_insn *i)                                   \
    {                                                                                              \
        pairwise(e, i, vec_op(ops, i->size));                                                      \
    }                                                                                              \
    void emit_##name##V(struct emit *e, const struct ir_insn *i)                                   \
    {                                                                                              \
        across(e, i, vec_op(ops, i->size));                                                        \
    }
PAIRWISE_AND_ACROSS(VSMAX, vec_smax_ops)
PAIRWISE_AND_ACROSS(VSMIN, vec_smin_ops)
PAIRWISE_AND_ACROSS(VUMAX, vec_umax_ops)

void emit_VUMINP(struct emit *e, const struct ir_insn *i)
{
    if ((i->flags & IR_Q) && i->a != i->b && i->size < 4) {
        unsigned d = emit_vdef(e, i->dst, X64_XMM13);

        least_of_pairs(e, i, X64_XMM13, i->a);
        least_of_pairs(e, i, X64_XMM14, i->b);
        x64_v3(e->as, i->size == 1 ? X64_PACKUSWB : X64_PACKUSDW, d, X64_XMM13, X64_XMM14);
        vec_store(e, i, d);
    } else {
        pairwise(e, i, vec_op(vec_umin_ops, i->size));
    }
}

void emit_VUMINV(struct emit *e, const struct ir_insn *i)
{
    across(e, i, vec_op(vec_umin_ops, i->size));
}

void emit_VADDP(struct emit *e, const struct ir_insn *i)
{
    pairwise(e, i, vec_op(vec_add_ops, i->size));
}

/* xmm13 <- the sum of unsigned bytes, in its low 64 bits. */
static void sum_bytes(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13);

    x64_vzero(e->as, X64_XMM14);
    x64_v3(e->as, X64_PSADBW, X64_XMM13, a, X64_XMM14);
    if (i->flags & IR_Q)
        reduce(e, X64_PADDQ, 8, 16, X64_XMM13, X64_XMM13);
}

void emit_VADDV(struct emit *e, const struct ir_insn *i)
{
    if (i->size == 1) {
        sum_bytes(e, i);
        store_first(e, i, 1);
    } else {
        across(e, i, vec_op(vec_add_ops, i->size));
    }
}

/* --- sums of pairs, twice as wide --- */

/* to <- the sums of pairs of a; multiplying by 1 is how the host extends. */
static void add_pairs(struct emit *e, const struct ir_insn *i, unsigned to, unsigned a)
{
    struct x64_mem ones = vec_const(e, vec_replicate(1, i->size == 8 ? 4 : i->size));
    bool sign = i->flags & VEC_SIGNED;

    if (i->size == 1 && !sign) {
        x64_v3m(e->as, X64_PMADDUBSW, to, a, ones); /* unsigned by signed */
    } else if (i->size == 1) {
        x64_v2m(e->as, X64_MOVAPS, X64_XMM14, ones);
        x64_v3(e->as, X64_PMADDUBSW, to, X64_XMM14, a);
    } else if (i->size == 2 && sign) {
        x64_v3m(e->as, X64_PMADDWD, to, a, ones);
    } else if (i->size == 2) {
        x64_vshift_i(e->as, X64_PSRLD_I, X64_XMM14, a, 16);
        x64_v3m(e->as, X64_PAND, X64_XMM13, a, vec_const(e, vec_replicate(0xffff, 4)));
        x64_v3(e->as, X64_PADDD, to, X64_XMM13, X64_XMM14);
    } else {
        enum x64_vop extend = sign ? X64_PMULDQ : X64_PMULUDQ; /* the even elements */

        x64_vshift_i(e->as, X64_PSRLQ_I, X64_XMM14, a, 32);
        if (sign)
            x64_v3m(e->as, extend, X64_XMM14, X64_XMM14, ones);
        x64_v3m(e->as, extend, X64_XMM13, a, ones);
        x64_v3(e->as, X64_PADDQ, to, X64_XMM13, X64_XMM14);
    }
}

void emit_VADDLP(struct emit *e, const struct ir_insn *i)
{
    unsigned t = vec_target(e, i);

    add_pairs(e, i, t, emit_vuse(e, i->a, X64_XMM13));
    vec_end(e, i, 2 * i->size, t);
}

void emit_VADDLV(struct emit *e, const struct ir_insn *i)
{
    unsigned wide = 2 * i->size;

    if (i->size == 1 && !(i->flags & VEC_SIGNED)) {
        sum_bytes(e, i);
        store_first(e, i, 8);
        return;
    }
    add_pairs(e, i, X64_XMM13, emit_vuse(e, i->a, X64_XMM13));
    reduce(e, vec_op(vec_add_ops, wide), wide, width_of(i), X64_XMM13, X64_XMM13);
    store_first(e, i, wide);
}

/* --- dot products --- */

/* to <- the bytes of a that are even, or odd, as words. */
static void words_of(struct emit *e, const struct ir_insn *i, bool odd, unsigned to, unsigned a)
{
    bool sign = i->flags & VEC_SIGNED;

    if (odd) {
        x64_vshift_i(e->as, sign ? X64_PSRAW_I : X64_PSRLW_I, to, a, 8);
    } else if (sign) {
        x64_vshift_i(e->as, X64_PSLLW_I, to, a, 8);
        x64_vshift_i(e->as, X64_PSRAW_I, to, to, 8);
    } else {
        x64_v3m(e->as, X64_PAND, to, a, vec_const(e, vec_replicate(0xff, 2)));
    }
}

/* PMADDWD adds the products of two neighbours: of bytes 0 and 2, of 1 and 3. */
void emit_VDOT(struct emit *e, const struct ir_insn *i)
{
    words_of(e, i, false, X64_XMM13, emit_vuse(e, i->a, X64_XMM13));
    words_of(e, i, false, X64_XMM14, vec_use_b(e, i, X64_XMM14));
    x64_v3(e->as, X64_PMADDWD, X64_XMM13, X64_XMM13, X64_XMM14);
    words_of(e, i, true, X64_XMM14, emit_vuse(e, i->a, X64_XMM14));
    words_of(e, i, true, X64_XMM15, vec_use_b(e, i, X64_XMM15));
    x64_v3(e->as, X64_PMADDWD, X64_XMM14, X64_XMM14, X64_XMM15);
    x64_v3(e->as, X64_PADDD, X64_XMM13, X64_XMM13, X64_XMM14);
    vec_end(e, i, 4, X64_XMM13);
}
