/* SPDX-License-Identifier: ISC */
/*
 * Exclusive monitors (Arm ARM B2.9) on a host without them.
 *
 * A store-exclusive must fail if anyone has stored to the location since the load-exclusive, even
 * if what is there now is what was there then (A-B-A). To see every store would tax each store of
 * the guest; to compare values, which the host's compare-and-swap does, misses that case. What is
 * done here rests on when the difference can be told:
 *
 * - If between the two there is nothing but computation on registers, it cannot. Let the
 *   compare-and-swap find the value that was loaded: then the run in which the load-exclusive took
 *   place at that very moment has the same results, for what was stored is a function of that value
 *   and of registers; and nothing in between was seen by others or saw them. In that run nobody
 *   stored in between. Most sequences are of this kind: counters, locks, bits, exchanges.
 *
 *   That is a property of the code, found by reading it (exclusive.c). The load-exclusive then
 *   leaves the store-exclusive's name in the monitor, and only that one compares values.
 *
 * - Otherwise it can: with `ldxr x0, [head]; ldr x1, [x0, #next]; stxr x1, [head]`, a lock-free
 *   stack, x1 goes stale while head changes and changes back. Such a sequence runs in an exclusive
 *   section, all other vCPUs standing still (section.c). A load-exclusive does not ask for one at
 *   once, for some have no store-exclusive at all: waiting for a change by WFE. The store-exclusive
 *   that meets a monitor without its name fails, as it always may, and remembers the
 *   load-exclusive; the next time that one asks for a section.
 *
 * A store-exclusive that meets another's name, further away than exclusive.c looks for it, fails,
 * too, but is let through by value after a while. With a single vCPU values are always enough: an
 * exception's return clears the monitor (soft_eret), and devices do not store where CPUs
 * synchronise.
 */
#include "engine/soft/private.h"

#include "arm/esr.h"
#include "arm/regs.h"
#include "engine/soft/exclusive.h"

#define MAX_REFUSALS 64

/* --- which kind of sequence --- */

static bool is_alone(const struct soft_cpu *c)
{
    return atomic_load_explicit(&c->vm->cpus, memory_order_relaxed) == 1;
}

static uint64_t *unproven_slot(struct soft_cpu *c, uint64_t pc)
{
    return &c->priv->excl_unproven[(pc >> 2) % nitems(c->priv->excl_unproven)];
}

/* The name of the store-exclusive that the load-exclusive at pc belongs to, or 0. */
static uint16_t pair_of_load(struct soft_cpu *c)
{
    const struct soft_etlb_entry *e = soft_fetch(c, c->pc);

    return soft_excl_find_pair(e->host, e->pa, (unsigned)(c->pc & ~SOFT_PAGE_MASK));
}

/* Whether the store-exclusive at pc may rely on values. */
static bool is_pair(struct soft_cpu *c)
{
    const struct soft_etlb_entry *e = soft_fetch(c, c->pc);

    return c->excl_name == soft_excl_name(e->pa + (c->pc & ~SOFT_PAGE_MASK));
}

/* The load-exclusive at pc is about to take place. May have it start again in a section. */
static uint16_t name_of_load(struct soft_cpu *c)
{
    uint16_t name;

    if (is_alone(c) || soft_section_is_mine(c))
        return 0;
    name = pair_of_load(c);
    if (name == 0) {
        if (*unproven_slot(c, c->pc) == c->pc && !(atomic_load(&c->attention) & SOFT_ATTEND_DEBUG))
            soft_section_request(c);
        c->priv->excl_pc = c->pc;
    }
    return name;
}

/* Whether the store-exclusive at pc, whose monitor is as it should be, must fail nevertheless. */
static bool is_refused(struct soft_cpu *c)
{
    if (is_alone(c) || soft_section_is_mine(c) || is_pair(c)) {
        c->priv->excl_refusals = 0;
        return false;
    }
    if (c->excl_name)
        return ++c->priv->excl_refusals <= MAX_REFUSALS;
    *unproven_slot(c, c->priv->excl_pc) = c->priv->excl_pc;
    return true;
}

/* --- the accesses --- */

static void check_alignment(struct soft_cpu *c, uint64_t va, unsigned size, bool write)
{
    if (va & (size - 1))
        soft_raise_data_abort(c, va, ESR_FSC_ALIGNMENT, write, false);
}

void soft_load_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value[2])
{
    struct soft_ref ref;
    uint16_t name;

    check_alignment(c, va, size, false);
    soft_translate(c, va, size, SOFT_READ, how, &ref);
    if (!ref.host)
        soft_raise_unsupported_atomic(c, va, false);
    name = name_of_load(c);
    value[0] = soft_host_load((uintptr_t)ref.host, MIN(size, 8));
    value[1] = size == 16 ? soft_host_load((uintptr_t)ref.host + 8, 8) : 0;
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    c->excl_valid = true;
    c->excl_size = (uint8_t)size;
    c->excl_name = name;
    c->excl_host = (uintptr_t)ref.host;
    c->excl_value[0] = value[0];
    c->excl_value[1] = value[1];
}

/* Of 16 bytes; ThreadSanitizer's own is a lock that translated code does not take. */
__attribute__((no_sanitize("thread"))) static bool
swap_pair_if_same(void *host, const uint64_t expected[2], const uint64_t value[2])
{
    return __sync_bool_compare_and_swap((unsigned __int128 *)host,
                                        (unsigned __int128)expected[1] << 64 | expected[0],
                                        (unsigned __int128)value[1] << 64 | value[0]);
}

/* Stores `value` if memory holds `expected`. Sequentially consistent. */
static bool swap_if_same(void *host, unsigned size, const uint64_t expected[2],
                         const uint64_t value[2])
{
    switch (size) {
    case 1:
        return __sync_bool_compare_and_swap((uint8_t *)host, (uint8_t)expected[0],
                                            (uint8_t)value[0]);
    case 2:
        return __sync_bool_compare_and_swap((uint16_t *)host, (uint16_t)expected[0],
                                            (uint16_t)value[0]);
    case 4:
        return __sync_bool_compare_and_swap((uint32_t *)host, (uint32_t)expected[0],
                                            (uint32_t)value[0]);
    case 8: return __sync_bool_compare_and_swap((uint64_t *)host, expected[0], value[0]);
    default: return swap_pair_if_same(host, expected, value);
    }
}

bool soft_store_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                     const uint64_t value[2])
{
    bool valid = c->excl_valid;
    struct soft_ref ref;

    check_alignment(c, va, size, true);
    soft_translate(c, va, size, SOFT_WRITE, how, &ref);
    if (!ref.host)
        soft_raise_unsupported_atomic(c, va, true);
    c->excl_valid = false;
    if (!valid || (uintptr_t)ref.host != c->excl_host || size != c->excl_size || is_refused(c))
        return false;
    return swap_if_same(ref.host, size, c->excl_value, value);
}

void soft_clear_excl(struct soft_cpu *c)
{
    c->excl_valid = false;
}
