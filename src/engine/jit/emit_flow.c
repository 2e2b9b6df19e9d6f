/* SPDX-License-Identifier: ISC */
/*
 * Control flow: branches between blocks, exits of the region, calls and returns.
 *
 * Between regions the guest's whole state is in memory. To a place in the same page an exit is a
 * jump that its stub, run once, points at the region there (link in jit.c); everything else goes
 * through the jump cache of the address space (soft/tlb.h). Both are dropped when code or a mapping
 * is.
 *
 * Calls and returns travel on the host's stack: a call pushes the guest's return address and calls
 * the callee's code; a return compares LR with what is on top and returns, which the host's return
 * predictor knows. A return to elsewhere forgets the stack. The bottom entry is one that no guest
 * can match usefully (thunks.c), and who runs out of stack starts again at the bottom.
 */
#include "engine/jit/emit_private.h"

#include "base/bits.h"
#include "engine/jit/pauth.h"
#include "engine/soft/tlb.h"

/* --- exits --- */

static void jump_site(struct emit *e, uint8_t *field, unsigned target)
{
    struct emit_private *p = e->p;

    p->site[p->sites++] = (struct emit_site){field, target};
}

static bool in_page(int64_t target)
{
    return target >= 0 && target < (int64_t)SOFT_PAGE_SIZE;
}

/* rax = the guest address at `target` bytes from the start of the page. */
static void load_address(struct emit *e, int64_t target)
{
    x64_load(e->as, 8, X64_RAX, EMIT_FIELD(code_base));
    if (target)
        x64_alu_ri(e->as, X64_ADD, 8, X64_RAX, (int32_t)target);
}

/* Everything is spilled: on to an address outside of the region. */
static void leave_for(struct emit *e, int64_t target)
{
    if (in_page(target)) {
        jump_site(e, x64_jmp(e->as), (unsigned)target);
    } else {
        load_address(e, target);
        x64_jmp_to(e->as, e->p->thunks->branch);
    }
}

/* --- edges --- */

static bool is_next(const struct emit *e, const struct ir_edge *edge)
{
    return edge->block >= 0 && &e->r->block[edge->block] == e->block + 1;
}

static bool is_back(const struct emit *e, const struct ir_edge *edge)
{
    return edge->block >= 0 && &e->r->block[edge->block] <= e->block;
}

/* A loop's edge: charges the slice with the blocks of the loop, and leaves when it has run out. */
static void loop_back(struct emit *e, const struct ir_edge *edge)
{
    const struct ir_block *head = &e->r->block[edge->block];
    unsigned insns = (unsigned)(e->block->first_guest + e->block->guests - head->first_guest);

    x64_alu_mi(e->as, X64_SUB, 4, EMIT_FIELD(slice), (int32_t)insns);
    x64_jcc_label(e->as, X64_CC_NS, &e->p->block[edge->block]);
    emit_settle_join(e, edge);
    emit_spill(e, e->p->dirty);
    x64_mov_ri(e->as, X64_RAX, (uint64_t)edge->target);
    x64_jmp_to(e->as, e->p->thunks->leave_at);
}

void emit_edge(struct emit *e, const struct ir_edge *edge)
{
    emit_settle_flags(e, edge->redo);
    emit_join(e, edge);
    if (is_back(e, edge)) {
        loop_back(e, edge);
    } else if (edge->block >= 0) {
        x64_jmp_label(e->as, &e->p->block[edge->block]);
    } else {
        emit_spill(e, e->p->dirty);
        leave_for(e, edge->target);
    }
}

/* The conditional jump to an edge whose code is not a block further on: out of line. */
static struct x64_label *far_edge(struct emit *e, const struct ir_edge *edge)
{
    struct emit_far_edge *far = &e->p->far[e->p->fars++];

    far->edge = *edge;
    far->dirty = e->p->dirty;
    far->eflags = e->eflags;
    far->block = (unsigned)(e->block - e->r->block);
    return &far->start;
}

static void branch(struct emit *e, enum x64_cc cc)
{
    const struct ir_edge *taken = &e->block->edge[0];
    enum emit_flags eflags = e->eflags;
    uint8_t *skip;

    if (is_back(e, taken)) {
        skip = x64_jcc(e->as, (enum x64_cc)(cc ^ 1));
        emit_edge(e, taken);
        x64_here32(e->as, skip);
        e->eflags = eflags;
    } else if (taken->block >= 0 && !taken->redo && !e->r->join[taken->block].ways) {
        x64_jcc_label(e->as, cc, &e->p->block[taken->block]);
    } else {
        x64_jcc_label(e->as, cc, far_edge(e, taken));
    }
}

