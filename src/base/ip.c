/* SPDX-License-Identifier: ISC */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/endian.h"

#define MAPPED 12 /* bytes before an IPv4 address */

static const uint8_t mapped[MAPPED] = {[10] = 0xff, [11] = 0xff};

struct ip ip_from_v4(uint32_t address)
{
    struct ip ip;

    memcpy(ip.bytes, mapped, MAPPED);
    store_be32(ip.bytes + MAPPED, address);
    return ip;
}

uint32_t ip_v4(const struct ip *address)
{
    return load_be32(address->bytes + MAPPED);
}

bool ip_is_none(const struct ip *address)
{
    static const struct ip none;

    return ip_equal(address, &none);
}

enum ip_family ip_family(const struct ip *address)
{
    return memcmp(address->bytes, mapped, MAPPED) == 0 ? IP_V4 : IP_V6;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ip_is_link_local(const struct ip *address)
{
    if (ip_family(address) == IP_V4)
        return ip_v4(address) >> 16 == 0xa9fe;
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

bool ip_is_multicast(const struct ip *address)
{
    return ip_family(address) == IP_V4 ? ip_v4(address) >> 28 == 0xe : address->bytes[0] == 0xff;
}

bool ip_same_network(const struct ip *a, const struct ip *b, unsigned bits)
{
    enum ip_family family = ip_family(a);
    size_t whole;

    if (ip_family(b) != family)
        return false;
    if (family == IP_V4)
        bits += 8 * MAPPED;
    whole = bits / 8;
    if (whole >= sizeof(a->bytes))
        return ip_equal(a, b);
    return memcmp(a->bytes, b->bytes, whole) == 0 &&
           (a->bytes[whole] ^ b->bytes[whole]) >> (8 - bits % 8) == 0;
}

bool ip_read(const char *text, struct ip *address)
{
    uint8_t v4[4];

    if (inet_pton(AF_INET, text, v4) == 1) {
        *address = ip_from_v4(load_be32(v4));
        return ip_v4(address) != 0;
    }
    return inet_pton(AF_INET6, text, address->bytes) == 1 && ip_family(address) == IP_V6 &&
           !ip_is_none(address);
}

const char *ip_text(const struct ip *address, char to[IP_TEXT_ROOM])
{
    bool v4 = ip_family(address) == IP_V4;

    if (!inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? MAPPED : 0), to, IP_TEXT_ROOM))
        *to = '\0';
    return to;
}
