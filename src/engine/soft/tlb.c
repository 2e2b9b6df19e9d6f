/* SPDX-License-Identifier: ISC */
/*
 * Filling and flushing the soft TLB, and the permissions of accesses (Arm ARM D8.4, D8.13); see
 * tlb.h.
 */
#include "engine/soft/private.h"

#include <string.h>

#include "arm/esr.h"
#include "arm/regs.h"

unsigned soft_current_asid(const struct soft_cpu *c)
{
    uint64_t tcr = c->sysreg[SYSREG_TCR_EL1];
    uint64_t ttbr = c->sysreg[tcr & TCR_A1 ? SYSREG_TTBR1_EL1 : SYSREG_TTBR0_EL1];
    unsigned bits = tcr & TCR_AS ? c->vm->asid_bits : 8;

    return (unsigned)(ttbr >> 48 & bits_mask(bits));
}

/* The array of the TLB that an access by `el` uses. */
static enum soft_tlb_context context_of(const struct soft_cpu *c, unsigned el)
{
    return el == 0 ? SOFT_CTX_EL0 : c->pan ? SOFT_CTX_EL1_PAN : SOFT_CTX_EL1;
}

/* LDTR and STTR act as EL0 would, unless PSTATE.UAO says otherwise (C6.2, "unprivileged"). */
static unsigned access_el(const struct soft_cpu *c, unsigned how)
{
    return c->el == 1 && (!(how & SOFT_UNPRIV) || c->uao) ? 1 : 0;
}

void soft_context_changed(struct soft_cpu *c)
{
    static const uint8_t sctlr_sa[2] = {4, 3}; /* SA0, SA */
    uint64_t fpen = bits_get(c->sysreg[SYSREG_CPACR_EL1], 21, 20);

    c->dtlb = c->tlb->data[context_of(c, c->el)];
    c->sp_check = c->sysreg[SYSREG_SCTLR_EL1] >> sctlr_sa[c->el] & 1;
    c->fp_trap = c->el == 0 ? fpen != 3 : !(fpen & 1);
    soft_debug_changed(c);
}

/* --- block mappings, which one TLBI by address must drop whole --- */

static unsigned bloom_bit(uint64_t va, unsigned shift)
{
    uint64_t block = (va & bits_mask(56)) >> shift;

    return (unsigned)(((block + shift) * UINT64_C(0x9e3779b97f4a7c15)) >> 55);
}

static void note_size(struct soft_tlb *t, uint64_t va, unsigned shift)
{
    if (shift <= 16) {
        t->page_shift = MAX(t->page_shift, (uint8_t)shift);
    } else {
        unsigned bit = bloom_bit(va, shift);

        t->blocks[bit / 64] |= BIT(bit % 64);
        t->block_shifts |= BIT(shift);
    }
}

static bool in_block(const struct soft_tlb *t, uint64_t va)
{
    for (uint64_t shifts = t->block_shifts; shifts; shifts &= shifts - 1) {
        unsigned bit = bloom_bit(va, (unsigned)__builtin_ctzll(shifts));

        if (t->blocks[bit / 64] & BIT(bit % 64))
            return true;
    }
    return false;
}

/* --- flushing --- */

void soft_tlb_flush(struct soft_cpu *c)
{
    struct soft_tlb *t = c->tlb;

    for (unsigned i = 0; i < SOFT_CTX_COUNT; i++)
        if (t->used[i])
            memset(t->data[i], 0xff, sizeof(t->data[i]));
    if (t->code_used)
        memset(t->code, 0xff, sizeof(t->code));
    memset(t->used, 0, sizeof(t->used));
    t->code_used = false;
    memset(t->blocks, 0, sizeof(t->blocks));
    t->block_shifts = 0;
    t->page_shift = SOFT_PAGE_SHIFT;
    c->priv->stats.tlb_flushes++;
    soft_code_moved(c);
}

void soft_tlb_flush_va(struct soft_cpu *c, uint64_t va)
{
    struct soft_tlb *t = c->tlb;
    uint64_t page;

    if (in_block(t, va)) {
        soft_tlb_flush(c);
        return;
    }
    /* A page of 16K or 64K is here as several; entries of other pages that share a slot go too,
     * which is harmless. */
    page = align_down(va, BIT(t->page_shift));
    for (uint64_t end = page + BIT(t->page_shift); page < end; page += SOFT_PAGE_SIZE) {
        for (unsigned i = 0; i < SOFT_CTX_COUNT; i++) {
            struct soft_tlb_entry *e = soft_tlb_slot(t->data[i], page);

            e->tag[SOFT_READ] = e->tag[SOFT_WRITE] = UINT64_MAX;
        }
        for (unsigned el = 0; el < 2; el++)
            t->code[el][(page >> SOFT_PAGE_SHIFT) % SOFT_ETLB_SIZE].tag = UINT64_MAX;
    }
    soft_code_moved(c);
}

