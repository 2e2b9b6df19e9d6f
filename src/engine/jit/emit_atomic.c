/* SPDX-License-Identifier: ISC */
/*
 * Ordered accesses, fences, exclusives and the atomics of FEAT_LSE.
 *
 * x86 keeps every order of loads and stores but one: a load may overtake an earlier store to
 * elsewhere (Intel SDM 3A, 9.2). So acquire and release come for free, and only what must not let a
 * later load pass an earlier store needs a fence: DMB of all accesses, and a store-release for the
 * sake of later load-acquires (B2.3.11). LOCK is a full fence, more than any atomic asks for; where
 * no other vCPU runs it is left out, for devices do not contend for what guests change atomically.
 *
 * Writable pages are readable (D8.4.1: there is no write-only access), so the tag for stores is all
 * that an atomic must compare.
 */
#include "engine/jit/mem.h"

#include "base/bits.h"

/* Looks up the aligned place at a; rcx = the host's address of it. May clobber rax and rdx. */
static struct x64_mem atomic_place(struct emit *e, const struct ir_insn *i, unsigned access)
{
    struct x64_mem at = mem_check(e, mem_place(e, i), i->size, access, true);

    x64_alu_rr(e->as, X64_ADD, 8, X64_RCX, at.index);
    return x64_at(X64_RCX, 0);
}

/* --- ordered --- */

/* Cheaper than MFENCE, and as good for ordinary memory; out of the way of what the stack holds. */
static void fence(struct emit *e)
{
    x64_lock_alu_mi(e->as, X64_OR, 4, x64_at(X64_RSP, -64), 0);
}

void emit_FENCE(struct emit *e, const struct ir_insn *i)
{
    fence(e);
}

void emit_LOAD_ACQUIRE(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem from = mem_check(e, mem_place(e, i), i->size, SOFT_READ, true);
    enum x64_reg to;

    if (i->dst == IR_NONE)
        return;
    to = emit_def(e, i->dst, X64_RDX);
    x64_load(e->as, i->size, to, from);
    emit_done(e, i->dst, to);
}

void emit_STORE_RELEASE(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem to = mem_check(e, mem_place(e, i), i->size, SOFT_WRITE, true);

    x64_store(e->as, i->size, to, emit_use(e, i->b, 8, X64_RDX));
    if (e->r->smp)
        fence(e);
}

/* --- exclusives (soft/monitor.c) --- */

/* The monitor's state as one doubleword: valid, size and name. */
static int32_t monitor_state(const struct ir_insn *i)
{
    return (int32_t)(1u | (uint32_t)i->size << 8 | (uint32_t)i->imm << 16);
}

_Static_assert(offsetof(struct soft_cpu, excl_size) == offsetof(struct soft_cpu, excl_valid) + 1 &&
                   offsetof(struct soft_cpu, excl_name) ==
                       offsetof(struct soft_cpu, excl_valid) + 2,
               "the monitor's state is read and written at once");

static struct x64_mem excl_place(struct emit *e, const struct ir_insn *i, unsigned access)
{
    struct ir_insn at = *i;

    at.imm = 0;
    return atomic_place(e, &at, access);
}

void emit_LOAD_EXCL(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem from = excl_place(e, i, SOFT_READ);
    enum x64_reg to = emit_def(e, i->dst, X64_RDX);

    x64_store(e->as, 8, EMIT_FIELD(excl_host), X64_RCX);
    x64_load(e->as, i->size, to, from);
    x64_store(e->as, 8, EMIT_FIELD(excl_value), to);
    x64_store_i(e->as, 4, EMIT_FIELD(excl_valid), monitor_state(i));
    emit_done(e, i->dst, to);
}

