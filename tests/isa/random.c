/* SPDX-License-Identifier: ISC */
/* See random.h. */
#include "random.h"

#include "base/bits.h"

/* SplitMix64. */
uint64_t random_u64(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t random_bits(void *arg)
{
    return (uint32_t)(random_u64(arg) >> 32);
}

unsigned random_below(struct random *r, unsigned limit)
{
    return random_bits(r) % limit;
}

/* --- values --- */

uint64_t random_integer(struct random *r)
{
    static const uint8_t WIDTHS[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 32, 33, 48, 63, 64};
    uint64_t limit = bits_mask(WIDTHS[random_below(r, sizeof(WIDTHS))]);

    switch (random_below(r, 6)) {
    case 0: return random_below(r, 3) - UINT64_C(1); /* -1, 0, 1 */
    case 1: return limit + random_below(r, 3) - 1;   /* around the largest of a width */
    case 2: return ~limit + random_below(r, 3) - 1;  /* and the most negative */
    case 3: return random_u64(r) & limit;
    case 4: return random_u64(r) | ~limit;
    default: return random_u64(r);
    }
}

/* A floating-point number of `bits` with `fraction` bits of fraction. */
static uint64_t random_float(struct random *r, unsigned bits, unsigned fraction)
{
    uint64_t sign = (uint64_t)random_below(r, 2) << (bits - 1), quiet = BIT(fraction - 1), exponent;
    uint64_t exponents = bits_mask(bits - 1 - fraction), one = (exponents >> 1) << fraction;
    uint64_t any = random_u64(r) & bits_mask(fraction);

    switch (random_below(r, 16)) {
    case 0: return sign;                                              /* zero */
    case 1: return sign | exponents << fraction;                      /* infinity */
    case 2: return sign | exponents << fraction | quiet | any;        /* quiet NaN */
    case 3: return sign | exponents << fraction | (any & ~quiet) | 1; /* signalling NaN */
    case 4: return sign | any;                                        /* denormal */
    case 5:
        return sign | 1 | (uint64_t)random_below(r, 2) << fraction; /* the smallest of its kind */
    case 6: return sign | (BIT(fraction) - 1 + random_below(r, 3)); /* about the smallest normal */
    case 7:
        return sign | ((exponents << fraction) - 1 - random_below(r, 2)); /* about the largest */
    case 8: return sign | (one - 2 + random_below(r, 5));                 /* one, or next to it */
    case 9:
        return sign |
               (one + ((uint64_t)random_below(r, 8) << (fraction - 2))); /* 1.25, 1.5, 2, 3.5 */
    case 10: /* a number and a half, or nearly */
        exponent = (exponents >> 1) + random_below(r, fraction + 2);
        return sign | exponent << fraction | (any & ~bits_mask(random_below(r, fraction)));
    case 11: /* about the limits of integers */
        exponent = MIN((exponents >> 1) + 14 + random_below(r, 52), exponents - 1);
        return sign | ((exponent << fraction) + random_below(r, 3) - 1);
    case 12: /* close to one */
    case 13:
        exponent = (exponents >> 1) + random_below(r, 8) - 4;
        return sign | exponent << fraction | any;
    default: return random_u64(r) & bits_mask(bits);
    }
}

uint64_t random_lanes(struct random *r, unsigned kind)
{
    uint64_t value = 0;

    switch (kind) {
    case 0:
        for (unsigned i = 0; i < 64; i += 16)
            value |= random_float(r, 16, 10) << i;
        return value;
    case 1:
        for (unsigned i = 0; i < 64; i += 32)
            value |= random_float(r, 32, 23) << i;
        return value;
    case 2: return random_float(r, 64, 52);
    case 3: return random_integer(r);
    default:
        for (unsigned i = 0; i < 64; i += 16)
            value |= (random_integer(r) & 0xffff) << i;
        return value;
    }
}

uint32_t random_fpcr(struct random *r)
{
    uint32_t fpcr = random_below(r, 4) << 22; /* RMode */

    fpcr |= random_below(r, 4) == 0 ? 1u << 24 : 0; /* FZ */
    fpcr |= random_below(r, 4) == 0 ? 1u << 25 : 0; /* DN */
    fpcr |= random_below(r, 4) == 0 ? 1u << 19 : 0; /* FZ16 */
    fpcr |= random_below(r, 8) == 0 ? 1u << 26 : 0; /* AHP */
    return random_below(r, 2) ? fpcr : 0;
}
