/* SPDX-License-Identifier: ISC */
/*
 * Moves, sums and logic.
 *
 * Where dst is a and lives in memory, and all of it is written (size 8), the host operates on
 * memory. LEA keeps EFLAGS as it says, but only if they hold anything of the guest's.
 */
#include "engine/jit/emit_int.h"

#include "base/bits.h"

static bool fits32(int64_t value)
{
    return value == (int32_t)value;
}

/* The result NZCV is not asked for. */
static bool no_flags(const struct ir_insn *i)
{
    return !(i->flags & IR_S) || (i->flags & IR_DEAD);
}

static bool may_clobber_flags(const struct emit *e)
{
    return e->eflags == EMIT_FLAGS_NONE;
}

/* dst is a, in memory. */
static bool in_place(const struct emit *e, const struct ir_insn *i)
{
    return i->dst == i->a && i->size == 8 && !emit_in_reg(e, i->dst);
}

void emit_int_move(struct emit *e, enum x64_reg to, ir_value v, unsigned size)
{
    if (!emit_int_is(e, v, to))
        emit_copy(e, to, v, size);
}

/* --- moves --- */

static void constant(struct emit *e, ir_value dst, uint64_t value)
{
    enum x64_reg d = emit_def(e, dst, X64_RAX);

    if (!emit_in_reg(e, dst) && fits32((int64_t)value)) {
        x64_store_i(e->as, 8, emit_mem(e, dst), (int32_t)value);
        return;
    }
    if (value == 0 && may_clobber_flags(e))
        x64_alu_rr(e->as, X64_XOR, 4, d, d);
    else
        x64_mov_ri(e->as, d, value);
    emit_done(e, dst, d);
}

void emit_MOV(struct emit *e, const struct ir_insn *i)
{
    if (i->a == IR_ZERO) {
        constant(e, i->dst, 0);
    } else if (i->dst != i->a || i->size != 8) {
        enum x64_reg d = emit_def(e, i->dst, X64_RAX);

        if (i->size == 8 && !emit_in_reg(e, i->dst))
            d = emit_use(e, i->a, 8, X64_RAX);
        else
            emit_copy(e, d, i->a, i->size);
        emit_done(e, i->dst, d);
    }
}

void emit_CONST(struct emit *e, const struct ir_insn *i)
{
    constant(e, i->dst, (uint64_t)i->imm);
}

void emit_PCREL(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    x64_load(e->as, 8, d, EMIT_FIELD(code_base));
    if (!fits32(i->imm)) {
        x64_mov_ri(e->as, X64_RDX, (uint64_t)i->imm);
        x64_lea(e->as, 8, d, x64_at_index(d, X64_RDX, 1, 0));
    } else if (i->imm != 0) {
        x64_lea(e->as, 8, d, x64_at(d, (int32_t)i->imm));
    }
    emit_done(e, i->dst, d);
}

void emit_NOT(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (in_place(e, i)) {
        x64_unary_m(e->as, X64_NOT, 8, emit_mem(e, i->dst));
        return;
    }
    emit_int_move(e, d, i->a, i->size);
    x64_unary_r(e->as, X64_NOT, i->size, d);
    emit_done(e, i->dst, d);
}

/* --- sums without flags --- */

/* dst op= b, in memory. */
static bool operate_in_place(struct emit *e, const struct ir_insn *i, enum x64_alu op)
{
    if (!in_place(e, i) || (i->b == IR_IMM && !fits32(i->imm)))
        return false;
    if (i->b == IR_IMM)
        x64_alu_mi(e->as, op, 8, emit_mem(e, i->dst), (int32_t)i->imm);
    else
        x64_alu_mr(e->as, op, 8, emit_mem(e, i->dst), emit_use(e, i->b, 8, X64_RDX));
    return true;
}

static void lea_imm(struct emit *e, unsigned size, enum x64_reg d, enum x64_reg a, int64_t imm)
{
    if (!fits32(imm)) {
        x64_mov_ri(e->as, X64_RDX, (uint64_t)imm);
        x64_lea(e->as, size, d, x64_at_index(a, X64_RDX, 1, 0));
    } else if (a == d && may_clobber_flags(e)) {
        x64_alu_ri(e->as, X64_ADD, size, d, (int32_t)imm);
    } else {
        x64_lea(e->as, size, d, x64_at(a, (int32_t)imm));
    }
}

static void lea_reg(struct emit *e, unsigned size, enum x64_reg d, enum x64_reg a, enum x64_reg b,
                    unsigned scale)
{
    if (scale == 0 && may_clobber_flags(e) && (a == d || b == d))
        x64_alu_rr(e->as, X64_ADD, size, d, a == d ? b : a);
    else
        x64_lea(e->as, size, d, x64_at_index(a, b, 1u << scale, 0));
}

