/* SPDX-License-Identifier: ISC */
/*
 * What the files of debug/ share: explain.c (who hears what, limits, counters), monitor.c (what
 * drivers negotiate and notify), fault.c (addresses).
 *
 * `lock` guards what is remembered. Nothing of the host is called with it held: a function decides
 * under the lock what is to be told, and tells it afterwards.
 */
#ifndef DEBUG_PRIVATE_H
#define DEBUG_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "debug/explain.h"

#define EXPLAIN_DEVICES   64
#define EXPLAIN_QUESTIONS 8
#define EXPLAIN_STORIES   16 /* of addresses; a driver has at most one of each kind for a device */
#define EXPLAIN_ATTEMPTS  64 /* exits of CPUs whose tables did not answer */

/* Stories about one device's driver, each told once. */
enum story {
    STORY_REFUSED = 1,
    STORY_APPLE_REFUSES = 2,
    STORY_BEFORE_OK = 4,
    STORY_DISABLED = 8,
    STORY_OK_TOO_SOON = 16,
};

struct monitored {
    char name[32];
    uint64_t wanted, offered; /* of the last FEATURES_OK */
    bool refused;             /* it did not stick, and the driver has not recovered yet */
    bool early;               /* it notified `queue` and has not set DRIVER_OK yet */
    uint64_t queue;
    uint8_t status;
    unsigned told; /* enum story */
};

/* An event that waits for a CPU; strings are copies. */
struct question {
    struct event event;
    char device[32], text[64];
};

struct explainer {
    struct explain_host host;
    _Atomic uint64_t counts[EVENT_KINDS];
    pthread_mutex_t lock;
    struct monitored devices[EXPLAIN_DEVICES];
    unsigned device_count;
    struct {
        enum event_kind kind;
        uint64_t where, page;
    } addresses[EXPLAIN_STORIES]; /* told, or waiting to be */
    unsigned address_count;
    struct question questions[EXPLAIN_QUESTIONS];
    unsigned question_count, attempts;
};

/* A line of a story; one that --explain full adds. */
#define explain_say(x, ...) log_warn((x)->host.log, __VA_ARGS__)
#define explain_more(x, ...)                                                                       \
    do {                                                                                           \
        if ((x)->host.level == EXPLAIN_FULL)                                                       \
            log_warn((x)->host.log, __VA_ARGS__);                                                  \
    } while (0)

/* --- monitor.c --- */
void monitor_event(struct explainer *x, const struct event *event);
/* Drivers that were refused and have not come back. */
void monitor_settle(struct explainer *x);

/* --- fault.c --- */
/* Whether the address of `event` has not been told, and there is room for its story: then it counts
 * as told. */
bool fault_is_new(struct explainer *x, const struct event *event);
void fault_wild_access(struct explainer *x, const struct event *event);
/* An address that a device was given, or a width that it does not take. `regs` are those of a CPU
 * that runs the driver's kernel, NULL: unknown. */
void fault_bad_address(struct explainer *x, const struct event *event,
                       const struct arm_walk_regs *regs);
void fault_bad_width(struct explainer *x, const struct event *event);
/* Whether tables that `regs` describes could tell of the kernel: EL1 with the MMU on. */
bool fault_regs_answer(const struct arm_walk_regs *regs);

#endif
