/* SPDX-License-Identifier: ISC */
/*
 * How a wire behaves, in one direction: what happens to each frame, and when it comes out.
 *
 * The engine is pure. Time is what the caller says, and chance comes from the seed and the
 * link's salt alone: the same frames at the same times with the same settings meet the same fate.
 * Each frame draws the same number of random numbers whatever is set, so that a change of one
 * setting does not shift the others' luck.
 *
 * In order: a link that is down drops everything; loss; duplication; corruption of one bit; the
 * rate, as a wire of that speed with a queue in front of it, whose end drops; delay with jitter,
 * which keeps the order of frames; and reordering, which holds a frame back by LINK_HOLD_NS so that
 * those behind it overtake it.
 */
#ifndef SWITCH_LINK_H
#define SWITCH_LINK_H

#include "base/bits.h"
#include "base/error.h"

#define LINK_HOLD_NS      UINT64_C(10000000)
#define LINK_QUEUE_BYTES  (UINT32_C(16) << 20) /* waiting at most, whatever is set */
#define LINK_QUEUE_FRAMES 16384                /* likewise */
#define LINK_DELAY_MAX    (UINT64_C(60) * 1000000000)
#define LINK_RATE_MIN     UINT64_C(1000)          /* bit/s */
#define LINK_RATE_MAX     UINT64_C(1000000000000) /* bit/s */

struct link_settings {
    uint64_t delay_ns;
    uint64_t jitter_ns;   /* added or taken away, evenly spread; delay_ns at most */
    uint64_t rate_bps;    /* bits of Ethernet frames (without preamble and FCS) a second; 0: any */
    uint32_t queue_bytes; /* waiting for the rate at most; 0: a tenth of a second's, 64 KiB at
                             least */
    double loss, reorder, duplicate, corrupt; /* of 1 */
    bool down;
    uint64_t seed; /* 0: 1 */
};

struct link_counters {
    uint64_t frames, bytes; /* that came out */
    uint64_t lost;          /* by `loss` or `down` */
    uint64_t queue_full, reordered, duplicated, corrupted;
};

struct link;

/* A link without any behaviour. NULL: out of memory. */
struct link *link_create(void);
void link_destroy(struct link *link); /* with what is in it; NULL is allowed */

/* Of links with one seed, each with another salt has luck of its own. From the next seed on; before
 * the first frame, at once. */
void link_distinguish(struct link *link, uint64_t salt);

/* Whether the settings can be. Returns 0 or -EINVAL with what would be right. */
int link_settings_check(const struct link_settings *settings, struct error *err);

/* From the next frame on. Chance starts anew when the seed is another. What is in the link comes
 * out at the times that it was given. */
void link_set(struct link *link, const struct link_settings *settings);
const struct link_settings *link_get(const struct link *link);
const struct link_counters *link_counters(const struct link *link);

/* Whether frames just pass: nothing is set and nothing waits. Then link_submit need not be asked.
 */
bool link_idle(const struct link *link);

/* Gives the link a frame, which it copies: `tag` is the caller's and comes out with it. */
void link_submit(struct link *link, uint64_t now_ns, const void *frame, size_t length,
                 uint32_t tag);

/* When the next frame comes out; UINT64_MAX: there is none. */
uint64_t link_deadline(const struct link *link);

/* Takes the next frame that is due at `now_ns`; valid until the next call with this link. False:
 * there is none. */
bool link_take(struct link *link, uint64_t now_ns, const void **frame, size_t *length,
               uint32_t *tag);

#endif
