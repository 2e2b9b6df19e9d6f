/* SPDX-License-Identifier: ISC */
/* Pointer authentication; see pauth.h. */
#include "engine/soft/pauth.h"

#include "arm/regs.h"
#include "base/bits.h"
#include "engine/soft/private.h"

/* --- the algorithm (ComputePAC) --- */

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static uint64_t compute(const struct soft_cpu *c, uint64_t value, uint64_t modifier,
                        enum sysreg_id key)
{
    return fold(value ^ c->sysreg[key], (modifier ^ c->sysreg[key + 1]) + PAUTH_SALT);
}

uint64_t pauth_generic(const struct soft_cpu *c, uint64_t value, uint64_t modifier)
{
    return compute(c, value, modifier, SYSREG_APGAKeyLo_EL1) & ~bits_mask(32);
}

/* --- where in a pointer the code is --- */

/* EffectiveTBI */
static bool has_tag(const struct soft_cpu *c, bool upper, bool data)
{
    uint64_t tcr = c->sysreg[SYSREG_TCR_EL1];

    return (tcr & (upper ? TCR_TBI1 : TCR_TBI0)) &&
           (data || !(tcr & (upper ? TCR_TBID1 : TCR_TBID0)));
}

/* CalculateBottomPACBit. A TxSZ that the CPU does not support counts as the nearest, as for walks.
 */
static unsigned bottom_bit(const struct soft_cpu *c, bool upper)
{
    uint64_t tcr = c->sysreg[SYSREG_TCR_EL1];
    unsigned txsz = (unsigned)(tcr >> (upper ? TCR_T1SZ_SHIFT : TCR_T0SZ_SHIFT)) & 63;

    return 64 - MIN(MAX(txsz, 16), 39);
}

/* The code's bits: all from the bottom up to where a tag is, but for bit 55. */
static uint64_t field(bool tag, unsigned bottom)
{
    return bits_mask(tag ? 56 : 64) & ~bits_mask(bottom) & ~BIT(55);
}

static bool is_upper(uint64_t ptr)
{
    return ptr & BIT(55);
}

static uint64_t field_of(const struct soft_cpu *c, uint64_t ptr, bool data)
{
    return c->pac_field[data][!is_upper(ptr)];
}

/* `ptr` with the bits of `mask` as copies of `upper`. */
static uint64_t extend(uint64_t ptr, bool upper, uint64_t mask)
{
    return upper ? ptr | mask : ptr & ~mask;
}

uint64_t pauth_strip(const struct soft_cpu *c, uint64_t ptr, bool data)
{
    return extend(ptr, is_upper(ptr), field_of(c, ptr, data));
}

/* --- signing and authenticating --- */

static bool is_data(enum pauth_key key)
{
    return key >= PAUTH_DA;
}

static bool is_enabled(const struct soft_cpu *c, enum pauth_key key)
{
    static const uint32_t bit[PAUTH_KEYS] = {(uint32_t)SCTLR_ENIA, (uint32_t)SCTLR_ENIB,
                                             (uint32_t)SCTLR_ENDA, (uint32_t)SCTLR_ENDB};

    return c->sysreg[SYSREG_SCTLR_EL1] & bit[key];
}

void pauth_update(struct soft_cpu *c)
{
    for (unsigned data = 0; data < 2; data++) {
        c->pac_field[data][0] = field(has_tag(c, true, data), bottom_bit(c, true));
        c->pac_field[data][1] = field(has_tag(c, false, data), bottom_bit(c, false));
    }
    for (unsigned key = 0; key < PAUTH_KEYS; key++) {
        bool enabled = is_enabled(c, key);
        uint64_t lower = enabled ? c->pac_field[is_data(key)][1] : 0;
        uint64_t upper = enabled ? c->pac_field[is_data(key)][0] : 0;

        c->pauth[0][key] = (struct soft_pauth){lower, enabled ? ~(lower | BIT(55)) : UINT64_MAX};
        c->pauth[1][key] = (struct soft_pauth){upper, enabled ? upper | BIT(55) : 0};
    }
}

/*
 * AddPAC. With no tags in either half, bit 63 says which half an address belongs to, else bit 55.
 * What is no address of either half gets a code that is wrong in the bit below the topmost.
 */
uint64_t pauth_sign(const struct soft_cpu *c, uint64_t ptr, uint64_t modifier, enum pauth_key key)
{
    bool data = is_data(key), tag = has_tag(c, is_upper(ptr), data);
    bool tags = has_tag(c, false, data) || has_tag(c, true, data);
    bool upper = ptr & (tags ? BIT(55) : BIT(63));
    uint64_t code_bits = field(tag, bottom_bit(c, upper)), extension = code_bits | BIT(55);
    uint64_t plain = extend(ptr, upper, extension), code;

    if (!is_enabled(c, key))
        return ptr;
    code = plain ^ compute(c, plain, modifier, pauth_key_register(key));
    if ((ptr & extension) != 0 && (ptr & extension) != extension)
        code ^= tag ? BIT(54) : BIT(62);
    return extend((ptr & ~code_bits) | (code & code_bits), upper, BIT(55));
}

/* Auth. A code that is wrong makes the address one that faults, and tells which key it was for. */
uint64_t pauth_authenticate(const struct soft_cpu *c, uint64_t ptr, uint64_t modifier,
                            enum pauth_key key)
{
    bool data = is_data(key), tag = has_tag(c, is_upper(ptr), data);
    uint64_t code_bits = field_of(c, ptr, data), plain = pauth_strip(c, ptr, data);
    uint64_t error = key == PAUTH_IA || key == PAUTH_DA ? 1 : 2;
    unsigned at = tag ? 53 : 61;

    if (!is_enabled(c, key))
        return ptr;
    if (((plain ^ compute(c, plain, modifier, pauth_key_register(key)) ^ ptr) & code_bits) == 0)
        return plain;
    return (plain & ~(UINT64_C(3) << at)) | error << at;
}

/* --- the rest of the feature --- */

uint64_t pauth_control(const struct soft_cpu *c, enum sysreg_id id, uint64_t value)
{
    if (cpuid_has_pauth(c->vm->cpuid))
        return value;
    if (id == SYSREG_SCTLR_EL1)
        return value & ~(SCTLR_ENIA | SCTLR_ENIB | SCTLR_ENDA | SCTLR_ENDB);
    return id == SYSREG_TCR_EL1 ? value & ~(TCR_TBID0 | TCR_TBID1) : value;
}

uint64_t pauth_branch_address(const struct soft_cpu *c, uint64_t target)
{
    return has_tag(c, is_upper(target), false) ? (uint64_t)sign_extend(target, 56) : target;
}
