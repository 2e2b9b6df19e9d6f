/* SPDX-License-Identifier: ISC */
/*
 * Pointer authentication, FEAT_PAuth (Arm ARM D8.10; the pseudocode's names are in parentheses).
 *
 * ID_AA64ISAR1_EL1.API and GPI are 1: an IMPLEMENTATION DEFINED algorithm, without FEAT_EPAC,
 * FEAT_PAuth2 and FEAT_FPAC. The algorithm is ours, and may become another: neither a guest nor a
 * saved state's reader may count on a code, only on the same code while the state lives.
 *
 *     fold(a, b) = the exclusive or of both halves of the 128-bit product a * b
 *     code = fold(pointer ^ key<63:0>, (modifier ^ key<127:64>) + SALT)
 *
 * and a pointer is signed by the exclusive or with its code's bits, so that signing one twice gives
 * it back. It takes one multiplication, the same time for all values. It is a keyed hash of good
 * quality, not a cipher: who can read the keys' codes of chosen pointers is not kept from finding
 * the keys. Whom that would help can take the machine's memory from the host's side anyway.
 *
 * The translator does the same in line for pointers that are as they should be
 * (jit/emit_pauth.c); the odd ones are done here.
 */
#ifndef ENGINE_SOFT_PAUTH_H
#define ENGINE_SOFT_PAUTH_H

#include "engine/soft/state.h"

#define PAUTH_SALT UINT32_C(0x3c6ef372) /* the sign bit is clear: it is an immediate of x86 */

/* The number of this algorithm, for saved states: what others have signed, it does not
 * authenticate. */
#define PAUTH_ALGORITHM 2

/* The keys of addresses, in the order of bits 1:0 of PACIA to PACDB. */
enum pauth_key { PAUTH_IA, PAUTH_IB, PAUTH_DA, PAUTH_DB, PAUTH_KEYS };

/* APxxKeyLo_EL1 of a key; APxxKeyHi_EL1 is the register after it. */
static inline enum sysreg_id pauth_key_register(enum pauth_key key)
{
    return (enum sysreg_id)(SYSREG_APIAKeyLo_EL1 + 2 * (unsigned)key);
}

/* PACIA and the like (AddPACIA), AUTIA and the like (AuthIA): `ptr` itself where SCTLR_EL1 has the
 * key disabled. */
uint64_t pauth_sign(const struct soft_cpu *c, uint64_t ptr, uint64_t modifier, enum pauth_key key);
uint64_t pauth_authenticate(const struct soft_cpu *c, uint64_t ptr, uint64_t modifier,
                            enum pauth_key key);
/* XPACI, XPACD (Strip). */
uint64_t pauth_strip(const struct soft_cpu *c, uint64_t ptr, bool data);
/* PACGA (AddPACGA). */
uint64_t pauth_generic(const struct soft_cpu *c, uint64_t value, uint64_t modifier);

/* After any change of TCR_EL1 or SCTLR_EL1: makes c->pac_field and c->pauth again. */
void pauth_update(struct soft_cpu *c);

/* A value for SCTLR_EL1 or TCR_EL1 without the bits that a CPU model without FEAT_PAuth lacks. */
uint64_t pauth_control(const struct soft_cpu *c, enum sysreg_id id, uint64_t value);

/* AArch64.BranchAddr: the tag of an address in a register is replaced by copies of bit 55 where
 * TCR_EL1.TBI says that addresses have one, and TBID not that those of instructions do not. */
uint64_t pauth_branch_address(const struct soft_cpu *c, uint64_t target);

#endif
