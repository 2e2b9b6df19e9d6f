/* SPDX-License-Identifier: ISC */
/*
 * Pointer authentication; see ir_pauth.def and engine/soft/pauth.h.
 *
 * The code in line is for addresses of the half that belongs to the exception level, EL1 to the
 * upper and EL0 to the lower. So it has no cases: c->pauth says which bits are the code's, none for
 * a key that is disabled. To authenticate is to take the code away, to sign again, and to compare.
 * All else is the handler's.
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

/* --- operations --- */

static bool is_upper(const struct emit *e)
{
    return e->r->context & CONTEXT_EL1;
}

/* A field of c->pauth for the half and key of the instruction. */
static struct x64_mem fact(const struct emit *e, const struct ir_insn *i, size_t member)
{
    size_t of_key = (is_upper(e) * (size_t)PAUTH_KEYS + (size_t)i->imm) * sizeof(struct soft_pauth);

    return x64_at(EMIT_STATE,
                  (int32_t)(offsetof(struct soft_cpu, pauth) + of_key + member) - EMIT_BIAS);
}

/* rcx = the address i->a without a code. */
static void make_plain(struct emit *e, const struct ir_insn *i)
{
    emit_copy(e, X64_RCX, i->a, 8);
    x64_alu_rm(e->as, is_upper(e) ? X64_OR : X64_AND, 8, X64_RCX,
               fact(e, i, offsetof(struct soft_pauth, plain)));
}

/* rax = the address rcx, signed. */
static void sign_plain(struct emit *e, const struct ir_insn *i)
{
    struct x64 *as = e->as;

    emit_copy(e, X64_RDX, i->b, 8);
    x64_alu_rm(as, X64_XOR, 8, X64_RDX, key_half(i->imm, 1));
    x64_alu_ri(as, X64_ADD, 8, X64_RDX, (int32_t)PAUTH_SALT);
    x64_mov_rr(as, 8, X64_RAX, X64_RCX);
    x64_alu_rm(as, X64_XOR, 8, X64_RAX, key_half(i->imm, 0));
    x64_unary_r(as, X64_MUL, 8, X64_RDX);
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RDX);
    x64_alu_rm(as, X64_AND, 8, X64_RAX, fact(e, i, offsetof(struct soft_pauth, field)));
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RCX);
}

/* An address that is none, or is in the half that code at this level does not use, is replayed. */
void emit_PAUTH_SIGN(struct emit *e, const struct ir_insn *i)
{
    make_plain(e, i);
    emit_alu(e, X64_CMP, 8, X64_RCX, i->a, 0);
    emit_slow(e, X64_CC_NE);
    sign_plain(e, i);
    emit_done(e, i->dst, X64_RAX);
}

void emit_authenticated(struct emit *e, const struct ir_insn *i)
{
    make_plain(e, i);
    sign_plain(e, i);
    emit_alu(e, X64_CMP, 8, X64_RAX, i->a, 0);
}

void emit_PAUTH_AUTHENTICATE(struct emit *e, const struct ir_insn *i)
{
    emit_authenticated(e, i);
    emit_slow(e, X64_CC_NE);
    emit_done(e, i->dst, X64_RCX);
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
