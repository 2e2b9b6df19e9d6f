/* SPDX-License-Identifier: ISC */
/* Vector shifts, by a constant and by element; see emit_vec.h. */
#include "engine/jit/emit_vec.h"

void emit_VSHL(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_shift_left(e, d, emit_vuse(e, i->a, X64_XMM13), i->size, (unsigned)i->imm);
    vec_store(e, i, d);
}

void emit_VSHR(struct emit *e, const struct ir_insn *i)
{
    unsigned t = vec_target(e, i);

    vec_shift_right(e, t, emit_vuse(e, i->a, X64_XMM13), i->size, (unsigned)i->imm, i->flags,
                    X64_XMM14, X64_XMM15);
    vec_end(e, i, i->size, t);
}

/* xmm14, shifted, with the bits of a that `keep` says. */
static void insert(struct emit *e, const struct ir_insn *i, uint64_t keep)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    x64_v3m(e->as, X64_PAND, X64_XMM13, emit_vuse(e, i->a, X64_XMM13),
            vec_const(e, vec_replicate(keep, i->size)));
    x64_v3(e->as, X64_POR, d, X64_XMM13, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VSLI(struct emit *e, const struct ir_insn *i)
{
    unsigned n = (unsigned)i->imm;

    vec_shift_left(e, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), i->size, n);
    insert(e, i, (UINT64_C(1) << n) - 1);
}

/* The shift is 1 to the element's width. */
void emit_VSRI(struct emit *e, const struct ir_insn *i)
{
    unsigned n = (unsigned)i->imm;

    vec_shift_right(e, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), i->size, n, 0, X64_XMM13,
                    X64_XMM13);
    insert(e, i, ~(UINT64_MAX >> (64 - 8 * i->size) >> (n - 1) >> 1));
}

/* --- by element: a signed byte says how far to the left --- */

static vec_ops left_ops = {X64_VOP_COUNT, X64_VPSLLVW, X64_VPSLLVD, X64_VPSLLVQ};
static vec_ops right_ops = {X64_VOP_COUNT, X64_VPSRLVW, X64_VPSRLVD, X64_VPSRLVQ};
static vec_ops right_signed_ops = {X64_VOP_COUNT, X64_VPSRAVW, X64_VPSRAVD, X64_VPSRAVQ};

static bool available(const struct emit *e, vec_ops ops, unsigned size)
{
    return vec_op(ops, size) != X64_VOP_COUNT && x64_vop_available(e->cpu, vec_op(ops, size));
}

/* Moves the sign bit of the count in `from` to the element's. */
static void sign_of_count(struct emit *e, unsigned to, unsigned from, unsigned size)
{
    vec_shift_left(e, to, from, size, 8 * size - 8);
    if (size == 2)
        x64_vshift_i(e->as, X64_PSRAW_I, to, to, 15); /* PBLENDVB looks at every byte */
}

/*
 * Both ways, by the count and by its negative as unsigned bytes. The wrong one of the two is 0 if
 * it shifts in zeros, because it is by 128 or more; a count of 0 gives twice the same.
 */
void emit_VSHLV(struct emit *e, const struct ir_insn *i)
{
    bool sign = i->flags & VEC_SIGNED;
    vec_ops *right = sign ? &right_signed_ops : &right_ops;
    struct x64_mem low_byte = vec_const(e, vec_replicate(0xff, i->size));
    unsigned d, a, b;

    if (!available(e, left_ops, i->size) || !available(e, *right, i->size)) {
        emit_handler(e, i);
        return;
    }
    d = emit_vdef(e, i->dst, X64_XMM13);
    b = emit_vuse(e, i->b, X64_XMM15);
    x64_v3m(e->as, X64_PAND, X64_XMM14, b, low_byte);
    x64_vzero(e->as, X64_XMM13);
    x64_v3(e->as, vec_op(vec_sub_ops, i->size), X64_XMM13, X64_XMM13, b);
    x64_v3m(e->as, X64_PAND, X64_XMM13, X64_XMM13, low_byte);
    a = emit_vuse(e, i->a, X64_XMM15);
    x64_v3(e->as, vec_op(left_ops, i->size), X64_XMM14, a, X64_XMM14);
    x64_v3(e->as, vec_op(*right, i->size), X64_XMM13, a, X64_XMM13);
    if (!sign) {
        x64_v3(e->as, X64_POR, d, X64_XMM13, X64_XMM14);
    } else {
        sign_of_count(e, X64_XMM15, emit_vuse(e, i->b, X64_XMM15), i->size);
        x64_blendv(e->as,
                   i->size == 2   ? X64_PBLENDVB
                   : i->size == 4 ? X64_BLENDVPS
                                  : X64_BLENDVPD,
                   d, X64_XMM14, X64_XMM13, X64_XMM15);
    }
    vec_store(e, i, d);
}
