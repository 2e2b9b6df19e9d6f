/* SPDX-License-Identifier: ISC */
/*
 * The fixed pieces of code at the start of a code cache: the ways between C and translated code,
 * and what translated code shares (thunks.c).
 */
#ifndef ENGINE_JIT_THUNKS_H
#define ENGINE_JIT_THUNKS_H

#include "engine/jit/x64.h"
#include "engine/soft/state.h"

/* Addresses are in the writable mapping, as all of the assembler's are. */
struct thunks {
    /* C to translated code: void enter(struct soft_cpu *c, const void *code). It returns when the
     * code leaves through `leave`. */
    uint8_t *enter;
    uint8_t *leave;    /* c->pc is set */
    uint8_t *leave_at; /* c->pc = c->code_base + eax */
    /* Calls the handler of instruction edx: eax is its operation | its offset in the page << 16. */
    uint8_t *handler;
    uint8_t *handler_end; /* the same, then goes to c->next_pc */
    uint8_t *call;        /* rdx(c, rsi), for an instruction at offset eax >> 16 */
    uint8_t *lookup;      /* goes to guest address rax, which the jump cache does not know */
    uint8_t *branch;      /* goes to guest address rax */
    uint8_t *go_on;       /* the same, when this is no branch, unless the slice is over */
    /* ERET at EL1 with SP_EL1, SVC at EL0, MSR PAN at EL1 with SP_EL1; eax and edx are as for
     * handler_end. */
    uint8_t *eret, *svc, *pan;
    uint8_t *link; /* called by the stub of a site (emit_flow.c): struct link_stub follows */
};

/* What follows the call of `link` in a stub, at any address. */
struct __attribute__((packed)) link_stub {
    uint32_t target; /* offset in the page */
    int32_t site;    /* of the rel32 field, from this struct */
};
#define LINK_STUB_CALL 5 /* bytes of the call before it */

/* What the thunks call. */
struct thunk_calls {
    const void *handlers; /* array of interp handlers by enum a64_op */
    /* The code for c->pc, or NULL: leave. May raise. */
    const void *(*find)(
        struct soft_cpu *c); /* after an instruction that may have changed anything */
    const void *(*lookup)(struct soft_cpu *c); /* after a branch */
    const void *(*link)(struct soft_cpu *c, struct link_stub *stub);
};

/* Writes the thunks at as->at. */
void thunks_emit(struct x64 *as, const struct thunk_calls *calls, struct thunks *t);

/* A jump to guest address rax by the jump cache, or else to `missed`, with rax; rcx and rdx are
 * lost. */
void thunks_emit_jump(struct x64 *as, const uint8_t *missed);

/* thunks_level.c: those that change the exception level; after all others. */
void thunks_emit_levels(struct x64 *as, struct thunks *t);

/* ecx = the flags in memory, as NZCV has them. */
void thunks_load_nzcv(struct x64 *as);

/* Bytes of host stack for guest returns. */
#define THUNK_STACK 16384

#endif
