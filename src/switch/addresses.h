/* SPDX-License-Identifier: ISC */
/*
 * Where an Ethernet address was last seen: a bounded table that forgets (IEEE 802.1Q, 8.7 and 8.8).
 *
 * It is made for ports that lie. A port has ADDRESSES_OF_PORT entries at most, so that one that
 * makes up addresses only loses its own; which addresses share a place in the table nobody outside
 * can know; and an address that a port has reserved cannot be claimed by another.
 */
#ifndef SWITCH_ADDRESSES_H
#define SWITCH_ADDRESSES_H

#include "base/bits.h"

#define ADDRESSES_OF_PORT 256
#define ADDRESSES_AGE_NS  (UINT64_C(300) * 1000000000) /* 802.1Q's default */
#define ADDRESSES_PORTS   64

struct addresses;

/* `seed` is nobody's to know. NULL: out of memory. */
struct addresses *addresses_create(uint64_t seed);
void addresses_destroy(struct addresses *addresses);

/* An address in a VLAN (0: untagged) was seen as the source of a frame from `port`. Returns false
 * when it is reserved for another port. */
bool addresses_learn(struct addresses *addresses, const uint8_t mac[6], uint16_t vlan,
                     unsigned port, uint64_t now_ns);

/* The port behind which it is: where it was seen in this VLAN, or for which it is reserved; -1: not
 * known. */
int addresses_find(const struct addresses *addresses, const uint8_t mac[6], uint16_t vlan,
                   uint64_t now_ns);

/* It is this port's for good, in every VLAN, whatever others say. False: another has it. */
bool addresses_reserve(struct addresses *addresses, const uint8_t mac[6], unsigned port);

/* The port is gone. */
void addresses_forget(struct addresses *addresses, unsigned port);

/* How many of the port's are known. */
unsigned addresses_count(const struct addresses *addresses, unsigned port);

#endif
