/* SPDX-License-Identifier: ISC */
/*
 * Filling and flushing the soft TLB, and the permissions of accesses (Arm ARM D8.4, D8.13, D8.14);
 * see tlb.h.
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

/* LDTR and STTR act as EL0 would, unless PSTATE.UAO says otherwise (C6.2, "unprivileged"). */
static unsigned access_el(const struct soft_cpu *c, unsigned how)
{
    return c->el == 1 && (!(how & SOFT_UNPRIV) || c->uao) ? 1 : 0;
}

/* --- one view --- */

static bool has_group(const uint64_t *set, uint64_t number, unsigned size)
{
    unsigned group = (unsigned)(number % size) / SOFT_GROUP;

    return set[group / 64] >> (group % 64) & 1;
}

static void clear_groups(void *array, size_t entry, const uint64_t *set, unsigned words)
{
    for (unsigned word = 0; word < words; word++)
        for (uint64_t left = set[word]; left; left &= left - 1) {
            unsigned group = 64 * word + (unsigned)__builtin_ctzll(left);

            memset((char *)array + group * SOFT_GROUP * entry, 0, SOFT_GROUP * entry);
        }
}

#define CLEAR_GROUPS(array, set) clear_groups(array, sizeof(*(array)), set, nitems(set))

/* Moves what is in `local` out of both sets. */
static void forget_local(uint64_t *used, uint64_t *local, unsigned words)
{
    for (unsigned word = 0; word < words; word++) {
        used[word] &= ~local[word];
        local[word] = 0;
    }
}

/* The slots whose zeros would be an address (tlb.h). */
static void close_ends(struct soft_tlb_entry *data)
{
    for (unsigned access = SOFT_READ; access <= SOFT_WRITE; access++)
        data[0].tag[access] = data[SOFT_TLB_SIZE - 1].tag[access] = UINT64_MAX;
}

/* The slot whose zero would be an address gets one that belongs to another. */
static void close_jump(struct soft_jump *jump)
{
    jump[0].va = 4;
}

static void clear_jump(struct soft_view *v)
{
    CLEAR_GROUPS(v->jump, v->jump_used);
    memset(v->jump_used, 0, sizeof(v->jump_used));
    close_jump(v->jump);
}

static void clear(struct soft_view *v)
{
    CLEAR_GROUPS(v->data, v->data_used);
    CLEAR_GROUPS(v->code, v->code_used);
    memset(v->data_used, 0, sizeof(v->data_used));
    memset(v->data_local, 0, sizeof(v->data_local));
    memset(v->code_used, 0, sizeof(v->code_used));
    memset(v->code_local, 0, sizeof(v->code_local));
    close_ends(v->data);
    v->code[0].tag = UINT64_MAX;
    clear_jump(v);
    memset(v->code_pages, 0, sizeof(v->code_pages));
    v->any_global = false;
    if (v->block_shifts)
        memset(v->blocks, 0, sizeof(v->blocks));
    v->block_shifts = 0;
    v->page_shift = SOFT_PAGE_SHIFT;
}

/* Drops what is not global, and global entries nearby. */
static void clear_local(struct soft_view *v)
{
    uint64_t any_code = 0;

    CLEAR_GROUPS(v->data, v->data_local);
    forget_local(v->data_used, v->data_local, nitems(v->data_local));
    close_ends(v->data);
    for (unsigned word = 0; word < nitems(v->code_local); word++)
        any_code |= v->code_local[word];
    if (any_code) {
        CLEAR_GROUPS(v->code, v->code_local);
        forget_local(v->code_used, v->code_local, nitems(v->code_local));
        v->code[0].tag = UINT64_MAX;
        clear_jump(v);
    }
}

static unsigned bloom_bit(const struct soft_view *v, uint64_t va, unsigned shift)
{
    uint64_t block = (va & bits_mask(56)) >> shift;

    return (unsigned)((block + shift) * UINT64_C(0x9e3779b97f4a7c15) >> 32) %
           (8 * sizeof(v->blocks));
}

