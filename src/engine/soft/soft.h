/* SPDX-License-Identifier: ISC */
/*
 * What instruction handlers (interp) and translated code (jit) may ask of the shared part of the
 * soft engines. Every function here runs on the vCPU's own thread. Those marked "may raise" take a
 * guest exception when they must, and then do not return (they unwind through c->unwind); a handler
 * calls them before it changes any state that the exception must not see: all loads of an
 * instruction before its writeback.
 */
#ifndef ENGINE_SOFT_SOFT_H
#define ENGINE_SOFT_SOFT_H

#include "engine/soft/state.h"
#include "engine/soft/tlb.h"

/* --- memory (soft/mmu.c, soft/access.c) --- */

/* How an access behaves; or-ed together. */
enum {
    SOFT_UNPRIV = 1,  /* LDTR and STTR: as EL0 would, unless UAO (C6.2) */
    SOFT_ACQREL = 2,  /* acquire or release: sequentially consistent on the host, always
                         alignment-checked (B2.5.2) */
    SOFT_EXCL = 4,    /* exclusive or atomic: alignment-checked */
    SOFT_ALIGN16 = 8, /* a quantity whose alignment is 16 */
    SOFT_ACQPC = 16,  /* LDAPR: acquire, processor consistent */
};

/* Loads and stores of 1, 2, 4, 8 bytes at va, with tag, alignment, permission, watchpoint and
 * device-memory rules. May raise. */
static inline uint64_t soft_load(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how);
static inline void soft_store(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                              uint64_t value);
/* 16 bytes (a Q register, or a pair that must be single-copy atomic with SOFT_EXCL). value[0] is at
 * the lower address. May raise. */
static inline void soft_load16(struct soft_cpu *c, uint64_t va, unsigned how, uint64_t value[2]);
static inline void soft_store16(struct soft_cpu *c, uint64_t va, unsigned how,
                                const uint64_t value[2]);
/* Checks that [va, va + size) can be stored to, for instructions that store several elements or
 * read then write: raises what the store would raise, changes nothing. May raise. */
void soft_probe_store(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how);
/* A host pointer for an atomic read-modify-write of 1, 2, 4, 8 or 16 aligned bytes of RAM; NULL
 * when the address is device memory emulated by MMIO (the caller then raises as
 * soft_raise_unsupported_atomic). May raise. */
void *soft_atomic(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how);

/* --- exclusives (soft/monitor.c), size 1, 2, 4, 8, 16 (a pair) --- */
void soft_load_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                    uint64_t value[2]); /* may raise */
bool soft_store_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                     const uint64_t value[2]); /* may raise; true: stored */
void soft_clear_excl(struct soft_cpu *c);

/* --- exceptions (soft/exception.c): none of these returns --- */
_Noreturn void soft_raise(struct soft_cpu *c,
                          uint32_t esr); /* synchronous, preferred return = this instruction */
_Noreturn void soft_raise_abort(struct soft_cpu *c, uint64_t va, uint32_t esr); /* with FAR_EL1 */
_Noreturn void soft_undefined(struct soft_cpu *c);                              /* EC 0x00 */
_Noreturn void soft_raise_unsupported_atomic(struct soft_cpu *c, uint64_t va,
                                             bool write); /* DFSC 0x35 */
_Noreturn void soft_svc(struct soft_cpu *c, uint16_t imm);
_Noreturn void soft_brk(struct soft_cpu *c, uint16_t imm);
_Noreturn void soft_smccc(struct soft_cpu *c, bool smc,
                          uint16_t imm); /* HVC, SMC: exits to machine/ */

/* --- checks that an instruction makes before anything else (soft/exception.c) --- */

_Noreturn void soft_raise_sp_alignment(struct soft_cpu *c); /* EC 0x26 */
_Noreturn void soft_raise_fp_access(struct soft_cpu *c);    /* EC 0x07 */

/* CheckSPAlignment (D1.8.2): an SP alignment fault when SP, which a load or store uses as its base,
 * is not a multiple of 16 and SCTLR_EL1.SA or SA0 minds. May raise. */
static inline void soft_check_sp(struct soft_cpu *c)
{
    if (__builtin_expect((c->x[31] & 15) != 0 && c->sp_check, 0))
        soft_raise_sp_alignment(c);
}

/* CheckFPAdvSIMDEnabled64 (D1.11.5): the trap of CPACR_EL1.FPEN. May raise. */
static inline void soft_check_fp(struct soft_cpu *c)
{
    if (__builtin_expect(c->fp_trap, 0))
        soft_raise_fp_access(c);
}

