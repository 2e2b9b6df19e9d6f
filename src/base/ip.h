/* SPDX-License-Identifier: ISC */
/*
 * Addresses of IP, both versions in one form: an IPv4 address is the IPv6 address that RFC 4291
 * (2.5.5.2) maps it to. All zeros is no address. Nothing here allocates; any thread may call it.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT_ROOM 46 /* of an address as text, with its NUL */

enum ip_family { IP_V4, IP_V6, IP_FAMILIES };

struct ip {
    uint8_t bytes[16]; /* network byte order */
};

/* Host byte order; 0 is 0.0.0.0, which is not `none`. */
struct ip ip_from_v4(uint32_t address);
uint32_t ip_v4(const struct ip *address); /* of an address of IP_V4 */

bool ip_is_none(const struct ip *address);
enum ip_family ip_family(const struct ip *address);
bool ip_equal(const struct ip *a, const struct ip *b);

/* 169.254.0.0/16 and fe80::/10: they are reached on their own wire only (RFC 3927, RFC 4291). */
bool ip_is_link_local(const struct ip *address);
bool ip_is_multicast(const struct ip *address);

/* Whether the first `bits` are the same, of addresses of one family and counted in it: at most 32
 * of IPv4, 128 of IPv6. */
bool ip_same_network(const struct ip *a, const struct ip *b, unsigned bits);

/* Reads an address; one of an IPv6 that stands for an IPv4 (::ffff:0:0/96) is none. Returns whether
 * the text is one, and not all zeros. */
bool ip_read(const char *text, struct ip *address);

/* Writes it as RFC 5952 has it. Returns `to`. */
const char *ip_text(const struct ip *address, char to[IP_TEXT_ROOM]);

#endif
