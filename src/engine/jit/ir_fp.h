/* SPDX-License-Identifier: ISC */
/*
 * What the floating-point operations of the IR (ir_fp.def) mean beyond ir.h: `size` is the
 * element's size unless said otherwise, IR_SCALAR and IR_Q give the shape, and the flags below vary
 * an operation.
 */
#ifndef ENGINE_JIT_IR_FP_H
#define ENGINE_JIT_IR_FP_H

#include "engine/jit/ir.h"
#include "engine/soft/fp/fp.h"

enum {
    /* Of arithmetic: what becomes of the result. */
    FP_NEGATE = 0x100,   /* its sign is inverted: FNMUL */
    FP_ABSOLUTE = 0x200, /* its sign is cleared: FABD */

    /* Of FMADD: what becomes of the operands. */
    FP_NEGATE_PRODUCT = 0x100,
    FP_NEGATE_ADDEND = 0x200,

    /* Of all that have two operands: where lanes come from. */
    FP_LANE = 0x400,  /* b is element `imm` of its register, in every lane */
    FP_PAIRS = 0x800, /* adjacent elements of b:a; of a alone when IR_SCALAR */

    /* Of comparisons. b is zero where it is IR_NONE. */
    FP_SIGNAL = 0x100,        /* a quiet NaN is invalid, too */
    FP_ABSOLUTE_BOTH = 0x200, /* of both operands' magnitudes */

    /* Of conversions. */
    FP_UNSIGNED = 0x100, /* the integer is */
    FP_HIGH = 0x200,     /* FCVTL2, FCVTN2: the upper half of the narrow register */
};

/* `cond` of FRINT and FTOI is an enum fp_rounding, that of FCM one of these, A64's conditions. */
enum { FP_EQ = 0, FP_GE = 10, FP_LT = 11, FP_GT = 12, FP_LE = 13 };

#endif
