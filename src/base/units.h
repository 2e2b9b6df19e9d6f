/* SPDX-License-Identifier: ISC */
/*
 * Units of size and time by name.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define NS_PER_SEC  UINT64_C(1000000000)
#define NS_PER_MSEC UINT64_C(1000000)
#define NS_PER_USEC UINT64_C(1000)

/* n * to / from without overflow in between. */
static inline uint64_t units_scale(uint64_t n, uint64_t to, uint64_t from)
{
    return (uint64_t)((unsigned __int128)n * to / from);
}

#endif
