/* SPDX-License-Identifier: ISC */
#include "machine/identity.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"

#define TEXT_LENGTH 36

/* FNV-1a, 64 bits (RFC 9923). */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

int identity_parse(const char *text, uint8_t uuid[IDENTITY_LENGTH])
{
    size_t nibbles = 0;

    if (strlen(text) != TEXT_LENGTH)
        return -EINVAL;
    for (size_t i = 0; i < TEXT_LENGTH; i++) {
        int digit = hex_digit(text[i]);

        if (is_dash(i) ? text[i] != '-' : digit < 0)
            return -EINVAL;
        if (is_dash(i))
            continue;
        uuid[nibbles / 2] = (uint8_t)(nibbles % 2 ? uuid[nibbles / 2] << 4 | digit : digit);
        nibbles++;
    }
    return 0;
}

void identity_mac(const uint8_t *uuid, size_t index, uint8_t mac[6])
{
    static const uint8_t prefix[6] = {0x52, 0x54, 0x00, 0xa7, 0x01, 0x00};
    uint64_t hash = FNV_BASIS;

    memcpy(mac, prefix, sizeof(prefix));
    mac[5] = (uint8_t)(index + 1);
    if (!uuid)
        return;
    for (size_t i = 0; i < IDENTITY_LENGTH; i++)
        hash = (hash ^ uuid[i]) * FNV_PRIME;
    for (size_t i = 1; i < sizeof(prefix); i++)
        mac[i] = (uint8_t)(hash >> 8 * i);
    mac[5] = (uint8_t)(mac[5] + index);
}
