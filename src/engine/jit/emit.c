/* SPDX-License-Identifier: ISC */
/*
 * Emitting a region: operands, calls of handlers, and the order of it all; see emit.h.
 *
 * A region's code: the entry (the slice of instructions is charged, registers are loaded), the
 * blocks, and then what is out of line: replays, far edges, and one routine that spills, calls a
 * handler and reloads.
 */
#include "engine/jit/emit_private.h"

#include <string.h>

#include "base/bits.h"

static emit_fn *const emitters[IR_OPCODES] = {
#define IR_OP(name, signature, attributes) [IR_##name] = emit_##name,
#include "engine/jit/ir_ops.def"
#undef IR_OP
};

static void mark(struct emit *e, enum emit_mark_kind what, size_t index)
{
    struct emit_marks *marks = e->p->extras->marks;

    if (marks)
        marks->mark[marks->count++] = (struct emit_mark){
            .at = (uint32_t)(e->as->at - e->p->start), .what = what, .index = (uint16_t)index};
}

void emit_again(struct emit *e, const struct ir_insn *i)
{
    emitters[i->op](e, i);
}

/* --- operands --- */

bool emit_in_reg(const struct emit *e, ir_value v)
{
    return v < IR_VALUES && e->alloc->host[v] >= 0;
}

struct x64_mem emit_mem(const struct emit *e, ir_value v)
{
    size_t offset = v < IR_V ? offsetof(struct soft_cpu, x) + v * sizeof(uint64_t)
                             : offsetof(struct soft_cpu, v) + (v - IR_V) * sizeof(union soft_vreg);

    return x64_at(EMIT_STATE, (int32_t)offset - EMIT_BIAS);
}

static unsigned host_of(const struct emit *e, ir_value v)
{
    return (unsigned)e->alloc->host[v];
}

enum x64_reg emit_use(struct emit *e, ir_value v, unsigned size, enum x64_reg scratch)
{
    if (emit_in_reg(e, v))
        return (enum x64_reg)host_of(e, v);
    emit_copy(e, scratch, v, size);
    return scratch;
}

void emit_copy(struct emit *e, enum x64_reg to, ir_value v, unsigned size)
{
    if (v == IR_ZERO)
        x64_mov_ri(e->as, to, 0);
    else if (!emit_in_reg(e, v))
        x64_load(e->as, size, to, emit_mem(e, v));
    else if (size != 8 || host_of(e, v) != to)
        x64_mov_rr(e->as, size, to, host_of(e, v));
}

enum x64_reg emit_def(struct emit *e, ir_value dst, enum x64_reg scratch)
{
    return emit_in_reg(e, dst) ? (enum x64_reg)host_of(e, dst) : scratch;
}

void emit_done(struct emit *e, ir_value dst, enum x64_reg from)
{
    if (dst == IR_NONE)
        return;
    if (!emit_in_reg(e, dst))
        x64_store(e->as, 8, emit_mem(e, dst), from);
    else if (host_of(e, dst) != from)
        x64_mov_rr(e->as, 8, host_of(e, dst), from);
}

void emit_alu(struct emit *e, enum x64_alu op, unsigned size, enum x64_reg to, ir_value v,
              int64_t imm)
{
    if (v == IR_ZERO) {
        v = IR_IMM;
        imm = 0;
    }
    if (v == IR_IMM && size == 4)
        imm = (int32_t)imm;
    if (v == IR_IMM && imm != (int32_t)imm) {
        x64_mov_ri(e->as, X64_RDX, (uint64_t)imm);
        x64_alu_rr(e->as, op, size, to, X64_RDX);
    } else if (v == IR_IMM) {
        x64_alu_ri(e->as, op, size, to, (int32_t)imm);
    } else if (emit_in_reg(e, v)) {
        x64_alu_rr(e->as, op, size, to, host_of(e, v));
    } else {
        x64_alu_rm(e->as, op, size, to, emit_mem(e, v));
    }
}

unsigned emit_vuse(struct emit *e, ir_value v, unsigned scratch)
{
    if (emit_in_reg(e, v))
        return host_of(e, v);
    emit_vcopy(e, scratch, v);
    return scratch;
}

void emit_vcopy(struct emit *e, unsigned to, ir_value v)
{
    if (emit_in_reg(e, v))
        x64_vmov(e->as, to, host_of(e, v));
    else
        x64_vload(e->as, 16, to, emit_mem(e, v));
}

unsigned emit_vdef(struct emit *e, ir_value dst, unsigned scratch)
{
    return emit_in_reg(e, dst) ? host_of(e, dst) : scratch;
}

