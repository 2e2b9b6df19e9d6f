/* SPDX-License-Identifier: ISC */
/*
 * Pointer authentication; see ir_pauth.def and engine/soft/pauth.h.
 *
 * The work is done in two thunks a key, which use no registers but the scratch ones, so that
 * nothing is stored or loaded around the call. What they do not do, signing what is no address, is
 * the handler's.
 */
#include "engine/jit/emit_private.h"
#include "engine/jit/pauth.h"

#include "engine/soft/pauth.h"

/* to = 64 copies of bit 55 of `ptr`. */
static void select_half(struct x64 *as, enum x64_reg to, enum x64_reg ptr)
{
    x64_mov_rr(as, 8, to, ptr);
    x64_shift_ri(as, X64_SHL, 8, to, 8);
    x64_shift_ri(as, X64_SAR, 8, to, 63);
}

/* c->pac_field for the half that `half`, 0 or -1, says. */
static struct x64_mem field(bool data, enum x64_reg half)
{
    size_t offset = data ? offsetof(struct soft_cpu, pac_field[1][1])
                         : offsetof(struct soft_cpu, pac_field[0][1]);

    return x64_at_index(EMIT_STATE, half, 8, (int32_t)offset - EMIT_BIAS);
}

static struct x64_mem key_half(enum pauth_key key, unsigned half)
{
    size_t offset = offsetof(struct soft_cpu, sysreg) + (pauth_key_register(key) + half) * 8;

    return x64_at(EMIT_STATE, (int32_t)offset - EMIT_BIAS);
}

/* rax = the exclusive or of both halves of rax * rdx. */
static void fold(struct x64 *as)
{
    x64_unary_r(as, X64_MUL, 8, X64_RDX);
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RDX);
}

/* rax = the code of pointer rax with modifier rdx, which is lost. */
static void compute(struct x64 *as, enum pauth_key key)
{
    x64_alu_rm(as, X64_XOR, 8, X64_RAX, key_half(key, 0));
    x64_alu_rm(as, X64_XOR, 8, X64_RDX, key_half(key, 1));
    x64_alu_ri(as, X64_ADD, 8, X64_RAX, (int32_t)PAUTH_SALT);
    x64_alu_ri(as, X64_ADD, 8, X64_RDX, (int32_t)PAUTH_SALT);
    fold(as);
    x64_alu_rm(as, X64_XOR, 8, X64_RAX, key_half(key, 1));
    x64_mov_ri(as, X64_RDX, PAUTH_ODD);
    fold(as);
}

/* --- the thunks: rax = what becomes of pointer rax with modifier rdx; rcx and rdx are lost --- */

/* Returns, with ZF set, when the key is disabled. */
static void return_if_disabled(struct x64 *as, enum pauth_key key)
{
    struct x64_mem sctlr = EMIT_FIELD(sysreg[SYSREG_SCTLR_EL1]);
    uint32_t bit = pauth_enable(key);
    uint8_t *enabled;

    x64_test_mi(as, 4, sctlr, (int32_t)bit);
    enabled = x64_jcc_short(as, X64_CC_NE);
    x64_ret(as);
    x64_here(as, enabled);
}

/* ZF is clear for what is no address, and rax is then wrong. */
static void emit_sign(struct x64 *as, enum pauth_key key)
{
    bool data = key >= PAUTH_DA;

    return_if_disabled(as, key);
    x64_mov_rr(as, 8, X64_RCX, X64_RAX);
    compute(as, key);
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RCX);
    select_half(as, X64_RDX, X64_RCX);
    x64_alu_rm(as, X64_AND, 8, X64_RAX, field(data, X64_RDX));
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RCX);
    /* The pointer's own bits must be copies of bit 55. */
    x64_alu_rr(as, X64_XOR, 8, X64_RCX, X64_RDX);
    x64_test_mr(as, 8, field(data, X64_RDX), X64_RCX);
    x64_ret(as);
}

