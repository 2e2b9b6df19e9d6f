/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores of little- and big-endian numbers at any alignment, for bytes that come from
 * files and packets. Guest memory is not touched this way: see mem/mem.h.
 */
#ifndef BASE_ENDIAN_H
#define BASE_ENDIAN_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ENDIAN_LE(bits, v) (v)
#define ENDIAN_BE(bits, v) __builtin_bswap##bits(v)
#else
#define ENDIAN_LE(bits, v) __builtin_bswap##bits(v)
#define ENDIAN_BE(bits, v) (v)
#endif

#define ENDIAN_ACCESSORS(bits)                                                                     \
    static inline uint##bits##_t load_le##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return ENDIAN_LE(bits, v);                                                                 \
    }                                                                                              \
    static inline uint##bits##_t load_be##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return ENDIAN_BE(bits, v);                                                                 \
    }                                                                                              \
    static inline void store_le##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        v = ENDIAN_LE(bits, v);                                                                    \
        memcpy(p, &v, sizeof(v));                                                                  \
    }                                                                                              \
    static inline void store_be##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        v = ENDIAN_BE(bits, v);                                                                    \
        memcpy(p, &v, sizeof(v));                                                                  \
    }

ENDIAN_ACCESSORS(16)
ENDIAN_ACCESSORS(32)
ENDIAN_ACCESSORS(64)

#undef ENDIAN_ACCESSORS
#undef ENDIAN_LE
#undef ENDIAN_BE

#endif
