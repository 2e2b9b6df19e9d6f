/* SPDX-License-Identifier: ISC */
/*
 * Floating point under FPCR.FZ and DN (translate_fp.c): looking for the denormal numbers and NaNs
 * that the handlers must have.
 */
#include "engine/jit/emit_fp.h"

/*
 * FP_Y = ones in the lanes of r whose magnitude is that of a denormal number, or the smallest
 * normal one: to which a tiny result may have been rounded. As integers, less one and with the sign
 * bit inverted, these are the smallest, and zero is the largest. Clobbers FP_Z.
 */
static void find_tiny(struct emit *e, const struct ir_insn *i, unsigned r)
{
    uint64_t sign = ieee_sign(i->size), limit = sign + ieee_min_normal(i->size);
    bool wide = i->size == 8;

    x64_v3m(e->as, X64_ANDPS, FP_Z, r, emit_fp_const(e, i, sign - 1));
    x64_v3m(e->as, wide ? X64_PADDQ : X64_PADDD, FP_Z, FP_Z, emit_fp_const(e, i, sign - 1));
    x64_v2m(e->as, X64_MOVAPS, FP_Y, emit_fp_const(e, i, limit));
    x64_v3(e->as, wide ? X64_PCMPGTQ : X64_PCMPGTD, FP_Y, FP_Y, FP_Z);
}

void emit_fp_check_flush(struct emit *e, const struct ir_insn *i, unsigned r)
{
    find_tiny(e, i, r);
    x64_v3i(e->as, emit_fp_vop(i, X64_CMPPS), FP_Z, r, r, X64_FCMP_UNORD);
    x64_v3(e->as, X64_ORPS, FP_Y, FP_Y, FP_Z);
    emit_fp_slow_if_any(e, i, FP_Y);
}

/* Whether v's lanes were flushed when they were computed. */
static bool is_flushed(const struct emit *e, const struct ir_insn *i, ir_value v)
{
    const struct ir_insn *write = emit_fp_last_write(e, v);

    if (!write)
        return false;
    switch (write->op) {
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV:
    case IR_FMADD:
    case IR_FSQRT:
    case IR_FCONST: return write->size == i->size;
    case IR_ITOF: return (write->imm & 0xff) == i->size;
    default: return false;
    }
}

void emit_FLOOK(struct emit *e, const struct ir_insn *i)
{
    const ir_value operand[] = {i->a, i->b, i->c};

    for (unsigned n = 0; n < 3; n++) {
        if (operand[n] == IR_NONE || is_flushed(e, i, operand[n]))
            continue;
        find_tiny(e, i, emit_fp_lanes(e, i, operand[n], FP_X));
        emit_fp_slow_if_any(e, i, FP_Y);
    }
}