void emit_vdone(struct emit *e, ir_value dst, unsigned from)
{
    if (emit_in_reg(e, dst))
        x64_vmov(e->as, host_of(e, dst), from);
    else
        x64_vstore(e->as, 16, emit_mem(e, dst), from);
}

struct x64_mem emit_const16(struct emit *e, uint64_t low, uint64_t high)
{
    struct const_pool *pool = e->p->pool;
    unsigned n = 0;

    while (n < pool->count && (pool->value[2 * n] != low || pool->value[2 * n + 1] != high))
        n++;
    if (n == pool->limit) {
        pool->full = true;
        n = 0;
    } else if (n == pool->count) {
        pool->value[2 * n] = low;
        pool->value[2 * n + 1] = high;
        pool->count++;
    }
    return x64_at(X64_RIP, (int32_t)((uint8_t *)&pool->value[2 * n] - e->as->start));
}

/* --- spilling --- */

void emit_spill(struct emit *e, uint64_t set)
{
    for (set &= e->alloc->assigned; set; set &= set - 1) {
        ir_value v = (ir_value)__builtin_ctzll(set);

        if (ir_is_vector(v))
            x64_vstore(e->as, 16, emit_mem(e, v), host_of(e, v));
        else
            x64_store(e->as, 8, emit_mem(e, v), host_of(e, v));
    }
}

void emit_reload(struct emit *e, uint64_t set)
{
    for (set &= e->alloc->assigned; set; set &= set - 1) {
        ir_value v = (ir_value)__builtin_ctzll(set);

        if (ir_is_vector(v))
            x64_vload(e->as, 16, host_of(e, v), emit_mem(e, v));
        else
            x64_load(e->as, 8, host_of(e, v), emit_mem(e, v));
    }
}

/* --- handlers --- */

static void call_handler(struct emit *e, unsigned guest)
{
    const struct guest_insn *g = &e->r->guest[guest];

    x64_mov_ri(e->as, X64_RAX, g->op | (uint32_t)g->offset << 16);
    x64_mov_ri(e->as, X64_RDX, g->word);
    x64_call_label(e->as, &e->p->handler);
    e->p->uses_handler = true;
}

void emit_handler(struct emit *e, const struct ir_insn *i)
{
    emit_settle_flags(e, e->r->redo[i - e->r->insn]);
    call_handler(e, i->guest);
    e->eflags = EMIT_FLAGS_NONE;
}

void emit_call(struct emit *e, void (*fn)(struct soft_cpu *c, uint64_t arg), uint64_t arg)
{
    emit_settle_flags(e, emit_redo(e));
    emit_spill(e, e->alloc->written);
    x64_mov_ri(e->as, X64_RAX, (uint32_t)e->r->guest[e->insn->guest].offset << 16);
    x64_mov_ri(e->as, X64_RDX, (uint64_t)(uintptr_t)fn);
    x64_mov_ri(e->as, X64_RSI, arg);
    x64_call_to(e->as, e->p->thunks->call);
    emit_reload(e, e->alloc->assigned);
    e->eflags = EMIT_FLAGS_NONE;
}

void emit_HANDLER(struct emit *e, const struct ir_insn *i)
{
    emit_handler(e, i);
}

void emit_slow(struct emit *e, enum x64_cc cc)
{
    struct emit_replay *replay = &e->p->replay[e->insn->guest];

    replay->used = true;
    replay->redo = emit_redo(e);
    x64_jcc_label(e->as, cc, &replay->start);
}

void emit_slow_always(struct emit *e)
{
    struct emit_replay *replay = &e->p->replay[e->insn->guest];

    replay->used = true;
    replay->redo = emit_redo(e);
    x64_jmp_label(e->as, &replay->start);
}

struct x64_label *emit_aside(struct emit *e, const struct ir_insn *i)
{
    struct emit_aside *aside = &e->p->aside[e->p->asides++];

    aside->insn = i;
    e->p->replay[i->guest].used = true; /* by it, perhaps: there must be a place to go on */
    return &aside->start;
}

static void emit_asides(struct emit *e)
{
    e->aside = true;
    for (unsigned k = 0; k < e->p->asides; k++) {
        struct emit_aside *aside = &e->p->aside[k];

        mark(e, EMIT_MARK_ASIDE, (size_t)(aside->insn - e->r->insn));
        x64_bind(e->as, &aside->start);
        e->insn = aside->insn;
        emitters[aside->insn->op](e, aside->insn);
        x64_jmp_label(e->as, &aside->resume);
    }
    e->aside = false;
}

/* The routine that all calls of handlers in the region go through: eax and edx are the handler's.
 */
