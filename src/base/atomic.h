/* SPDX-License-Identifier: ISC */
/*
 * The atomic operation that C's <stdatomic.h> does not promise without a library: 16 bytes at once.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Compares the 16 bytes at p, aligned to 16 and writable, with `expected` and, if they are equal,
 * replaces them by `desired`; returns whether it did. `expected` becomes what was there. Element 0
 * is at the lower address. Sequentially consistent; any thread.
 */
static inline bool atomic_cas16(void *p, uint64_t expected[2], const uint64_t desired[2])
{
#if defined(__x86_64__)
    /* Compilers call a library for it unless the whole program is built for CPUs that have it,
     * which every x86-64 CPU since 2006 does. */
    bool equal;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(equal), "+m"(*(unsigned __int128 *)p), "+a"(expected[0]),
                       "+d"(expected[1])
                     : "b"(desired[0]), "c"(desired[1])
                     : "memory");
    return equal;
#else
    unsigned __int128 old = (unsigned __int128)expected[1] << 64 | expected[0];
    unsigned __int128 new = (unsigned __int128)desired[1] << 64 | desired[0];
    unsigned __int128 seen = __sync_val_compare_and_swap((unsigned __int128 *)p, old, new);

    expected[0] = (uint64_t)seen;
    expected[1] = (uint64_t)(seen >> 64);
    return seen == old;
#endif
}

#endif
