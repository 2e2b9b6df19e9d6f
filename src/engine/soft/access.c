/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores off the fast path (Arm ARM B2.2, B2.5, D8.13): alignment, page crossings, device
 * memory, MMIO, ordering, the dirty log.
 *
 * An access to RAM is made of naturally aligned relaxed atomic pieces: an aligned one is
 * single-copy atomic as B2.2.1 asks, an unaligned one is not, as it allows. Instructions with an
 * MMIO access are executed again once the machine has answered (struct soft_replay).
 */
#include "engine/soft/private.h"

#include "arm/esr.h"
#include "arm/regs.h"

#define ORDERED (SOFT_ACQREL | SOFT_ACQPC | SOFT_EXCL)

/* The pages of one access; the second is used when it crosses into the next. */
struct span {
    struct soft_ref ref[2];
    unsigned first; /* bytes in ref[0] */
};

/* Alignment faults that do not depend on the memory (B2.5.2). `align` is a power of two. */
static void check_alignment(struct soft_cpu *c, uint64_t va, unsigned align, unsigned how,
                            bool write)
{
    if (how & SOFT_ALIGN16)
        align = 16;
    if ((va & (align - 1)) && ((how & ORDERED) || (c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_A)))
        soft_raise_data_abort(c, va, ESR_FSC_ALIGNMENT, write, false);
}

static void translate_span(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                           unsigned how, struct span *s)
{
    uint64_t left = SOFT_PAGE_SIZE - (va & ~SOFT_PAGE_MASK);

    s->first = (unsigned)MIN(left, size);
    soft_translate(c, va, s->first, access, how, &s->ref[0]);
    if (s->first < size)
        soft_translate(c, va + s->first, size - s->first, access, how, &s->ref[1]);
    if ((va & (size - 1)) && (s->ref[0].device || (s->first < size && s->ref[1].device)))
        soft_raise_data_abort(c, va, ESR_FSC_ALIGNMENT, access == SOFT_WRITE, false);
}

/* --- MMIO --- */

/* One access of 1, 2, 4 or 8 aligned bytes: answered from the replay log, or an exit. */
static uint64_t mmio(struct soft_cpu *c, uint64_t va, uint64_t pa, unsigned size, bool write,
                     uint64_t value)
{
    struct soft_private *p = c->priv;
    struct soft_replay *r = &p->replay;

    if (r->next < r->count) {
        unsigned i = r->next++;

        if (r->abort[i])
            soft_raise_data_abort(c, va, ESR_FSC_EXTERNAL, write, false);
        return r->value[i];
    }
    if (r->count == SOFT_REPLAY)
        soft_raise_data_abort(c, va, ESR_FSC_EXTERNAL, write, false);
    c->exit.mmio.ipa = pa;
    c->exit.mmio.va = va;
    c->exit.mmio.value = value;
    c->exit.mmio.size = (uint8_t)size;
    c->exit.mmio.write = write;
    c->exit.mmio.fetch = false;
    c->exit.mmio.abort = false;
    p->pending = SOFT_PENDING_MMIO;
    soft_leave(c, EXIT_MMIO);
}

/* --- pieces of an access, within one page --- */

/* The largest naturally aligned piece at `at` of at most `left` bytes. */
static unsigned piece(uint64_t at, unsigned left)
{
    unsigned size = 8;

    while (size > left || (at & (size - 1)))
        size /= 2;
    return size;
}

static uint64_t load_part(struct soft_cpu *c, uint64_t va, const struct soft_ref *ref,
                          unsigned size)
{
    uint64_t value = 0;

    for (unsigned done = 0, n; done < size; done += n) {
        uint64_t part;

        n = piece(ref->pa + done, size - done);
        part = ref->host ? soft_host_load((uintptr_t)ref->host + done, n)
                         : mmio(c, va + done, ref->pa + done, n, false, 0) & bits_mask(8 * n);
        value |= part << (8 * done);
    }
    return value;
}

static void store_part(struct soft_cpu *c, uint64_t va, const struct soft_ref *ref, unsigned size,
                       uint64_t value)
{
    for (unsigned done = 0, n; done < size; done += n) {
        uint64_t part;

        n = piece(ref->pa + done, size - done);
        part = value >> (8 * done) & bits_mask(8 * n);
        if (ref->host)
            soft_host_store((uintptr_t)ref->host + done, n, part);
        else
            mmio(c, va + done, ref->pa + done, n, true, part);
    }
    if (ref->host && c->priv->dirty_log)
        mem_mark_dirty(c->vm->config.mem, ref->pa, size);
}

/* --- the access itself --- */

/* An unaligned access that stays within one page of Normal memory which the TLB knows, most of what
 * misses the fast path of soft.h. False: it is not one. */
static bool find_unaligned(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                           unsigned how, struct soft_ref *ref)
{
    const struct soft_tlb_entry *e = soft_tlb_slot(c->dtlb, va);

    if (how != 0 || e->tag[access] != (va & SOFT_PAGE_MASK) || (e->pa & SOFT_TLB_DEVICE) ||
        (va & ~SOFT_PAGE_MASK) > SOFT_PAGE_SIZE - size || (c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_A))
        return false;
    ref->host = (uint8_t *)(e->host + va);
    ref->pa = (e->pa & SOFT_PAGE_MASK) + (va & ~SOFT_PAGE_MASK);
    return true;
}

