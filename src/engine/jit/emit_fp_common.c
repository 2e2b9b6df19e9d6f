/* SPDX-License-Identifier: ISC */
/* Floating point: operands, constants, and the check that guards a result (emit_fp.h). */
#include "engine/jit/emit_fp.h"

/* --- constants --- */

static uint64_t element(unsigned size, uint32_t single, uint64_t twice)
{
    return size == 8 ? twice : single;
}

uint64_t ieee_sign(unsigned size)
{
    return element(size, UINT32_C(1) << 31, UINT64_C(1) << 63);
}

uint64_t ieee_min_normal(unsigned size)
{
    return element(size, UINT32_C(1) << 23, UINT64_C(1) << 52);
}

uint64_t ieee_power(unsigned size, int n)
{
    return element(size, (uint32_t)(127 + n) << 23, (uint64_t)(1023 + n) << 52);
}

uint64_t ieee_half_max(unsigned size)
{
    return element(size, 0x7effffff, UINT64_C(0x7fdfffffffffffff));
}

struct x64_mem emit_fp_const(struct emit *e, const struct ir_insn *i, uint64_t value)
{
    if (i->flags & IR_SCALAR)
        return emit_const16(e, value, 0);
    if (i->size == 4)
        value |= value << 32;
    return emit_const16(e, value, value);
}

/* --- operands --- */

/* How many low bytes of its result an instruction may have set; the others are zero. */
static unsigned width_of(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_LOAD_V:
    case IR_LOAD_V2: return i->size;
    case IR_FCVT:
    case IR_ITOF: return i->imm & 0xff;
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV:
    case IR_FMAX:
    case IR_FMIN:
    case IR_FMADD:
    case IR_FSQRT:
    case IR_FMOV:
    case IR_FABS:
    case IR_FNEG:
    case IR_FCONST:
    case IR_FCSEL:
    case IR_FRINT: return i->flags & IR_SCALAR ? i->size : i->flags & IR_Q ? 16 : 8;
    default: return 16;
    }
}

const struct ir_insn *emit_fp_last_write(const struct emit *e, ir_value v)
{
    const struct ir_insn *first = &e->r->insn[e->block->first];

    for (const struct ir_insn *i = e->insn; i-- != first;) {
        unsigned attributes = ir_op_info[i->op].attributes;

        if (i->dst == v || ((attributes & IR_WRITES_C) && i->c == v))
            return i;
        if (attributes & IR_CLOBBERS)
            break;
    }
    return NULL;
}

static bool is_clear(const struct emit *e, ir_value v, unsigned size)
{
    const struct ir_insn *write = emit_fp_last_write(e, v);

    return write && width_of(write) <= size;
}

bool emit_fp_is_clear(const struct emit *e, ir_value v, unsigned size)
{
    return emit_in_reg(e, v) && is_clear(e, v, size);
}

void emit_fp_scalar(struct emit *e, unsigned to, ir_value v, unsigned size)
{
    if (!emit_in_reg(e, v)) {
        x64_vload(e->as, size, to, emit_mem(e, v));
        return;
    }

    unsigned from = emit_vuse(e, v, to);

    if (is_clear(e, v, size))
        x64_vmov(e->as, to, from);
    else if (size == 8)
        x64_v2(e->as, X64_MOVQ, to, from);
    else /* lane 0, the others cleared */
        x64_v3i(e->as, X64_INSERTPS, to, from, from, 0x0e);
}

unsigned emit_fp_lanes(struct emit *e, const struct ir_insn *i, ir_value v, unsigned scratch)
{
    unsigned size = i->flags & IR_SCALAR ? i->size : i->flags & IR_Q ? 16 : 8;

    if (size == 16 || emit_fp_is_clear(e, v, size))
        return emit_vuse(e, v, scratch);
    emit_fp_scalar(e, scratch, v, size);
    return scratch;
}

unsigned emit_fp_target(struct emit *e, const struct ir_insn *i)
{
    if (i->dst == i->a || i->dst == i->b || i->dst == i->c)
        return FP_X;
    return emit_vdef(e, i->dst, FP_X);
}