static void note_size(struct soft_view *v, uint64_t va, unsigned shift)
{
    if (shift <= 16) {
        v->page_shift = MAX(v->page_shift, (uint8_t)shift);
    } else {
        unsigned bit = bloom_bit(v, va, shift);

        v->blocks[bit / 64] |= BIT(bit % 64);
        v->block_shifts |= BIT(shift);
    }
}

static bool in_block(const struct soft_view *v, uint64_t va)
{
    for (uint64_t shifts = v->block_shifts; shifts; shifts &= shifts - 1) {
        unsigned bit = bloom_bit(v, va, (unsigned)__builtin_ctzll(shifts));

        if (v->blocks[bit / 64] & BIT(bit % 64))
            return true;
    }
    return false;
}

/* Pages that share a bit of code_pages share a slot of `code`, and the slots of `jump`, which for
 * one page lie together: they are those of a word of jump_used. */
_Static_assert(SOFT_CODE_PAGES % SOFT_ETLB_SIZE == 0, "code_pages");
_Static_assert(SOFT_CODE_PAGES % SOFT_JUMP_SIZE == 0, "code_pages");
_Static_assert(64 * SOFT_GROUP == SOFT_PAGE_SIZE / 4, "jump_used");

static void clear_jumps_to(struct soft_view *v, uint64_t page)
{
    size_t word = (size_t)(soft_jump_slot(v->jump, page) - v->jump) / (64 * SOFT_GROUP);

    clear_groups(&v->jump[word * 64 * SOFT_GROUP], sizeof(*v->jump), &v->jump_used[word], 1);
    v->jump_used[word] = 0;
    close_jump(v->jump);
}

/* Entries of other pages that share a slot go too, which is harmless. */
static void clear_page(struct soft_view *v, uint64_t page)
{
    uint64_t number = page >> SOFT_PAGE_SHIFT;
    uint64_t *fetched = &v->code_pages[number % SOFT_CODE_PAGES / 64];

    if (has_group(v->data_used, number, SOFT_TLB_SIZE)) {
        struct soft_tlb_entry *e = soft_tlb_slot(v->data, page);

        e->tag[SOFT_READ] = e->tag[SOFT_WRITE] = UINT64_MAX;
    }
    if (*fetched & BIT(number % 64)) {
        *fetched &= ~BIT(number % 64);
        soft_etlb_slot(v->code, page)->tag = UINT64_MAX;
        clear_jumps_to(v, page);
    }
}

static void clear_va(struct soft_view *v, uint64_t va)
{
    uint64_t page = align_down(va, BIT(v->page_shift));

    if (in_block(v, va)) {
        clear(v);
        return;
    }
    /* A page of 16K or 64K is here as several. */
    for (uint64_t i = 0; i < BIT(v->page_shift); i += SOFT_PAGE_SIZE)
        clear_page(v, page + i);
}

/* --- which view --- */

static struct soft_view *find_user(struct soft_tlb *t)
{
    unsigned oldest = 0;

    for (unsigned i = 0; i < SOFT_USER_VIEWS; i++) {
        if (t->key[i].space[0] == t->space[0] && t->key[i].space[1] == t->space[1]) {
            oldest = i;
            goto found;
        }
        if (t->key[i].last_use < t->key[oldest].last_use)
            oldest = i;
    }
    clear(&t->el0[oldest]);
    memcpy(t->key[oldest].space, t->space, sizeof(t->space));
found:
    t->key[oldest].last_use = ++t->uses;
    return &t->el0[oldest];
}

/* Kernels point TTBR0_EL1 elsewhere for a while when they change address spaces: the view of EL0 is
 * not looked for before something asks for it. */
static struct soft_view *user_view(struct soft_cpu *c)
{
    struct soft_tlb *t = c->tlb;

    if (!t->user) {
        t->user = find_user(t);
        if (c->el == 1 && !c->uao)
            c->utlb = t->user->data;
        c->level[SOFT_LEVEL_EL1].utlb = c->level[SOFT_LEVEL_EL1_PAN].utlb = t->user->data;
    }
    return t->user;
}

static struct soft_view *view_of(struct soft_cpu *c, unsigned el)
{
    return el == c->el ? c->view : user_view(c);
}

