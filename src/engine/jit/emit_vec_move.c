/* SPDX-License-Identifier: ISC */
/* Vector moves: constants, and between elements and general registers; see emit_vec.h. */
#include "engine/jit/emit_vec.h"

void emit_VCONST(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);
    uint64_t low = (uint64_t)i->imm, high = i->flags & IR_Q ? low : 0;

    if ((low | high) == 0)
        x64_vzero(e->as, d);
    else if ((low & high) == UINT64_MAX)
        x64_vones(e->as, d);
    else
        x64_v2m(e->as, X64_MOVAPS, d, emit_const16(e, low, high));
    emit_vdone(e, i->dst, d);
}

void emit_VMOV(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->flags & IR_Q)
        x64_vmov(e->as, d, a);
    else
        x64_v2(e->as, X64_MOVQ, d, a);
    emit_vdone(e, i->dst, d);
}

void emit_VDUP(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->a == IR_ZERO) {
        x64_vzero(e->as, d);
    } else {
        unsigned size = i->size == 8 ? 8 : 4;

        x64_movd_xr(e->as, size, d, emit_use(e, i->a, size, X64_RAX));
        vec_broadcast(e, d, d, i->size, 0);
    }
    vec_store(e, i, d);
}

void emit_VDUP_LANE(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_broadcast(e, d, emit_vuse(e, i->a, X64_XMM13), i->size, (unsigned)i->imm);
    vec_store(e, i, d);
}

void emit_VLANE(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);
    unsigned lane = (unsigned)i->imm;

    switch (i->size) {
    case 8:
        if (lane)
            x64_vshift_i(e->as, X64_PSRLDQ_I, d, a, 8);
        else
            x64_v2(e->as, X64_MOVQ, d, a);
        break;
    case 4: x64_v3i(e->as, X64_INSERTPS, d, a, a, (uint8_t)(lane << 6 | 0x0e)); break;
    default:
        x64_pextr(e->as, i->size, X64_RAX, a, lane);
        x64_movd_xr(e->as, 4, d, X64_RAX);
        break;
    }
    emit_vdone(e, i->dst, d);
}

/* Zero-extended, or sign-extended to 32 or 64 bits. */
void emit_VGET(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), lane = (unsigned)i->imm;
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (i->size >= 4 && lane == 0)
        x64_movd_rx(e->as, i->size, d, a);
    else
        x64_pextr(e->as, i->size, d, a, lane);
    if (i->flags & VEC_SIGNED)
        x64_movsx_rr(e->as, i->flags & IR_Q ? 8 : 4, d, d, i->size);
    emit_done(e, i->dst, d);
}

void emit_VSET(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);
    enum x64_reg b = emit_use(e, i->b, i->size == 8 ? 8 : 4, X64_RAX);

    x64_pinsr(e->as, i->size, d, a, b, (unsigned)i->imm);
    emit_vdone(e, i->dst, d);
}

/* One half of a kept, the other from either half of b. */
static void set_half(struct emit *e, unsigned d, unsigned a, unsigned b, unsigned to, unsigned from)
{
    if (to == 1)
        x64_v3i(e->as, X64_SHUFPD, d, a, b, (uint8_t)(from << 1));
    else if (from == 1)
        x64_v3i(e->as, X64_SHUFPD, d, b, a, 3);
    else
        x64_v3(e->as, X64_MOVSD, d, a, b);
}

void emit_VSET_LANE(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);
    unsigned to = i->imm & 15, from = (unsigned)i->imm >> 4;

    if (i->size == 8) {
        set_half(e, d, a, b, to, from);
    } else if (i->size == 4) {
        x64_v3i(e->as, X64_INSERTPS, d, a, b, (uint8_t)(from << 6 | to << 4));
    } else {
        x64_pextr(e->as, i->size, X64_RAX, b, from);
        x64_pinsr(e->as, i->size, d, a, X64_RAX, to);
    }
    emit_vdone(e, i->dst, d);
}
