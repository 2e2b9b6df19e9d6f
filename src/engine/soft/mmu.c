/* SPDX-License-Identifier: ISC */
/*
 * The stage 1 walk of the EL1&0 translation regime (Arm ARM D8): VMSAv8-64 with 4K, 16K and 64K
 * granules and 48-bit addresses. No hardware update of the access flag, no FEAT_LPA2, no FEAT_TTST:
 * what the ID registers say.
 *
 * A walk has no side effects and never raises: AT, the TLB and the debugger all use it.
 */
#include "engine/soft/private.h"

#include "arm/esr.h"
#include "arm/regs.h"

/* Descriptor bits (D8.3). */
#define DESC_VALID    BIT(0)
#define DESC_TABLE    BIT(1) /* at level 3: page */
#define DESC_AP_USER  BIT(6)
#define DESC_AP_RO    BIT(7)
#define DESC_AF       BIT(10)
#define DESC_NG       BIT(11)
#define DESC_PXN      BIT(53)
#define DESC_UXN      BIT(54)
#define DESC_PXNTABLE BIT(59)
#define DESC_UXNTABLE BIT(60)
#define DESC_APTABLE0 BIT(61) /* no access from EL0 */
#define DESC_APTABLE1 BIT(62) /* no writes */

/* TCR_EL1's fields for one half of the address space (D19.2.139). */
struct half {
    uint64_t ttbr;
    unsigned txsz, granule_shift;
    bool epd, tbi, hpd, e0pd;
};

unsigned soft_output_bits(const struct soft_cpu *c)
{
    static const uint8_t ips_bits[8] = {32, 36, 40, 42, 44, 48, 48, 48};
    unsigned bits = ips_bits[bits_get(c->sysreg[SYSREG_TCR_EL1], 34, 32)];

    return MIN(bits, c->vm->pa_bits);
}

/* TG0 and TG1 name the granules by different numbers; reserved ones choose 4K, as does a granule
 * that the CPU lacks. */
static unsigned granule_shift(const struct soft_cpu *c, unsigned tg, bool upper)
{
    static const uint8_t shift[2][4] = {{12, 16, 14, 12}, {12, 14, 12, 16}};
    unsigned s = shift[upper][tg];

    if (s == 16 && bits_get(c->sysreg[SYSREG_ID_AA64MMFR0_EL1], 27, 24) == 15)
        return 12;
    return s;
}

static struct half half_of(const struct soft_cpu *c, bool upper, bool fetch)
{
    uint64_t tcr = c->sysreg[SYSREG_TCR_EL1];
    struct half h;

    if (upper) {
        h.ttbr = c->sysreg[SYSREG_TTBR1_EL1];
        h.txsz = (unsigned)bits_get(tcr, 21, 16);
        h.granule_shift = granule_shift(c, (unsigned)bits_get(tcr, 31, 30), true);
        h.epd = tcr & BIT(23);
        h.tbi = (tcr & TCR_TBI1) && !(fetch && (tcr & TCR_TBID1));
        h.hpd = tcr & BIT(42);
        h.e0pd = tcr & BIT(56);
    } else {
        h.ttbr = c->sysreg[SYSREG_TTBR0_EL1];
        h.txsz = (unsigned)bits_get(tcr, 5, 0);
        h.granule_shift = granule_shift(c, (unsigned)bits_get(tcr, 15, 14), false);
        h.epd = tcr & BIT(7);
        h.tbi = (tcr & TCR_TBI0) && !(fetch && (tcr & TCR_TBID0));
        h.hpd = tcr & BIT(41);
        h.e0pd = tcr & BIT(55);
    }
    return h;
}

/* With the MMU off, addresses are physical, data is Device-nGnRnE, and only the size is checked
 * (D8.2.10). */
static void walk_flat(struct soft_cpu *c, uint64_t va, bool fetch, bool tbi, struct soft_walk *w)
{
    uint64_t pa = tbi ? (uint64_t)sign_extend(va, 56) : va;

    if (pa >> c->vm->pa_bits) {
        soft_walk_fails(w, ESR_FSC_ADDRESS_SIZE);
        return;
    }
    w->pa = pa;
    w->shift = SOFT_PAGE_SHIFT;
    w->attr = !fetch ? 0x00 : c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_I ? 0xaa : 0x44;
    w->sh = 2;
    w->global = true;
    for (unsigned el = 0; el < 2; el++)
        w->read[el] = w->write[el] = w->exec[el] = true;
}

