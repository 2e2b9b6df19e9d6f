/* SPDX-License-Identifier: ISC */
/*
 * Floating-point moves: between registers, to and from general registers, constants, and operations
 * on the sign alone. They look at no value, raise no flag, and leave EFLAGS.
 */
#include "engine/jit/emit_fp.h"

void emit_FMOV(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_vdef(e, i->dst, FP_X);

    emit_fp_scalar(e, r, i->a, i->size);
    emit_vdone(e, i->dst, r);
}

/* r = a with `op` and `mask` applied to every lane; what is above the lanes is cleared. */
static void sign_operation(struct emit *e, const struct ir_insn *i, enum x64_vop op, uint64_t mask)
{
    unsigned r = emit_vdef(e, i->dst, FP_X), a = emit_fp_lanes(e, i, i->a, FP_Y);

    if (i->size == 4 && !(i->flags & IR_SCALAR))
        mask |= mask << 32;
    x64_v3m(e->as, op, r, a, emit_const16(e, mask, i->flags & IR_Q ? mask : 0));
    emit_vdone(e, i->dst, r);
}

void emit_FABS(struct emit *e, const struct ir_insn *i)
{
    sign_operation(e, i, X64_ANDPS, ieee_sign(i->size) - 1);
}

void emit_FNEG(struct emit *e, const struct ir_insn *i)
{
    sign_operation(e, i, X64_XORPS, ieee_sign(i->size));
}

void emit_FCONST(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_vdef(e, i->dst, FP_X);
    uint64_t value = (uint64_t)i->imm;

    if (i->size == 4 && !(i->flags & IR_SCALAR))
        value |= value << 32;
    if (value)
        x64_v2m(e->as, X64_MOVAPS, r, emit_const16(e, value, i->flags & IR_Q ? value : 0));
    else
        x64_vzero(e->as, r);
    emit_vdone(e, i->dst, r);
}

void emit_FGET(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg r = emit_def(e, i->dst, X64_RAX);

    if (!emit_in_reg(e, i->a)) {
        struct x64_mem from = emit_mem(e, i->a);

        from.disp += (int32_t)(i->imm * i->size);
        x64_load(e->as, i->size, r, from);
    } else if (i->imm) {
        x64_pextr(e->as, i->size, r, emit_vuse(e, i->a, FP_X), (unsigned)i->imm);
    } else {
        x64_movd_rx(e->as, i->size, r, emit_vuse(e, i->a, FP_X));
    }
    emit_done(e, i->dst, r);
}

void emit_FSET(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_vdef(e, i->dst, FP_X);

    if (i->a == IR_ZERO)
        x64_vzero(e->as, r);
    else if (emit_in_reg(e, i->a))
        x64_movd_xr(e->as, i->size, r, emit_use(e, i->a, i->size, X64_RAX));
    else
        x64_vload(e->as, i->size, r, emit_mem(e, i->a));
    emit_vdone(e, i->dst, r);
}

void emit_FSET_TOP(struct emit *e, const struct ir_insn *i)
{
    unsigned r = emit_vdef(e, i->dst, FP_X);

    x64_pinsr(e->as, 8, r, emit_vuse(e, i->dst, FP_X), emit_use(e, i->a, 8, X64_RAX), 1);
    emit_vdone(e, i->dst, r);
}
