/* SPDX-License-Identifier: ISC */
/* What emit_pauth.c, emit_flow.c and thunks.c share of pointer authentication. */
#ifndef ENGINE_JIT_PAUTH_H
#define ENGINE_JIT_PAUTH_H

struct emit;
struct ir_insn;
struct thunks;
struct x64;

/* Emits the thunks of all keys at as->at. */
void pauth_emit_thunks(struct x64 *as, struct thunks *t);

/* rax = i->a, authenticated by key i->imm and the modifier i->b; rcx and rdx are lost. */
void pauth_authenticate_to_rax(struct emit *e, const struct ir_insn *i);

#endif