/* The TLB holds entries of the current ASID and global ones only. */
void soft_tlb_flush_asid(struct soft_cpu *c, unsigned asid)
{
    if (asid == soft_current_asid(c))
        soft_tlb_flush(c);
}

/* --- data --- */

/* Whether a data access that has been translated to `w` is allowed. */
static bool permitted(const struct soft_cpu *c, const struct soft_walk *w, unsigned el, bool write)
{
    return (write ? w->write[el] : w->read[el]) && !(el == 1 && c->pan && w->user);
}

/* Enters a page of RAM. */
static struct soft_tlb_entry *enter(struct soft_cpu *c, uint64_t va, unsigned el,
                                    const struct soft_walk *w, const struct soft_map *map)
{
    enum soft_tlb_context context = context_of(c, el);
    struct soft_tlb_entry *e = soft_tlb_slot(c->tlb->data[context], va);
    uint64_t page = va & SOFT_PAGE_MASK, pa = w->pa & SOFT_PAGE_MASK;
    uint64_t slow = c->priv->watching && soft_debug_watches_page(c, page) ? SOFT_TLB_SLOW : 0;
    bool writable = map->writable && permitted(c, w, el, true);

    e->tag[SOFT_READ] = permitted(c, w, el, false) ? page | slow : UINT64_MAX;
    e->tag[SOFT_WRITE] =
        writable ? page | slow | (c->priv->dirty_log ? SOFT_TLB_SLOW : 0) : UINT64_MAX;
    e->host = (uintptr_t)map->host + (pa - map->ipa) - page;
    e->pa = pa | (soft_attr_is_device(w->attr) ? SOFT_TLB_DEVICE : 0);
    c->tlb->used[context] = true;
    note_size(c->tlb, va, w->shift);
    c->priv->stats.tlb_fills++;
    return e;
}

void soft_translate(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                    unsigned how, struct soft_ref *ref)
{
    unsigned el = access_el(c, how);
    struct soft_tlb_entry *e = soft_tlb_slot(c->tlb->data[context_of(c, el)], va);
    const struct soft_map *map;
    struct soft_walk w;

    if ((e->tag[access] & ~SOFT_TLB_SLOW) != (va & SOFT_PAGE_MASK)) {
        soft_walk(c, va, el, false, &w);
        if (!w.faulted && !permitted(c, &w, el, access == SOFT_WRITE))
            soft_walk_fails(&w, ESR_FSC_PERMISSION + w.level);
        if (w.faulted)
            soft_raise_data_abort(c, va, w.fault, access == SOFT_WRITE, false);
        map = soft_find_map(c->vm, w.pa & SOFT_PAGE_MASK, SOFT_PAGE_SIZE);
        if (!map || (access == SOFT_WRITE && !map->writable)) {
            *ref = (struct soft_ref){.pa = w.pa, .device = soft_attr_is_device(w.attr)};
            goto watch;
        }
        e = enter(c, va, el, &w, map);
    }
    ref->host = (uint8_t *)(e->host + va);
    ref->pa = (e->pa & SOFT_PAGE_MASK) | (va & ~SOFT_PAGE_MASK);
    ref->device = e->pa & SOFT_TLB_DEVICE;
watch:
    if (c->priv->watching)
        soft_debug_watch(c, va, size, access == SOFT_WRITE, false, el);
}

/* --- instructions --- */

const struct soft_etlb_entry *soft_fetch_slow(struct soft_cpu *c, uint64_t va)
{
    struct soft_etlb_entry *e = &c->tlb->code[c->el][(va >> SOFT_PAGE_SHIFT) % SOFT_ETLB_SIZE];
    const struct soft_map *map;
    struct soft_walk w;

    soft_walk(c, va, c->el, true, &w);
    if (!w.faulted && !w.exec[c->el])
        soft_walk_fails(&w, ESR_FSC_PERMISSION + w.level);
    if (w.faulted)
        soft_raise_fetch_abort(c, va, w.fault);
    map = soft_find_map(c->vm, w.pa & SOFT_PAGE_MASK, SOFT_PAGE_SIZE);
    if (!map)
        soft_raise_fetch_abort(c, va, ESR_FSC_EXTERNAL);
    e->tag = va & SOFT_PAGE_MASK;
    e->pa = w.pa & SOFT_PAGE_MASK;
    e->host = map->host + (e->pa - map->ipa);
    c->tlb->code_used = true;
    note_size(c->tlb, va, w.shift);
    c->priv->stats.tlb_fills++;
    return e;
}
