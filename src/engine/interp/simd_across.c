/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD across lanes (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

#define INT(name, widen, sign, fn)                                                                 \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_same(c, w, a64_size(w), sign);                                    \
                                                                                                   \
        op.dsize += widen;                                                                         \
        simd_run_reduce(&op, fn);                                                                  \
    }
#define FLOAT(name, format, fn)                                                                    \
    FP_HANDLER(name)                                                                               \
    {                                                                                              \
        struct simd_op op = simd_fp(c, w, format);                                                 \
                                                                                                   \
        simd_run_reduce(&op, fn);                                                                  \
    }

/* clang-format off */
INT(ADDV,   0, SIMD_UNSIGNED, simd_add)
INT(SADDLV, 1, SIMD_SIGNED,   simd_add)
INT(UADDLV, 1, SIMD_UNSIGNED, simd_add)
INT(SMAXV,  0, SIMD_SIGNED,   simd_max)
INT(UMAXV,  0, SIMD_UNSIGNED, simd_max)
INT(SMINV,  0, SIMD_SIGNED,   simd_min)
INT(UMINV,  0, SIMD_UNSIGNED, simd_min)
FLOAT(FMAXV,     &fp_single, simd_fp_max)
FLOAT(FMAXV_h,   &fp_half,   simd_fp_max)
FLOAT(FMINV,     &fp_single, simd_fp_min)
FLOAT(FMINV_h,   &fp_half,   simd_fp_min)
FLOAT(FMAXNMV,   &fp_single, simd_fp_max_num)
FLOAT(FMAXNMV_h, &fp_half,   simd_fp_max_num)
FLOAT(FMINNMV,   &fp_single, simd_fp_min_num)
FLOAT(FMINNMV_h, &fp_half,   simd_fp_min_num)
/* clang-format on */
