/* SPDX-License-Identifier: ISC */
/* The stage 1 walk from outside of an engine (walk.h). Sections are the Arm ARM's, issue I.a. */
#include "arm/walk.h"

#include "arm/regs.h"
#include "base/bits.h"

/* Descriptor bits (D8.3). */
#define DESC_VALID    BIT(0)
#define DESC_TABLE    BIT(1) /* at level 3: page */
#define DESC_AP_USER  BIT(6)
#define DESC_AP_RO    BIT(7)
#define DESC_AF       BIT(10)
#define DESC_PXN      BIT(53)
#define DESC_UXN      BIT(54)
#define DESC_PXNTABLE BIT(59)
#define DESC_UXNTABLE BIT(60)
#define DESC_APTABLE0 BIT(61) /* no access from EL0 */
#define DESC_APTABLE1 BIT(62) /* no writes */

#define ADDRESS_BITS 48

/* TCR_EL1's fields for one half of the address space (D19.2.139). */
struct half {
    uint64_t ttbr;
    unsigned va_bits, granule; /* log2 of its size */
    bool disabled, tbi, hpd;
};

/* The address sizes that PARange and IPS number alike; 52 bits need FEAT_LPA, so they are 48. */
static unsigned size_bits(unsigned field)
{
    static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 48, 48};

    return bits[MIN(field, 7)];
}

static unsigned physical_bits(const struct arm_walk_regs *regs)
{
    return size_bits((unsigned)bits_get(regs->mmfr0, 3, 0));
}

unsigned arm_walk_output_bits(const struct arm_walk_regs *regs)
{
    return MIN(size_bits((unsigned)bits_get(regs->tcr, 34, 32)), physical_bits(regs));
}

/* TxSZ outside of what the CPU supports is used as the nearest value (D8.2.3, CONSTRAINED
 * UNPREDICTABLE). */
static unsigned address_bits(unsigned txsz)
{
    return 64 - MIN(MAX(txsz, 64 - ADDRESS_BITS), 39);
}

uint64_t arm_walk_upper_base(const struct arm_walk_regs *regs)
{
    return ~bits_mask(address_bits((unsigned)bits_get(regs->tcr, 21, 16)));
}

/* TG0 and TG1 name the granules by different numbers; reserved ones choose 4K, as does a granule
 * that the CPU lacks. */
static unsigned granule_of(const struct arm_walk_regs *regs, unsigned tg, bool upper)
{
    static const uint8_t shift[2][4] = {{12, 16, 14, 12}, {12, 14, 12, 16}};
    unsigned granule = shift[upper][tg];

    if (granule == 16 && bits_get(regs->mmfr0, 27, 24) == 15)
        return 12;
    return granule;
}

static struct half half_of(const struct arm_walk_regs *regs, bool upper)
{
    uint64_t tcr = regs->tcr;
    struct half h = {.ttbr = regs->ttbr[upper]};
    bool e0pd = tcr & (upper ? TCR_E0PD1 : TCR_E0PD0);

    h.va_bits = address_bits((unsigned)(upper ? bits_get(tcr, 21, 16) : bits_get(tcr, 5, 0)));
    h.granule =
        granule_of(regs, (unsigned)(upper ? bits_get(tcr, 31, 30) : bits_get(tcr, 15, 14)), upper);
    h.disabled = (tcr & (upper ? TCR_EPD1 : TCR_EPD0)) || (e0pd && regs->el == 0);
    h.tbi = tcr & (upper ? TCR_TBI1 : TCR_TBI0);
    h.hpd = tcr & (upper ? TCR_HPD1 : TCR_HPD0);
    return h;
}

static bool fails(struct arm_walk *w, unsigned fault)
{
    w->faulted = true;
    w->fault = fault;
    return false;
}

/* With the MMU off, addresses are physical and only the size is checked (D8.2.10). */
static bool walk_flat(const struct arm_walk_regs *regs, bool tbi, struct arm_walk *w)
{
    w->pa = tbi ? (uint64_t)sign_extend(w->va, 56) : w->va;
    if (w->pa >> physical_bits(regs))
        return fails(w, ESR_FSC_ADDRESS_SIZE);
    w->shift = 12;
    w->sh = 2;
    for (unsigned el = 0; el < 2; el++)
        w->read[el] = w->write[el] = w->exec[el] = true;
    return true;
}

static void permissions(const struct arm_walk_regs *regs, uint64_t desc, uint64_t tables,
                        struct arm_walk *w)
{
    bool wxn = regs->sctlr & SCTLR_WXN;
    bool user = (desc & DESC_AP_USER) && !(tables & DESC_APTABLE0);
    bool writable = !(desc & DESC_AP_RO) && !(tables & DESC_APTABLE1);
    bool uxn = (desc & DESC_UXN) || (tables & DESC_UXNTABLE);
    bool pxn = (desc & DESC_PXN) || (tables & DESC_PXNTABLE);

    w->user = user;
    w->read[1] = true;
    w->write[1] = writable;
    w->read[0] = user;
    w->write[0] = user && writable;
    w->exec[0] = !uxn && !(wxn && w->write[0]);
    w->exec[1] = !pxn && !w->write[0] && !(wxn && w->write[1]);
}

/* Whether the access may use what was found (D8.4). */
static bool permitted(const struct arm_walk_regs *regs, enum arm_walk_access access,
                      const struct arm_walk *w)
{
    if (access == ARM_WALK_FETCH)
        return w->exec[regs->el];
    if (regs->pan && regs->el == 1 && w->user)
        return false;
    return access == ARM_WALK_WRITE ? w->write[regs->el] : w->read[regs->el];
}

