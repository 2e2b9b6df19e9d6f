/* SPDX-License-Identifier: ISC */
/*
 * What the emitters of floating point share.
 *
 * They compute Arm's results with SSE, AVX and FMA3, for FPCR == 0, under MXCSR = 0x1f80.
 *
 * Where the numbers of the two architectures differ the result is a NaN: the default NaN's sign,
 * which of two NaNs survives, infinity times zero plus a NaN. emit_fp_check() replays these.
 *
 * x86 detects tininess after rounding, Arm before (DDI 0487 A1.5.4). The flag UFC differs where the
 * rounded result is the smallest normal number, and emit_fp_check() can replay that one, too. Only
 * products, fused sums and conversions need it: a sum or square root that is tiny is exact, and for
 * quotients see emit_FDIV().
 *
 * MXCSR's sticky bits are FPSR's, so nothing here may set one that Arm would not, not even for a
 * result that a replay then replaces. Denormal operands (DE) count for nothing.
 *
 * A scalar's result clears the rest of its register. That costs least when the operand that goes
 * through src1 of the x86 instruction, which gives the upper lanes, is cleared on its way.
 *
 * A result may be computed in dst itself if dst is no operand: the replay writes all of it again,
 * and cannot fault.
 */
#ifndef ENGINE_JIT_EMIT_FP_H
#define ENGINE_JIT_EMIT_FP_H

#include "engine/jit/emit.h"
#include "engine/jit/ir_fp.h"
#include "engine/soft/context.h"

/* The scratch registers. FP_X also stands for the result while dst is an operand; FP_Z is what
 * emit_fp_check() uses. */
enum { FP_X = X64_XMM13, FP_Y = X64_XMM14, FP_Z = X64_XMM15 };

/* CMPPS and its kin with VEX: equal or unordered, not signalling. */
#define FP_EQ_UQ 8

/* The forms of an operation, which x64_vop.h lists in the order PS, PD, SS, SD. */
static inline enum x64_vop emit_fp_vop(const struct ir_insn *i, enum x64_vop ps)
{
    return (enum x64_vop)(ps + (i->flags & IR_SCALAR ? 2 : 0) + (i->size == 8));
}

_Static_assert(X64_ADDSD == X64_ADDPS + 3 && X64_SUBSD == X64_SUBPS + 3 &&
                   X64_MULSD == X64_MULPS + 3 && X64_DIVSD == X64_DIVPS + 3 &&
                   X64_MINSD == X64_MINPS + 3 && X64_MAXSD == X64_MAXPS + 3 &&
                   X64_SQRTSD == X64_SQRTPS + 3 && X64_CMPSD == X64_CMPPS + 3 &&
                   X64_ROUNDSD == X64_ROUNDPS + 3 && X64_VFMADD231SD == X64_VFMADD231PS + 3,
               "emit_fp_vop() counts on this order");

/* `value`, an element of i->size bytes, in every lane; in the first one of zeros if IR_SCALAR. */
struct x64_mem emit_fp_const(struct emit *e, const struct ir_insn *i, uint64_t value);

/* Elements: the sign, the smallest normal number, half of the largest finite one, and 2^n. */
uint64_t ieee_sign(unsigned size);
uint64_t ieee_min_normal(unsigned size);
uint64_t ieee_half_max(unsigned size);
uint64_t ieee_power(unsigned size, int n);

/* The last write to v before e->insn, in the same block; NULL if there is none that is known. */
const struct ir_insn *emit_fp_last_write(const struct emit *e, ir_value v);

/* Whether v is in a host register that is known to be zero above its low `size` bytes. */
bool emit_fp_is_clear(const struct emit *e, ir_value v, unsigned size);

/* Copies the scalar of `size` bytes in `v` to `to`, and clears the rest. */
void emit_fp_scalar(struct emit *e, unsigned to, ir_value v, unsigned size);

/* A register with the lanes that i works on. What is above them is zero (IR_SCALAR, or no IR_Q),
 * lest it raise flags. Read-only unless it is `scratch`. */
unsigned emit_fp_lanes(struct emit *e, const struct ir_insn *i, ir_value v, unsigned scratch);

/* Where to compute i->dst, and after it its completion: dst's own register, or FP_X. */
unsigned emit_fp_target(struct emit *e, const struct ir_insn *i);
void emit_fp_done(struct emit *e, const struct ir_insn *i, unsigned from);

/* Replays the instruction if a lane of `r` is a NaN or, when `tiny`, the smallest normal number of
 * either sign. Clobbers FP_Y, FP_Z, rax. */
void emit_fp_check(struct emit *e, const struct ir_insn *i, unsigned r, bool tiny);

/* Whether the code is for FPCR.FZ and DN: then no denormal operand comes as far as an operation,
 * and every result goes through emit_fp_check(), which replays denormal numbers and NaNs. */
static inline bool emit_fp_flushes(const struct emit *e)
{
    return e->r->context & SOFT_CONTEXT_FLUSH;
}

/* emit_fp_check() in such code. */
void emit_fp_check_flush(struct emit *e, const struct ir_insn *i, unsigned r);

/* Replays the instruction if a lane of `mask`, elements of ones or zero, is set. Clobbers rax. */
void emit_fp_slow_if_any(struct emit *e, const struct ir_insn *i, unsigned mask);

/* Replays the instruction if a lane of `a` is a NaN, or its magnitude is above `limit`. Clobbers
 * FP_Y, FP_Z, rax. */
void emit_fp_limit(struct emit *e, const struct ir_insn *i, unsigned a, uint64_t limit);

/* to = a rounded to an integral value; no inexact flag. `a` is none of the scratch registers but
 * FP_X, `to` is FP_Y. FP_ROUND_TIEAWAY clobbers FP_Z, rax, and replays infinities and NaNs. */
void emit_fp_round(struct emit *e, const struct ir_insn *i, unsigned to, unsigned a,
                   unsigned rounding);

/* Raises inexact if a lane of `a` is not integral. Clobbers FP_Z. */
void emit_fp_raise_inexact(struct emit *e, const struct ir_insn *i, unsigned a);

#endif