/* --- PSTATE and branches --- */
/* ERET and the like (AArch64.ExceptionReturn), illegal returns included, to `target`, which is
 * ELR_EL1 or made of it. */
void soft_eret(struct soft_cpu *c, uint64_t target);
uint32_t soft_pstate_get(const struct soft_cpu *c);
void soft_pstate_set(struct soft_cpu *c, uint32_t spsr); /* also switches the stack pointer */
void soft_set_spsel(struct soft_cpu *c, unsigned spsel);
void soft_set_daif(struct soft_cpu *c, uint32_t daif); /* bits 9:6 */
static inline void soft_branch(struct soft_cpu *c, uint64_t target)
{
    c->next_pc = target;
}

/* --- system instructions (soft/sysreg.c): decoded by key = op0<<14 | op1<<11 | CRn<<7 | CRm<<3 |
 * op2. May raise. --- */
uint64_t soft_mrs(struct soft_cpu *c, uint32_t key, unsigned rt);
void soft_msr(struct soft_cpu *c, uint32_t key, unsigned rt, uint64_t value);
void soft_msr_imm(struct soft_cpu *c, unsigned op1, unsigned op2,
                  unsigned imm); /* MSR (immediate): DAIFSet, SPSel, PAN, UAO, SSBS */
void soft_sys(struct soft_cpu *c, uint32_t key, unsigned rt, uint64_t value); /* IC, DC, AT, TLBI */

/* --- barriers and hints --- */
void soft_dmb(struct soft_cpu *c);
void soft_dsb(
    struct soft_cpu *c); /* also waits for broadcast TLB and instruction cache maintenance */
void soft_isb(struct soft_cpu *c);
void soft_wfi(struct soft_cpu *c); /* may trap; exits to machine/ */
void soft_wfe(struct soft_cpu *c); /* may trap */
void soft_yield(struct soft_cpu *c);
void soft_sev(struct soft_cpu *c, bool local);

/* --- the fast path of loads and stores --- */

static inline struct soft_tlb_entry *soft_dtlb(const struct soft_cpu *c, unsigned how)
{
    return how & SOFT_UNPRIV ? c->utlb : c->dtlb;
}

static inline bool soft_is_plain(unsigned how)
{
    return (how & ~(unsigned)SOFT_UNPRIV) == 0;
}

uint64_t soft_load_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how);
void soft_store_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value);

static inline uint64_t soft_load(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    const struct soft_tlb_entry *e = soft_tlb_slot(soft_dtlb(c, how), va);

    if (__builtin_expect(soft_is_plain(how) && e->tag[SOFT_READ] == soft_tlb_key(va, size), 1))
        return soft_host_load(e->host + va, size);
    return soft_load_slow(c, va, size, how);
}

static inline void soft_store(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                              uint64_t value)
{
    const struct soft_tlb_entry *e = soft_tlb_slot(soft_dtlb(c, how), va);

    if (__builtin_expect(soft_is_plain(how) && e->tag[SOFT_WRITE] == soft_tlb_key(va, size), 1))
        soft_host_store(e->host + va, size, value);
    else
        soft_store_slow(c, va, size, how, value);
}

void soft_load16_slow(struct soft_cpu *c, uint64_t va, unsigned how, uint64_t value[2]);
void soft_store16_slow(struct soft_cpu *c, uint64_t va, unsigned how, const uint64_t value[2]);

static inline void soft_load16(struct soft_cpu *c, uint64_t va, unsigned how, uint64_t value[2])
{
    const struct soft_tlb_entry *e = soft_tlb_slot(soft_dtlb(c, how), va);

    if (__builtin_expect(soft_is_plain(how) && e->tag[SOFT_READ] == soft_tlb_key(va, 16), 1)) {
        value[0] = soft_host_load(e->host + va, 8);
        value[1] = soft_host_load(e->host + va + 8, 8);
    } else {
        soft_load16_slow(c, va, how, value);
    }
}

static inline void soft_store16(struct soft_cpu *c, uint64_t va, unsigned how,
                                const uint64_t value[2])
{
    const struct soft_tlb_entry *e = soft_tlb_slot(soft_dtlb(c, how), va);

    if (__builtin_expect(soft_is_plain(how) && e->tag[SOFT_WRITE] == soft_tlb_key(va, 16), 1)) {
        soft_host_store(e->host + va, 8, value[0]);
        soft_host_store(e->host + va + 8, 8, value[1]);
    } else {
        soft_store16_slow(c, va, how, value);
    }
}

#endif
