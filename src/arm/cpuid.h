/* SPDX-License-Identifier: ISC */
/*
 * What the guest's CPU says of itself: one table of identification registers a CPU model (--cpu
 * atoll|apple).
 *
 * The decoder (arm/a64.isa), the list of system registers (arm/sysregs.def) and these values say
 * the same; a change of one is a change of all. All functions are pure and may be called by any
 * thread.
 */
#ifndef ARM_CPUID_H
#define ARM_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#include "arm/a64.h"
#include "arm/sysreg.h"

struct cpuid;

extern const struct cpuid cpuid_atoll; /* a generic part: all three granules, 16-bit ASIDs */
extern const struct cpuid cpuid_apple; /* as Apple's virtual machine shows it */

/* The model called `name` ("atoll", "apple"), or NULL. */
const struct cpuid *cpuid_find(const char *name);

/* Its name. */
const char *cpuid_name(const struct cpuid *cpu);

/* The value of a SYSREG_CONSTANT register; 0 where the model's table says nothing. */
uint64_t cpuid_value(const struct cpuid *cpu, enum sysreg_id id);

/* CCSIDR_EL1 for a value of CSSELR_EL1 (Level in bits 3:1, InD in bit 0); 0 for a cache that is not
 * there. */
uint64_t cpuid_ccsidr(const struct cpuid *cpu, uint64_t csselr);

/* The value of field <hi:lo> of an ID register. */
static inline unsigned cpuid_field(const struct cpuid *cpu, enum sysreg_id id, unsigned lo)
{
    return (unsigned)(cpuid_value(cpu, id) >> lo & 0xf);
}

/* Whether it has pointer authentication (FEAT_PAuth): instructions, keys and bits of controls. */
bool cpuid_has_pauth(const struct cpuid *cpu);

/* The operation of the instruction `word` on this CPU: a64_decode(), but for what only another
 * model has, which is UNDEFINED, or does nothing where it is a hint. */
enum a64_op cpuid_decode(const struct cpuid *cpu, uint32_t word);

/* Bits of a physical address: ID_AA64MMFR0_EL1.PARange as a number, 32 to 48. */
unsigned cpuid_pa_bits(const struct cpuid *cpu);

/* Bits of an ASID: 8 or 16. */
unsigned cpuid_asid_bits(const struct cpuid *cpu);

/* MPIDR_EL1 of vCPU `index`: affinity level 0 counts up to 15, then level 1 (a GICv3 SGI reaches 16
 * of them). */
uint64_t cpuid_mpidr(unsigned index);

#endif
