/* SPDX-License-Identifier: ISC */
#include "engine/native/id.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"

#define ID(crm, op2) SYSREG_KEY(3, 0, 0, crm, op2)
#define PFR0         ID(4, 0)
#define PFR1         ID(4, 1)
#define DFR0         ID(5, 0)
#define ISAR0        ID(6, 0)
#define ISAR1        ID(6, 1)
#define ISAR2        ID(6, 2)
#define MMFR0        ID(7, 0)
#define MMFR1        ID(7, 1)
#define MMFR2        ID(7, 2)
#define MMFR3        ID(7, 3)
#define MMFR4        ID(7, 4)

/* Fields in which 0xf is less than 0, and fields that are facts about the host, not features. */
enum rule { SIGNED, HOSTS };

static const struct {
    uint32_t key;
    uint8_t low;
    uint8_t rule;
} special_fields[] = {
    {PFR0, 16, SIGNED},  /* FP */
    {PFR0, 20, SIGNED},  /* AdvSIMD */
    {PFR0, 24, HOSTS},   /* GIC */
    {PFR0, 56, HOSTS},   /* CSV2 */
    {PFR0, 60, HOSTS},   /* CSV3 */
    {DFR0, 36, HOSTS},   /* DoubleLock */
    {ISAR2, 28, HOSTS},  /* CLRBHB: how to keep speculation away */
    {MMFR0, 24, SIGNED}, /* TGran64 */
    {MMFR0, 28, SIGNED}, /* TGran4 */
    {MMFR1, 60, HOSTS},  /* ECBHB */
    {MMFR4, 24, SIGNED}, /* E2H0 */
};

/* Fields that software minds, by the names of the architecture's features without FEAT_: what
 * guests have when the field is more than is promised, and go without when it is less. Fields of
 * which there are two for one feature, and those for EL2 and EL3, are left out. */
static const struct {
    uint32_t key;
    uint8_t low;
    const char *more, *less;
} words[] = {
    {PFR0, 0, "AArch32", NULL},
    {PFR0, 16, NULL, "no FP16"},
    {PFR0, 28, "RAS", NULL},
    {PFR0, 32, "SVE", NULL},
    {PFR0, 40, "MPAM", NULL},
    {PFR0, 44, "AMU", NULL},
    {PFR0, 48, "DIT", NULL},
    {PFR1, 0, "BTI", NULL},
    {PFR1, 4, NULL, "no SSBS"},
    {PFR1, 8, "MTE", NULL},
    {PFR1, 24, "SME", NULL},
    {PFR1, 36, "NMI", NULL},
    {PFR1, 44, "GCS", NULL},
    {PFR1, 48, "THE", NULL},
    {DFR0, 8, "PMUv3", NULL},
    {DFR0, 12, NULL, "fewer breakpoints"},
    {DFR0, 20, NULL, "fewer watchpoints"},
    {DFR0, 32, "SPE", NULL},
    {DFR0, 44, "TRBE", NULL},
    {DFR0, 52, "BRBE", NULL},
    {ISAR0, 4, NULL, "no AES"},
    {ISAR0, 8, NULL, "no SHA1"},
    {ISAR0, 12, "SHA512", "no SHA256"},
    {ISAR0, 16, NULL, "no CRC32"},
    {ISAR0, 20, "LSE128", "no LSE"},
    {ISAR0, 24, "TME", NULL},
    {ISAR0, 28, NULL, "no RDM"},
    {ISAR0, 32, "SHA3", NULL},
    {ISAR0, 36, "SM3", NULL},
    {ISAR0, 40, "SM4", NULL},
    {ISAR0, 44, NULL, "no DotProd"},
    {ISAR0, 48, "FHM", NULL},
    {ISAR0, 52, "FlagM", NULL},
    {ISAR0, 56, "TLBIOS", NULL},
    {ISAR0, 60, "RNG", NULL},
    {ISAR1, 0, "DPB2", "no DPB"},
    {ISAR1, 4, "PAuth", NULL},
    {ISAR1, 8, "PAuth", "no PAuth"},
    {ISAR1, 12, "JSCVT", NULL},
    {ISAR1, 16, "FCMA", NULL},
    {ISAR1, 20, "LRCPC2", "no LRCPC"},
    {ISAR1, 32, "FRINTTS", NULL},
    {ISAR1, 36, NULL, "no SB"},
    {ISAR1, 40, "SPECRES", NULL},
    {ISAR1, 44, "BF16", NULL},
    {ISAR1, 48, "DGH", NULL},
    {ISAR1, 52, "I8MM", NULL},
    {ISAR1, 56, "XS", NULL},
    {ISAR1, 60, "LS64", NULL},
    {ISAR2, 0, "WFxT", NULL},
    {ISAR2, 4, "RPRES", NULL},
    {ISAR2, 12, "PAuth", NULL},
    {ISAR2, 16, "MOPS", NULL},
    {ISAR2, 20, "HBC", NULL},
    {ISAR2, 48, "RPRFM", NULL},
    {ISAR2, 52, "CSSC", NULL},
    {MMFR0, 0, "more address bits", "fewer address bits"},
    {MMFR0, 4, NULL, "8-bit ASIDs"},
    {MMFR0, 8, "big-endian data", NULL},
    {MMFR0, 20, "LPA2", "no 16 KiB pages"},
    {MMFR0, 24, NULL, "no 64 KiB pages"},
    {MMFR0, 28, "LPA2", "no 4 KiB pages"},
    {MMFR0, 56, "FGT", NULL},
    {MMFR0, 60, "ECV", NULL},
    {MMFR1, 0, "HAFDBS", NULL},
    {MMFR1, 12, "HPDS2", "no HPDS"},
    {MMFR1, 16, "LOR", NULL},
    {MMFR1, 20, "PAN3", "no PAN"},
    {MMFR1, 28, "XNX", NULL},
    {MMFR1, 36, "ETS2", NULL},
    {MMFR1, 44, "AFP", NULL},
    {MMFR1, 52, "TIDCP1", NULL},
    {MMFR1, 56, "CMOW", NULL},
    {MMFR2, 4, NULL, "no UAO"},
    {MMFR2, 8, "LSMAOC", NULL},
    {MMFR2, 12, "IESB", NULL},
    {MMFR2, 16, "LVA", NULL},
    {MMFR2, 20, "CCIDX", NULL},
    {MMFR2, 28, "TTST", NULL},
    {MMFR2, 32, "LSE2", NULL},
    {MMFR2, 48, "TTL", NULL},
    {MMFR2, 52, "BBM", NULL},
    {MMFR2, 60, NULL, "no E0PD"},
    {MMFR3, 0, "TCR2", NULL},
    {MMFR3, 4, "SCTLR2", NULL},
    {MMFR3, 8, "S1PIE", NULL},
    {MMFR3, 16, "S1POE", NULL},
};

