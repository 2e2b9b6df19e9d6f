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

/* Where the bytes of one access are; the second page is used when it crosses into the next. */
struct span {
    uint64_t va;
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

/*
 * An unaligned access that stays within one page, of which the TLB knows that it may be unaligned:
 * most of what misses the fast path of soft.h. False: it is not one.
 */
static bool find_unaligned(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                           unsigned how, struct span *s)
{
    const struct soft_tlb_entry *e = soft_tlb_slot(soft_dtlb(c, how), va);

    if ((how & ~(unsigned)SOFT_UNPRIV) || e->tag[access] != ((va + size - 1) & SOFT_PAGE_MASK))
        return false;
    s->va = va;
    s->first = size;
    s->ref[0].host = (uint8_t *)(e->host + va);
    s->ref[0].pa = (e->pa & SOFT_PAGE_MASK) + (va & ~SOFT_PAGE_MASK);
    return true;
}

/* Translates the access, both its pages before either is touched. May raise. */
static void find(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                 unsigned how, struct span *s)
{
    uint64_t left = SOFT_PAGE_SIZE - (va & ~SOFT_PAGE_MASK);
    bool write = access == SOFT_WRITE;

    if (find_unaligned(c, va, size, access, how, s))
        return;
    check_alignment(c, va, size, how, write);
    s->va = va;
    s->first = (unsigned)MIN(left, size);
    soft_translate(c, va, s->first, access, how, &s->ref[0]);
    if (s->first < size)
        soft_translate(c, va + s->first, size - s->first, access, how, &s->ref[1]);
    if ((va & (size - 1)) && (s->ref[0].device || (s->first < size && s->ref[1].device)))
        soft_raise_data_abort(c, va, ESR_FSC_ALIGNMENT, write, false);
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
    c->exit.mmio.fetch = c->exit.mmio.more = false;
    c->exit.mmio.abort = EXIT_ABORT_NONE;
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

/* Bytes [at, at + size) of the access, all of them in its page `page`. */
static uint64_t load_part(struct soft_cpu *c, const struct span *s, unsigned page, unsigned at,
                          unsigned size)
{
    const struct soft_ref *ref = &s->ref[page];
    unsigned skip = at - (page ? s->first : 0);
    uint64_t value = 0;

    for (unsigned done = 0, n; done < size; done += n) {
        uint64_t pa = ref->pa + skip + done, part;

        n = piece(pa, size - done);
        if (ref->host)
            part = soft_host_load((uintptr_t)ref->host + skip + done, n);
        else
            part = mmio(c, s->va + at + done, pa, n, false, 0) & bits_mask(8 * n);
        value |= part << (8 * done);
    }
    return value;
}

static void store_part(struct soft_cpu *c, const struct span *s, unsigned page, unsigned at,
                       unsigned size, uint64_t value)
{
    const struct soft_ref *ref = &s->ref[page];
    unsigned skip = at - (page ? s->first : 0);

    for (unsigned done = 0, n; done < size; done += n) {
        uint64_t pa = ref->pa + skip + done, part = value >> (8 * done);

        n = piece(pa, size - done);
        if (ref->host)
            soft_host_store((uintptr_t)ref->host + skip + done, n, part);
        else
            mmio(c, s->va + at + done, pa, n, true, part & bits_mask(8 * n));
    }
}

/* Bytes [at, at + size) of the access, at most 8. */
static uint64_t load_bytes(struct soft_cpu *c, const struct span *s, unsigned at, unsigned size)
{
    unsigned low = s->first > at ? MIN(s->first - at, size) : 0;
    uint64_t value = low ? load_part(c, s, 0, at, low) : 0;

    if (low < size)
        value |= load_part(c, s, 1, at + low, size - low) << (8 * low);
    return value;
}

static void store_bytes(struct soft_cpu *c, const struct span *s, unsigned at, unsigned size,
                        uint64_t value)
{
    unsigned low = s->first > at ? MIN(s->first - at, size) : 0;

    if (low)
        store_part(c, s, 0, at, low, value);
    if (low < size)
        store_part(c, s, 1, at + low, size - low, value >> (8 * low));
}

/* --- the access itself --- */

uint64_t soft_load_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    uint64_t value;
    struct span s;

    find(c, va, size, SOFT_READ, how, &s);
    value = load_bytes(c, &s, 0, size);
    if (how & (SOFT_ACQREL | SOFT_ACQPC))
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return value;
}

void soft_store_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value)
{
    struct span s;

    find(c, va, size, SOFT_WRITE, how, &s);
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    store_bytes(c, &s, 0, size, value);
    /* A store-release is observed before any later load-acquire (B2.3.7, RCsc). */
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The host's compare-and-swap is its one way to read 16 bytes at once; ThreadSanitizer's own is a
 * lock that translated code does not take. */
__attribute__((no_sanitize("thread"))) static void load_pair_at_once(const struct soft_ref *ref,
                                                                     uint64_t value[2])
{
    unsigned __int128 v = __sync_val_compare_and_swap((unsigned __int128 *)(void *)ref->host, 0, 0);

    value[0] = (uint64_t)v;
    value[1] = (uint64_t)(v >> 64);
}

void soft_load16_slow(struct soft_cpu *c, uint64_t va, unsigned how, uint64_t value[2])
{
    struct span s;

    find(c, va, 16, SOFT_READ, how, &s);
    if ((how & SOFT_EXCL) && s.ref[0].host) {
        load_pair_at_once(&s.ref[0], value);
        return;
    }
    value[0] = load_bytes(c, &s, 0, 8);
    value[1] = load_bytes(c, &s, 8, 8);
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

void soft_store16_slow(struct soft_cpu *c, uint64_t va, unsigned how, const uint64_t value[2])
{
    struct span s;

    find(c, va, 16, SOFT_WRITE, how, &s);
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    store_bytes(c, &s, 0, 8, value[0]);
    store_bytes(c, &s, 8, 8, value[1]);
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
    return ref.host;
}

_Noreturn void soft_raise_unsupported_atomic(struct soft_cpu *c, uint64_t va, bool write)
{
    soft_raise_data_abort(c, va, ESR_FSC_UNSUPPORTED_ATOMIC, write, false);
}
