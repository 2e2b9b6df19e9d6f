/* SPDX-License-Identifier: ISC */
/*
 * Exclusive monitors (Arm ARM B2.9) on a host without them.
 *
 * A load-exclusive remembers the physical address, the value and the version of the address's
 * bucket, one of a table of counters that all vCPUs share. A store-exclusive stores by the host's
 * compare-and-swap, and only if the version is still the same. Every store-exclusive that succeeds
 * and every atomic instruction moves the version on, so among these a value that changed and
 * changed back (A-B-A) is noticed. Plain stores do not touch the table: a store that changes the
 * value makes the compare-and-swap fail, but plain stores that change it and change it back in
 * between are not noticed. To snoop them too would tax every store of the guest.
 *
 * While a version is odd, a store-exclusive of its bucket is under way; it takes a few
 * instructions.
 */
#include "engine/soft/private.h"

#include <sched.h>

#include "arm/esr.h"
#include "arm/regs.h"

#define GRANULE_SHIFT 6 /* the exclusives reservation granule: CTR_EL0.ERG */

static _Atomic uint64_t *bucket_of(struct soft_cpu *c, uint64_t pa)
{
    return &c->vm->excl_version[(pa >> GRANULE_SHIFT) % SOFT_EXCL_BUCKETS];
}

void soft_monitor_touch(struct soft_cpu *c, uint64_t pa)
{
    atomic_fetch_add(bucket_of(c, pa), 2);
}

static uint64_t wait_even(_Atomic uint64_t *bucket)
{
    uint64_t version;

    for (unsigned spins = 0; (version = atomic_load(bucket)) & 1; spins++)
        if (spins > 64)
            sched_yield();
    return version;
}

static void check_alignment(struct soft_cpu *c, uint64_t va, unsigned size, bool write)
{
    if (va & (size - 1))
        soft_raise_data_abort(c, va, ESR_FSC_ALIGNMENT, write, false);
}

void soft_load_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value[2])
{
    struct soft_ref ref;

    check_alignment(c, va, size, false);
    soft_translate(c, va, size, SOFT_READ, how, &ref);
    if (!ref.host)
        soft_raise_unsupported_atomic(c, va, false);
    c->priv->excl_version = wait_even(bucket_of(c, ref.pa));
    value[0] = soft_host_load((uintptr_t)ref.host, MIN(size, 8));
    value[1] = size == 16 ? soft_host_load((uintptr_t)ref.host + 8, 8) : 0;
    if (how & SOFT_ACQREL)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    c->excl_valid = true;
    c->excl_addr = ref.pa;
    c->excl_size = (uint8_t)size;
    c->excl_value[0] = value[0];
    c->excl_value[1] = value[1];
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
    default:
        return __sync_bool_compare_and_swap((unsigned __int128 *)host,
                                            (unsigned __int128)expected[1] << 64 | expected[0],
                                            (unsigned __int128)value[1] << 64 | value[0]);
    }
}

bool soft_store_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                     const uint64_t value[2])
{
    uint64_t version = c->priv->excl_version;
    _Atomic uint64_t *bucket;
    bool valid = c->excl_valid, stored;
    struct soft_ref ref;

    check_alignment(c, va, size, true);
    soft_translate(c, va, size, SOFT_WRITE, how, &ref);
    if (!ref.host)
        soft_raise_unsupported_atomic(c, va, true);
    c->excl_valid = false;
    if (!valid || ref.pa != c->excl_addr || size != c->excl_size)
        return false;
    bucket = bucket_of(c, ref.pa);
    if (!atomic_compare_exchange_strong(bucket, &version, version + 1))
        return false;
    stored = swap_if_same(ref.host, size, c->excl_value, value);
    atomic_fetch_add(bucket, 1);
    if (stored && c->priv->dirty_log)
        mem_mark_dirty(c->vm->config.mem, ref.pa, size);
    return stored;
}

void soft_clear_excl(struct soft_cpu *c)
{
    c->excl_valid = false;
}
