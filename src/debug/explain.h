/* SPDX-License-Identifier: ISC */
/*
 * The explainer: facts that devices, the bus and the engines report (base/event.h) become lines of
 * the log that say what a guest's driver did wrong. docs/explain.md is what it says, line by line.
 *
 * Every claim is computed: from the features and status that a driver wrote, from the registers and
 * tables of the CPU that made an access, and from what the machine knows of its own addresses. What
 * a guest is called, or looks like, plays no part. A right driver causes no word.
 *
 * Each story is told once, there is room for a bounded number of them, and an event whose story has
 * been told costs a look at a small table: a hostile guest can neither flood the log nor slow the
 * machine down much. Every event is counted, told or not.
 *
 * Two kinds of stories cannot be told where they are noticed. A refused driver may recover (one
 * that negotiates again without what was refused is a right one), and one that uses its queues too
 * early may go on, so those stories wait until it gives up or has been silent for a while. And an
 * address that a device met says nothing of the kernel whose it is until a CPU that runs that
 * kernel has been asked.
 */
#ifndef DEBUG_EXPLAIN_H
#define DEBUG_EXPLAIN_H

#include "arm/walk.h"
#include "base/event.h"
#include "base/log.h"

enum explain_level {
    EXPLAIN_OFF,   /* counted only */
    EXPLAIN_BRIEF, /* one or two lines a story */
    EXPLAIN_FULL,  /* and status and features by name, every step of the walk, the ring's numbers */
};

/* What the explainer needs of its machine. All of it stays valid until explainer_destroy. */
struct explain_host {
    const struct log *log;
    enum explain_level level;
    uint64_t ram_base, ram_size;
    const char *wild_outcome; /* what becomes of a wild access: "a synchronous abort" */
    void *ctx;
    /* What a CPU translates by; called on that CPU's thread. False: it does not say. */
    bool (*regs)(void *ctx, unsigned cpu, struct arm_walk_regs *regs);
    /* A descriptor of its tables, as struct arm_walk_memory has it. Any thread. */
    bool (*read)(void *ctx, uint64_t pa, uint64_t *value);
    /* What lives at a physical address, in words without a full stop ("RAM", "the backing of
     * virtio-gpu resource 1, offset 0x10"). False: nothing. Any thread, outside of any
     * device's handlers and locks. */
    bool (*place)(void *ctx, uint64_t pa, char *text, size_t room);
    /* Line `line` of what is in a device's queue. False past the last. Where `place` may be called.
     */
    bool (*ring)(void *ctx, const char *device, unsigned queue, unsigned line, char *text,
                 size_t room);
    /* Asks for explainer_ask_cpu on the threads of CPUs that run; for explainer_settle some seconds
     * from now. Any thread; neither calls back at once. */
    void (*ask)(void *ctx);
    void (*later)(void *ctx);
};

struct explainer;

/* Returns 0 or -ENOMEM. */
int explainer_create(struct explainer **explainer, const struct explain_host *host);
void explainer_destroy(struct explainer *explainer);

/* For struct event_sink, with the explainer as ctx. Any thread; EVENT_WILD_ACCESS on the thread of
 * the event's CPU, before the CPU goes on. */
void explainer_event(void *explainer, const struct event *event);

/* Tells what was asked of a CPU; on its thread, between two of its runs. False: its tables of now
 * do not answer (a kernel may hide itself while a program runs): call it again at its next exit. */
bool explainer_ask_cpu(struct explainer *explainer, unsigned cpu);

/* Tells what has waited long enough. Any thread. */
void explainer_settle(struct explainer *explainer);

/* How many events of `kind` there have been. Any thread. */
uint64_t explainer_count(const struct explainer *explainer, enum event_kind kind);

#endif
