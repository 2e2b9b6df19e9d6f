/* SPDX-License-Identifier: ISC */
/*
 * NZCV: from the host's EFLAGS into memory and back, made again from the comparison that they come
 * from (pass_flags.c says when), and what a condition is to the host.
 */
#include "engine/jit/emit_private.h"

#include "base/bits.h"
#include "engine/jit/flags.h"

void emit_flags_store_raw(struct emit *e, enum x64_reg ax)
{
    x64_store(e->as, 2, EMIT_FIELD(raw_flags), ax);
}

static void store_flags(struct emit *e, enum emit_flags form)
{
    struct x64 *as = e->as;

    x64_lahf(as);
    if (form == EMIT_FLAGS_FP) {
        x64_movzx_ah(as, X64_RAX);
        x64_mov_ri(as, X64_RDX, (uint64_t)(uintptr_t)flags_of_fp_compare);
        x64_load(as, 2, X64_RAX, x64_at_index(X64_RDX, X64_RAX, 2, 0));
    } else {
        x64_setcc_r(as, X64_CC_O, X64_RAX);
    }
    emit_flags_store_raw(e, X64_RAX);
}

void emit_flags_set(struct emit *e, const struct ir_insn *i, enum emit_flags form)
{
    if (!(i->flags & IR_S))
        return;
    if (i->flags & IR_STORE) {
        if (form == EMIT_FLAGS_SUB) {
            x64_cmc(e->as);
            form = EMIT_FLAGS_ADD;
        }
        store_flags(e, form);
    }
    e->eflags = i->flags & IR_DEAD ? EMIT_FLAGS_NONE : form;
}

/* The flags of a sum or difference from its result d and its second operand: its first operand was
 * d minus, or plus, the second. */
static void redo_by_result(struct emit *e, const struct ir_insn *i)
{
    if (i->op == IR_AND) {
        enum x64_reg d = emit_use(e, i->dst, i->size, X64_RAX);

        x64_test_rr(e->as, i->size, d, d);
        e->eflags = EMIT_FLAGS_ADD;
        return;
    }
    emit_copy(e, X64_RAX, i->dst, i->size);
    emit_alu(e, i->op == IR_SUB ? X64_ADD : X64_SUB, i->size, X64_RAX, i->b, i->imm);
    emit_alu(e, i->op == IR_SUB ? X64_CMP : X64_ADD, i->size, X64_RAX, i->b, i->imm);
    e->eflags = i->op == IR_SUB ? EMIT_FLAGS_SUB : EMIT_FLAGS_ADD;
}

/* Its guest instruction again, up to the comparison, whose result is dropped. */
static void redo_by_operands(struct emit *e, const struct ir_insn *i)
{
    const struct ir_insn *first = i;
    struct ir_insn again = *i;

    while (first > e->r->insn && first[-1].guest == i->guest)
        first--;
    for (; first < i; first++)
        emit_again(e, first);
    again.dst = IR_NONE;
    again.flags &= (uint16_t) ~(IR_STORE | IR_DEAD);
    emit_again(e, &again);
}

/* Makes EFLAGS hold the guest's NZCV once more. */
static void redo_flags(struct emit *e, uint16_t redo)
{
    const struct ir_insn *i = &e->r->insn[(redo & ~REDO_BY_RESULT) - 1];

    if (redo & REDO_BY_RESULT)
        redo_by_result(e, i);
    else
        redo_by_operands(e, i);
}

/* The flags of comparison i, of operands of which some are in c->flag_operand. */
static void redo_saved(struct emit *e, const struct ir_insn *i, const struct ir_way *way)
{
    enum x64_alu op = i->op == IR_SUB ? X64_CMP : i->op == IR_ADD ? X64_ADD : X64_AND;

    if (way->save_a)
        x64_load(e->as, i->size, X64_RAX, EMIT_FIELD(flag_operand[0]));
    else
        emit_copy(e, X64_RAX, i->a, i->size);
    if (way->save_b)
        x64_alu_rm(e->as, op, i->size, X64_RAX, EMIT_FIELD(flag_operand[1]));
    else
        emit_alu(e, op, i->size, X64_RAX, i->b, i->imm);
    e->eflags = i->op == IR_SUB ? EMIT_FLAGS_SUB : EMIT_FLAGS_ADD;
}