/* The edge where the code goes on: nothing but its flags if its block is next. */
static void go_on(struct emit *e, const struct ir_edge *edge)
{
    if (is_next(e, edge)) {
        emit_settle_flags(e, edge->redo);
        emit_join(e, edge);
    } else {
        emit_edge(e, edge);
    }
}

static void otherwise(struct emit *e)
{
    go_on(e, &e->block->edge[1]);
}

void emit_JUMP(struct emit *e, const struct ir_insn *i)
{
    go_on(e, &e->block->edge[0]);
}

void emit_JUMP_COND(struct emit *e, const struct ir_insn *i)
{
    enum x64_cc cc, second;
    uint8_t *skip = NULL;
    bool both;

    if (i->cond >= 14) {
        emit_edge(e, &e->block->edge[0]);
        return;
    }
    cc = emit_condition(e, i->cond, &second, &both);
    if (second != X64_CC_NONE && both)
        skip = x64_jcc(e->as, (enum x64_cc)(second ^ 1));
    else if (second != X64_CC_NONE)
        branch(e, second);
    branch(e, cc);
    if (skip)
        x64_here32(e->as, skip);
    otherwise(e);
}

static void jump_if_zero(struct emit *e, const struct ir_insn *i, enum x64_cc cc)
{
    if (emit_in_reg(e, i->a)) {
        enum x64_reg r = emit_use(e, i->a, i->size, X64_RAX);

        x64_test_rr(e->as, i->size, r, r);
    } else if (i->a == IR_ZERO) {
        x64_alu_rr(e->as, X64_CMP, 4, X64_RAX, X64_RAX);
    } else {
        x64_alu_mi(e->as, X64_CMP, i->size, emit_mem(e, i->a), 0);
    }
    e->eflags = EMIT_FLAGS_NONE;
    branch(e, cc);
    otherwise(e);
}

void emit_JUMP_ZERO(struct emit *e, const struct ir_insn *i)
{
    jump_if_zero(e, i, X64_CC_E);
}

void emit_JUMP_NONZERO(struct emit *e, const struct ir_insn *i)
{
    jump_if_zero(e, i, X64_CC_NE);
}

static void jump_if_bit(struct emit *e, const struct ir_insn *i, enum x64_cc if_test,
                        enum x64_cc if_bt)
{
    enum x64_reg r = emit_use(e, i->a, 8, X64_RAX);

    e->eflags = EMIT_FLAGS_NONE;
    if (i->imm < 31) {
        x64_test_ri(e->as, i->imm < 7 ? 1 : 4, r, (int32_t)BIT(i->imm));
        branch(e, if_test);
    } else {
        x64_bt_ri(e->as, X64_BT, 8, r, (unsigned)i->imm);
        branch(e, if_bt);
    }
    otherwise(e);
}

void emit_JUMP_BIT_CLEAR(struct emit *e, const struct ir_insn *i)
{
    jump_if_bit(e, i, X64_CC_E, X64_CC_AE);
}

void emit_JUMP_BIT_SET(struct emit *e, const struct ir_insn *i)
{
    jump_if_bit(e, i, X64_CC_NE, X64_CC_B);
}

/* --- calls and returns --- */

/* rax = where the call returns to, in X30 and on the host's stack. */
static void push_return(struct emit *e, int64_t to)
{
    struct x64 *as = e->as;
    uint8_t *enough;

    load_address(e, to);
    x64_store(as, 8, emit_mem(e, IR_X + 30), X64_RAX);
    x64_alu_rm(as, X64_CMP, 8, X64_RSP, EMIT_FIELD(stack_limit));
    enough = x64_jcc_short(as, X64_CC_AE);
    x64_load(as, 8, X64_RSP, EMIT_FIELD(stack_base));
    x64_here(as, enough);
    x64_push(as, X64_RAX);
}

/* Where a matching return comes back to: the page is this one again. */
static void landing(struct emit *e, int64_t to)
{
    x64_pop(e->as, X64_RCX);
    x64_alu_ri(e->as, X64_SUB, 8, X64_RCX, (int32_t)to);
    x64_store(e->as, 8, EMIT_FIELD(code_base), X64_RCX);
    leave_for(e, to);
}

