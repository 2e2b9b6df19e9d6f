/* SPDX-License-Identifier: ISC */
/* The passes over the IR of a region, in the order in which they run (compile.c). All are pure. */
#ifndef ENGINE_JIT_PASS_H
#define ENGINE_JIT_PASS_H

#include "engine/jit/ir.h"

/* Constants are carried forward, and writes that nothing can see are removed. */
void pass_fold(struct ir_region *r);

/* Accesses to memory near each other share one lookup in the TLB. What it leaves obeys the rules of
 * ir.h, but for registers that it reserves (regalloc.h, addend). */
void pass_tlb(struct ir_region *r);

/* Marks each result of NZCV with IR_STORE and IR_DEAD as it is needed. */
void pass_flags(struct ir_region *r);

#endif