static void settle_way(struct emit *e, const struct ir_way *way)
{
    e->eflags = EMIT_FLAGS_NONE;
    if (way->save_a || way->save_b)
        redo_saved(e, &e->r->insn[way->redo - 1], way);
    emit_settle_flags(e, way->redo);
}

void emit_settle_join(struct emit *e, const struct ir_edge *edge)
{
    if (edge->way)
        settle_way(e, &e->r->join[edge->block].way[edge->way - 1]);
}

void emit_join(struct emit *e, const struct ir_edge *edge)
{
    const struct ir_way *way;
    const struct ir_insn *i;

    if (edge->block < 0 || !e->r->join[edge->block].ways)
        return;
    if (edge->way) {
        way = &e->r->join[edge->block].way[edge->way - 1];
        i = &e->r->insn[(way->redo & ~REDO_BY_RESULT) - 1];
        if (way->save_a)
            x64_store(e->as, 8, EMIT_FIELD(flag_operand[0]), emit_use(e, i->a, 8, X64_RAX));
        if (way->save_b)
            x64_store(e->as, 8, EMIT_FIELD(flag_operand[1]), emit_use(e, i->b, 8, X64_RAX));
    }
    x64_store_i(e->as, 1, EMIT_FIELD(flag_way), edge->way);
}

/* Each is called by who needs the flags of a join: puts them into memory if they are not there. */
void emit_join_routines(struct emit *e)
{
    for (unsigned n = 0; n < e->r->blocks; n++) {
        const struct ir_join *join = &e->r->join[n];

        if (!(e->p->joins_used & BIT(n)))
            continue;
        x64_bind(e->as, &e->p->join[n]);
        for (unsigned k = 0; k < join->ways; k++) {
            uint8_t *other;

            x64_alu_mi(e->as, X64_CMP, 1, EMIT_FIELD(flag_way), (int32_t)k + 1);
            other = x64_jcc(e->as, X64_CC_NE);
            settle_way(e, &join->way[k]);
            x64_ret(e->as);
            x64_here32(e->as, other);
        }
        x64_ret(e->as);
    }
}

static void call_join_routine(struct emit *e, unsigned n)
{
    if (!e->r->join[n].ways)
        return;
    x64_call_label(e->as, &e->p->join[n]);
    e->p->joins_used |= BIT(n);
    e->eflags = EMIT_FLAGS_NONE;
}

void emit_settle_flags(struct emit *e, uint16_t redo)
{
    if (!redo)
        return;
    if (redo & REDO_JOIN) {
        call_join_routine(e, redo & 0xff);
        return;
    }
    if (e->eflags == EMIT_FLAGS_NONE)
        redo_flags(e, redo);
    if (e->eflags == EMIT_FLAGS_SUB) {
        x64_cmc(e->as);
        e->eflags = EMIT_FLAGS_ADD;
    }
    store_flags(e, e->eflags);
}

uint16_t emit_redo(const struct emit *e)
{
    return e->r->redo[e->insn - e->r->insn];
}

/* By pairs of A64 conditions: the host's for the even one; the odd one is its inverse. */
static const uint8_t condition_add[8] = {X64_CC_E, X64_CC_B,  X64_CC_S, X64_CC_O,
                                         X64_CC_A, X64_CC_GE, X64_CC_G, 0};
static const uint8_t condition_sub[8] = {X64_CC_E, X64_CC_AE, X64_CC_S, X64_CC_O,
                                         X64_CC_A, X64_CC_GE, X64_CC_G, 0};