/* The error code into rax, for half rcx: at bit 61, or below a tag, which has bit 63. */
static void spoil(struct x64 *as, enum pauth_key key)
{
    x64_load(as, 8, X64_RCX, field(key >= PAUTH_DA, X64_RCX));
    x64_shift_ri(as, X64_SHR, 8, X64_RCX, 63);
    x64_shift_ri(as, X64_SHL, 4, X64_RCX, 3);
    x64_alu_ri(as, X64_ADD, 4, X64_RCX, 53);
    x64_mov_ri(as, X64_RDX, 3);
    x64_shift_rcl(as, X64_SHL, 8, X64_RDX);
    x64_alu_rr(as, X64_OR, 8, X64_RAX, X64_RDX);
    x64_mov_ri(as, X64_RDX, key & 1 ? 1 : 2);
    x64_shift_rcl(as, X64_SHL, 8, X64_RDX);
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RDX);
}

static void emit_authenticate(struct x64 *as, enum pauth_key key)
{
    bool data = key >= PAUTH_DA;
    uint8_t *good;

    return_if_disabled(as, key);
    x64_push(as, X64_RAX);
    select_half(as, X64_RCX, X64_RAX);
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RCX);
    x64_alu_rm(as, X64_AND, 8, X64_RAX, field(data, X64_RCX));
    x64_alu_rm(as, X64_XOR, 8, X64_RAX, x64_at(X64_RSP, 0));
    x64_mov_rr(as, 8, X64_RCX, X64_RAX);
    compute(as, key);
    x64_pop(as, X64_RDX);
    x64_alu_rr(as, X64_XOR, 8, X64_RDX, X64_RAX);
    x64_mov_rr(as, 8, X64_RAX, X64_RCX);
    select_half(as, X64_RCX, X64_RAX);
    x64_test_mr(as, 8, field(data, X64_RCX), X64_RDX);
    good = x64_jcc_short(as, X64_CC_E);
    spoil(as, key);
    x64_here(as, good);
    x64_ret(as);
}

void pauth_emit_thunks(struct x64 *as, struct thunks *t)
{
    for (unsigned key = 0; key < PAUTH_KEYS; key++) {
        t->sign[key] = as->at;
        emit_sign(as, (enum pauth_key)key);
        t->authenticate[key] = as->at;
        emit_authenticate(as, (enum pauth_key)key);
    }
}

/* --- operations --- */

static void call(struct emit *e, const struct ir_insn *i, uint8_t *thunk)
{
    emit_copy(e, X64_RDX, i->b, 8);
    emit_copy(e, X64_RAX, i->a, 8);
    x64_call_to(e->as, thunk);
}

void emit_PAUTH_SIGN(struct emit *e, const struct ir_insn *i)
{
    call(e, i, e->p->thunks->sign[i->imm]);
    emit_slow(e, X64_CC_NE);
    emit_done(e, i->dst, X64_RAX);
}

void pauth_authenticate_to_rax(struct emit *e, const struct ir_insn *i)
{
    call(e, i, e->p->thunks->authenticate[i->imm]);
}

void emit_PAUTH_AUTHENTICATE(struct emit *e, const struct ir_insn *i)
{
    pauth_authenticate_to_rax(e, i);
    emit_done(e, i->dst, X64_RAX);
}

void emit_PAUTH_STRIP(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg ptr = emit_use(e, i->a, 8, X64_RDX);

    select_half(e->as, X64_RCX, ptr);
    x64_mov_rr(e->as, 8, X64_RAX, ptr);
    x64_alu_rr(e->as, X64_XOR, 8, X64_RAX, X64_RCX);
    x64_alu_rm(e->as, X64_AND, 8, X64_RAX, field(i->imm, X64_RCX));
    x64_alu_rr(e->as, X64_XOR, 8, X64_RAX, ptr);
    emit_done(e, i->dst, X64_RAX);
}
