/* SPDX-License-Identifier: ISC */
/*
 * System registers and SYS instructions as facts: arm/sysregs.def and arm/sysops.def as
 * enumerations and look-ups.
 *
 * A key names one by its encoding: op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2, which is bits 20:5 of
 * the MRS, MSR, SYS or SYSL instruction. It serves every engine, saved state and the debugger.
 *
 * All functions are pure and may be called by any thread.
 */
#ifndef ARM_SYSREG_H
#define ARM_SYSREG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSREG_KEY(op0, op1, crn, crm, op2)                                                        \
    ((uint32_t)(op0) << 14 | (uint32_t)(op1) << 11 | (uint32_t)(crn) << 7 | (uint32_t)(crm) << 3 | \
     (uint32_t)(op2))

/* Who may read (R) and write (W) it at EL0 and EL1. Software at any other level or direction gets
 * UNDEFINED. */
enum sysreg_access {
    SYSREG_R0 = 1,
    SYSREG_W0 = 2,
    SYSREG_R1 = 4,
    SYSREG_W1 = 8,
    SYSREG_EL1_RO = SYSREG_R1,
    SYSREG_EL1_WO = SYSREG_W1,
    SYSREG_EL1_RW = SYSREG_R1 | SYSREG_W1,
    SYSREG_EL0_RO = SYSREG_R0 | SYSREG_R1,
    SYSREG_EL0_RW = SYSREG_R0 | SYSREG_W0 | SYSREG_R1 | SYSREG_W1,
    SYSREG_EL0_RO_EL1_RW = SYSREG_R0 | SYSREG_R1 | SYSREG_W1,
};

/*
 * Controls that trap an access to EL1 with EC 0x18 although `access` allows it. All but FP and
 * PAUTH concern EL0 alone.
 */
enum sysreg_gate {
    SYSREG_GATE_NONE,
    SYSREG_GATE_UCT,      /* SCTLR_EL1.UCT = 0 */
    SYSREG_GATE_UCI,      /* SCTLR_EL1.UCI = 0 */
    SYSREG_GATE_DZE,      /* SCTLR_EL1.DZE = 0 */
    SYSREG_GATE_UMA,      /* SCTLR_EL1.UMA = 0 */
    SYSREG_GATE_CNTFRQ,   /* CNTKCTL_EL1.EL0PCTEN and EL0VCTEN both 0 */
    SYSREG_GATE_EL0PCTEN, /* CNTKCTL_EL1.EL0PCTEN = 0, and likewise */
    SYSREG_GATE_EL0VCTEN,
    SYSREG_GATE_EL0PTEN,
    SYSREG_GATE_EL0VTEN,
    SYSREG_GATE_TDCC,  /* MDSCR_EL1.TDCC = 1 */
    SYSREG_GATE_FP,    /* CPACR_EL1.FPEN, at both levels, with EC 0x07 */
    SYSREG_GATE_PAUTH, /* UNDEFINED on a CPU model without FEAT_PAuth */
};

enum sysreg_kind {
    SYSREG_STORAGE,  /* a value; a write keeps (value & writable) | fixed */
    SYSREG_CONSTANT, /* from the CPU's table: cpuid_value() */
    SYSREG_ZERO,     /* reads as zero, ignores writes */
    SYSREG_SPECIAL,  /* the engine has code for it; masks and reset apply to the stored value */
    SYSREG_GIC,      /* the machine answers */
};

/* Another list of the same: define X(name, ...), include "arm/sysregs.def", undefine it. */
enum sysreg_id {
#define X(name, ...) SYSREG_##name,
#include "arm/sysregs.def"
#undef X
    SYSREG_COUNT
};

struct sysreg_info {
    const char *name;
    uint32_t key;
    enum sysreg_id id;
    uint8_t access; /* enum sysreg_access */
    uint8_t gate;   /* enum sysreg_gate */
    uint8_t kind;   /* enum sysreg_kind */
    bool saved;     /* its raw value is part of a saved state */
    uint64_t writable, fixed, reset;
};

/* The register with `key`, or NULL: the access is UNDEFINED. Unnamed ones of the ID space are
 * SYSREG_ID_RESERVED. */
const struct sysreg_info *sysreg_lookup(uint32_t key);

/* The register called `name` ("SCTLR_EL1"), or NULL. Case counts. */
const struct sysreg_info *sysreg_by_name(const char *name);

/* Facts of a register; `id` is below SYSREG_COUNT. */
const struct sysreg_info *sysreg_info(enum sysreg_id id);

enum sysop_id {
#define X(name, ...) SYSOP_##name,
#include "arm/sysops.def"
#undef X
    SYSOP_COUNT
};

struct sysop_info {
    const char *name; /* "DC_ZVA" */
    uint32_t key;
    enum sysop_id id;
    uint8_t level; /* lowest exception level that may execute it */
    uint8_t gate;  /* enum sysreg_gate, at EL0 */
};

/* Facts of a SYS instruction; `id` is below SYSOP_COUNT. */
const struct sysop_info *sysop_info(enum sysop_id id);

/* The SYS instruction with `key`, or NULL: it is UNDEFINED. */
const struct sysop_info *sysop_lookup(uint32_t key);

#endif