void emit_CALL(struct emit *e, const struct ir_insn *i)
{
    int64_t to = e->block->edge[0].target, back = e->block->edge[1].target;

    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    emit_spill(e, e->p->dirty & ~BIT(IR_X + 30));
    push_return(e, back);
    if (in_page(to)) {
        jump_site(e, x64_call(e->as), (unsigned)to);
    } else {
        load_address(e, to);
        x64_call_to(e->as, e->p->thunks->branch);
    }
    landing(e, back);
}

void emit_jump_to_thunk(struct emit *e, const struct ir_insn *i, const uint8_t *thunk)
{
    const struct guest_insn *g = &e->r->guest[i->guest];

    x64_mov_ri(e->as, X64_RAX, g->op | (uint32_t)g->offset << 16);
    x64_mov_ri(e->as, X64_RDX, g->word);
    x64_jmp_to(e->as, thunk);
}

/* to = where an indirect branch goes. */
static void load_target(struct emit *e, const struct ir_insn *i, enum x64_reg to)
{
    uint8_t *good;

    if (i->b == IR_NONE) {
        emit_copy(e, to, i->a, 8);
        return;
    }
    emit_authenticated(e, i);
    good = x64_jcc_short(e->as, X64_CC_E);
    emit_jump_to_thunk(e, i, e->p->thunks->handler_end);
    x64_here(e->as, good);
    if (to != X64_RCX)
        x64_mov_rr(e->as, 8, to, X64_RCX);
}

void emit_CALL_REG(struct emit *e, const struct ir_insn *i)
{
    int64_t back = e->block->edge[1].target;

    /* BLR X30 is allowed: its value is taken before the new one is there. The handler of a BLRAA
     * takes it from memory. */
    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    emit_spill(e, i->b == IR_NONE ? e->p->dirty & ~BIT(IR_X + 30) : e->p->dirty);
    load_target(e, i, X64_RCX);
    push_return(e, back);
    x64_mov_rr(e->as, 8, X64_RAX, X64_RCX);
    x64_call_to(e->as, e->p->thunks->branch);
    landing(e, back);
}

void emit_JUMP_REG(struct emit *e, const struct ir_insn *i)
{
    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    emit_spill(e, e->p->dirty);
    load_target(e, i, X64_RAX);
    /* In line: the host predicts a jump that many places lead to less well. */
    thunks_emit_jump(e->as, e->p->thunks->lookup);
}

void emit_RETURN(struct emit *e, const struct ir_insn *i)
{
    uint8_t *other;

    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    emit_spill(e, e->p->dirty);
    load_target(e, i, X64_RAX);
    x64_alu_rm(e->as, X64_CMP, 8, X64_RAX, x64_at(X64_RSP, 8));
    other = x64_jcc_short(e->as, X64_CC_NE);
    x64_ret(e->as);
    x64_here(e->as, other);
    x64_load(e->as, 8, X64_RSP, EMIT_FIELD(stack_base));
    x64_jmp_to(e->as, e->p->thunks->branch);
}

void emit_end(struct emit *e, const struct ir_insn *i, const uint8_t *thunk)
{
    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    emit_spill(e, e->p->dirty);
    emit_jump_to_thunk(e, i, thunk);
}

void emit_HANDLER_END(struct emit *e, const struct ir_insn *i)
{
    emit_end(e, i, e->p->thunks->handler_end);
}

/* --- out of line --- */

/* Each site starts out pointing at its stub (struct link_stub). */
static void emit_link_stubs(struct emit *e)
{
    struct x64 *as = e->as;

    for (unsigned n = 0; n < e->p->sites; n++) {
        const struct emit_site *s = &e->p->site[n];
        struct link_stub stub = {.target = s->target};

        x64_here32(as, s->field);
        x64_call_to(as, e->p->thunks->link);
        stub.site = s->field ? (int32_t)(s->field - as->at) : 0;
        x64_data(as, &stub, sizeof(stub));
    }
}

void emit_far_code(struct emit *e)
{
    for (unsigned n = 0; n < e->p->fars; n++) {
        struct emit_far_edge *far = &e->p->far[n];

        e->block = &e->r->block[far->block];
        e->p->dirty = far->dirty;
        e->eflags = far->eflags;
        x64_bind(e->as, &far->start);
        emit_edge(e, &far->edge);
    }
    emit_link_stubs(e);
}
