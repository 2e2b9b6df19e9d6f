/* SPDX-License-Identifier: ISC */
/* What emit_pauth.c and emit_flow.c share of pointer authentication. */
#ifndef ENGINE_JIT_PAUTH_H
#define ENGINE_JIT_PAUTH_H

struct emit;
struct ir_insn;

/* Authenticates i->a by key i->imm and the modifier i->b: rcx = the address, if ZF is set; else
 * the handler knows what becomes of it. rax and rdx are lost. */
void emit_authenticated(struct emit *e, const struct ir_insn *i);

#endif