/* Permissions from the leaf and what the tables took away (D8.4). */
static void permissions(const struct soft_cpu *c, uint64_t desc, uint64_t tables,
                        struct soft_walk *w)
{
    bool wxn = c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_WXN;
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

/* Whether a descriptor that is not a table is a valid block or page at `level`. */
static bool leaf_allowed(uint64_t desc, unsigned level, unsigned granule)
{
    if (level == 3)
        return desc & DESC_TABLE;
    if (desc & DESC_TABLE)
        return false;
    return level == 2 || (level == 1 && granule == 12);
}

static bool read_descriptor(const struct soft_cpu *c, uint64_t pa, uint64_t *desc)
{
    const struct soft_map *map = soft_find_map(c->vm, pa, 8);

    if (!map)
        return false;
    /* Acquire: a table that another vCPU made visible by its pointer is complete (D8.2.6). */
    *desc = __atomic_load_n((uint64_t *)(map->host + (pa - map->ipa)), __ATOMIC_ACQUIRE);
    return true;
}

/* A walk under way. */
struct step {
    uint64_t desc;     /* the descriptor at `level` */
    uint64_t tables;   /* attributes of the tables above it, or-ed */
    uint64_t out_mask; /* address bits that no output address may have */
    unsigned level;
};

/* Follows the tables to the first descriptor that is not one. False: it failed. */
static bool find_leaf(struct soft_cpu *c, uint64_t va, const struct half *h, unsigned va_bits,
                      struct step *s, struct soft_walk *w)
{
    unsigned stride = h->granule_shift - 3;
    unsigned level = 4 - (va_bits - h->granule_shift + stride - 1) / stride;
    /* The first table may be smaller than a granule; its base is aligned to its size, at least 64
     * bytes (D8.2.5). */
    unsigned first_bits = va_bits - ((3 - level) * stride + h->granule_shift) + 3;
    uint64_t table = h->ttbr & bits_mask(48) & ~bits_mask(MAX(first_bits, 6));
    uint64_t index_mask = bits_mask(first_bits - 3);

    if (table & s->out_mask)
        return soft_walk_fails(w, ESR_FSC_ADDRESS_SIZE);
    for (;; level++) {
        unsigned shift = (3 - level) * stride + h->granule_shift;

        s->level = level;
        w->shift = (uint8_t)shift;
        if (!read_descriptor(c, table + (va >> shift & index_mask) * 8, &s->desc))
            return soft_walk_fails(w, ESR_FSC_EXTERNAL_WALK + level);
        if (!(s->desc & DESC_VALID))
            return soft_walk_fails(w, ESR_FSC_TRANSLATION + level);
        if (level == 3 || !(s->desc & DESC_TABLE))
            return true;
        table = s->desc & bits_mask(48) & ~bits_mask(h->granule_shift);
        if (table & s->out_mask)
            return soft_walk_fails(w, ESR_FSC_ADDRESS_SIZE + level);
        if (!h->hpd)
            s->tables |= s->desc;
        index_mask = bits_mask(stride);
    }
}

static bool walk_tables(struct soft_cpu *c, uint64_t va, const struct half *h, unsigned va_bits,
                        struct soft_walk *w)
{
    struct step s = {.out_mask = bits_mask(48) & ~bits_mask(soft_output_bits(c))};

    if (!find_leaf(c, va, h, va_bits, &s, w))
        return false;
    if (!leaf_allowed(s.desc, s.level, h->granule_shift))
        return soft_walk_fails(w, ESR_FSC_TRANSLATION + s.level);
    w->pa = s.desc & bits_mask(48) & ~bits_mask(w->shift);
    if ((w->pa & s.out_mask) && !c->vm->config.wild_accesses)
        return soft_walk_fails(w, ESR_FSC_ADDRESS_SIZE + s.level);
    if (!(s.desc & DESC_AF))
        return soft_walk_fails(w, ESR_FSC_ACCESS_FLAG + s.level);
    w->pa |= va & bits_mask(w->shift);
    w->attr = (uint8_t)(c->sysreg[SYSREG_MAIR_EL1] >> (8 * bits_get(s.desc, 4, 2)));
    w->sh = (uint8_t)bits_get(s.desc, 9, 8);
    w->level = (uint8_t)s.level;
    w->global = !(s.desc & DESC_NG);
    permissions(c, s.desc, s.tables, w);
    return true;
}

void soft_walk(struct soft_cpu *c, uint64_t va, unsigned el, bool fetch, struct soft_walk *w)
{
    bool upper = va & BIT(55);
    struct half h = half_of(c, upper, fetch);
    unsigned top, txsz;

    *w = (struct soft_walk){0};
    if (!(c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_M)) {
        walk_flat(c, va, fetch, h.tbi, w);
        return;
    }
    /* TxSZ outside of what the CPU supports is used as the nearest value (D8.2.3, CONSTRAINED
     * UNPREDICTABLE). */
    txsz = MIN(MAX(h.txsz, 16), 39);
    top = h.tbi ? 55 : 63;
    if (bits_get(va, top, 64 - txsz) != (upper ? bits_mask(top - (64 - txsz) + 1) : 0) || h.epd ||
        (h.e0pd && el == 0)) {
        soft_walk_fails(w, ESR_FSC_TRANSLATION);
        return;
    }
    walk_tables(c, va, &h, 64 - txsz, w);
}
