/* SPDX-License-Identifier: ISC */
/*
 * Identification registers on engines whose guests run on the host's own processor: what can be
 * hidden of it, and what is to be said of the rest. Of every field guests are to see the less of
 * what the CPU model promises (arm/cpuid.c) and what the host has (Arm ARM D19.2; how fields
 * compare, D19.1.3).
 *
 * Registers are named by key (arm/sysreg.h), those of the models' tables and newer ones. Pure
 * functions: any thread.
 */
#ifndef ENGINE_NATIVE_ID_H
#define ENGINE_NATIVE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm/cpuid.h"

/* The registers that have features: op0 3, op1 0, CRn 0, CRm 4 to 7 (those of AArch64). */
#define NATIVE_ID_REGS 32

/* The key of the register `n`, below NATIVE_ID_REGS. */
static inline uint32_t native_id_key(unsigned n)
{
    return SYSREG_KEY(3, 0, 0, 4 + n / 8, n % 8);
}

/* And back. */
static inline unsigned native_id_index(uint32_t key)
{
    return ((key >> 3 & 7) - 4) * 8 + (key & 7);
}

/* What the model says of the register `key`; 0 where it does not know it. */
uint64_t native_id_promise(const struct cpuid *cpu, uint32_t key);

/* The less of two values of the field of 4 bits at bit `low`: `promise`, and `host`. Where a field
 * tells of a property that no software can do without (what speculation does, which GIC there is),
 * it is the host's. */
uint64_t native_id_less(uint32_t key, unsigned low, uint64_t promise, uint64_t host);

/* Appends to the list `text` for people how `seen`, what guests see of the registers by
 * native_id_key, differs from the promise: "RAS, SVE, no LSE". It has `room` bytes; what does not
 * fit becomes "...". */
void native_id_describe(const struct cpuid *cpu, const uint64_t seen[NATIVE_ID_REGS], char *text,
                        size_t room);

#endif
