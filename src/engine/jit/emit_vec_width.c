/* SPDX-License-Identifier: ISC */
/*
 * Vector integer operations whose result has wider or narrower elements than their operands; see
 * emit_vec.h. `size` is that of the narrow ones.
 */
#include "engine/jit/emit_vec.h"

/* --- wider --- */

void emit_VSHLL(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_widen(e, d, emit_vuse(e, i->a, X64_XMM13), i->size, i->flags);
    if (i->imm)
        vec_shift_left(e, d, d, 2 * i->size, (unsigned)i->imm);
    vec_store(e, i, d);
}

static enum x64_vop add_or_sub(const struct ir_insn *i)
{
    return vec_op(i->flags & VEC_MINUS ? vec_sub_ops : vec_add_ops, 2 * i->size);
}

void emit_VADDL(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_widen(e, X64_XMM13, emit_vuse(e, i->a, X64_XMM13), i->size, i->flags);
    vec_widen(e, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), i->size, i->flags);
    x64_v3(e->as, add_or_sub(i), d, X64_XMM13, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VADDW(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_widen(e, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), i->size, i->flags);
    x64_v3(e->as, add_or_sub(i), d, emit_vuse(e, i->a, X64_XMM13), X64_XMM14);
    vec_store(e, i, d);
}

/* The difference's magnitude is unsigned whatever the operands are. */
void emit_VABDL(struct emit *e, const struct ir_insn *i)
{
    unsigned t = vec_target(e, i);

    vec_abd(e, i, X64_XMM13, X64_XMM15);
    vec_widen(e, t, X64_XMM13, i->size, i->flags & VEC_HIGH);
    vec_end(e, i, 2 * i->size, t);
}

static void multiply_bytes(struct emit *e, const struct ir_insn *i, unsigned to)
{
    vec_widen(e, X64_XMM13, emit_vuse(e, i->a, X64_XMM13), 1, i->flags);
    vec_widen(e, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), 1, i->flags);
    x64_v3(e->as, X64_PMULLW, to, X64_XMM13, X64_XMM14);
}

/* The halves of 32-bit products are two instructions. */
static void multiply_words(struct emit *e, const struct ir_insn *i, unsigned to)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM15), b = vec_use_b(e, i, X64_XMM14);

    x64_v3(e->as, X64_PMULLW, X64_XMM13, a, b);
    x64_v3(e->as, i->flags & VEC_SIGNED ? X64_PMULHW : X64_PMULHUW, X64_XMM14, a, b);
    x64_v3(e->as, i->flags & VEC_HIGH ? X64_PUNPCKHWD : X64_PUNPCKLWD, to, X64_XMM13, X64_XMM14);
}

/* Multiplies what is in even elements. */
static void multiply_dwords(struct emit *e, const struct ir_insn *i, unsigned to)
{
    uint8_t spread = i->flags & VEC_HIGH ? 0xfa : 0x50;
    unsigned b = vec_use_b(e, i, X64_XMM14);

    x64_v2i(e->as, X64_PSHUFD, X64_XMM13, emit_vuse(e, i->a, X64_XMM13), spread);
    if (!(i->flags & VEC_LANE)) {
        x64_v2i(e->as, X64_PSHUFD, X64_XMM14, b, spread);
        b = X64_XMM14;
    }
    x64_v3(e->as, i->flags & VEC_SIGNED ? X64_PMULDQ : X64_PMULUDQ, to, X64_XMM13, b);
}

void emit_VMULL(struct emit *e, const struct ir_insn *i)
{
    unsigned t = vec_target(e, i);

    switch (i->size) {
    case 1: multiply_bytes(e, i, t); break;
    case 2: multiply_words(e, i, t); break;
    default: multiply_dwords(e, i, t); break;
    }
    vec_end(e, i, 2 * i->size, t);
}

void emit_VPMULL(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (!e->cpu->pclmul) {
        emit_handler(e, i);
        return;
    }
    x64_v3i(e->as, X64_PCLMULQDQ, d, a, b, i->flags & VEC_HIGH ? 0x11 : 0x00);
    vec_store(e, i, d);
}

/* --- narrower --- */

