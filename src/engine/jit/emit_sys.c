/* SPDX-License-Identifier: ISC */
/*
 * System registers, PSTATE and exceptions; see ir_sys.def.
 *
 * Where something must be done at once, an interrupt to be taken or maintenance to be waited for,
 * the region is left out of line through the handler.
 */
#include "engine/jit/emit_private.h"

#include "arm/regs.h"
#include "engine/jit/counter.h"
#include "engine/jit/sys.h"
#include "engine/soft/private.h"

static struct x64_mem place(int64_t field)
{
    return x64_at(EMIT_STATE, (int32_t)field - EMIT_BIAS);
}

/* --- registers --- */

void emit_SYS_GET(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg to = emit_def(e, i->dst, X64_RAX);

    x64_load(e->as, i->size, to, place(i->imm));
    emit_done(e, i->dst, to);
}

void emit_SYS_SET(struct emit *e, const struct ir_insn *i)
{
    x64_store(e->as, i->size, place(i->imm), emit_use(e, i->a, 8, X64_RAX));
}

void emit_SYS_GATE(struct emit *e, const struct ir_insn *i)
{
    x64_test_mi(e->as, 4, place(sys_field(i->imm)), (int32_t)sys_bits(i->imm));
    emit_slow(e, X64_CC_E);
}

/* --- leaving --- */

/* The handler, and on from where it leads: the current instruction's code out of line. */
static void leave(struct emit *e, const struct ir_insn *i)
{
    e->eflags = EMIT_FLAGS_NONE;
    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    emit_spill(e, e->alloc->written);
    emit_jump_to_thunk(e, i, e->p->thunks->handler_end);
}

/* --- the counter --- */

/* LFENCE: the host's counter is not read ahead of what the guest has read before. */
void emit_COUNTER(struct emit *e, const struct ir_insn *i)
{
    struct x64 *as = e->as;

    if (e->aside) {
        e->eflags = EMIT_FLAGS_NONE;
        emit_call(e, counter_read, i->dst);
        return;
    }
    x64_lfence(as);
    x64_rdtsc(as);
    x64_shift_ri(as, X64_SHL, 8, X64_RDX, 32);
    x64_alu_rr(as, X64_OR, 8, X64_RAX, X64_RDX);
    x64_alu_rm(as, X64_SUB, 8, X64_RAX, EMIT_FIELD(ticks.start));
    x64_alu_rm(as, X64_CMP, 8, X64_RAX, EMIT_FIELD(ticks.window));
    x64_jcc_label(e->as, X64_CC_AE, emit_aside(e, i));
    x64_imul_rm(as, 8, X64_RAX, EMIT_FIELD(ticks.rate));
    x64_alu_rm(as, X64_ADD, 8, X64_RAX, EMIT_FIELD(ticks.fraction));
    x64_shift_ri(as, X64_SHR, 8, X64_RAX, 32);
    x64_alu_rm(as, X64_ADD, 8, X64_RAX, EMIT_FIELD(ticks.count));
    emit_done(e, i->dst, X64_RAX);
}

/* --- PSTATE --- */

void emit_MASK(struct emit *e, const struct ir_insn *i)
{
    x64_alu_mi(e->as, X64_OR, 4, EMIT_FIELD(daif), (int32_t)i->imm);
}

void emit_UNMASK(struct emit *e, const struct ir_insn *i)
{
    if (e->aside) {
        leave(e, i);
        return;
    }
    x64_test_mi(e->as, 4, EMIT_FIELD(held), (int32_t)i->imm);
    x64_jcc_label(e->as, X64_CC_NE, emit_aside(e, i));
    x64_alu_mi(e->as, X64_AND, 4, EMIT_FIELD(daif), (int32_t)~i->imm);
}

void emit_SET_DAIF(struct emit *e, const struct ir_insn *i)
{
    if (e->aside) {
        leave(e, i);
        return;
    }
    emit_copy(e, X64_RAX, i->a, 4);
    x64_alu_ri(e->as, X64_AND, 4, X64_RAX, PSTATE_DAIF);
    x64_mov_rr(e->as, 4, X64_RCX, X64_RAX);
    x64_unary_r(e->as, X64_NOT, 4, X64_RCX);
    x64_test_mr(e->as, 4, EMIT_FIELD(held), X64_RCX);
    x64_jcc_label(e->as, X64_CC_NE, emit_aside(e, i));
    x64_store(e->as, 4, EMIT_FIELD(daif), X64_RAX);
}

/* --- barriers --- */

void emit_COMPLETE(struct emit *e, const struct ir_insn *i)
{
    if (e->aside) {
        leave(e, i);
        return;
    }
    x64_alu_mi(e->as, X64_CMP, 1, EMIT_FIELD(posted), 0);
    x64_jcc_label(e->as, X64_CC_NE, emit_aside(e, i));
}

/* --- other levels --- */

void emit_SVC(struct emit *e, const struct ir_insn *i)
{
    emit_end(e, i, e->p->thunks->svc);
}

void emit_ERET(struct emit *e, const struct ir_insn *i)
{
    emit_end(e, i, e->p->thunks->eret);
}

void emit_SET_PAN(struct emit *e, const struct ir_insn *i)
{
    emit_end(e, i, e->p->thunks->pan);
}