/* A monitor that is not as the pair's load-exclusive left it is the handler's affair. */
void emit_STORE_EXCL(struct emit *e, const struct ir_insn *i)
{
    struct x64 *as = e->as;
    struct x64_mem at = excl_place(e, i, SOFT_WRITE);

    if (e->r->smp)
        x64_alu_mi(as, X64_CMP, 4, EMIT_FIELD(excl_valid), monitor_state(i));
    else
        x64_alu_mi(as, X64_CMP, 2, EMIT_FIELD(excl_valid), (int16_t)monitor_state(i));
    emit_slow(e, X64_CC_NE);
    x64_alu_mr(as, X64_CMP, 8, EMIT_FIELD(excl_host), X64_RCX);
    emit_slow(e, X64_CC_NE);
    x64_load(as, 8, X64_RAX, EMIT_FIELD(excl_value));
    x64_cmpxchg_mr(as, e->r->smp, i->size, at, emit_use(e, i->b, 8, X64_RDX));
    x64_store_i(as, 1, EMIT_FIELD(excl_valid), 0);
    if (i->dst == IR_NONE)
        return;
    x64_setcc_r(as, X64_CC_NE, X64_RAX);
    x64_movzx_rr(as, X64_RAX, X64_RAX, 1);
    emit_done(e, i->dst, X64_RAX);
}

void emit_CLEAR_EXCL(struct emit *e, const struct ir_insn *i)
{
    x64_store_i(e->as, 1, EMIT_FIELD(excl_valid), 0);
}

/* --- FEAT_LSE: one instruction of the host --- */

/* The result, `size` bytes in a scratch register, zero-extended. */
static void done(struct emit *e, const struct ir_insn *i, enum x64_reg old)
{
    if (i->dst == IR_NONE)
        return;
    if (i->size < 4)
        x64_movzx_rr(e->as, old, old, i->size);
    emit_done(e, i->dst, old);
}

/* What no one wants the old value of: `op at, operand`. */
static void modify(struct emit *e, const struct ir_insn *i, enum x64_alu op, struct x64_mem at,
                   enum x64_reg operand)
{
    if (e->r->smp)
        x64_lock_alu_mr(e->as, op, i->size, at, operand);
    else
        x64_alu_mr(e->as, op, i->size, at, operand);
}

/* The same with b. */
static void modify_by(struct emit *e, const struct ir_insn *i, enum x64_alu op)
{
    struct x64_mem at = atomic_place(e, i, SOFT_WRITE);

    modify(e, i, op, at, emit_use(e, i->b, 8, X64_RDX));
}

void emit_ATOMIC_ADD(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem at;

    if (i->dst == IR_NONE) {
        modify_by(e, i, X64_ADD);
        return;
    }
    at = atomic_place(e, i, SOFT_WRITE);
    emit_copy(e, X64_RDX, i->b, 8);
    x64_xadd_mr(e->as, e->r->smp, i->size, at, X64_RDX);
    done(e, i, X64_RDX);
}

void emit_ATOMIC_SWAP(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem at = atomic_place(e, i, SOFT_WRITE);

    emit_copy(e, X64_RDX, i->b, 8);
    if (e->r->smp) {
        x64_xchg_mr(e->as, i->size, at, X64_RDX);
        done(e, i, X64_RDX);
    } else {
        x64_load(e->as, i->size, X64_RAX, at);
        x64_store(e->as, i->size, at, X64_RDX);
        emit_done(e, i->dst, X64_RAX);
    }
}

void emit_ATOMIC_CAS(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem at = atomic_place(e, i, SOFT_WRITE);

    emit_copy(e, X64_RAX, i->b, i->size == 8 ? 8 : 4);
    x64_cmpxchg_mr(e->as, e->r->smp, i->size, at, emit_use(e, i->c, 8, X64_RDX));
    done(e, i, X64_RAX);
}

/* CMPXCHG16B has rbx as an operand, which is the allocator's: xmm15 keeps it. */
void emit_HOST_CASP(struct emit *e, const struct ir_insn *i)
{
    struct x64 *as = e->as;
    enum x64_reg at = emit_use(e, i->a, 8, X64_NONE); /* a temporary: it has a register */
    ir_value high = (ir_value)(i->b >= IR_X + 30 ? IR_ZERO : i->b + 1);

    emit_copy(e, X64_RAX, i->dst == IR_NONE ? IR_ZERO : i->dst, 8);
    emit_copy(e, X64_RDX, i->c == IR_NONE ? IR_ZERO : i->c, 8);
    emit_copy(e, X64_RCX, high, 8);
    x64_movd_xr(as, 8, X64_XMM15, X64_RBX);
    emit_copy(e, X64_RBX, i->b, 8);
    x64_cmpxchg16b(as, e->r->smp, x64_at(at, 0));
    x64_movd_rx(as, 8, X64_RBX, X64_XMM15);
    emit_done(e, i->dst, X64_RAX);
    emit_done(e, i->c, X64_RDX);
}

