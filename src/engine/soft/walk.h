/* SPDX-License-Identifier: ISC */
/*
 * Results of stage 1 walks, and the second level of the soft TLB: a set-associative cache of them.
 *
 * A result is kept once for the page or block that it translates, whatever its size, so a TLBI by
 * address finds it exactly. Sets are chosen by address alone: a TLBI for all ASIDs looks at as few
 * as one for one ASID. A result carries the space that it was found in, ASID and table base, or
 * SOFT_SPACE_GLOBAL, and the time it was entered at; a TLBI of an ASID or of everything moves the
 * time on.
 *
 * Addresses here are canonical: bits 63:56 are copies of bit 55.
 */
#ifndef ENGINE_SOFT_WALK_H
#define ENGINE_SOFT_WALK_H

#include "base/bits.h"

/* What a stage 1 walk found. */
struct soft_walk {
    uint64_t pa;
    uint8_t shift; /* log2 of the page's or block's size */
    uint8_t attr;  /* MAIR_EL1's attribute byte; 0 (Device-nGnRnE) or 0xff with the MMU off */
    uint8_t sh;    /* shareability field */
    uint8_t level;
    bool read[2], write[2], exec[2]; /* permissions by EL, PAN not considered */
    bool user;                       /* EL0 may read or write it: what PAN looks at */
    bool global;                     /* for all ASIDs: nG is 0 */
    bool faulted;
    uint8_t fault; /* then: the fault status code with its level */
};

/* A space in which a translation that is not global holds: the ASID in bits 63:48, the table base
 * of TTBRn_EL1 below; bit 0 is clear. */
#define SOFT_SPACE_GLOBAL UINT64_MAX
#define SOFT_SPACE_NONE   (UINT64_MAX - 2)
#define SOFT_ASID_ANY     UINT32_MAX

#define SOFT_WALK_WAYS     4
#define SOFT_WALK_SET_BITS 10
#define SOFT_WALK_STAMPS   256

struct soft_walk_entry {
    uint64_t va; /* of the page or block */
    uint64_t space;
    uint64_t stamp; /* 0: nothing here */
    struct soft_walk walk;
};

struct soft_walk_cache {
    struct soft_walk_entry set[1 << SOFT_WALK_SET_BITS][SOFT_WALK_WAYS];
    uint64_t shifts;                       /* sizes here: bit n for 2^n bytes */
    uint64_t now;                          /* 1 and up */
    uint64_t all_since;                    /* what was entered before is void */
    uint64_t asid_since[SOFT_WALK_STAMPS]; /* by ASID modulo: likewise if it is not global */
    unsigned next_victim;
};

/* Looks for the translation of va in `space` or a global one. */
bool soft_walk_cache_find(const struct soft_walk_cache *cache, uint64_t va, uint64_t space,
                          struct soft_walk *walk);

/* Enters a walk that did not fault. */
void soft_walk_cache_add(struct soft_walk_cache *cache, uint64_t va, uint64_t space,
                         const struct soft_walk *walk);

/* Drops everything; what is not global and has this ASID; what translates va and is global or has
 * this ASID, or any with SOFT_ASID_ANY. A zeroed cache must be flushed before its first use. */
void soft_walk_cache_flush(struct soft_walk_cache *cache);
void soft_walk_cache_flush_asid(struct soft_walk_cache *cache, unsigned asid);
void soft_walk_cache_flush_va(struct soft_walk_cache *cache, uint64_t va, uint32_t asid);

#endif