static void emit_handler_routine(struct emit *e)
{
    if (!e->p->uses_handler)
        return;
    mark(e, EMIT_MARK_HANDLER, 0);
    x64_bind(e->as, &e->p->handler);
    emit_spill(e, e->alloc->written);
    x64_call_to(e->as, e->p->thunks->handler);
    emit_reload(e, e->alloc->assigned);
    x64_ret(e->as);
}

static void emit_replays(struct emit *e)
{
    for (unsigned g = 0; g < e->r->guests; g++) {
        struct emit_replay *replay = &e->p->replay[g];

        if (!replay->used)
            continue;
        mark(e, EMIT_MARK_REPLAY, g);
        x64_bind(e->as, &replay->start);
        e->eflags = EMIT_FLAGS_NONE;
        emit_settle_flags(e, replay->redo);
        call_handler(e, g);
        x64_jmp_label(e->as, &replay->resume);
    }
}

/* --- the region --- */

/* The end of a guest instruction: where its replay goes on. */
static void finish_guest(struct emit *e, unsigned guest)
{
    struct emit_replay *replay = &e->p->replay[guest];

    if (!replay->used || replay->resume.at)
        return;
    x64_bind(e->as, &replay->resume);
    e->eflags = EMIT_FLAGS_NONE;
}

static void emit_insn(struct emit *e, const struct ir_insn *i)
{
    unsigned attributes = ir_op_info[i->op].attributes;

    e->insn = i;
    emitters[i->op](e, i);
    if (e->p->asides && e->p->aside[e->p->asides - 1].insn == i)
        x64_bind(e->as, &e->p->aside[e->p->asides - 1].resume);
    if (!(attributes & (IR_KEEPS_EFLAGS | IR_ENDS)) &&
        !((attributes & IR_SETS_FLAGS) && (i->flags & IR_S)))
        e->eflags = EMIT_FLAGS_NONE;
    e->p->dirty = regalloc_dirty_after(e->alloc, i, e->p->dirty);
}

static void emit_block(struct emit *e, unsigned n)
{
    const struct ir_block *b = &e->r->block[n];

    e->block = b;
    e->eflags = EMIT_FLAGS_NONE;
    e->p->dirty = e->alloc->dirty_in[n];
    x64_bind(e->as, &e->p->block[n]);
    for (unsigned k = 0; k < b->count; k++) {
        const struct ir_insn *i = &e->r->insn[b->first + k];

        if (k > 0 && (i->guest != i[-1].guest || (ir_op_info[i->op].attributes & IR_ENDS)))
            finish_guest(e, i[-1].guest);
        mark(e, EMIT_MARK_INSN, b->first + k);
        emit_insn(e, i);
    }
}

static void call_entered(struct emit *e)
{
    if (!e->p->extras->entered)
        return;
    x64_mov_ri(e->as, X64_RAX, (uint64_t)e->r->entry << 16);
    x64_mov_ri(e->as, X64_RDX, (uint64_t)(uintptr_t)e->p->extras->entered);
    x64_call_to(e->as, e->p->thunks->call);
}

static void emit_entry(struct emit *e)
{
    mark(e, EMIT_MARK_ENTRY, 0);
    x64_alu_mi(e->as, X64_SUB, 4, EMIT_FIELD(slice), e->r->block[0].guests);
    x64_jcc_label(e->as, X64_CC_S, &e->p->no_slice);
    call_entered(e);
    if (e->r->join[0].ways)
        x64_store_i(e->as, 1, EMIT_FIELD(flag_way), 0);
    emit_reload(e, e->alloc->load);
}

static void emit_no_slice(struct emit *e)
{
    mark(e, EMIT_MARK_LEAVE, 0);
    x64_bind(e->as, &e->p->no_slice);
    x64_mov_ri(e->as, X64_RAX, e->r->entry);
    x64_jmp_to(e->as, e->p->thunks->leave_at);
}

bool emit_region(struct x64 *as, const struct ir_region *r, const struct regalloc *alloc,
                 const struct thunks *thunks, struct const_pool *pool,
                 const struct emit_extras *extras)
{
    static const struct emit_extras nothing;
    struct emit_private p;
    struct emit e = {.as = as, .cpu = &as->has, .r = r, .alloc = alloc, .p = &p};

    memset(&p, 0, sizeof(p));
    p.thunks = thunks;
    p.pool = pool;
    p.extras = extras ? extras : &nothing;
    p.start = as->at;
    emit_entry(&e);
    for (unsigned n = 0; n < r->blocks; n++)
        emit_block(&e, n);
    emit_asides(&e);
    emit_replays(&e);
    mark(&e, EMIT_MARK_EDGES, 0);
    emit_far_code(&e);
    emit_no_slice(&e);
    emit_join_routines(&e);
    emit_handler_routine(&e);
    return !as->overflow && !pool->full;
}