static struct soft_tlb_entry *unprivileged(struct soft_cpu *c)
{
    if (c->el == 0 || c->uao)
        return c->dtlb;
    return c->tlb->user ? c->tlb->user->data : c->tlb->nothing;
}

static unsigned fp_context(const struct soft_cpu *c)
{
    if (c->fpcr == 0)
        return 0;
    if ((c->fpcr & ~(FPCR_FZ | FPCR_DN)) == 0 && (c->fpsr & FPSR_IXC))
        return SOFT_CONTEXT_FLUSH;
    return SOFT_CONTEXT_FPCR;
}

static uint8_t context_of(const struct soft_cpu *c)
{
    return (uint8_t)((c->fp_trap ? SOFT_CONTEXT_FP_TRAP : 0) | fp_context(c) |
                     (c->sp_check ? SOFT_CONTEXT_SP_CHECK : 0) | (c->el ? SOFT_CONTEXT_EL1 : 0) |
                     (c->el > c->spsel ? SOFT_CONTEXT_SP_EL0 : 0));
}

/* --- what follows from the exception level --- */

/* The jumps of a view are those of one context: EL1 with SP_EL0 takes it from EL1 with SP_EL1. */
static void take_view(struct soft_cpu *c)
{
    clear_jump(c->view);
    c->view->context = c->context;
    for (unsigned i = 0; i < SOFT_LEVELS; i++)
        if (c->level[i].view == c->view)
            c->level[i].known = false;
}

static void find_level(struct soft_cpu *c)
{
    static const uint8_t sctlr_sa[2] = {4, 3}; /* SA0, SA */
    uint64_t fpen = bits_get(c->sysreg[SYSREG_CPACR_EL1], 21, 20);

    c->view = c->el ? &c->tlb->el1[c->pan] : user_view(c);
    c->dtlb = c->view->data;
    c->utlb = unprivileged(c);
    c->jump = c->view->jump;
    c->sp_check = c->sysreg[SYSREG_SCTLR_EL1] >> sctlr_sa[c->el] & 1;
    c->fp_trap = c->el == 0 ? fpen != 3 : !(fpen & 1);
    c->context = context_of(c);
    if (c->view->context != c->context)
        take_view(c);
}

static unsigned level_of(const struct soft_cpu *c)
{
    if (c->el == 0)
        return SOFT_LEVEL_EL0;
    if (!c->spsel || c->uao)
        return SOFT_LEVELS;
    return c->pan ? SOFT_LEVEL_EL1_PAN : SOFT_LEVEL_EL1;
}

static void take_level(struct soft_cpu *c, const struct soft_level *l)
{
    c->dtlb = l->dtlb;
    c->utlb = l->utlb;
    c->jump = l->jump;
    c->view = l->view;
    c->sp_check = l->sp_check;
    c->fp_trap = l->fp_trap;
    c->context = l->context;
}

static void remember_level(const struct soft_cpu *c, struct soft_level *l)
{
    *l = (struct soft_level){c->dtlb,     c->utlb,    c->jump,    c->view,
                             c->sp_check, c->fp_trap, c->context, true};
}

void soft_level_changed(struct soft_cpu *c)
{
    uint32_t attention = atomic_load_explicit(&c->attention, memory_order_relaxed);
    unsigned level = level_of(c);

    if (level < SOFT_LEVELS && c->level[level].known) {
        take_level(c, &c->level[level]);
    } else {
        find_level(c);
        if (level < SOFT_LEVELS)
            remember_level(c, &c->level[level]);
    }
    if ((c->held & PSTATE_D) || c->il || (attention & SOFT_ATTEND_DEBUG))
        soft_debug_changed(c);
}

void soft_context_changed(struct soft_cpu *c)
{
    for (unsigned i = 0; i < SOFT_LEVELS; i++)
        c->level[i].known = false;
    soft_level_changed(c);
}

/* --- all views --- */

void soft_tlb_init(struct soft_tlb *t)
{
    close_ends(t->nothing);
    for (unsigned i = 0; i < nitems(t->el1) + nitems(t->el0); i++) {
        struct soft_view *v = i < nitems(t->el1) ? &t->el1[i] : &t->el0[i - nitems(t->el1)];

        clear(v);
    }
    for (unsigned i = 0; i < SOFT_USER_VIEWS; i++)
        t->key[i].space[0] = t->key[i].space[1] = SOFT_SPACE_NONE;
    soft_walk_cache_flush(&t->walks);
}

