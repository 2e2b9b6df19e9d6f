/* SPDX-License-Identifier: ISC */
/* Atomic operations that nobody contends: as the compiler's library chooses them (LSE where the CPU
 * has it), and as a load-exclusive and store-exclusive pair. */

#include <stdatomic.h>
#include <stddef.h>

#include "workload.h"

static uint64_t run_atomic(void)
{
    static _Atomic uint64_t sum;
    static _Atomic uint32_t lock;

    for (long i = 0, count = scaled(20000000); i < count; i++) {
        uint32_t unlocked = 0;
        atomic_fetch_add(&sum, (uint64_t)i);
        if (atomic_compare_exchange_strong(&lock, &unlocked, 1))
            atomic_store_explicit(&lock, 0, memory_order_release);
    }
    return sum;
}

static uint64_t run_llsc(void)
{
    static uint64_t sum;

    for (long i = 0, count = scaled(20000000); i < count; i++) {
        uint64_t value;
        uint32_t failed;
        do {
            __asm__ volatile("ldaxr %0, [%2]\n"
                             "add %0, %0, %3\n"
                             "stlxr %w1, %0, [%2]"
                             : "=&r"(value), "=&r"(failed)
                             : "r"(&sum), "r"(i)
                             : "memory");
        } while (failed);
    }
    return sum;
}

const struct workload atomic_workloads[] = {
    {"atomic", run_atomic},
    {"llsc", run_llsc},
    {NULL, NULL},
};
