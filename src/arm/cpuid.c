/* SPDX-License-Identifier: ISC */
/*
 * Identification registers of the CPU models, field by field (Arm ARM D19.2).
 *
 * Every field that is not zero is a row here. What a row promises, the engines keep; the comment
 * says who.
 */
#include "arm/cpuid.h"

#include <stddef.h>
#include <string.h>

#include "base/bits.h"

struct id_field {
    enum sysreg_id id;
    uint8_t low; /* bit; a field may be wider than four bits where its value says so */
    uint64_t value;
};

struct cpuid {
    const char *name;
    const struct id_field *rows; /* besides COMMON */
    size_t count;
};

/* What both models have. */
static const struct id_field COMMON[] = {
    {SYSREG_ID_AA64PFR0_EL1, 0, 1},  /* EL0: AArch64 only */
    {SYSREG_ID_AA64PFR0_EL1, 4, 1},  /* EL1: AArch64 only */
    {SYSREG_ID_AA64PFR0_EL1, 16, 1}, /* FP: half precision too */
    {SYSREG_ID_AA64PFR0_EL1, 20, 1}, /* AdvSIMD: half precision too */
    {SYSREG_ID_AA64PFR0_EL1, 24, 1}, /* GIC: system registers of GICv3 */
    {SYSREG_ID_AA64PFR0_EL1, 56, 1}, /* CSV2: nothing that a guest could mitigate */
    {SYSREG_ID_AA64PFR0_EL1, 60, 1}, /* CSV3 */
    {SYSREG_ID_AA64PFR1_EL1, 4, 2},  /* SSBS: with MSR and MRS; the bit is kept, nothing more */

    {SYSREG_ID_AA64DFR0_EL1, 0, 8},    /* DebugVer: Armv8.2 */
    {SYSREG_ID_AA64DFR0_EL1, 12, 5},   /* BRPs: six breakpoints */
    {SYSREG_ID_AA64DFR0_EL1, 20, 3},   /* WRPs: four watchpoints */
    {SYSREG_ID_AA64DFR0_EL1, 28, 1},   /* CTX_CMPs: two context-aware breakpoints */
    {SYSREG_ID_AA64DFR0_EL1, 36, 0xf}, /* DoubleLock: none */

    {SYSREG_ID_AA64ISAR0_EL1, 4, 2},  /* AES: with PMULL */
    {SYSREG_ID_AA64ISAR0_EL1, 8, 1},  /* SHA1 */
    {SYSREG_ID_AA64ISAR0_EL1, 12, 1}, /* SHA2: SHA256 */
    {SYSREG_ID_AA64ISAR0_EL1, 16, 1}, /* CRC32 */
    {SYSREG_ID_AA64ISAR0_EL1, 20, 2}, /* Atomic: LSE */
    {SYSREG_ID_AA64ISAR0_EL1, 28, 1}, /* RDM */
    {SYSREG_ID_AA64ISAR0_EL1, 44, 1}, /* DP: SDOT, UDOT */
    {SYSREG_ID_AA64ISAR1_EL1, 0, 1},  /* DPB: DC CVAP */
    {SYSREG_ID_AA64ISAR1_EL1, 20, 1}, /* LRCPC: LDAPR */
    {SYSREG_ID_AA64ISAR1_EL1, 36, 1}, /* SB */

    {SYSREG_ID_AA64MMFR0_EL1, 0, 2},  /* PARange: 40 bits; RAM and the PCI window above it fit */
    {SYSREG_ID_AA64MMFR0_EL1, 20, 1}, /* TGran16 */
    {SYSREG_ID_AA64MMFR1_EL1, 12, 1}, /* HPDS: TCR_EL1.HPD0 and HPD1 (engine/soft/mmu.c) */
    {SYSREG_ID_AA64MMFR1_EL1, 20, 2}, /* PAN: with AT S1E1RP and S1E1WP (engine/soft/mmu.c) */
    {SYSREG_ID_AA64MMFR2_EL1, 0, 1},  /* CnP: TTBRn_EL1 bit 0, nothing to do */
    {SYSREG_ID_AA64MMFR2_EL1, 4, 1},  /* UAO: PSTATE.UAO in LDTR and STTR (engine/soft/access.c) */
    {SYSREG_ID_AA64MMFR2_EL1, 60, 1}, /* E0PD: TCR_EL1.E0PD0 and E0PD1 (engine/soft/mmu.c) */

    /* CTR_EL0: lines and granules of 64 bytes, L1Ip PIPT, IDC: a clean is not needed for code to be
     * seen; DIC is 0, a guest says IC IVAU when it changes code. */
    {SYSREG_CTR_EL0, 0, 4},   /* IminLine */
    {SYSREG_CTR_EL0, 14, 3},  /* L1Ip */
    {SYSREG_CTR_EL0, 16, 4},  /* DminLine */
    {SYSREG_CTR_EL0, 20, 4},  /* ERG */
    {SYSREG_CTR_EL0, 24, 4},  /* CWG */
    {SYSREG_CTR_EL0, 28, 1},  /* IDC */
    {SYSREG_CTR_EL0, 31, 1},  /* RES1 */
    {SYSREG_DCZID_EL0, 0, 4}, /* BS: DC ZVA clears 64 bytes */

    {SYSREG_CLIDR_EL1, 0, 3},  /* Ctype1: separate instruction and data caches */
    {SYSREG_CLIDR_EL1, 3, 4},  /* Ctype2: unified */
    {SYSREG_CLIDR_EL1, 24, 2}, /* LoC; LoUIS and LoUU are 0 as IDC says */
};