void soft_tlb_flush(struct soft_cpu *c)
{
    struct soft_tlb *t = c->tlb;

    for (unsigned i = 0; i < nitems(t->el1); i++)
        clear(&t->el1[i]);
    for (unsigned i = 0; i < nitems(t->el0); i++)
        clear(&t->el0[i]);
    soft_walk_cache_flush(&t->walks);
    c->priv->marked_count = 0;
    c->priv->stats.tlb_flushes++;
    soft_code_moved(c);
}

void soft_tlb_flush_asid(struct soft_cpu *c, unsigned asid)
{
    struct soft_tlb *t = c->tlb;

    for (unsigned i = 0; i < nitems(t->el0); i++)
        if (t->key[i].space[0] >> 48 == asid)
            clear(&t->el0[i]);
    if (t->space[0] >> 48 == asid)
        for (unsigned i = 0; i < nitems(t->el1); i++)
            clear_local(&t->el1[i]);
    soft_walk_cache_flush_asid(&t->walks, asid);
    soft_code_moved(c);
}

/* Global translations are dropped whatever the ASID. */
void soft_tlb_flush_va(struct soft_cpu *c, uint64_t va, uint32_t asid)
{
    struct soft_tlb *t = c->tlb;

    for (unsigned i = 0; i < nitems(t->el1); i++)
        clear_va(&t->el1[i], va);
    for (unsigned i = 0; i < nitems(t->el0); i++)
        if (asid == SOFT_ASID_ANY || t->key[i].space[0] >> 48 == asid || t->el0[i].any_global)
            clear_va(&t->el0[i], va);
    soft_walk_cache_flush_va(&t->walks, va, asid);
    soft_code_moved(c);
}

void soft_tlb_switch(struct soft_cpu *c)
{
    struct soft_tlb *t = c->tlb;
    uint64_t asid = (uint64_t)soft_current_asid(c) << 48;
    uint64_t low = asid | (c->sysreg[SYSREG_TTBR0_EL1] & TTBR_BADDR);
    uint64_t high = asid | (c->sysreg[SYSREG_TTBR1_EL1] & TTBR_BADDR);

    if (low == t->space[0] && high == t->space[1])
        return;
    t->space[0] = low;
    t->space[1] = high;
    t->user = NULL;
    for (unsigned i = 0; i < nitems(t->el1); i++)
        clear_local(&t->el1[i]);
    soft_context_changed(c);
    soft_code_moved(c);
}

void soft_jump_clear(struct soft_cpu *c)
{
    for (unsigned i = 0; i < nitems(c->tlb->el1); i++)
        clear_jump(&c->tlb->el1[i]);
    for (unsigned i = 0; i < nitems(c->tlb->el0); i++)
        clear_jump(&c->tlb->el0[i]);
}

/* --- walks --- */

/* Whether a data access that has been translated to `w` is allowed. */
static bool permitted(const struct soft_cpu *c, const struct soft_walk *w, unsigned el, bool write)
{
    return (write ? w->write[el] : w->read[el]) && !(el == 1 && c->pan && w->user);
}

static bool allowed(const struct soft_cpu *c, const struct soft_walk *w, unsigned el,
                    enum soft_access access)
{
    return access == SOFT_FETCH ? w->exec[el] : permitted(c, w, el, access == SOFT_WRITE);
}

/* What the tables say whoever asks: not with the MMU off, not for what E0PD hides from EL0. */
static bool may_be_cached(const struct soft_cpu *c, bool upper, unsigned el)
{
    uint64_t hidden = upper ? TCR_E0PD1 : TCR_E0PD0;

    return (c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_M) &&
           !(el == 0 && (c->sysreg[SYSREG_TCR_EL1] & hidden));
}

/* Walks, unless a walk that allows the access is known. One that forbids it is done again, for
 * kernels that give a permission before they invalidate. */
