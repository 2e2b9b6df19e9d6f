/* SPDX-License-Identifier: ISC */
/* Vector permutations, and the bits of elements; see emit_vec.h. */
#include "engine/jit/emit_vec.h"

/* --- interleaving --- */

static vec_ops low_ops = {X64_PUNPCKLBW, X64_PUNPCKLWD, X64_PUNPCKLDQ, X64_PUNPCKLQDQ};
static vec_ops high_ops = {X64_PUNPCKHBW, X64_PUNPCKHWD, X64_PUNPCKHDQ, X64_PUNPCKHQDQ};

void emit_VZIP1(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    vec_op3(e, vec_op(low_ops, i->size), d, a, i->b, X64_XMM14);
    vec_store(e, i, d);
}

/* Of 64-bit vectors, it is the upper half of what ZIP1 makes of 128. */
void emit_VZIP2(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);
    bool q = i->flags & IR_Q;

    vec_op3(e, vec_op(q ? high_ops : low_ops, i->size), d, a, i->b, X64_XMM14);
    if (!q)
        x64_vshift_i(e->as, X64_PSRLDQ_I, d, d, 8);
    emit_vdone(e, i->dst, d);
}

static void unzip(struct emit *e, const struct ir_insn *i, bool odd)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_unzip(e, i, odd, X64_XMM13, X64_XMM14, d);
    vec_store(e, i, d);
}

void emit_VUZP1(struct emit *e, const struct ir_insn *i)
{
    unzip(e, i, false);
}

void emit_VUZP2(struct emit *e, const struct ir_insn *i)
{
    unzip(e, i, true);
}

/* The odd elements of b to `to`, the even ones of a stay. */
static void blend_odd(struct emit *e, unsigned size, unsigned to, unsigned a, unsigned b)
{
    if (size == 1) {
        uint64_t even = vec_replicate(0xff, 2);

        x64_v3m(e->as, X64_PAND, X64_XMM13, a, vec_const(e, even));
        x64_v3m(e->as, X64_PAND, X64_XMM14, b, vec_const(e, ~even));
        x64_v3(e->as, X64_POR, to, X64_XMM13, X64_XMM14);
    } else {
        x64_v3i(e->as, X64_PBLENDW, to, a, b, size == 2 ? 0xaa : 0xcc);
    }
}

/* Pairs of elements are shifted so that the one that is wanted is in its place. */
void emit_VTRN1(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->size == 8) {
        x64_v3(e->as, X64_PUNPCKLQDQ, d, a, b);
    } else {
        vec_shift_left(e, X64_XMM14, b, 2 * i->size, 8 * i->size);
        blend_odd(e, i->size, d, a, X64_XMM14);
    }
    vec_store(e, i, d);
}

void emit_VTRN2(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->size == 8) {
        x64_v3(e->as, X64_PUNPCKHQDQ, d, a, b);
    } else {
        vec_shift_right(e, X64_XMM13, a, 2 * i->size, 8 * i->size, 0, X64_XMM15, X64_XMM15);
        blend_odd(e, i->size, d, X64_XMM13, b);
    }
    vec_store(e, i, d);
}

void emit_VEXT(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->flags & IR_Q) {
        x64_v3i(e->as, X64_PALIGNR, d, b, a, (uint8_t)i->imm);
    } else {
        x64_v3(e->as, X64_PUNPCKLQDQ, d, a, b);
        x64_vshift_i(e->as, X64_PSRLDQ_I, d, d, (uint8_t)i->imm);
    }
    vec_store(e, i, d);
}

/* --- shuffles --- */

/* Elements in reverse within their containers: byte k of 8 comes from this one. */
static uint64_t reverse_half(unsigned size, unsigned container)
{
    uint64_t half = 0;

    for (unsigned k = 0; k < 8; k++)
        half |= (uint64_t)(k ^ (container - size)) << 8 * k;
    return half;
}

void emit_VREV(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);
    uint64_t half = reverse_half(i->size, (unsigned)i->imm);
    uint64_t high = i->flags & IR_Q ? half + vec_replicate(8, 1) : vec_replicate(0x80, 1);

    x64_v3m(e->as, X64_PSHUFB, d, a, emit_const16(e, half, high));
    emit_vdone(e, i->dst, d);
}

