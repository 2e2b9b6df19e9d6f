/* SPDX-License-Identifier: ISC */
/*
 * What the emitters of vector integer operations (emit_vec*.c) share.
 *
 * An emitter computes in xmm13 to xmm15 and writes dst with its last instruction but those of
 * vec_end(), because dst may be an operand's register. Operands that live in memory are loaded into
 * the scratch that the caller names. Without AVX an instruction whose destination is its second
 * source, and which does not commute, goes through xmm15 (x64.h): no operand of such a one is
 * xmm15.
 *
 * Lanes above the vector's width (without IR_Q) hold anything until vec_end() clears them.
 */
#ifndef ENGINE_JIT_EMIT_VEC_H
#define ENGINE_JIT_EMIT_VEC_H

#include "engine/jit/emit.h"
#include "engine/jit/ir_vec.h"

/* Instructions by the log2 of the element's bytes; X64_VOP_COUNT where there is none. */
typedef const enum x64_vop vec_ops[4];

extern vec_ops vec_add_ops, vec_sub_ops, vec_smax_ops, vec_smin_ops, vec_umax_ops, vec_umin_ops,
    vec_cmpeq_ops, vec_cmpgt_ops;

static inline enum x64_vop vec_op(vec_ops ops, unsigned size)
{
    return ops[__builtin_ctz(size)];
}

/* `value`, of `size` bytes, in every element of 64 bits. */
uint64_t vec_replicate(uint64_t value, unsigned size);
/* A constant operand: the same in both halves. */
struct x64_mem vec_const(struct emit *e, uint64_t half);
/* Half of a shuffle's indices: of each element of twice `size`, the `size` bytes from `skip` on. */
uint64_t vec_parts(unsigned size, unsigned skip);

/* --- operands and results --- */

/* emit_vuse(), but IR_NONE is zero. */
unsigned vec_use(struct emit *e, ir_value v, unsigned scratch);
/* Operand b; with VEC_LANE its element in every lane of `scratch`. */
unsigned vec_use_b(struct emit *e, const struct ir_insn *i, unsigned scratch);
/* dst op= a, b where b may be read from memory. */
void vec_op3(struct emit *e, enum x64_vop op, unsigned dst, unsigned a, ir_value b,
             unsigned scratch);

/* Where to compute what vec_end() then gets: dst's register, or xmm13 if something follows. */
unsigned vec_target(struct emit *e, const struct ir_insn *i);
/* Adds c to the result in `r`, or subtracts r from it (elements of `size`); clears the upper half
 * without IR_Q; stores dst. May use xmm14, and xmm15 if r is that. */
void vec_end(struct emit *e, const struct ir_insn *i, unsigned size, unsigned r);
/* The same where c is none of its business. */
void vec_store(struct emit *e, const struct ir_insn *i, unsigned r);
/* Stores a narrow result, in the lower half of `r`, as IR_Q and c ask. */
void vec_store_narrow(struct emit *e, const struct ir_insn *i, unsigned r);

/* --- steps --- */

/* to <- element `lane` of from, in every lane. */
void vec_broadcast(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned lane);
/* to <- from inverted; `ones` is clobbered, and neither of the two. */
void vec_not(struct emit *e, unsigned to, unsigned from, unsigned ones);
/* to <- the lower (or upper) half's elements, twice as wide. */
void vec_widen(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned flags);
/* to <- from << n. */
void vec_shift_left(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned n);
/* to <- from >> n, shifting in zeros. */
void vec_shift_right_logical(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned n);
/* to <- from >> n, n from 1 to the element's width; VEC_SIGNED and VEC_ROUND are looked at. `tmp`
 * and with VEC_ROUND `tmp2` are clobbered; neither is from. */
void vec_shift_right(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned n,
                     unsigned flags, unsigned tmp, unsigned tmp2);
/* The elements of b:a that are even, or odd: the result in `to`, which like `tmp` may be changed
 * before the operands were read. The last instruction writes `last`. */
void vec_unzip(struct emit *e, const struct ir_insn *i, bool odd, unsigned to, unsigned tmp,
               unsigned last);
/* to <- |a - b|. to and tmp are not a or b, but to may be a. */
void vec_abd(struct emit *e, const struct ir_insn *i, unsigned to, unsigned tmp);

/* --- saturation (emit_vec_saturate.c) --- */

/* Sets FPSR.QC if any bit of `diff` is set (below 64 without IR_Q); changes diff and EFLAGS. */
void vec_set_qc(struct emit *e, unsigned diff, bool q);
/* Replays if any bit of diff is set, likewise. */
void vec_slow_if(struct emit *e, unsigned diff, bool q);

#endif
