/* SPDX-License-Identifier: ISC */
/*
 * Which store-exclusive belongs to a load-exclusive, by the code between them (exclusive.c).
 */
#ifndef ENGINE_SOFT_EXCLUSIVE_H
#define ENGINE_SOFT_EXCLUSIVE_H

#include <stdint.h>

/* The name of the store-exclusive at physical address pa; never 0. Others have it, too, but not in
 * the same 128 KiB. */
static inline uint16_t soft_excl_name(uint64_t pa)
{
    return (uint16_t)(0x8000 | (pa >> 2 & 0x7fff));
}

/*
 * The name of the store-exclusive that the load-exclusive at `offset` of the code page `page`, of
 * physical address pa, leads to by nothing but computation; 0 if there is none. Pure but for
 * reading the page, which other threads may write.
 */
uint16_t soft_excl_find_pair(const uint8_t *page, uint64_t pa, unsigned offset);

#endif