static void translate(struct soft_cpu *c, uint64_t va, unsigned el, enum soft_access access,
                      struct soft_walk *w)
{
    bool upper = va & BIT(55), tbi = c->sysreg[SYSREG_TCR_EL1] & (upper ? TCR_TBI1 : TCR_TBI0);
    bool tag = tbi && !(access == SOFT_FETCH &&
                        (c->sysreg[SYSREG_TCR_EL1] & (upper ? TCR_TBID1 : TCR_TBID0)));
    uint64_t address = tag ? (uint64_t)sign_extend(va, 56) : va, space = c->tlb->space[upper];
    bool cached = may_be_cached(c, upper, el);

    if (cached && soft_walk_cache_find(&c->tlb->walks, address, space, w) &&
        allowed(c, w, el, access))
        return;
    soft_walk(c, va, el, access == SOFT_FETCH, w);
    c->priv->stats.tlb_walks++;
    if (w->faulted)
        return;
    if (cached)
        soft_walk_cache_add(&c->tlb->walks, address, space, w);
    if (!allowed(c, w, el, access))
        soft_walk_fails(w, ESR_FSC_PERMISSION + w->level);
}

/* --- data --- */

/* Device memory and SCTLR_EL1.A want aligned accesses, watchpoints want to see each. */
static bool is_slow(const struct soft_cpu *c, uint64_t page, const struct soft_walk *w)
{
    return soft_attr_is_device(w->attr) || (c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_A) ||
           (c->priv->watching && soft_debug_watches_page(c, page));
}

/* The entry lets a watched page be written: the page is marked now, and the entry found again when
 * it has to be marked again. */
static void mark(struct soft_cpu *c, struct soft_tlb_entry *e, uint64_t pa)
{
    struct soft_private *p = c->priv;

    mem_mark_dirty(c->vm->config.mem, pa, 1);
    if (p->marked_count < SOFT_MARKED)
        p->marked[p->marked_count] = e;
    p->marked_count += p->marked_count <= SOFT_MARKED;
}

void soft_tlb_rearm(struct soft_cpu *c, uint64_t pa, uint64_t len)
{
    struct soft_private *p = c->priv;
    unsigned kept = 0;

    if (p->marked_count > SOFT_MARKED) {
        soft_tlb_flush(c);
        return;
    }
    for (unsigned i = 0; i < p->marked_count; i++) {
        struct soft_tlb_entry *e = p->marked[i];

        if (e->tag[SOFT_WRITE] == UINT64_MAX || e->pa == 0)
            continue; /* replaced or dropped meanwhile */
        if ((e->pa & SOFT_PAGE_MASK) - pa < len)
            e->tag[SOFT_WRITE] = UINT64_MAX;
        else
            p->marked[kept++] = e;
    }
    p->marked_count = kept;
}

/* Enters a page of RAM. */
static void enter(struct soft_cpu *c, struct soft_view *v, uint64_t va, unsigned el,
                  const struct soft_walk *w, const struct soft_map *map, enum soft_access access)
{
    struct soft_tlb_entry *e = soft_tlb_slot(v->data, va);
    uint64_t page = va & SOFT_PAGE_MASK, pa = w->pa & SOFT_PAGE_MASK;
    uint64_t number = va >> SOFT_PAGE_SHIFT;
    uint64_t slow = is_slow(c, page, w) ? SOFT_TLB_SLOW : 0;
    bool writable = map->writable && permitted(c, w, el, true);

    if (c->vm->may_store) {
        writable = writable && c->vm->may_store(pa);
    } else if (writable && mem_page_watched(map->region, pa)) {
        writable = access == SOFT_WRITE; /* otherwise the first store comes back here */
        if (writable)
            mark(c, e, pa);
    }
    e->tag[SOFT_READ] = permitted(c, w, el, false) ? page | slow : UINT64_MAX;
    e->tag[SOFT_WRITE] = writable ? page | slow : UINT64_MAX;
    e->host = (uintptr_t)map->host + (pa - map->ipa) - page;
    e->pa = pa | (soft_attr_is_device(w->attr) ? SOFT_TLB_DEVICE : 0);
    soft_group_add(v->data_used, number, SOFT_TLB_SIZE);
    if (w->global)
        v->any_global = true;
    else
        soft_group_add(v->data_local, number, SOFT_TLB_SIZE);
    note_size(v, va, w->shift);
    c->priv->stats.tlb_fills++;
}

