/* SPDX-License-Identifier: ISC */
/*
 * The host's data cache, where somebody reads memory around it: a guest reads a page that it takes
 * for registers with a device's attributes, which on processors without FEAT_S2FWB no cache answers
 * (Arm ARM D8.6.6, "Stage 2 memory region type and cacheability attributes").
 */
#ifndef BASE_CACHE_H
#define BASE_CACHE_H

#include <stddef.h>
#include <stdint.h>

/* What was stored to `size` bytes at `at` is in memory when it returns. Any thread. Nothing to do
 * on x86, whose guests read no such memory. */
static inline void cache_clean(const void *at, size_t size)
{
#if defined(__aarch64__)
    uintptr_t end = (uintptr_t)at + size;
    uint64_t ctr;
    size_t line;

    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    line = (size_t)4 << (ctr >> 16 & 0xf); /* DminLine, in words */
    for (uintptr_t p = (uintptr_t)at & ~(line - 1); p < end; p += line)
        __asm__ volatile("dc cvac, %0" : : "r"(p) : "memory");
    __asm__ volatile("dsb sy" : : : "memory");
#else
    (void)at;
    (void)size;
#endif
}

#endif
