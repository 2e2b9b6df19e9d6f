/* SPDX-License-Identifier: ISC */
/*
 * The state of one vCPU of the soft engines, shared by interp and jit.
 *
 * Only the vCPU's own thread touches it, but for the fields marked atomic. Names are the Arm ARM's.
 * PSTATE is kept unpacked where instructions change it often: NZCV in the layout of the NZCV
 * register (bits 31:28), DAIF in that of DAIF (bits 9:6), the rest as bytes; soft_pstate_get and
 * soft_pstate_set pack it as SPSR_EL1 does (C5.2.18).
 */
#ifndef ENGINE_SOFT_STATE_H
#define ENGINE_SOFT_STATE_H

#include <setjmp.h>
#include <stdatomic.h>

#include "arm/sysreg.h"
#include "base/bits.h"
#include "engine/engine.h"
#include "engine/soft/context.h"

union soft_vreg {
    _Alignas(16) uint8_t b[16];
    uint16_t h[8];
    uint32_t s[4];
    uint64_t d[2];
};

struct soft_vm;
struct soft_tlb;
struct soft_view;
struct soft_tlb_entry;
struct soft_jump;
struct soft_icache;

#define SOFT_NZCV_N (UINT32_C(1) << 31)
#define SOFT_NZCV_Z (UINT32_C(1) << 30)
#define SOFT_NZCV_C (UINT32_C(1) << 29)
#define SOFT_NZCV_V (UINT32_C(1) << 28)

/* The counter as translated code reads it (jit/counter.c): `ticks` of the host's counter after
 * `start` it is count + ((fraction + ticks * rate) >> 32), while ticks < window. */
struct soft_ticks {
    uint64_t start, window, rate, fraction, count;
};

/* What a key does to addresses of one half, for code without a case (pauth.h). */
struct soft_pauth {
    uint64_t
        field; /* bits that hold the code; 0: the key is disabled, and all of this does nothing */
    uint64_t plain; /* and-ing it (lower half), or or-ing it (upper half), leaves the address
                       itself: no code, and bit 55 as it is in that half */
};

/* What soft_context_changed() found for an exception level: the fields of soft_cpu by these names
 * are a copy of that which is current. */
struct soft_level {
    struct soft_tlb_entry *dtlb, *utlb;
    struct soft_jump *jump;
    struct soft_view *view;
    bool sp_check, fp_trap;
    uint8_t context;
    bool known; /* the rest is as it would be found now */
};

/* EL0; EL1 with SP_EL1 and without UAO, by PSTATE.PAN. For anything else it is found every time. */
enum { SOFT_LEVEL_EL0, SOFT_LEVEL_EL1, SOFT_LEVEL_EL1_PAN, SOFT_LEVELS };

struct soft_cpu {
    /* X0 to X30; x[31] is SP of the current exception level and stack selection (swapped on changes
     * of either). An instruction that names register 31 as XZR goes through soft_x() and
     * soft_set_x(). */
    uint64_t x[32];
    uint64_t pc; /* of the instruction that runs now; the dispatcher adds 4 unless a handler set
                    next_pc */
    uint64_t next_pc;