void emit_LEA(struct emit *e, const struct ir_insn *i)
{
    bool sum = i->b == IR_IMM || i->imm == 0;
    enum x64_reg d, a;

    if (sum && may_clobber_flags(e) && operate_in_place(e, i, X64_ADD))
        return;
    d = emit_def(e, i->dst, X64_RAX);
    a = emit_use(e, i->a, i->size, X64_RAX);
    if (i->b == IR_IMM)
        lea_imm(e, i->size, d, a, i->imm);
    else
        lea_reg(e, i->size, d, a, emit_use(e, i->b, i->size, X64_RDX), (unsigned)i->imm);
    emit_done(e, i->dst, d);
}

/* --- two operands, and flags --- */

/* dst = a op b. What has to be in CF before (ADC, SBB) stays there. */
static void operate(struct emit *e, const struct ir_insn *i, enum x64_alu op)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    ir_value a = i->a, b = i->b;

    if (operate_in_place(e, i, op))
        return;
    if (a != b && emit_int_is(e, b, d)) {
        if (op == X64_SUB || op == X64_SBB) {
            d = X64_RAX;
        } else {
            a = i->b;
            b = i->a;
        }
    }
    emit_int_move(e, d, a, i->size);
    emit_alu(e, op, i->size, d, b, i->imm);
    emit_done(e, i->dst, d);
}

void emit_ADD(struct emit *e, const struct ir_insn *i)
{
    if (!no_flags(i))
        operate(e, i, X64_ADD);
    else if (i->dst != IR_NONE)
        emit_LEA(e, i);
    emit_flags_set(e, i, EMIT_FLAGS_ADD);
}

void emit_int_compare(struct emit *e, const struct ir_insn *i)
{
    bool zero = i->b == IR_ZERO || (i->b == IR_IMM && i->imm == 0);
    bool imm = zero || (i->b == IR_IMM && fits32(i->imm));
    enum x64_reg a;

    if (imm && !emit_in_reg(e, i->a) && i->a != IR_ZERO) {
        x64_alu_mi(e->as, X64_CMP, i->size, emit_mem(e, i->a), zero ? 0 : (int32_t)i->imm);
        return;
    }
    if (emit_in_reg(e, i->b) && !emit_in_reg(e, i->a) && i->a != IR_ZERO) {
        x64_alu_mr(e->as, X64_CMP, i->size, emit_mem(e, i->a), emit_use(e, i->b, 8, X64_RDX));
        return;
    }
    a = emit_use(e, i->a, i->size, X64_RAX);
    if (zero)
        x64_test_rr(e->as, i->size, a, a);
    else
        emit_alu(e, X64_CMP, i->size, a, i->b, i->imm);
}

void emit_int_compare_sum(struct emit *e, const struct ir_insn *i)
{
    emit_copy(e, X64_RAX, i->a, i->size);
    emit_alu(e, X64_ADD, i->size, X64_RAX, i->b, i->imm);
}

/* 0 - b has the host's flags of NEG. */
static void negate(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_int_move(e, d, i->b, i->size);
    x64_unary_r(e->as, X64_NEG, i->size, d);
    emit_done(e, i->dst, d);
}

static void subtract(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (i->a == IR_ZERO && i->b != IR_IMM) {
        negate(e, i);
    } else if (no_flags(i) && i->b != i->a && emit_int_is(e, i->b, d)) {
        x64_unary_r(e->as, X64_NEG, i->size, d);
        emit_alu(e, X64_ADD, i->size, d, i->a, 0);
    } else {
        operate(e, i, X64_SUB);
    }
}

void emit_SUB(struct emit *e, const struct ir_insn *i)
{
    if (i->dst != IR_NONE)
        subtract(e, i);
    else if (!no_flags(i))
        emit_int_compare(e, i);
    emit_flags_set(e, i, EMIT_FLAGS_SUB);
}

void emit_ADC(struct emit *e, const struct ir_insn *i)
{
    emit_carry(e, false);
    operate(e, i, X64_ADC);
    emit_flags_set(e, i, EMIT_FLAGS_ADD);
}

void emit_SBC(struct emit *e, const struct ir_insn *i)
{
    emit_carry(e, true);
    operate(e, i, X64_SBB);
    emit_flags_set(e, i, EMIT_FLAGS_SUB);
}

/* --- logic --- */

/* The least size whose flags are those of a test with `mask`: none has the top bit of it. */
static unsigned test_size(unsigned size, int64_t mask)
{
    return mask >= 0 && mask <= INT8_MAX ? 1 : mask >= 0 && mask <= INT32_MAX ? 4 : size;
}

static void test(struct emit *e, const struct ir_insn *i)
{
    unsigned size = i->b == IR_IMM ? test_size(i->size, i->imm) : i->size;
    enum x64_reg b;

    if (i->b == IR_IMM && fits32(i->imm)) {
        if (emit_in_reg(e, i->a) || i->a == IR_ZERO)
            x64_test_ri(e->as, size, emit_use(e, i->a, 8, X64_RAX), (int32_t)i->imm);
        else
            x64_test_mi(e->as, size, emit_mem(e, i->a), (int32_t)i->imm);
        return;
    }
    if (i->b == IR_IMM) {
        x64_mov_ri(e->as, X64_RDX, (uint64_t)i->imm);
        b = X64_RDX;
    } else {
        b = emit_use(e, i->b, size, X64_RDX);
    }
    x64_test_rr(e->as, size, emit_use(e, i->a, size, X64_RAX), b);
}

