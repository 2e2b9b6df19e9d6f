/* SPDX-License-Identifier: ISC */
/*
 * NZCV as translated code keeps it in memory (soft_cpu.raw_flags): as the host's LAHF and SETO give
 * it, 16 bits: V is bit 0, and the high byte is AH with SF = N, ZF = Z, CF = C.
 */
#ifndef ENGINE_JIT_FLAGS_H
#define ENGINE_JIT_FLAGS_H

#include <stdint.h>

#define RAW_V 0x0001
#define RAW_C 0x0100
#define RAW_Z 0x4000
#define RAW_N 0x8000

/* (raw & RAW_MASK) * RAW_TO_NZCV & 0xf0000000 is NZCV as the register has it. */
#define RAW_MASK    0xc101
#define RAW_TO_NZCV 0x10210000

/* raw by NZCV >> 28. */
extern const uint16_t flags_from_nzcv[16];

/* raw by the AH that LAHF gives after ucomisd a, b: what FCMP of a and b gives (FPCompare). */
extern const uint16_t flags_of_fp_compare[256];

#endif