/* Stores the part of `from`'s elements that is `skip` bytes into them. */
static void store_part(struct emit *e, const struct ir_insn *i, unsigned from, unsigned skip)
{
    struct x64_mem part = emit_const16(e, vec_parts(i->size, skip), vec_replicate(0x80, 1));

    if (i->c == IR_NONE) {
        unsigned d = emit_vdef(e, i->dst, X64_XMM13);

        x64_v3m(e->as, X64_PSHUFB, d, from, part);
        emit_vdone(e, i->dst, d);
    } else {
        x64_v3m(e->as, X64_PSHUFB, X64_XMM14, from, part);
        vec_store_narrow(e, i, X64_XMM14);
    }
}

/* With the wide element's bits that are kept truncated, half of the last place may be added first:
 * a carry out of the element does not reach them. */
static unsigned add_half(struct emit *e, const struct ir_insn *i, unsigned a, unsigned n)
{
    unsigned wide = 2 * i->size;

    if (!(i->flags & VEC_ROUND))
        return a;
    x64_v3m(e->as, vec_op(vec_add_ops, wide), X64_XMM13, a,
            vec_const(e, vec_replicate(UINT64_C(1) << (n - 1), wide)));
    return X64_XMM13;
}

/* Shifts by whole bytes are part of the shuffle. */
void emit_VSHRN(struct emit *e, const struct ir_insn *i)
{
    unsigned n = (unsigned)i->imm, a = emit_vuse(e, i->a, X64_XMM13);

    a = add_half(e, i, a, n);
    if (n % 8) {
        vec_shift_right(e, X64_XMM13, a, 2 * i->size, n, 0, X64_XMM14, X64_XMM14);
        a = X64_XMM13;
        n = 0;
    }
    store_part(e, i, a, n / 8);
}

void emit_VADDHN(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13);

    vec_op3(e, add_or_sub(i), X64_XMM13, a, i->b, X64_XMM14);
    store_part(e, i, add_half(e, i, X64_XMM13, 8 * i->size), i->size);
}

/* --- narrower, saturating: right if widening gives back what was there --- */

/* xmm14 <- xmm13's elements saturated. */
static void saturate(struct emit *e, const struct ir_insn *i)
{
    bool to_signed = (i->flags & VEC_SIGNED) && !(i->flags & VEC_UNSIGNED_RESULT);
    enum x64_vop pack;
    unsigned from = X64_XMM13;

    if (i->size == 1)
        pack = to_signed ? X64_PACKSSWB : X64_PACKUSWB;
    else
        pack = to_signed ? X64_PACKSSDW : X64_PACKUSDW;
    if (!(i->flags & VEC_SIGNED)) { /* the host takes its operand as signed */
        uint64_t max = (UINT64_C(1) << 8 * i->size) - 1;

        x64_v3m(e->as, vec_op(vec_umin_ops, 2 * i->size), X64_XMM14, X64_XMM13,
                vec_const(e, vec_replicate(max, 2 * i->size)));
        from = X64_XMM14;
    }
    x64_v3(e->as, pack, X64_XMM14, from, from);
}

void emit_VQSHRN(struct emit *e, const struct ir_insn *i)
{
    bool to_signed = (i->flags & VEC_SIGNED) && !(i->flags & VEC_UNSIGNED_RESULT);

    if (i->imm == 0)
        emit_vcopy(e, X64_XMM13, i->a);
    else
        vec_shift_right(e, X64_XMM13, emit_vuse(e, i->a, X64_XMM13), 2 * i->size, (unsigned)i->imm,
                        i->flags, X64_XMM14, X64_XMM15);
    if (i->size == 4)
        x64_v2i(e->as, X64_PSHUFD, X64_XMM14, X64_XMM13, 0x08);
    else
        saturate(e, i);
    vec_widen(e, X64_XMM15, X64_XMM14, i->size, to_signed ? VEC_SIGNED : 0);
    x64_v3(e->as, X64_PXOR, X64_XMM15, X64_XMM15, X64_XMM13);
    if (i->size == 4)
        vec_slow_if(e, X64_XMM15, true);
    else
        vec_set_qc(e, X64_XMM15, true);
    vec_store_narrow(e, i, X64_XMM14);
}
