/* SPDX-License-Identifier: ISC */
/* The second level of the soft TLB (walk.h). */
#include "engine/soft/walk.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

/* Neighbouring pages are in neighbouring sets; what lies further apart is spread. */
static unsigned set_of(uint64_t va, unsigned shift)
{
    uint64_t number = va >> shift;

    return (unsigned)((number + ((number >> SOFT_WALK_SET_BITS) * GOLDEN >> 40)) &
                      bits_mask(SOFT_WALK_SET_BITS));
}

static bool translates(const struct soft_walk_entry *e, uint64_t va, unsigned shift)
{
    return e->va == align_down(va, BIT(shift)) && e->walk.shift == shift;
}

static const uint64_t *asid_since(const struct soft_walk_cache *cache, uint64_t space)
{
    return &cache->asid_since[(space >> 48) % SOFT_WALK_STAMPS];
}

static bool holds(const struct soft_walk_cache *cache, const struct soft_walk_entry *e)
{
    return e->stamp >= cache->all_since &&
           (e->space == SOFT_SPACE_GLOBAL || e->stamp >= *asid_since(cache, e->space));
}

bool soft_walk_cache_find(const struct soft_walk_cache *cache, uint64_t va, uint64_t space,
                          struct soft_walk *walk)
{
    for (uint64_t shifts = cache->shifts; shifts; shifts &= shifts - 1) {
        unsigned shift = (unsigned)__builtin_ctzll(shifts);
        const struct soft_walk_entry *set = cache->set[set_of(va, shift)];

        for (unsigned i = 0; i < SOFT_WALK_WAYS; i++) {
            const struct soft_walk_entry *e = &set[i];

            if (translates(e, va, shift) && (e->space == space || e->space == SOFT_SPACE_GLOBAL) &&
                holds(cache, e)) {
                *walk = e->walk;
                walk->pa |= va & bits_mask(shift);
                return true;
            }
        }
    }
    return false;
}

/* Where a translation goes: in the place of its older self, of a void one, or of each in turn. */
static struct soft_walk_entry *place_for(struct soft_walk_cache *cache, uint64_t va, uint64_t space,
                                         unsigned shift)
{
    struct soft_walk_entry *set = cache->set[set_of(va, shift)], *free = NULL;

    for (unsigned i = 0; i < SOFT_WALK_WAYS; i++) {
        if (translates(&set[i], va, shift) && set[i].space == space)
            return &set[i];
        if (!holds(cache, &set[i]))
            free = &set[i];
    }
    return free ? free : &set[cache->next_victim++ % SOFT_WALK_WAYS];
}

void soft_walk_cache_add(struct soft_walk_cache *cache, uint64_t va, uint64_t space,
                         const struct soft_walk *walk)
{
    uint64_t key = walk->global ? SOFT_SPACE_GLOBAL : space;
    struct soft_walk_entry *e = place_for(cache, va, key, walk->shift);

    e->va = align_down(va, BIT(walk->shift));
    e->space = key;
    e->stamp = cache->now;
    e->walk = *walk;
    e->walk.pa = align_down(walk->pa, BIT(walk->shift));
    cache->shifts |= BIT(walk->shift);
}

void soft_walk_cache_flush(struct soft_walk_cache *cache)
{
    cache->all_since = ++cache->now;
    cache->shifts = 0;
}

void soft_walk_cache_flush_asid(struct soft_walk_cache *cache, unsigned asid)
{
    cache->asid_since[asid % SOFT_WALK_STAMPS] = ++cache->now;
}

void soft_walk_cache_flush_va(struct soft_walk_cache *cache, uint64_t va, uint32_t asid)
{
    for (uint64_t shifts = cache->shifts; shifts; shifts &= shifts - 1) {
        unsigned shift = (unsigned)__builtin_ctzll(shifts);
        struct soft_walk_entry *set = cache->set[set_of(va, shift)];

        for (unsigned i = 0; i < SOFT_WALK_WAYS; i++)
            if (translates(&set[i], va, shift) &&
                (set[i].space == SOFT_SPACE_GLOBAL || asid == SOFT_ASID_ANY ||
                 set[i].space >> 48 == asid))
                set[i].stamp = 0;
    }
}
