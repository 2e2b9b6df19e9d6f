/* SPDX-License-Identifier: ISC */
/* Vectors of integers: the C library's string functions, and loops that the compiler vectorises. */

#include <stddef.h>
#include <string.h>

#include "workload.h"

#define VECTORISED __attribute__((optimize("O3"))) NOT_INLINED

static uint64_t run_strops(void)
{
    static char text[65536], copy[65536];
    uint64_t checksum = 0;

    for (int i = 0; i < 65535; i++)
        text[i] = (char)('a' + random64() % 26);
    for (long i = 0, rounds = scaled(60000); i < rounds; i++) {
        text[60000] = '\0';
        checksum += strlen(text + (i & 63));
        checksum += memchr(text, '{', 60000) != NULL;
        memcpy(copy, text, 30000);
        checksum += memcmp(text, copy, 30000) == 0;
        text[60000] = 'x';
        checksum += (uint64_t)(strchr(text + i % 1000, 'z') - text);
    }
    return checksum;
}

/* Sum of absolute differences. */
static VECTORISED uint32_t difference(const uint8_t *restrict a, const uint8_t *restrict b, int n)
{
    uint32_t sum = 0;

    for (int i = 0; i < n; i++) {
        int d = a[i] - b[i];
        sum += (uint32_t)(d < 0 ? -d : d);
    }
    return sum;
}

static VECTORISED void blend(uint8_t *restrict to, const uint8_t *restrict a,
                             const uint8_t *restrict b, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (uint8_t)((a[i] * 3 + b[i] * 5 + 4) >> 3);
}

static uint64_t run_neonint(void)
{
    enum { LENGTH = 8192 };
    static uint8_t a[LENGTH], b[LENGTH], blended[LENGTH];
    uint64_t checksum = 0;

    for (int i = 0; i < LENGTH; i++) {
        a[i] = (uint8_t)random64();
        b[i] = (uint8_t)random64();
    }
    for (long i = 0, rounds = scaled(60000); i < rounds; i++) {
        blend(blended, a, b, LENGTH);
        checksum += difference(blended, a, LENGTH);
        a[i % LENGTH]++;
    }
    return checksum;
}

const struct workload string_workloads[] = {
    {"strops", run_strops},
    {"neonint", run_neonint},
    {NULL, NULL},
};
