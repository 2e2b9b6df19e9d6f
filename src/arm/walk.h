/* SPDX-License-Identifier: ISC */
/*
 * The stage 1 walk of the EL1&0 translation regime as a function of registers and memory alone
 * (Arm ARM D8): VMSAv8-64 with 4K, 16K and 64K granules and 48-bit addresses; no hardware update of
 * the access flag, no FEAT_LPA2, no FEAT_TTST.
 *
 * It serves whoever looks at a guest's addresses from outside of an engine: the fault explainer,
 * EFI's runtime services, the debugger. It has no side effects, takes at most four descriptors, and
 * writes down every one of them. (The soft engines have a walk of their own, which is part of how
 * fast they are; tests hold the two against each other.)
 *
 * Pure: any thread, as long as `read` may be called there.
 */
#ifndef ARM_WALK_H
#define ARM_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "arm/esr.h"

#define ARM_WALK_STEPS 4

/* What of a CPU decides a translation. */
struct arm_walk_regs {
    uint64_t sctlr, tcr, ttbr[2], mair;
    uint64_t mmfr0; /* ID_AA64MMFR0_EL1: PARange and the granules that there are */
    unsigned el;    /* of the access: 0 or 1 */
    bool pan;       /* PSTATE.PAN */
};

/* How descriptors are read: 8 bytes at a physical address aligned to 8. False: nothing there, or it
 * is no memory; the walk ends with an external abort. */
struct arm_walk_memory {
    bool (*read)(void *ctx, uint64_t pa, uint64_t *value);
    void *ctx;
};

enum arm_walk_access { ARM_WALK_READ, ARM_WALK_WRITE, ARM_WALK_FETCH };

struct arm_walk_step {
    unsigned level;
    uint64_t address;    /* of the descriptor */
    uint64_t descriptor; /* 0 when it could not be read */
};

struct arm_walk {
    uint64_t va;
    bool faulted;
    unsigned fault; /* then: enum esr_fsc with its level */
    unsigned level; /* at which the walk ended */
    /* The physical address of va; when the walk faulted, what its last descriptor (or TTBR, or va
     * with the MMU off) gave in its place, else 0. */
    uint64_t pa;
    /* Without a fault: log2 of the page's or block's size, and its attributes. */
    unsigned shift;
    uint8_t attr;                    /* MAIR_EL1's byte; with the MMU off Device-nGnRnE */
    uint8_t sh;                      /* shareability field */
    bool read[2], write[2], exec[2]; /* permissions by EL, PAN not considered */
    bool user;                       /* EL0 may read it: what PAN looks at */
    unsigned steps;                  /* descriptors read, and the one that could not be */
    struct arm_walk_step step[ARM_WALK_STEPS];
};

/* Translates va for an access. True: walk->pa is the answer. False: walk->fault is what the CPU
 * would report; every other field says as much as was found out. */
bool arm_walk(const struct arm_walk_regs *regs, const struct arm_walk_memory *memory, uint64_t va,
              enum arm_walk_access access, struct arm_walk *walk);

/* Bits of output addresses: the smaller of TCR_EL1.IPS and PARange. */
unsigned arm_walk_output_bits(const struct arm_walk_regs *regs);

/* The lowest address of the upper half: what a kernel's addresses are above (TCR_EL1.T1SZ). */
uint64_t arm_walk_upper_base(const struct arm_walk_regs *regs);

/* The kind of a fault status code in the Arm ARM's words: "address size fault". */
const char *arm_fault_name(unsigned fsc);

#endif
