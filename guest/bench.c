/* SPDX-License-Identifier: ISC */
/* A fixed amount of integer work: sieve, sort and a checksum over memory, to measure an engine's
 * speed with. */
#include "guest.h"

#define COUNT 65536

static uint32_t table[COUNT];

void guest_exception(struct frame *f)
{
    guest_fail(f);
}

static uint32_t sieve(void)
{
    uint32_t primes = 0;

    for (uint32_t i = 0; i < COUNT; i++)
        table[i] = 1;
    for (uint32_t i = 2; i < COUNT; i++) {
        if (!table[i])
            continue;
        primes++;
        for (uint32_t j = i * 2; j < COUNT; j += i)
            table[j] = 0;
    }
    return primes;
}

static uint32_t shell_sort(void)
{
    uint32_t x = 12345, sum = 0;

    for (uint32_t i = 0; i < COUNT; i++) {
        x = x * 1664525 + 1013904223;
        table[i] = x >> 8;
    }
    for (uint32_t gap = COUNT / 2; gap; gap /= 2)
        for (uint32_t i = gap; i < COUNT; i++) {
            uint32_t v = table[i], j = i;

            for (; j >= gap && table[j - gap] > v; j -= gap)
                table[j] = table[j - gap];
            table[j] = v;
        }
    for (uint32_t i = 0; i < COUNT; i++)
        sum = sum * 31 + table[i];
    return sum;
}

int main(void)
{
    for (int i = 0; i < 8; i++) {
        put_value("primes", sieve());
        put_value("sorted", shell_sort());
    }
    return 0;
}
