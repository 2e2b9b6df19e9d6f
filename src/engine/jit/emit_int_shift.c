/* SPDX-License-Identifier: ISC */
/* Shifts and bitfields. */
#include "engine/jit/emit_int.h"

#include "base/bits.h"

/* --- shifts --- */

static void shift_imm(struct emit *e, const struct ir_insn *i, enum x64_shift op, unsigned n)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX), a;

    if (n != 0 && i->dst == i->a && i->size == 8 && !emit_in_reg(e, i->dst)) {
        x64_shift_mi(e->as, op, 8, emit_mem(e, i->dst), n);
        return;
    }
    if (op == X64_ROR && n != 0 && e->cpu->bmi2) {
        a = emit_use(e, i->a, i->size, X64_RAX);
        x64_rorx(e->as, i->size, d, a, n);
    } else {
        emit_copy(e, d, i->a, i->size);
        if (n != 0)
            x64_shift_ri(e->as, op, i->size, d, n);
    }
    emit_done(e, i->dst, d);
}

/* By a register: BMI2 has no rotation by one. */
static void shift_reg(struct emit *e, const struct ir_insn *i, enum x64_shift op)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX), a, n;

    if (op == X64_ROR || !e->cpu->bmi2) {
        emit_copy(e, X64_RCX, i->b, 4);
        emit_copy(e, d, i->a, i->size);
        x64_shift_rcl(e->as, op, i->size, d);
    } else {
        a = emit_use(e, i->a, i->size, X64_RAX);
        n = emit_use(e, i->b, 4, X64_RCX);
        if (op == X64_SHL)
            x64_shlx(e->as, i->size, d, a, n);
        else if (op == X64_SHR)
            x64_shrx(e->as, i->size, d, a, n);
        else
            x64_sarx(e->as, i->size, d, a, n);
    }
    emit_done(e, i->dst, d);
}

static void shift(struct emit *e, const struct ir_insn *i, enum x64_shift op)
{
    if (i->b == IR_IMM)
        shift_imm(e, i, op, (unsigned)i->imm & (8u * i->size - 1));
    else
        shift_reg(e, i, op);
}

void emit_SHL(struct emit *e, const struct ir_insn *i)
{
    shift(e, i, X64_SHL);
}

void emit_SHR(struct emit *e, const struct ir_insn *i)
{
    shift(e, i, X64_SHR);
}

void emit_SAR(struct emit *e, const struct ir_insn *i)
{
    shift(e, i, X64_SAR);
}

void emit_ROR(struct emit *e, const struct ir_insn *i)
{
    shift(e, i, X64_ROR);
}

void emit_EXTR(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (emit_int_is(e, i->a, d))
        d = X64_RAX;
    emit_int_move(e, d, i->b, i->size);
    x64_shrd_ri(e->as, i->size, d, emit_use(e, i->a, i->size, X64_RDX), (unsigned)i->imm);
    emit_done(e, i->dst, d);
}

/* --- bitfields --- */

struct field {
    unsigned lsb, width;
    unsigned above; /* bits of the register above the field at lsb */
    unsigned bytes; /* 1, 2 or 4: the width, if the host extends from it; else 0 */
};

static struct field field_of(const struct ir_insn *i)
{
    struct field f = {.lsb = int_field_lsb(i->imm), .width = int_field_width(i->imm)};

    f.above = 8u * i->size - f.lsb - f.width;
    if (f.width == 8 || f.width == 16 || f.width == 32)
        f.bytes = f.width / 8;
    return f;
}

/* d = a, shifted to the left and then to the right. */
static void shift_twice(struct emit *e, const struct ir_insn *i, enum x64_reg d, unsigned left,
                        enum x64_shift right_op, unsigned right)
{
    emit_copy(e, d, i->a, i->size);
    if (left != 0)
        x64_shift_ri(e->as, X64_SHL, i->size, d, left);
    if (right != 0)
        x64_shift_ri(e->as, right_op, i->size, d, right);
}

/* d = a with bit lsb at bit 0; what comes above the field does not matter. */
static void bring_down(struct emit *e, const struct ir_insn *i, enum x64_reg d, unsigned lsb)
{
    if (lsb != 0 && e->cpu->bmi2) {
        x64_rorx(e->as, i->size, d, emit_use(e, i->a, i->size, d), lsb);
    } else {
        emit_int_move(e, d, i->a, i->size);
        if (lsb != 0)
            x64_shift_ri(e->as, X64_SHR, i->size, d, lsb);
    }
}

/* The field can be read as a unit of memory. */
static bool is_unit_in_memory(const struct emit *e, const struct ir_insn *i, struct field f)
{
    return f.bytes != 0 && f.lsb % 8 == 0 && !emit_in_reg(e, i->a) && i->a != IR_ZERO;
}