uint64_t soft_load_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    struct soft_ref ref;
    uint64_t value;
    struct span s;

    if (find_unaligned(c, va, size, SOFT_READ, how, &ref))
        return load_part(c, va, &ref, size);
    check_alignment(c, va, size, how, false);
    translate_span(c, va, size, SOFT_READ, how, &s);
    value = load_part(c, va, &s.ref[0], s.first);
    if (s.first < size)
        value |= load_part(c, va + s.first, &s.ref[1], size - s.first) << (8 * s.first);
    if (how & (SOFT_ACQREL | SOFT_ACQPC))
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return value;
}

void soft_store_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value)
{
    struct soft_ref ref;
    struct span s;

    if (find_unaligned(c, va, size, SOFT_WRITE, how, &ref)) {
        store_part(c, va, &ref, size, value);
        return;
    }
    check_alignment(c, va, size, how, true);
    translate_span(c, va, size, SOFT_WRITE, how, &s);
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    store_part(c, va, &s.ref[0], s.first, value);
    if (s.first < size)
        store_part(c, va + s.first, &s.ref[1], size - s.first, value >> (8 * s.first));
    /* A store-release is observed before any later load-acquire (B2.3.7, RCsc). */
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void soft_load16_slow(struct soft_cpu *c, uint64_t va, unsigned how, uint64_t value[2])
{
    struct soft_ref ref;
    struct span s;

    if (find_unaligned(c, va, 16, SOFT_READ, how, &ref)) {
        value[0] = load_part(c, va, &ref, 8);
        ref.host += 8;
        ref.pa += 8;
        value[1] = load_part(c, va + 8, &ref, 8);
        return;
    }
    check_alignment(c, va, 16, how, false);
    translate_span(c, va, 16, SOFT_READ, how, &s);
    if ((how & SOFT_EXCL) && s.ref[0].host) {
        unsigned __int128 v =
            __sync_val_compare_and_swap((unsigned __int128 *)(void *)s.ref[0].host, 0, 0);

        value[0] = (uint64_t)v;
        value[1] = (uint64_t)(v >> 64);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned at = 8 * i, low = s.first > at ? MIN(s.first - at, 8) : 0;

        ref = s.ref[0];
        ref.host = ref.host ? ref.host + at : NULL;
        ref.pa += at;
        value[i] = low ? load_part(c, va + at, &ref, low) : 0;
        if (low < 8) {
            unsigned skip = at + low - s.first;

            ref = s.ref[1];
            ref.host = ref.host ? ref.host + skip : NULL;
            ref.pa += skip;
            value[i] |= load_part(c, va + at + low, &ref, 8 - low) << (8 * low);
        }
    }
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

void soft_store16_slow(struct soft_cpu *c, uint64_t va, unsigned how, const uint64_t value[2])
{
    struct soft_ref ref;
    struct span s;

    if (find_unaligned(c, va, 16, SOFT_WRITE, how, &ref)) {
        store_part(c, va, &ref, 8, value[0]);
        ref.host += 8;
        ref.pa += 8;
        store_part(c, va + 8, &ref, 8, value[1]);
        return;
    }
    check_alignment(c, va, 16, how, true);
    translate_span(c, va, 16, SOFT_WRITE, how, &s);
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    for (unsigned i = 0; i < 2; i++) {
        unsigned at = 8 * i, low = s.first > at ? MIN(s.first - at, 8) : 0;

        ref = s.ref[0];
        ref.host = ref.host ? ref.host + at : NULL;
        ref.pa += at;
        if (low)
            store_part(c, va + at, &ref, low, value[i]);
        if (low < 8) {
            unsigned skip = at + low - s.first;

            ref = s.ref[1];
            ref.host = ref.host ? ref.host + skip : NULL;
            ref.pa += skip;
            store_part(c, va + at + low, &ref, 8 - low, value[i] >> (8 * low));
        }
    }
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void soft_probe_store(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    uint64_t left = SOFT_PAGE_SIZE - (va & ~SOFT_PAGE_MASK);
    struct soft_ref ref;

    soft_translate(c, va, (unsigned)MIN(left, size), SOFT_WRITE, how, &ref);
    if (left < size)
        soft_translate(c, va + left, size - (unsigned)left, SOFT_WRITE, how, &ref);
}

/* A fault that a read would have had too is reported as one of a read (D19.2.37, WnR of atomics):
 * both are asked. */
void *soft_atomic(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    struct soft_ref ref;

    check_alignment(c, va, size, how | SOFT_EXCL, false);
    soft_translate(c, va, size, SOFT_READ, how, &ref);
    soft_translate(c, va, size, SOFT_WRITE, how, &ref);
    if (!ref.host)
        return NULL;
    soft_monitor_touch(c, ref.pa);
    if (c->priv->dirty_log)
        mem_mark_dirty(c->vm->config.mem, ref.pa, size);
    return ref.host;
}

_Noreturn void soft_raise_unsupported_atomic(struct soft_cpu *c, uint64_t va, bool write)
{
    soft_raise_data_abort(c, va, ESR_FSC_UNSUPPORTED_ATOMIC, write, false);
}