void emit_fp_done(struct emit *e, const struct ir_insn *i, unsigned from)
{
    unsigned dst = emit_vdef(e, i->dst, from);

    x64_vmov(e->as, dst, from);
    emit_vdone(e, i->dst, dst);
}

/* --- checks --- */

void emit_fp_slow_if_any(struct emit *e, const struct ir_insn *i, unsigned mask)
{
    if (i->flags & IR_SCALAR)
        x64_movd_rx(e->as, 4, X64_RAX, mask);
    else
        x64_movmsk(e->as, i->size == 8 ? X64_MOVMSKPD : X64_MOVMSKPS, X64_RAX, mask);
    x64_test_rr(e->as, 4, X64_RAX, X64_RAX);
    emit_slow(e, X64_CC_NZ);
}

/* One comparison is both checks: it finds a NaN unordered, and ZF is set for that as for equality.
 */
static void check_scalar(struct emit *e, const struct ir_insn *i, unsigned r, bool tiny)
{
    enum x64_vop compare = i->size == 8 ? X64_UCOMISD : X64_UCOMISS;

    if (!tiny) {
        x64_v2(e->as, compare, r, r);
        emit_slow(e, X64_CC_P);
        return;
    }
    x64_v3m(e->as, X64_ANDPS, FP_Z, r, emit_fp_const(e, i, ieee_sign(i->size) - 1));
    x64_v2m(e->as, compare, FP_Z, emit_fp_const(e, i, ieee_min_normal(i->size)));
    emit_slow(e, X64_CC_E);
}

static void check_vector(struct emit *e, const struct ir_insn *i, unsigned r, bool tiny)
{
    enum x64_vop compare = emit_fp_vop(i, X64_CMPPS);

    if (!tiny) {
        x64_v3i(e->as, compare, FP_Z, r, r, X64_FCMP_UNORD);
    } else {
        struct x64_mem min = emit_fp_const(e, i, ieee_min_normal(i->size));

        x64_v3m(e->as, X64_ANDPS, FP_Z, r, emit_fp_const(e, i, ieee_sign(i->size) - 1));
        if (e->cpu->avx) {
            x64_v3mi(e->as, compare, FP_Z, FP_Z, min, FP_EQ_UQ);
        } else {
            x64_v3i(e->as, compare, FP_Y, FP_Z, FP_Z, X64_FCMP_UNORD);
            x64_v3mi(e->as, compare, FP_Z, FP_Z, min, X64_FCMP_EQ);
            x64_v3(e->as, X64_ORPS, FP_Z, FP_Z, FP_Y);
        }
    }
    emit_fp_slow_if_any(e, i, FP_Z);
}

void emit_fp_check(struct emit *e, const struct ir_insn *i, unsigned r, bool tiny)
{
    if (emit_fp_flushes(e))
        emit_fp_check_flush(e, i, r);
    else if (i->flags & IR_SCALAR)
        check_scalar(e, i, r, tiny);
    else
        check_vector(e, i, r, tiny);
}

void emit_fp_limit(struct emit *e, const struct ir_insn *i, unsigned a, uint64_t limit)
{
    struct x64_mem most = emit_fp_const(e, i, limit);

    x64_v3m(e->as, X64_ANDPS, FP_Z, a, emit_fp_const(e, i, ieee_sign(i->size) - 1));
    if (i->flags & IR_SCALAR) {
        x64_v2m(e->as, X64_MOVAPS, FP_Y, most);
        x64_v2(e->as, i->size == 8 ? X64_UCOMISD : X64_UCOMISS, FP_Y, FP_Z);
        emit_slow(e, X64_CC_B); /* below or unordered */
    } else {                    /* magnitudes compare like integers */
        x64_v3m(e->as, i->size == 8 ? X64_PCMPGTQ : X64_PCMPGTD, FP_Y, FP_Z, most);
        emit_fp_slow_if_any(e, i, FP_Y);
    }
}
