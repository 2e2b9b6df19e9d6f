/* SPDX-License-Identifier: ISC */
/*
 * Exception syndromes: ESR_EL1's classes and ISS encodings, fault status codes, and helpers that
 * build them (Arm ARM D19.2.37).
 */
#ifndef ARM_ESR_H
#define ARM_ESR_H

#include <stdbool.h>
#include <stdint.h>

#define ESR_EC_SHIFT 26
#define ESR_IL                                                                                     \
    (UINT32_C(1) << 25) /* a 32-bit instruction, and always set for the classes that say so */
#define ESR_ISS_MASK UINT32_C(0x1ffffff)

/* Exception classes. */
enum esr_ec {
    ESR_EC_UNKNOWN = 0x00,
    ESR_EC_WFX = 0x01,
    ESR_EC_FP = 0x07, /* FP and SIMD access trapped by CPACR_EL1.FPEN */
    ESR_EC_ILLEGAL = 0x0e,
    ESR_EC_SVC64 = 0x15,
    ESR_EC_HVC64 = 0x16,
    ESR_EC_SMC64 = 0x17,
    ESR_EC_SYS64 = 0x18, /* MSR, MRS or a SYS instruction trapped */
    ESR_EC_IABT_LOWER = 0x20,
    ESR_EC_IABT = 0x21, /* from the same exception level */
    ESR_EC_PC_ALIGN = 0x22,
    ESR_EC_DABT_LOWER = 0x24,
    ESR_EC_DABT = 0x25,
    ESR_EC_SP_ALIGN = 0x26,
    ESR_EC_FP64 = 0x2c, /* a trapped IEEE exception */
    ESR_EC_SERROR = 0x2f,
    ESR_EC_BREAKPOINT_LOWER = 0x30,
    ESR_EC_BREAKPOINT = 0x31,
    ESR_EC_STEP_LOWER = 0x32,
    ESR_EC_STEP = 0x33,
    ESR_EC_WATCHPOINT_LOWER = 0x34,
    ESR_EC_WATCHPOINT = 0x35,
    ESR_EC_BRK64 = 0x3c,
};

/* Fault status codes, IFSC and DFSC. Those of the translation table walk take a level of 0 to 3 in
 * the low bits. */
enum esr_fsc {
    ESR_FSC_ADDRESS_SIZE = 0x00,
    ESR_FSC_TRANSLATION = 0x04,
    ESR_FSC_ACCESS_FLAG = 0x08,
    ESR_FSC_PERMISSION = 0x0c,
    ESR_FSC_EXTERNAL = 0x10,      /* synchronous external abort, not on a walk */
    ESR_FSC_EXTERNAL_WALK = 0x14, /* on a walk, plus level */
    ESR_FSC_ALIGNMENT = 0x21,
    ESR_FSC_DEBUG = 0x22,
    ESR_FSC_TLB_CONFLICT = 0x30,
    ESR_FSC_UNSUPPORTED_ATOMIC = 0x35, /* exclusive or atomic access to memory that cannot do it */
};

/* ISS of a data abort. */
#define ESR_DABT_ISV      (UINT32_C(1) << 24) /* the fields below are valid; stage 2 only */
#define ESR_DABT_SAS(log) ((uint32_t)(log) << 22)
#define ESR_DABT_SSE      (UINT32_C(1) << 21)
#define ESR_DABT_SRT(rt)  ((uint32_t)(rt) << 16)
#define ESR_DABT_SF       (UINT32_C(1) << 15)
#define ESR_DABT_AR       (UINT32_C(1) << 14)
#define ESR_ABT_FNV       (UINT32_C(1) << 10) /* FAR is not valid */
#define ESR_ABT_EA        (UINT32_C(1) << 9)
#define ESR_DABT_CM                                                                                \
    (UINT32_C(1) << 8) /* a cache maintenance or address translation instruction                   \
                        */
#define ESR_ABT_S1PTW (UINT32_C(1) << 7)
#define ESR_DABT_WNR  (UINT32_C(1) << 6) /* a write; also a fault of cache maintenance */

/* A syndrome of class `ec`, with IL set. */
static inline uint32_t esr_make(enum esr_ec ec, uint32_t iss)
{
    return (uint32_t)ec << ESR_EC_SHIFT | ESR_IL | (iss & ESR_ISS_MASK);
}

static inline enum esr_ec esr_ec(uint32_t esr)
{
    return (enum esr_ec)(esr >> ESR_EC_SHIFT);
}

/* The instruction was not allowed, nothing more is said: EC 0x00. */
static inline uint32_t esr_undefined(void)
{
    return esr_make(ESR_EC_UNKNOWN, 0);
}

/* SVC, HVC, SMC and BRK: `ec` with the immediate. */
static inline uint32_t esr_imm(enum esr_ec ec, uint16_t imm)
{
    return esr_make(ec, imm);
}

/* A data abort; `same` when it was taken from EL1, `fsc` with its level where it has one. */
static inline uint32_t esr_data_abort(bool same, uint32_t fsc, bool write)
{
    return esr_make(same ? ESR_EC_DABT : ESR_EC_DABT_LOWER, fsc | (write ? ESR_DABT_WNR : 0));
}

static inline uint32_t esr_instruction_abort(bool same, uint32_t fsc)
{
    return esr_make(same ? ESR_EC_IABT : ESR_EC_IABT_LOWER, fsc);
}

/* CPACR_EL1.FPEN: condition code 0b1110, valid. */
static inline uint32_t esr_fp_access(void)
{
    return esr_make(ESR_EC_FP, UINT32_C(0x1e) << 20);
}

/* A trapped WFI (wfe = false) or WFE. */
static inline uint32_t esr_wfx(bool wfe)
{
    return esr_make(ESR_EC_WFX, UINT32_C(0x1e) << 20 | (wfe ? 1 : 0));
}

/* A trapped MSR, MRS or SYS: `key` as in arm/sysreg.h, `rt` the general register, `read` for MRS.
 */
static inline uint32_t esr_sysreg(uint32_t key, unsigned rt, bool read)
{
    uint32_t op0 = key >> 14 & 3, op1 = key >> 11 & 7, crn = key >> 7 & 15, crm = key >> 3 & 15;
    uint32_t op2 = key & 7;

    return esr_make(ESR_EC_SYS64, op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 |
                                      (uint32_t)rt << 5 | crm << 1 | (read ? 1 : 0));
}

/* Software step: `ex` when the stepped instruction was a load-exclusive; the syndrome is valid. */
static inline uint32_t esr_step(bool same, bool ex)
{
    return esr_make(same ? ESR_EC_STEP : ESR_EC_STEP_LOWER,
                    UINT32_C(1) << 24 | (ex ? UINT32_C(1) << 6 : 0) | ESR_FSC_DEBUG);
}

#endif