void emit_UBFX(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    struct field f = field_of(i);

    if (is_unit_in_memory(e, i, f) || (f.bytes != 0 && f.lsb == 0)) {
        emit_int_zero_extend(e, d, i->a, f.lsb / 8, f.bytes);
    } else if (f.above == 0 || (f.width > 32 && f.lsb != 0)) {
        shift_twice(e, i, d, f.above, X64_SHR, f.above + f.lsb);
    } else {
        bring_down(e, i, d, f.lsb);
        if (f.bytes != 0)
            x64_movzx_rr(e->as, d, d, f.bytes);
        else
            emit_int_mask(e, i->size, d, bits_mask(f.width));
    }
    emit_done(e, i->dst, d);
}

void emit_int_sign_extend(struct emit *e, unsigned size, enum x64_reg to, ir_value v, unsigned at,
                          unsigned from)
{
    struct x64_mem m;

    if (v == IR_ZERO) {
        x64_mov_ri(e->as, to, 0);
    } else if (!emit_in_reg(e, v)) {
        m = emit_mem(e, v);
        m.disp += (int32_t)at;
        x64_movsx_rm(e->as, size, to, m, from);
    } else {
        x64_movsx_rr(e->as, size, to, emit_use(e, v, 8, to), from);
    }
}

void emit_SBFX(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    struct field f = field_of(i);

    if (is_unit_in_memory(e, i, f) || (f.bytes != 0 && f.lsb == 0)) {
        emit_int_sign_extend(e, i->size, d, i->a, f.lsb / 8, f.bytes);
    } else if (f.bytes != 0 && f.above != 0) {
        bring_down(e, i, d, f.lsb);
        x64_movsx_rr(e->as, i->size, d, d, f.bytes);
    } else {
        shift_twice(e, i, d, f.above, X64_SAR, f.above + f.lsb);
    }
    emit_done(e, i->dst, d);
}

void emit_UBFIZ(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    struct field f = field_of(i);

    if (f.bytes == 0 && f.width > 32) {
        shift_twice(e, i, d, f.lsb + f.above, X64_SHR, f.above);
    } else {
        if (f.bytes != 0) {
            emit_int_zero_extend(e, d, i->a, 0, f.bytes);
        } else {
            emit_int_move(e, d, i->a, 4);
            emit_int_mask(e, 4, d, bits_mask(f.width));
        }
        x64_shift_ri(e->as, X64_SHL, i->size, d, f.lsb);
    }
    emit_done(e, i->dst, d);
}

void emit_SBFIZ(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    struct field f = field_of(i);

    if (f.bytes != 0) {
        emit_int_sign_extend(e, i->size, d, i->a, 0, f.bytes);
        x64_shift_ri(e->as, X64_SHL, i->size, d, f.lsb);
    } else {
        shift_twice(e, i, d, f.lsb + f.above, X64_SAR, f.above);
    }
    emit_done(e, i->dst, d);
}

/* dst's bits `mask` become those of rax: x ^ ((x ^ rax) & mask). */
static void insert(struct emit *e, const struct ir_insn *i, uint64_t mask)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RCX);

    emit_int_move(e, d, i->dst, i->size);
    x64_alu_rr(e->as, X64_XOR, i->size, X64_RAX, d);
    emit_int_mask(e, i->size, X64_RAX, mask);
    x64_alu_rr(e->as, X64_XOR, i->size, d, X64_RAX);
    emit_done(e, i->dst, d);
}

/* A field at the top: dst moves up by its width, and down again with a behind it. */
static void insert_top(struct emit *e, const struct ir_insn *i, unsigned width)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_int_move(e, d, i->dst, i->size);
    x64_shift_ri(e->as, X64_SHL, i->size, d, width);
    x64_shrd_ri(e->as, i->size, d, emit_use(e, i->a, i->size, X64_RDX), width);
    emit_done(e, i->dst, d);
}

/* The low byte or halfword of a register has a name. */
static void insert_low(struct emit *e, const struct ir_insn *i, unsigned bytes)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_copy(e, d, i->dst, i->size);
    x64_mov_rr(e->as, bytes, d, emit_use(e, i->a, i->size, X64_RDX));
    emit_done(e, i->dst, d);
}

void emit_BFI(struct emit *e, const struct ir_insn *i)
{
    struct field f = field_of(i);

    if (f.above == 0 && i->a != i->dst) {
        insert_top(e, i, f.width);
        return;
    }
    emit_copy(e, X64_RAX, i->a, i->size);
    if (f.lsb != 0)
        x64_shift_ri(e->as, X64_SHL, i->size, X64_RAX, f.lsb);
    insert(e, i, bits_mask(f.width) << f.lsb);
}

void emit_BFXIL(struct emit *e, const struct ir_insn *i)
{
    struct field f = field_of(i);

    if (f.lsb == 0 && (f.bytes == 1 || f.bytes == 2)) {
        insert_low(e, i, f.bytes);
        return;
    }
    bring_down(e, i, X64_RAX, f.lsb);
    insert(e, i, bits_mask(f.width));
}