static const struct id_field ATOLL[] = {
    /* Implementer 0x00, reserved for software, part 0x041: no list of errata names it. */
    {SYSREG_MIDR_EL1, 0, 0x000f0410},
    {SYSREG_ID_AA64MMFR0_EL1, 4, 2}, /* ASIDBits: 16; TGran4, TGran64: there, by their zeroes */
};

/* Apple's machine (Virtualization.framework). */
static const struct id_field APPLE[] = {
    {SYSREG_MIDR_EL1, 0, 0x610f0000},
    {SYSREG_ID_AA64MMFR0_EL1, 24, 0xf}, /* TGran64: none; ASIDBits: 8 by its zero */
    {SYSREG_ID_AA64ISAR1_EL1, 8, 1},  /* API: addresses, our own algorithm (engine/soft/pauth.c) */
    {SYSREG_ID_AA64ISAR1_EL1, 28, 1}, /* GPI: PACGA, the same */
};

const struct cpuid cpuid_atoll = {"atoll", ATOLL, nitems(ATOLL)};
const struct cpuid cpuid_apple = {"apple", APPLE, nitems(APPLE)};

const struct cpuid *cpuid_find(const char *name)
{
    static const struct cpuid *const ALL[] = {&cpuid_atoll, &cpuid_apple};

    for (size_t i = 0; i < nitems(ALL); i++) {
        if (strcmp(ALL[i]->name, name) == 0) {
            return ALL[i];
        }
    }
    return NULL;
}

const char *cpuid_name(const struct cpuid *cpu)
{
    return cpu->name;
}

static uint64_t gather(const struct id_field *rows, size_t count, enum sysreg_id id)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++) {
        if (rows[i].id == id) {
            value |= rows[i].value << rows[i].low;
        }
    }
    return value;
}

uint64_t cpuid_value(const struct cpuid *cpu, enum sysreg_id id)
{
    return gather(COMMON, nitems(COMMON), id) | gather(cpu->rows, cpu->count, id);
}

/* CCSIDR_EL1 without FEAT_CCIDX (D19.2.24), for lines of 64 bytes. */
static uint64_t cache_geometry(unsigned sets, unsigned ways)
{
    return (uint64_t)(sets - 1) << 13 | (uint64_t)(ways - 1) << 3 | 2;
}

uint64_t cpuid_ccsidr(const struct cpuid *cpu, uint64_t csselr)
{
    (void)cpu;
    switch (csselr) {
    case 0: /* L1 data, 64 KiB */
    case 1: /* L1 instruction, 64 KiB */ return cache_geometry(256, 4);
    case 2: /* L2 unified, 1 MiB */ return cache_geometry(1024, 16);
    default: return 0;
    }
}

bool cpuid_has_pauth(const struct cpuid *cpu)
{
    return cpuid_field(cpu, SYSREG_ID_AA64ISAR1_EL1, 8) != 0;
}

enum a64_op cpuid_decode(const struct cpuid *cpu, uint32_t word)
{
    enum a64_op op = a64_decode(word);
    const char *feature = a64_op_feature(op);

    if (!feature || strcmp(feature, "FEAT_PAuth") != 0 || cpuid_has_pauth(cpu))
        return op;
    return (word & a64_op_mask(A64_HINT)) == a64_op_value(A64_HINT) ? A64_HINT : A64_UNDEFINED;
}

unsigned cpuid_pa_bits(const struct cpuid *cpu)
{
    static const uint8_t BITS[] = {32, 36, 40, 42, 44, 48};
    unsigned range = cpuid_field(cpu, SYSREG_ID_AA64MMFR0_EL1, 0);

    return range < nitems(BITS) ? BITS[range] : 48;
}

unsigned cpuid_asid_bits(const struct cpuid *cpu)
{
    return cpuid_field(cpu, SYSREG_ID_AA64MMFR0_EL1, 4) == 2 ? 16 : 8;
}

uint64_t cpuid_mpidr(unsigned index)
{
    return BIT(31) | (uint64_t)(index >> 4) << 8 | (index & 15);
}
