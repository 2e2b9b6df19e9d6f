/* SPDX-License-Identifier: ISC */
/* The fixed pieces of code; see thunks.h. Registers are as emit.h says. */
#include "engine/jit/thunks.h"

#include "engine/jit/emit.h"
#include "engine/jit/flags.h"
#include "engine/soft/tlb.h"

/* What System V's calling convention wants kept. Pushed with the return address below them, they
 * and 8 bytes more leave the stack aligned. */
static const uint8_t saved[] = {X64_RBX, X64_RBP, X64_R12, X64_R13, X64_R14, X64_R15};

#define ALIGN 8

void thunks_load_nzcv(struct x64 *as)
{
    x64_load(as, 2, X64_RCX, EMIT_FIELD(raw_flags));
    x64_alu_ri(as, X64_AND, 4, X64_RCX, RAW_MASK);
    x64_imul_rri(as, 4, X64_RCX, X64_RCX, RAW_TO_NZCV);
    x64_alu_ri(as, X64_AND, 4, X64_RCX, (int32_t)0xf0000000);
}

/* c->nzcv from the raw flags; ecx is lost. */
static void flags_to_c(struct x64 *as)
{
    thunks_load_nzcv(as);
    x64_store(as, 4, EMIT_FIELD(nzcv), X64_RCX);
}

/* The raw flags from c->nzcv, and the data TLB of the context; rcx and rdx are lost. */
static void state_from_c(struct x64 *as)
{
    x64_load(as, 4, X64_RCX, EMIT_FIELD(nzcv));
    x64_shift_ri(as, X64_SHR, 4, X64_RCX, 28);
    x64_mov_ri(as, X64_RDX, (uint64_t)(uintptr_t)flags_from_nzcv);
    x64_load(as, 2, X64_RCX, x64_at_index(X64_RDX, X64_RCX, 2, 0));
    x64_store(as, 2, EMIT_FIELD(raw_flags), X64_RCX);
    x64_load(as, 8, EMIT_TLB, EMIT_FIELD(dtlb));
}

/* rdi = c. */
static void pass_cpu(struct x64 *as)
{
    x64_lea(as, 8, X64_RDI, x64_at(EMIT_STATE, -EMIT_BIAS));
}

/* c->pc and c->next_pc for the instruction at offset eax >> 16; leaves eax's low half in eax. */
static void set_pc(struct x64 *as)
{
    x64_mov_rr(as, 4, X64_RCX, X64_RAX);
    x64_shift_ri(as, X64_SHR, 4, X64_RCX, 16);
    x64_alu_rm(as, X64_ADD, 8, X64_RCX, EMIT_FIELD(code_base));
    x64_store(as, 8, EMIT_FIELD(pc), X64_RCX);
    x64_alu_ri(as, X64_ADD, 8, X64_RCX, 4);
    x64_store(as, 8, EMIT_FIELD(next_pc), X64_RCX);
    x64_movzx_rr(as, X64_RAX, X64_RAX, 2);
}

/* The handler of operation eax for instruction edx. */
static void call_handler(struct x64 *as, const struct thunk_calls *calls)
{
    set_pc(as);
    flags_to_c(as);
    pass_cpu(as);
    x64_mov_rr(as, 4, X64_RSI, X64_RDX);
    x64_mov_ri(as, X64_RDX, (uint64_t)(uintptr_t)calls->handlers);
    x64_call_m(as, x64_at_index(X64_RDX, X64_RAX, 8, 0));
}

/* rdx(c, rsi), for an instruction at offset eax >> 16. */
static void call_at(struct x64 *as)
{
    set_pc(as);
    flags_to_c(as);
    pass_cpu(as);
    x64_call_r(as, X64_RDX);
}

static void call_c(struct x64 *as, uintptr_t fn)
{
    pass_cpu(as);
    x64_mov_ri(as, X64_RAX, fn);
    x64_call_r(as, X64_RAX);
}

static void emit_enter(struct x64 *as, struct thunks *t)
{
    t->enter = as->at;
    for (unsigned i = 0; i < sizeof(saved); i++)
        x64_push(as, saved[i]);
    x64_alu_ri(as, X64_SUB, 8, X64_RSP, ALIGN);
    x64_lea(as, 8, EMIT_STATE, x64_at(X64_RDI, EMIT_BIAS));
    state_from_c(as);
    /* The bottom of the stack of guest returns: an address that is not aligned, so that only a
     * guest that returns to it on purpose comes to this code, and learns nothing by it. */
    x64_mov_ri(as, X64_RAX, UINT64_MAX);
    x64_push(as, X64_RAX);
    uint8_t *bottom = x64_call(as);
    x64_load(as, 8, X64_RSP, EMIT_FIELD(stack_base));
    x64_jmp_to(as, t->lookup);
    x64_here32(as, bottom);
    x64_store(as, 8, EMIT_FIELD(stack_base), X64_RSP);
    x64_lea(as, 8, X64_RAX, x64_at(X64_RSP, -THUNK_STACK));
    x64_store(as, 8, EMIT_FIELD(stack_limit), X64_RAX);
    x64_jmp_r(as, X64_RSI);
}