void emit_int_zero_extend(struct emit *e, enum x64_reg to, ir_value v, unsigned at, unsigned from)
{
    struct x64_mem m;

    if (v == IR_ZERO) {
        x64_mov_ri(e->as, to, 0);
    } else if (!emit_in_reg(e, v)) {
        m = emit_mem(e, v);
        m.disp += (int32_t)at;
        x64_movzx_rm(e->as, to, m, from);
    } else {
        x64_movzx_rr(e->as, to, emit_use(e, v, 8, to), from);
    }
}

void emit_int_mask(struct emit *e, unsigned size, enum x64_reg r, uint64_t mask)
{
    unsigned leading = mask ? (unsigned)__builtin_clzll(mask) : 64;

    if (size == 4 || mask < UINT32_MAX) {
        x64_alu_ri(e->as, X64_AND, 4, r, (int32_t)mask);
    } else if (mask == UINT32_MAX) {
        x64_mov_rr(e->as, 4, r, r);
    } else if (fits32((int64_t)mask)) {
        x64_alu_ri(e->as, X64_AND, 8, r, (int32_t)mask);
    } else if (is_power_of_2(~mask)) {
        x64_bt_ri(e->as, X64_BTR, 8, r, (unsigned)__builtin_ctzll(~mask));
    } else if (is_power_of_2(mask + 1)) {
        x64_shift_ri(e->as, X64_SHL, 8, r, leading);
        x64_shift_ri(e->as, X64_SHR, 8, r, leading);
    } else {
        x64_mov_ri(e->as, X64_RDX, mask);
        x64_alu_rr(e->as, X64_AND, 8, r, X64_RDX);
    }
}

/* dst = a & imm, no flags. */
static void and_imm(struct emit *e, const struct ir_insn *i)
{
    uint64_t mask = i->size == 4 ? (uint32_t)i->imm : (uint64_t)i->imm;
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (operate_in_place(e, i, X64_AND))
        return;
    if (mask == UINT8_MAX || mask == UINT16_MAX || mask == UINT32_MAX) {
        emit_int_zero_extend(e, d, i->a, 0, (unsigned)__builtin_popcountll(mask) / 8);
    } else {
        emit_int_move(e, d, i->a, i->size);
        emit_int_mask(e, i->size, d, mask);
    }
    emit_done(e, i->dst, d);
}

void emit_AND(struct emit *e, const struct ir_insn *i)
{
    if (i->dst == IR_NONE) {
        if (!no_flags(i))
            test(e, i);
    } else if (i->b == IR_IMM && no_flags(i)) {
        and_imm(e, i);
    } else {
        operate(e, i, X64_AND);
    }
    emit_flags_set(e, i, EMIT_FLAGS_ADD);
}

void emit_ANDN(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (e->cpu->bmi1) {
        enum x64_reg inverted = emit_use(e, i->b, i->size, X64_RDX);

        if (emit_in_reg(e, i->a) || i->a == IR_ZERO)
            x64_andn(e->as, i->size, d, inverted, emit_use(e, i->a, i->size, X64_RAX));
        else
            x64_andn_rm(e->as, i->size, d, inverted, emit_mem(e, i->a));
    } else {
        emit_copy(e, X64_RCX, i->b, i->size);
        x64_unary_r(e->as, X64_NOT, i->size, X64_RCX);
        emit_int_move(e, d, i->a, i->size);
        x64_alu_rr(e->as, X64_AND, i->size, d, X64_RCX);
    }
    emit_done(e, i->dst, d);
    emit_flags_set(e, i, EMIT_FLAGS_ADD);
}

/* One bit that no immediate has. */
static bool is_high_bit(const struct ir_insn *i)
{
    return i->b == IR_IMM && !fits32(i->imm) && is_power_of_2((uint64_t)i->imm);
}

static void set_high_bit(struct emit *e, const struct ir_insn *i, enum x64_bt op)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_int_move(e, d, i->a, 8);
    x64_bt_ri(e->as, op, 8, d, (unsigned)__builtin_ctzll((uint64_t)i->imm));
    emit_done(e, i->dst, d);
}

void emit_OR(struct emit *e, const struct ir_insn *i)
{
    if (is_high_bit(i))
        set_high_bit(e, i, X64_BTS);
    else
        operate(e, i, X64_OR);
}

void emit_XOR(struct emit *e, const struct ir_insn *i)
{
    if (is_high_bit(i))
        set_high_bit(e, i, X64_BTC);
    else
        operate(e, i, X64_XOR);
}
