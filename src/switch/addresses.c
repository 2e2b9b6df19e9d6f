/* SPDX-License-Identifier: ISC */
#include "switch/addresses.h"

#include <stdlib.h>
#include <string.h>

#define SETS     4096 /* a power of two */
#define WAYS     8
#define RESERVED UINT64_MAX /* `seen` of an entry that does not age */

_Static_assert(SETS *WAYS >= 2 * ADDRESSES_OF_PORT * ADDRESSES_PORTS, "half of it is free");

struct entry {
    uint64_t key;  /* VLAN and address, and a bit that makes it unlike 0, which is a free one */
    uint64_t seen; /* when */
    unsigned port;
};

struct addresses {
    uint64_t seed;
    unsigned counts[ADDRESSES_PORTS];
    struct entry sets[SETS][WAYS];
};

struct addresses *addresses_create(uint64_t seed)
{
    struct addresses *addresses = calloc(1, sizeof(*addresses));

    if (addresses)
        addresses->seed = seed;
    return addresses;
}

void addresses_destroy(struct addresses *addresses)
{
    free(addresses);
}

static uint64_t key_of(const uint8_t mac[6], uint16_t vlan)
{
    uint64_t key = UINT64_C(1) << 63 | (uint64_t)(vlan & 0xfff) << 48;

    for (int i = 0; i < 6; i++)
        key |= (uint64_t)mac[i] << (40 - 8 * i);
    return key;
}

static struct entry *set_of(const struct addresses *addresses, uint64_t key)
{
    uint64_t hash = (key ^ addresses->seed) * UINT64_C(0x9e3779b97f4a7c15);

    hash = (hash ^ hash >> 29 ^ addresses->seed >> 7) * UINT64_C(0xbf58476d1ce4e5b9);
    return (struct entry *)(uintptr_t)addresses->sets[(hash >> 40) & (SETS - 1)];
}

static struct entry *find(const struct addresses *addresses, uint64_t key)
{
    struct entry *set = set_of(addresses, key);

    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

static bool aged(const struct entry *entry, uint64_t now)
{
    return entry->seen != RESERVED && now > entry->seen && now - entry->seen > ADDRESSES_AGE_NS;
}

static void release(struct addresses *addresses, struct entry *entry)
{
    if (entry->key)
        addresses->counts[entry->port]--;
    *entry = (struct entry){0};
}

static void occupy(struct addresses *addresses, struct entry *entry, uint64_t key, unsigned port,
                   uint64_t seen)
{
    release(addresses, entry);
    *entry = (struct entry){key, seen, port};
    addresses->counts[port]++;
}

/* A place for an address of the port's: a free one, or its own oldest, or, if it has fewer
 * addresses than that one's port, another's. */
static struct entry *place(struct addresses *addresses, uint64_t key, unsigned port, uint64_t now)
{
    struct entry *set = set_of(addresses, key), *own = NULL, *other = NULL;
    bool full = addresses->counts[port] >= ADDRESSES_OF_PORT;

    for (unsigned i = 0; i < WAYS; i++) {
        struct entry *entry = &set[i];

        if (entry->key && aged(entry, now))
            release(addresses, entry);
        if (!entry->key && !full)
            return entry;
        if (!entry->key || entry->seen == RESERVED)
            continue;
        if (entry->port == port && (!own || entry->seen < own->seen))
            own = entry;
        if (entry->port != port && addresses->counts[entry->port] > addresses->counts[port] &&
            (!other || entry->seen < other->seen))
            other = entry;
    }
    return own || full ? own : other;
}

/* The one for which the address is reserved, in every VLAN; -1: nobody. */
static int owner_of(const struct addresses *addresses, const uint8_t mac[6])
{
    const struct entry *entry = find(addresses, key_of(mac, 0));

    return entry && entry->seen == RESERVED ? (int)entry->port : -1;
}

bool addresses_learn(struct addresses *addresses, const uint8_t mac[6], uint16_t vlan,
                     unsigned port, uint64_t now)
{
    uint64_t key = key_of(mac, vlan);
    struct entry *entry;
    int owner = owner_of(addresses, mac);

    if (owner >= 0)
        return (unsigned)owner == port;
    entry = find(addresses, key);
    if (entry && entry->port == port) {
        entry->seen = now;
        return true;
    }
    if (entry)
        release(addresses, entry);
    entry = place(addresses, key, port, now);
    if (entry)
        occupy(addresses, entry, key, port, now);
    return true;
}

int addresses_find(const struct addresses *addresses, const uint8_t mac[6], uint16_t vlan,
                   uint64_t now)
{
    int owner = owner_of(addresses, mac);
    const struct entry *entry = owner >= 0 ? NULL : find(addresses, key_of(mac, vlan));

    return entry && !aged(entry, now) ? (int)entry->port : owner;
}

bool addresses_reserve(struct addresses *addresses, const uint8_t mac[6], unsigned port)
{
    uint64_t key = key_of(mac, 0);
    struct entry *entry = find(addresses, key);

    if (entry && entry->seen == RESERVED)
        return entry->port == port;
    if (entry)
        release(addresses, entry);
    entry = place(addresses, key, port, 0);
    if (entry)
        occupy(addresses, entry, key, port, RESERVED);
    return true;
}

void addresses_forget(struct addresses *addresses, unsigned port)
{
    for (unsigned i = 0; i < SETS; i++)
        for (unsigned j = 0; j < WAYS; j++)
            if (addresses->sets[i][j].key && addresses->sets[i][j].port == port)
                release(addresses, &addresses->sets[i][j]);
}

unsigned addresses_count(const struct addresses *addresses, unsigned port)
{
    return addresses->counts[port];
}