static void emit_leave(struct x64 *as, struct thunks *t)
{
    t->leave_at = as->at;
    x64_alu_rm(as, X64_ADD, 8, X64_RAX, EMIT_FIELD(code_base));
    x64_store(as, 8, EMIT_FIELD(pc), X64_RAX);
    t->leave = as->at;
    flags_to_c(as);
    x64_load(as, 8, X64_RSP, EMIT_FIELD(stack_base));
    x64_alu_ri(as, X64_ADD, 8, X64_RSP, 16 + ALIGN);
    for (unsigned i = sizeof(saved); i-- > 0;)
        x64_pop(as, saved[i]);
    x64_ret(as);
}

static void emit_handler_call(struct x64 *as, struct thunks *t, const struct thunk_calls *calls)
{
    t->handler = as->at;
    call_handler(as, calls);
    state_from_c(as);
    x64_ret(as);

    t->call = as->at;
    x64_alu_ri(as, X64_SUB, 8, X64_RSP, ALIGN);
    call_at(as);
    x64_alu_ri(as, X64_ADD, 8, X64_RSP, ALIGN);
    state_from_c(as);
    x64_ret(as);
}

/* Goes to the code that fn(c) returns. */
static void go_to(struct x64 *as, struct thunks *t, const void *(*fn)(struct soft_cpu *c))
{
    call_c(as, (uintptr_t)fn);
    x64_test_rr(as, 8, X64_RAX, X64_RAX);
    x64_jcc_to(as, X64_CC_E, t->leave);
    x64_jmp_r(as, X64_RAX);
}

void thunks_emit_jump(struct x64 *as, const uint8_t *missed)
{
    x64_load(as, 8, X64_RDX, EMIT_FIELD(jump));
    x64_mov_rr(as, 4, X64_RCX, X64_RAX);
    x64_alu_ri(as, X64_AND, 4, X64_RCX, (SOFT_JUMP_SIZE - 1) * 4);
    x64_alu_rm(as, X64_CMP, 8, X64_RAX, x64_at_index(X64_RDX, X64_RCX, 4, 0));
    x64_jcc_to(as, X64_CC_NE, missed);
    x64_alu_ri(as, X64_AND, 8, X64_RAX, (int32_t)SOFT_PAGE_MASK);
    x64_store(as, 8, EMIT_FIELD(code_base), X64_RAX);
    x64_jmp_m(as, x64_at_index(X64_RDX, X64_RCX, 4, (int32_t)offsetof(struct soft_jump, code)));
}

/*
 * After an instruction that may have changed anything. A slice that is over, which is also what an
 * instruction that wants attention makes of it, leaves. The jump cache has only what is true now.
 */
static void emit_go_on(struct x64 *as, struct thunks *t, const struct thunk_calls *calls)
{
    uint8_t *missed = as->at;

    flags_to_c(as);
    go_to(as, t, calls->find);
    t->go_on = as->at;
    x64_store(as, 8, EMIT_FIELD(pc), X64_RAX);
    x64_alu_mi(as, X64_CMP, 4, EMIT_FIELD(slice), 0);
    x64_jcc_to(as, X64_CC_LE, t->leave);
    thunks_emit_jump(as, missed);
    t->branch = as->at;
    thunks_emit_jump(as, t->lookup);
}

static void emit_handler_end(struct x64 *as, struct thunks *t, const struct thunk_calls *calls)
{
    t->handler_end = as->at;
    x64_load(as, 8, X64_RSP, EMIT_FIELD(stack_base));
    call_handler(as, calls);
    x64_load(as, 8, X64_RAX, EMIT_FIELD(next_pc));
    state_from_c(as);
    x64_jmp_to(as, t->go_on);
}

static void emit_lookup(struct x64 *as, struct thunks *t, const struct thunk_calls *calls)
{
    t->lookup = as->at;
    x64_store(as, 8, EMIT_FIELD(pc), X64_RAX);
    flags_to_c(as);
    go_to(as, t, calls->lookup);
}

static void emit_link(struct x64 *as, struct thunks *t, const struct thunk_calls *calls)
{
    t->link = as->at;
    x64_pop(as, X64_RSI);
    flags_to_c(as);
    call_c(as, (uintptr_t)calls->link);
    x64_test_rr(as, 8, X64_RAX, X64_RAX);
    x64_jcc_to(as, X64_CC_E, t->leave);
    x64_jmp_r(as, X64_RAX);
}

void thunks_emit(struct x64 *as, const struct thunk_calls *calls, struct thunks *t)
{
    emit_leave(as, t);
    emit_lookup(as, t, calls);
    emit_enter(as, t);
    emit_handler_call(as, t, calls);
    emit_go_on(as, t, calls);
    emit_handler_end(as, t, calls);
    emit_link(as, t, calls);
    thunks_emit_levels(as, t);
}