    /* What code refers to all the time, near to x. The first three follow from EL, PAN, UAO and the
     * address space, kept by soft_context_changed(); both may be others after any call of soft/. */
    struct soft_tlb_entry *dtlb; /* the data TLB (soft/tlb.h) */
    struct soft_tlb_entry *utlb; /* that of LDTR and STTR: of EL0, but for PSTATE.UAO */
    struct soft_jump *jump;      /* what the translator knows of where addresses lead */
    /* The page whose instructions run; ~next_pc when where instructions come from may have changed,
     * so that next_pc, aligned or not, is not within. */
    uint64_t code_base;
    int32_t slice;              /* instructions left before the clock is looked at; other threads
                                   make it negative when they want attention: soft_slice_take() */
    _Atomic uint32_t attention; /* non-zero: leave the fast path (kick, TLB maintenance, interrupt,
                                   timer) */
    uint32_t nzcv;
    uint16_t raw_flags; /* the translator's NZCV, while its code runs (jit/flags.h) */
    uint8_t flag_way;   /* where instead flags are that a loop has not made (jit/ir.h, ir_join) */
    uint32_t daif;
    uint32_t held; /* what clearing a bit of DAIF would let go, in its layout: I and F: the line is
                      asserted; D: self-hosted debug, or the host's, is in use */
    uint8_t el;    /* 0 or 1 */
    uint8_t spsel; /* 0: SP_EL0, 1: SP_ELx */
    uint8_t pan, uao, ssbs, ss, il;
    union soft_vreg v[32];
    uint32_t fpcr, fpsr;
    uint64_t sp_el[2];             /* banked SP_EL0 and SP_EL1 while not current */
    uint64_t sysreg[SYSREG_COUNT]; /* raw values by enum sysreg_id */

    /* Which bits of an address hold its authentication code, from TCR_EL1 (pauth.h): of
     * instructions and of data, where bit 55 is 1 and where it is 0. */
    uint64_t pac_field[2][2];
    struct soft_pauth pauth[2][4]; /* by bit 55 and key */

    uintptr_t stack_base, stack_limit; /* of guest returns on the host's stack (jit/emit_flow.c) */
    uint64_t flag_operand[2];          /* of the comparison that flag_way is about */

    /* What follows from the above, kept by soft_context_changed(): */
    struct soft_view *view; /* whose arrays dtlb and jump are */
    bool sp_check;          /* SCTLR_EL1.SA or SA0 for the current EL */
    bool fp_trap;           /* CPACR_EL1.FPEN traps FP and SIMD at the current EL */
    uint8_t context;        /* SOFT_CONTEXT_ bits */
    struct soft_level level[SOFT_LEVELS];

    /* Exclusive monitor (B2.9, monitor.c): the address is the host's. The first three are one
     * doubleword to translated code. */
    _Alignas(4) bool excl_valid;
    uint8_t excl_size;
    uint16_t excl_name; /* of the one store-exclusive that may compare values (exclusive.h), or 0 */
    uintptr_t excl_host;
    uint64_t excl_value[2];

    bool posted; /* maintenance that the next DSB is to complete (maintain.c) */
    bool event;  /* event register of WFE and SEV, set also from other threads through `wake` */

    struct soft_ticks ticks;
    unsigned index;
    struct soft_vm *vm;
    struct soft_tlb *tlb;
    struct soft_icache *icache;
    uint64_t instructions; /* up to the start of the slice */
    struct vcpu_exit exit;
    sigjmp_buf unwind; /* a handler that takes an exception leaves through it: soft_raise() and
                       friends never return */
    struct soft_private *priv; /* what only engine/soft itself needs */
};

static inline int32_t soft_slice(const struct soft_cpu *c)
{
    return __atomic_load_n(&c->slice, __ATOMIC_RELAXED);
}

/* Takes n instructions off the slice. Returns what is left: 0 or less when the slice is over. A
 * poke of another thread in between may be lost; it is seen when the slice ends. */
static inline int32_t soft_slice_take(struct soft_cpu *c, int32_t n)
{
    int32_t left = soft_slice(c) - n;

    __atomic_store_n(&c->slice, left, __ATOMIC_RELAXED);
    return left;
}

/* Xn with register 31 reading as zero (XZR). */
static inline uint64_t soft_x(const struct soft_cpu *c, unsigned n)
{
    return n == 31 ? 0 : c->x[n];
}

static inline void soft_set_x(struct soft_cpu *c, unsigned n, uint64_t value)
{
    if (n != 31)
        c->x[n] = value;
}

/* Xn or SP. */
static inline uint64_t soft_xsp(const struct soft_cpu *c, unsigned n)
{
    return c->x[n];
}

static inline void soft_set_xsp(struct soft_cpu *c, unsigned n, uint64_t value)
{
    c->x[n] = value;
}

#endif
