/* SPDX-License-Identifier: ISC */
/* The few functions of the C library that a kernel cannot do without, and its boot arguments. */
#include "bsd.h"

#include "fdt.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((((uintptr_t)t | (uintptr_t)f) & 7) == 0)
        for (; n >= 8; n -= 8, t += 8, f += 8)
            *(uint64_t *)t = *(const uint64_t *)f;
    while (n--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    uint8_t *t = to;

    if (((uintptr_t)t & 7) == 0)
        for (uint64_t eight = UINT64_C(0x0101010101010101) * (uint8_t)byte; n >= 8; n -= 8, t += 8)
            *(uint64_t *)t = eight;
    while (n--)
        *t++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    return n;
}

static int digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : 16;
}

uint64_t parse_number(const char *text)
{
    uint64_t value = 0;
    int base = 10;

    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    for (; digit(*text) < base; text++)
        value = value * (unsigned)base + (unsigned)digit(*text);
    return value;
}

bool bootarg(const char *arguments, const char *name, char *value, size_t room)
{
    size_t length = strlen(name), n = 0;

    for (const char *at = arguments; *at; at++) {
        if ((at != arguments && at[-1] != ' ') || memcmp(at, name, length) != 0 ||
            at[length] != '=')
            continue;
        for (at += length + 1; *at && *at != ' ' && n + 1 < room; at++)
            value[n++] = *at;
        value[n] = '\0';
        return true;
    }
    return false;
}

uint64_t bootarg_number(const char *name, uint64_t fallback)
{
    char value[32];

    return bootarg(fdt_bootargs(), name, value, sizeof(value)) ? parse_number(value) : fallback;
}

bool bootarg_is(const char *name, const char *wanted)
{
    char value[32];

    return bootarg(fdt_bootargs(), name, value, sizeof(value)) &&
           memcmp(value, wanted, strlen(wanted) + 1) == 0;
}