/* Whether a descriptor that is not a table is a valid block or page at `level`. */
static bool leaf_allowed(uint64_t desc, unsigned level, unsigned granule)
{
    if (level == 3)
        return desc & DESC_TABLE;
    if (desc & DESC_TABLE)
        return false;
    return level == 2 || (level == 1 && granule == 12);
}

/* Reads the descriptor at `address` and writes the step down. */
static bool take_step(const struct arm_walk_memory *memory, unsigned level, uint64_t address,
                      struct arm_walk *w)
{
    struct arm_walk_step *s = &w->step[w->steps++];

    w->level = level;
    *s = (struct arm_walk_step){.level = level, .address = address};
    if (memory->read(memory->ctx, address, &s->descriptor))
        return true;
    s->descriptor = 0;
    return fails(w, ESR_FSC_EXTERNAL_WALK + level);
}

/* Follows the tables to the first descriptor that is not one; *tables are the attributes of those
 * above it, or-ed. */
static bool find_leaf(const struct arm_walk_memory *memory, const struct half *h, uint64_t too_high,
                      uint64_t *tables, struct arm_walk *w)
{
    unsigned stride = h->granule - 3;
    unsigned level = 4 - (h->va_bits - h->granule + stride - 1) / stride;
    /* The first table may be smaller than a granule; its base is aligned to its size, at least 64
     * bytes (D8.2.5). */
    unsigned first_bits = h->va_bits - ((3 - level) * stride + h->granule) + 3;
    uint64_t table = h->ttbr & bits_mask(ADDRESS_BITS) & ~bits_mask(MAX(first_bits, 6));
    uint64_t index_mask = bits_mask(first_bits - 3);

    w->pa = table;
    if (table & too_high)
        return fails(w, ESR_FSC_ADDRESS_SIZE);
    for (;; level++) {
        unsigned shift = (3 - level) * stride + h->granule;
        uint64_t desc;

        w->shift = shift;
        w->pa = 0;
        if (!take_step(memory, level, table + (w->va >> shift & index_mask) * 8, w))
            return false;
        desc = w->step[w->steps - 1].descriptor;
        if (!(desc & DESC_VALID))
            return fails(w, ESR_FSC_TRANSLATION + level);
        if (level == 3 || !(desc & DESC_TABLE))
            return true;
        w->pa = table = desc & bits_mask(ADDRESS_BITS) & ~bits_mask(h->granule);
        if (table & too_high)
            return fails(w, ESR_FSC_ADDRESS_SIZE + level);
        if (!h->hpd)
            *tables |= desc;
        index_mask = bits_mask(stride);
    }
}

static bool walk_tables(const struct arm_walk_regs *regs, const struct arm_walk_memory *memory,
                        const struct half *h, enum arm_walk_access access, struct arm_walk *w)
{
    uint64_t too_high = bits_mask(ADDRESS_BITS) & ~bits_mask(arm_walk_output_bits(regs));
    uint64_t tables = 0, desc;

    if (!find_leaf(memory, h, too_high, &tables, w))
        return false;
    desc = w->step[w->steps - 1].descriptor;
    if (!leaf_allowed(desc, w->level, h->granule))
        return fails(w, ESR_FSC_TRANSLATION + w->level);
    w->pa = (desc & bits_mask(ADDRESS_BITS) & ~bits_mask(w->shift)) | (w->va & bits_mask(w->shift));
    if (w->pa & too_high)
        return fails(w, ESR_FSC_ADDRESS_SIZE + w->level);
    if (!(desc & DESC_AF))
        return fails(w, ESR_FSC_ACCESS_FLAG + w->level);
    w->attr = (uint8_t)(regs->mair >> (8 * bits_get(desc, 4, 2)));
    w->sh = (uint8_t)bits_get(desc, 9, 8);
    permissions(regs, desc, tables, w);
    return permitted(regs, access, w) || fails(w, ESR_FSC_PERMISSION + w->level);
}

bool arm_walk(const struct arm_walk_regs *regs, const struct arm_walk_memory *memory, uint64_t va,
              enum arm_walk_access access, struct arm_walk *w)
{
    bool upper = va & BIT(55);
    struct half h = half_of(regs, upper);
    unsigned top = h.tbi ? 55 : 63;

    *w = (struct arm_walk){.va = va};
    if (!(regs->sctlr & SCTLR_M))
        return walk_flat(regs, h.tbi, w);
    if (h.disabled || bits_get(va, top, h.va_bits) != (upper ? bits_mask(top - h.va_bits + 1) : 0))
        return fails(w, ESR_FSC_TRANSLATION);
    return walk_tables(regs, memory, &h, access, w);
}

const char *arm_fault_name(unsigned fsc)
{
    switch (fsc & ~3u) {
    case ESR_FSC_ADDRESS_SIZE: return "address size fault";
    case ESR_FSC_TRANSLATION: return "translation fault";
    case ESR_FSC_ACCESS_FLAG: return "access flag fault";
    case ESR_FSC_PERMISSION: return "permission fault";
    case ESR_FSC_EXTERNAL: return "synchronous external abort";
    case ESR_FSC_EXTERNAL_WALK: return "synchronous external abort on the translation table walk";
    default: return "fault";
    }
}