uint64_t native_id_promise(const struct cpuid *cpu, uint32_t key)
{
    const struct sysreg_info *info = sysreg_lookup(key);

    return info && info->kind == SYSREG_CONSTANT ? cpuid_value(cpu, info->id) : 0;
}

static bool is_special(uint32_t key, unsigned low, enum rule rule)
{
    for (size_t i = 0; i < nitems(special_fields); i++)
        if (special_fields[i].key == key && special_fields[i].low == low)
            return special_fields[i].rule == rule;
    return false;
}

uint64_t native_id_less(uint32_t key, unsigned low, uint64_t promise, uint64_t host)
{
    uint64_t sign = is_special(key, low, SIGNED) ? 8 : 0;

    if (is_special(key, low, HOSTS))
        return host;
    return (promise ^ sign) < (host ^ sign) ? promise : host;
}

/* Whether the list has `word` already. */
static bool has(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += n)
        if ((at == text || at[-1] == ' ') && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* Room for "..." stays free. Returns false when the list is full. */
static bool append(char *text, size_t room, const char *word)
{
    static const char rest[] = ", ...";
    size_t n = strlen(text);

    if (n + 2 + strlen(word) + sizeof(rest) > room) {
        snprintf(text + n, room - n, "%s", n ? rest : rest + 2);
        return false;
    }
    snprintf(text + n, room - n, "%s%s", n ? ", " : "", word);
    return true;
}

void native_id_describe(const struct cpuid *cpu, const uint64_t seen[NATIVE_ID_REGS], char *text,
                        size_t room)
{
    for (size_t i = 0; i < nitems(words); i++) {
        uint32_t key = words[i].key;
        unsigned low = words[i].low, n = native_id_index(key);
        uint64_t promised = native_id_promise(cpu, key) >> low & 0xf, now = seen[n] >> low & 0xf;
        const char *word = now == promised                                       ? NULL
                           : native_id_less(key, low, promised, now) == promised ? words[i].more
                                                                                 : words[i].less;

        if (word && !has(text, word) && !append(text, room, word))
            return;
    }
}
