/* SPDX-License-Identifier: ISC */
/*
 * Conditional selects and comparisons.
 *
 * Selects keep EFLAGS, so that several may follow one comparison: only MOV, LEA, NOT, SETcc, MOVZX
 * and CMOVcc are used. A condition on the flags of a floating-point comparison may need two of the
 * host's.
 */
#include "engine/jit/emit_int.h"

#include "engine/jit/flags.h"

/* Holds if `first` or `second` does, or if both do. */
struct condition {
    enum x64_cc first, second; /* second may be X64_CC_NONE */
    bool both;
};

static struct condition condition_of(struct emit *e, const struct ir_insn *i)
{
    struct condition c;

    c.first = emit_condition(e, i->cond, &c.second, &c.both);
    return c;
}

static enum x64_cc inverse(enum x64_cc cc)
{
    return cc == X64_CC_NONE ? cc : (enum x64_cc)(cc ^ 1);
}

/* Not (x and y) is not x, or not y. */
static struct condition opposite(struct condition c)
{
    return (struct condition){inverse(c.first), inverse(c.second), !c.both};
}

/* to = from if c holds; c is not one of `both`. */
static void move_if(struct emit *e, struct condition c, unsigned size, enum x64_reg to,
                    enum x64_reg from)
{
    x64_cmov_rr(e->as, c.first, size, to, from);
    if (c.second != X64_CC_NONE)
        x64_cmov_rr(e->as, c.second, size, to, from);
}

/* --- selects --- */

/* The value of an operation whose condition does not hold, in `to` or, unchanged, where it is. */
static enum x64_reg else_value(struct emit *e, const struct ir_insn *i, enum x64_reg to)
{
    enum x64_reg b;

    if (i->op == IR_SELECT)
        return emit_use(e, i->b, i->size, X64_RCX);
    if (i->op == IR_SELECT_INC) {
        b = emit_use(e, i->b, i->size, to);
        x64_lea(e->as, i->size, to, x64_at(b, 1));
        return to;
    }
    emit_int_move(e, to, i->b, i->size);
    x64_unary_r(e->as, X64_NOT, i->size, to);
    if (i->op == IR_SELECT_NEG)
        x64_lea(e->as, i->size, to, x64_at(to, 1));
    return to;
}

/* One of the two values goes to dst, and the other one over it on a condition. Which is first: what
 * saves a move, but one condition of two decides only for the change that either makes. */
static void choose(struct emit *e, const struct ir_insn *i)
{
    struct condition c = condition_of(e, i);
    bool a_first = c.second == X64_CC_NONE ? i->dst == i->a : c.both;
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    enum x64_reg a = emit_use(e, i->a, i->size, X64_RDX);
    enum x64_reg b = else_value(e, i, a_first || a == d ? X64_RCX : d);
    enum x64_reg first = a_first ? a : b, then = a_first ? b : a;

    if (then == d && first != d)
        d = X64_RAX;
    if (first != d)
        x64_mov_rr(e->as, i->size, d, first);
    move_if(e, a_first ? opposite(c) : c, i->size, d, then);
    emit_done(e, i->dst, d);
}

void emit_SELECT(struct emit *e, const struct ir_insn *i)
{
    choose(e, i);
}

void emit_SELECT_INC(struct emit *e, const struct ir_insn *i)
{
    choose(e, i);
}

void emit_SELECT_NOT(struct emit *e, const struct ir_insn *i)
{
    choose(e, i);
}

void emit_SELECT_NEG(struct emit *e, const struct ir_insn *i)
{
    choose(e, i);
}

/* dst = `value` if c holds, else 0. */
static void set(struct emit *e, const struct ir_insn *i, struct condition c, int32_t value)
{
    bool set_first = c.second != X64_CC_NONE && c.both;
    uint64_t wide = i->size == 4 ? (uint32_t)value : (uint64_t)value;

    x64_mov_ri(e->as, X64_RAX, set_first ? wide : 0);
    x64_mov_ri(e->as, X64_RCX, set_first ? 0 : wide);
    move_if(e, set_first ? opposite(c) : c, 8, X64_RAX, X64_RCX);
    emit_done(e, i->dst, X64_RAX);
}

void emit_SET(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    struct condition c = condition_of(e, i);

    if (c.second != X64_CC_NONE) {
        set(e, i, c, 1);
        return;
    }
    x64_setcc_r(e->as, c.first, X64_RAX);
    x64_movzx_rr(e->as, d, X64_RAX, 1);
    emit_done(e, i->dst, d);
}

void emit_SET_MASK(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    struct condition c = condition_of(e, i);

    if (c.second != X64_CC_NONE) {
        set(e, i, c, -1);
        return;
    }
    x64_setcc_r(e->as, inverse(c.first), X64_RAX);
    x64_movzx_rr(e->as, d, X64_RAX, 1);
    x64_lea(e->as, i->size, d, x64_at(d, -1));
    emit_done(e, i->dst, d);
}

/* --- conditional comparisons --- */

/* The places from which the comparison is left out. */
struct skips {
    uint8_t *first, *second;
};

static struct skips skip_unless(struct emit *e, struct condition c)
{
    struct skips skips = {NULL, NULL};
    uint8_t *holds;

    if (c.second == X64_CC_NONE || c.both) {
        skips.first = x64_jcc_short(e->as, inverse(c.first));
        if (c.second != X64_CC_NONE)
            skips.second = x64_jcc_short(e->as, inverse(c.second));
    } else {
        holds = x64_jcc_short(e->as, c.first);
        skips.second = x64_jcc_short(e->as, inverse(c.second));
        x64_here(e->as, holds);
    }
    return skips;
}

/* EFLAGS = nzcv in the form given; OF by an addition that overflows if V is 1. */
static void load_nzcv(struct emit *e, unsigned nzcv, enum emit_flags form)
{
    x64_mov_ri(e->as, X64_RAX, flags_from_nzcv[nzcv] ^ (form == EMIT_FLAGS_SUB ? RAW_C : 0u));
    x64_alu_ri(e->as, X64_ADD, 1, X64_RAX, 127);
    x64_sahf(e->as);
}

static void compare_if(struct emit *e, const struct ir_insn *i,
                       void (*compare)(struct emit *e, const struct ir_insn *i),
                       enum emit_flags form)
{
    struct skips skips;
    uint8_t *done;

    if (!(i->flags & IR_DEAD)) {
        skips = skip_unless(e, condition_of(e, i));
        compare(e, i);
        done = x64_jmp_short(e->as);
        x64_here(e->as, skips.first);
        x64_here(e->as, skips.second);
        load_nzcv(e, int_nzcv(i), form);
        x64_here(e->as, done);
    }
    emit_flags_set(e, i, form);
}

void emit_COMPARE_IF(struct emit *e, const struct ir_insn *i)
{
    compare_if(e, i, emit_int_compare, EMIT_FLAGS_SUB);
}

void emit_COMPARE_ADD_IF(struct emit *e, const struct ir_insn *i)
{
    compare_if(e, i, emit_int_compare_sum, EMIT_FLAGS_ADD);
}