/* --- FEAT_LSE: a loop of the host --- */

/* rdx = what is to be stored when rax is there. */
typedef void combine_fn(struct emit *e, const struct ir_insn *i);

static void combine_clr(struct emit *e, const struct ir_insn *i)
{
    emit_copy(e, X64_RDX, i->b, 8);
    x64_unary_r(e->as, X64_NOT, 8, X64_RDX);
    x64_alu_rr(e->as, X64_AND, 8, X64_RDX, X64_RAX);
}

static void combine_eor(struct emit *e, const struct ir_insn *i)
{
    emit_copy(e, X64_RDX, i->b, 8);
    x64_alu_rr(e->as, X64_XOR, 8, X64_RDX, X64_RAX);
}

static void combine_set(struct emit *e, const struct ir_insn *i)
{
    emit_copy(e, X64_RDX, i->b, 8);
    x64_alu_rr(e->as, X64_OR, 8, X64_RDX, X64_RAX);
}

/* The register if it is `cc` compared with memory, else what memory holds. */
static void choose(struct emit *e, const struct ir_insn *i, enum x64_cc cc)
{
    emit_copy(e, X64_RDX, i->b, i->size);
    x64_alu_rr(e->as, X64_CMP, i->size, X64_RDX, X64_RAX);
    x64_cmov_rr(e->as, cc ^ 1, i->size, X64_RDX, X64_RAX);
}

static void combine_smax(struct emit *e, const struct ir_insn *i)
{
    choose(e, i, X64_CC_G);
}

static void combine_smin(struct emit *e, const struct ir_insn *i)
{
    choose(e, i, X64_CC_L);
}

static void combine_umax(struct emit *e, const struct ir_insn *i)
{
    choose(e, i, X64_CC_A);
}

static void combine_umin(struct emit *e, const struct ir_insn *i)
{
    choose(e, i, X64_CC_B);
}

static void update(struct emit *e, const struct ir_insn *i, combine_fn *combine)
{
    struct x64 *as = e->as;
    struct x64_mem at = atomic_place(e, i, SOFT_WRITE);
    struct x64_label again = {0};

    x64_load(as, i->size, X64_RAX, at);
    x64_bind(as, &again);
    combine(e, i);
    if (e->r->smp) {
        x64_cmpxchg_mr(as, true, i->size, at, X64_RDX);
        x64_jcc_label(as, X64_CC_NE, &again);
    } else {
        x64_store(as, i->size, at, X64_RDX);
    }
    done(e, i, X64_RAX);
}

void emit_ATOMIC_CLR(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem at;

    if (i->dst != IR_NONE) {
        update(e, i, combine_clr);
        return;
    }
    at = atomic_place(e, i, SOFT_WRITE);
    emit_copy(e, X64_RDX, i->b, 8);
    x64_unary_r(e->as, X64_NOT, 8, X64_RDX);
    modify(e, i, X64_AND, at, X64_RDX);
}

void emit_ATOMIC_EOR(struct emit *e, const struct ir_insn *i)
{
    if (i->dst != IR_NONE)
        update(e, i, combine_eor);
    else
        modify_by(e, i, X64_XOR);
}

void emit_ATOMIC_SET(struct emit *e, const struct ir_insn *i)
{
    if (i->dst != IR_NONE)
        update(e, i, combine_set);
    else
        modify_by(e, i, X64_OR);
}

#define CHOOSE(NAME, COMBINE)                                                                      \
    void emit_##NAME(struct emit *e, const struct ir_insn *i)                                      \
    {                                                                                              \
        update(e, i, COMBINE);                                                                     \
    }

CHOOSE(ATOMIC_SMAX, combine_smax)
CHOOSE(ATOMIC_SMIN, combine_smin)
CHOOSE(ATOMIC_UMAX, combine_umax)
CHOOSE(ATOMIC_UMIN, combine_umin)
