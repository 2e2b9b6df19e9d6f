/* SPDX-License-Identifier: ISC */
/*
 * What the integer vector operations of the IR (ir_vec.def) mean beyond ir.h.
 *
 * `size` is an element's; of those that widen or narrow, the narrow element's. IR_Q gives the width
 * of the vector; results that are wider or narrower than their operands have the width that they
 * have. Where the signature allows IR_NONE for c, c is added to the result element by element, or
 * the result subtracted from it (VEC_MINUS); an a or b that is IR_NONE is zero.
 */
#ifndef ENGINE_JIT_IR_VEC_H
#define ENGINE_JIT_IR_VEC_H

#include "engine/jit/ir.h"

enum {
    VEC_SIGNED = 0x100, /* elements are */
    VEC_HIGH = 0x200,   /* the narrow operands are the upper halves of their registers */
    VEC_ROUND = 0x400,  /* what is shifted out rounds to nearest, ties up */
    VEC_MINUS = 0x800,  /* subtracts, where it would otherwise add */
    VEC_LANE = 0x1000,  /* b is element `imm` of its register, in every lane */

    /* Of VQXTN: the result is unsigned, although the operand is signed. */
    VEC_UNSIGNED_RESULT = 0x2000,
    /* Of VTBL: where the index is out of range c stays; without, c is zero wherever it is not. */
    VEC_KEEP = 0x2000,
    /*
     * Of VAESE with VAESMC after it, and of VAESD with VAESIMC: the first one only adds the round
     * key, the second one does the rest, for which the host has one instruction. Nothing can come
     * between the two that would see the difference.
     */
    VEC_FUSED = 0x2000,
};

#endif
