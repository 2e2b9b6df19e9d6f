/* SPDX-License-Identifier: ISC */
/*
 * Bits, alignment and the few macros that every room uses.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Guest memory is little-endian and host code reads it as such (docs/architecture.md). */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Atoll needs a little-endian host");

#define BIT(n)                          (UINT64_C(1) << (n))
#define nitems(array)                   (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define PRINTF(f, a)                    __attribute__((format(printf, f, a)))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The low n bits set; n is 0 to 64. */
static inline uint64_t bits_mask(unsigned n)
{
    return n >= 64 ? UINT64_MAX : BIT(n) - 1;
}

/* value<hi:lo>, as the Arm ARM writes it. */
static inline uint64_t bits_get(uint64_t value, unsigned hi, unsigned lo)
{
    return (value >> lo) & bits_mask(hi - lo + 1);
}

/* The low `width` bits of value as a signed number; width is 1 to 64. */
static inline int64_t sign_extend(uint64_t value, unsigned width)
{
    return (int64_t)(value << (64 - width)) >> (64 - width);
}

static inline bool is_power_of_2(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* `align` is a power of two. */
static inline uint64_t align_down(uint64_t n, uint64_t align)
{
    return n & ~(align - 1);
}

static inline uint64_t align_up(uint64_t n, uint64_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* Whether [base, base + len) lies within [0, limit), without overflow. */
static inline bool range_fits(uint64_t base, uint64_t len, uint64_t limit)
{
    return base <= limit && len <= limit - base;
}

#endif
