/* SPDX-License-Identifier: ISC */
/* What translated code depends on besides its bytes: bits of soft_cpu.context (state.h). */
#ifndef ENGINE_SOFT_CONTEXT_H
#define ENGINE_SOFT_CONTEXT_H

enum soft_context {
    SOFT_CONTEXT_FP_TRAP = 1,  /* FP and SIMD instructions trap */
    SOFT_CONTEXT_FPCR = 2,     /* FPCR is not 0, nor as below */
    SOFT_CONTEXT_SP_CHECK = 4, /* the alignment of SP is checked */
    SOFT_CONTEXT_EL1 = 8,
    SOFT_CONTEXT_SP_EL0 = 16, /* EL1 uses SP_EL0: PSTATE.SPSel is 0 */
    SOFT_CONTEXT_FLUSH = 32,  /* FPCR has FZ, DN or both and nothing else, and FPSR.IXC is set */
};

#endif