/* After ucomisd, where all of ZF, PF, CF are set when the operands are unordered. */
static const struct {
    uint8_t first, second, both;
} condition_fp[14] = {
    {X64_CC_E, X64_CC_NP, true},     /* EQ: equal */
    {X64_CC_NE, X64_CC_P, false},    /* NE */
    {X64_CC_AE, X64_CC_P, false},    /* CS: greater, equal or unordered */
    {X64_CC_B, X64_CC_NP, true},     /* CC: less */
    {X64_CC_B, X64_CC_NP, true},     /* MI: less */
    {X64_CC_AE, X64_CC_P, false},    /* PL */
    {X64_CC_P, X64_CC_NONE, false},  /* VS: unordered */
    {X64_CC_NP, X64_CC_NONE, false}, /* VC */
    {X64_CC_A, X64_CC_P, false},     /* HI: greater or unordered */
    {X64_CC_BE, X64_CC_NP, true},    /* LS: less or equal */
    {X64_CC_AE, X64_CC_NONE, false}, /* GE: greater or equal */
    {X64_CC_B, X64_CC_NONE, false},  /* LT: less or unordered */
    {X64_CC_A, X64_CC_NONE, false},  /* GT */
    {X64_CC_BE, X64_CC_NONE, false}, /* LE */
};

/* One flag in memory decides: no need to load them all. */
static bool test_in_memory(struct emit *e, unsigned cond, enum x64_cc *cc)
{
    static const uint16_t mask[4] = {RAW_Z, RAW_C, RAW_N, RAW_V};
    struct x64_mem flags = EMIT_FIELD(raw_flags);
    uint16_t m;

    if (cond >= 8)
        return false;
    m = mask[cond / 2];
    if (m > 0xff)
        flags.disp++;
    x64_test_mi(e->as, 1, flags, (int8_t)(m > 0xff ? m >> 8 : m));
    *cc = cond & 1 ? X64_CC_E : X64_CC_NE;
    return true;
}

/* OF comes from an addition that overflows when V is 1, the others from SAHF. */
static void load_flags(struct emit *e)
{
    x64_load(e->as, 2, X64_RAX, EMIT_FIELD(raw_flags));
    x64_alu_ri(e->as, X64_ADD, 1, X64_RAX, 127);
    x64_sahf(e->as);
    e->eflags = EMIT_FLAGS_ADD;
}

enum x64_cc emit_condition(struct emit *e, unsigned cond, enum x64_cc *second, bool *both)
{
    enum x64_cc cc;

    *second = X64_CC_NONE;
    *both = false;
    if (e->eflags == EMIT_FLAGS_NONE && emit_redo(e))
        redo_flags(e, emit_redo(e));
    if (e->eflags == EMIT_FLAGS_NONE) {
        if (test_in_memory(e, cond, &cc))
            return cc;
        load_flags(e);
    }
    if (e->eflags == EMIT_FLAGS_FP) {
        *second = (enum x64_cc)condition_fp[cond].second;
        *both = condition_fp[cond].both;
        return (enum x64_cc)condition_fp[cond].first;
    }
    if (e->eflags == EMIT_FLAGS_ADD && cond / 2 == 4) { /* HI, LS: the host has them for borrows */
        x64_cmc(e->as);
        e->eflags = EMIT_FLAGS_SUB;
    }
    cc = (enum x64_cc)(e->eflags == EMIT_FLAGS_ADD ? condition_add : condition_sub)[cond / 2];
    return (enum x64_cc)(cc ^ (cond & 1));
}

void emit_carry(struct emit *e, bool borrow)
{
    struct x64 *as = e->as;
    bool inverted = false;

    if (e->eflags == EMIT_FLAGS_NONE && emit_redo(e))
        redo_flags(e, emit_redo(e));
    switch (e->eflags) {
    case EMIT_FLAGS_ADD: break;
    case EMIT_FLAGS_SUB: inverted = true; break;
    case EMIT_FLAGS_NONE: x64_bt_mi(as, X64_BT, 4, EMIT_FIELD(raw_flags), 8); break;
    case EMIT_FLAGS_FP: /* C unless less */
        x64_setcc_r(as, X64_CC_AE, X64_RAX);
        x64_setcc_r(as, X64_CC_P, X64_RDX);
        x64_alu_rr(as, X64_OR, 1, X64_RAX, X64_RDX);
        x64_unary_r(as, X64_NEG, 1, X64_RAX);
        break;
    }
    if (inverted != borrow)
        x64_cmc(as);
    e->eflags = EMIT_FLAGS_NONE;
}