/* An index out of range has its top bit set by the saturating addition: the host gives zero. */
void emit_VTBL(struct emit *e, const struct ir_insn *i)
{
    unsigned index = emit_vuse(e, i->b, X64_XMM14), d = emit_vdef(e, i->dst, X64_XMM13);
    unsigned table = emit_vuse(e, i->a, X64_XMM13);

    if (i->imm) {
        x64_v3m(e->as, X64_PSUBB, X64_XMM14, index,
                vec_const(e, vec_replicate((uint64_t)i->imm, 1)));
        index = X64_XMM14;
    }
    x64_v3m(e->as, X64_PADDUSB, X64_XMM14, index, vec_const(e, vec_replicate(0x70, 1)));
    if (i->c == IR_NONE) {
        x64_v3(e->as, X64_PSHUFB, d, table, X64_XMM14);
    } else {
        x64_v3(e->as, X64_PSHUFB, X64_XMM13, table, X64_XMM14);
        if (i->flags & VEC_KEEP) {
            x64_vzero(e->as, X64_XMM15);
            x64_v3(e->as, X64_PCMPGTB, X64_XMM15, X64_XMM15, X64_XMM14);
            vec_op3(e, X64_PAND, X64_XMM15, X64_XMM15, i->c, X64_XMM14);
            x64_v3(e->as, X64_POR, d, X64_XMM13, X64_XMM15);
        } else {
            vec_op3(e, X64_POR, d, X64_XMM13, i->c, X64_XMM14);
        }
    }
    vec_store(e, i, d);
}

/* --- bits --- */

/* A table of 16 bytes. */
struct table {
    uint64_t low, high;
};

/* What becomes of the lower and of the upper four bits of each byte, by tables, and of both. */
static void by_nibbles(struct emit *e, const struct ir_insn *i, struct table low, struct table high,
                       enum x64_vop combine)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);
    struct x64_mem nibble = vec_const(e, vec_replicate(0x0f, 1));

    x64_v3m(e->as, X64_PAND, X64_XMM14, a, nibble);
    x64_vshift_i(e->as, X64_PSRLW_I, X64_XMM15, a, 4);
    x64_v3m(e->as, X64_PAND, X64_XMM15, X64_XMM15, nibble);
    x64_v2m(e->as, X64_MOVAPS, X64_XMM13, emit_const16(e, low.low, low.high));
    x64_v3(e->as, X64_PSHUFB, X64_XMM13, X64_XMM13, X64_XMM14);
    x64_v2m(e->as, X64_MOVAPS, X64_XMM14, emit_const16(e, high.low, high.high));
    x64_v3(e->as, X64_PSHUFB, X64_XMM14, X64_XMM14, X64_XMM15);
    x64_v3(e->as, combine, d, X64_XMM13, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VCNT(struct emit *e, const struct ir_insn *i)
{
    static const struct table count = {UINT64_C(0x0302020102010100), UINT64_C(0x0403030203020201)};

    if (e->cpu->bitalg) {
        unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

        x64_v2(e->as, X64_VPOPCNTB, d, a);
        vec_store(e, i, d);
    } else {
        by_nibbles(e, i, count, count, X64_PADDB);
    }
}

void emit_VRBIT(struct emit *e, const struct ir_insn *i)
{
    static const struct table low = {UINT64_C(0xe060a020c0408000), UINT64_C(0xf070b030d0509010)};
    static const struct table high = {UINT64_C(0x0e060a020c040800), UINT64_C(0x0f070b030d050901)};

    if (e->cpu->gfni) { /* by the matrix that is the mirror of the identity */
        unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

        x64_v3mi(e->as, X64_GF2P8AFFINEQB, d, a, vec_const(e, UINT64_C(0x8040201008040201)), 0);
        vec_store(e, i, d);
    } else {
        by_nibbles(e, i, low, high, X64_POR);
    }
}

void emit_VCLZ(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->size != 4 || !e->cpu->avx512) {
        emit_handler(e, i);
        return;
    }
    x64_v2(e->as, X64_VPLZCNTD, d, a);
    vec_store(e, i, d);
}