/* A fault of what the tables say is the guest's own affair, but for an address that no machine has
 * and a fetch from where nothing is: somebody may want to know whence it came. */
static void report_wild(struct soft_cpu *c, uint64_t va, const struct soft_walk *w,
                        enum soft_access access)
{
    const struct event event = {.kind = EVENT_WILD_ACCESS,
                                .write = access == SOFT_WRITE,
                                .cpu = (int)c->index,
                                .text = access == SOFT_FETCH ? "fetch" : NULL,
                                .a = va,
                                .b = w->pa,
                                .c = c->pc};

    event_emit(c->vm->config.events, &event);
}

static bool is_address_size_fault(const struct soft_walk *w)
{
    return (w->fault & ~3u) == ESR_FSC_ADDRESS_SIZE;
}

/* The instruction is executed again once whoever answers has seen to it that it may store. */
static _Noreturn void leave_store(struct soft_cpu *c, uint64_t va, uint64_t pa, unsigned size)
{
    c->exit.mmio.ipa = pa;
    c->exit.mmio.va = va;
    c->exit.mmio.value = 0;
    c->exit.mmio.size = (uint8_t)size;
    c->exit.mmio.write = true;
    c->exit.mmio.fetch = c->exit.mmio.more = false;
    c->exit.mmio.abort = EXIT_ABORT_NONE;
    c->priv->pending = SOFT_PENDING_MMIO;
    soft_leave(c, EXIT_MMIO);
}

void soft_translate(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                    unsigned how, struct soft_ref *ref)
{
    unsigned el = access_el(c, how);
    struct soft_view *v = view_of(c, el);
    const struct soft_tlb_entry *e = soft_tlb_slot(v->data, va);

    if ((e->tag[access] & ~SOFT_TLB_SLOW) != (va & SOFT_PAGE_MASK)) {
        const struct soft_map *map;
        struct soft_walk w;

        translate(c, va, el, access, &w);
        if (w.faulted && is_address_size_fault(&w))
            report_wild(c, va, &w, access);
        if (w.faulted)
            soft_raise_data_abort(c, va, w.fault, access == SOFT_WRITE, false);
        map = soft_find_map(c->vm, w.pa & SOFT_PAGE_MASK, SOFT_PAGE_SIZE);
        if (!map || (access == SOFT_WRITE && !map->writable)) {
            *ref = (struct soft_ref){.pa = w.pa, .device = soft_attr_is_device(w.attr)};
            goto watch;
        }
        if (access == SOFT_WRITE && c->vm->may_store && !c->vm->may_store(w.pa))
            leave_store(c, va, w.pa, size);
        enter(c, v, va, el, &w, map, access);
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
    struct soft_view *v = c->view;
    struct soft_etlb_entry *e = soft_etlb_slot(v->code, va);
    uint64_t number = va >> SOFT_PAGE_SHIFT;
    const struct soft_map *map;
    struct soft_walk w;

    translate(c, va, c->el, SOFT_FETCH, &w);
    if (w.faulted && is_address_size_fault(&w))
        report_wild(c, va, &w, SOFT_FETCH);
    if (w.faulted)
        soft_raise_fetch_abort(c, va, w.fault);
    map = soft_find_map(c->vm, w.pa & SOFT_PAGE_MASK, SOFT_PAGE_SIZE);
    if (!map)
        report_wild(c, va, &w, SOFT_FETCH);
    if (!map)
        soft_raise_fetch_abort(c, va, ESR_FSC_EXTERNAL);
    e->tag = va & SOFT_PAGE_MASK;
    e->pa = w.pa & SOFT_PAGE_MASK;
    e->host = map->host + (e->pa - map->ipa);
    soft_group_add(v->code_used, number, SOFT_ETLB_SIZE);
    v->code_pages[number % SOFT_CODE_PAGES / 64] |= BIT(number % 64);
    if (w.global)
        v->any_global = true;
    else
        soft_group_add(v->code_local, number, SOFT_ETLB_SIZE);
    note_size(v, va, w.shift);
    c->priv->stats.tlb_fills++;
    return e;
}
