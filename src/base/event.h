/* SPDX-License-Identifier: ISC */
/*
 * Facts that a machine reports while it runs, as typed records. Devices and engines emit facts;
 * debug/ turns them into words, JSON and counters. No prose about drivers is written anywhere else.
 */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include "base/bits.h"

enum event_kind {
    EVENT_FEATURES_REFUSED,  /* a: features the driver wrote, b: features offered */
    EVENT_FEATURES_ACCEPTED, /* a: features the driver wrote, b: features offered */
    EVENT_RING_MALFORMED,    /* a: queue index, b: guest physical address or index at fault,
                                c: bytes there, 0 when that is not known */
    EVENT_QUEUE_BEFORE_OK,   /* a: queue index; a notification before DRIVER_OK */
    EVENT_DEVICE_RESET,      /* a: status before the reset */
    EVENT_ACCESS_UNBACKED,   /* a: guest physical address, b: bytes */
    EVENT_ACCESS_BAD_WIDTH,  /* a: guest physical address, b: bytes */
    EVENT_PSCI,              /* a: function id, b: return value */
    EVENT_QUIRK,             /* text: name of the quirk that Apple's machine would have applied */
    EVENT_DEVICE_STATUS,     /* a: status now, b: what the driver wrote, c: features it accepted */
    EVENT_QUEUE_DISABLED,    /* a: queue index; a notification of a queue that is not enabled */
    EVENT_WILD_ACCESS, /* a CPU's access where nothing is, on its own thread before it is told:
                          a: virtual address, b: physical address (of the page at least), c: pc;
                          text: "fetch" when it was one */
    EVENT_GPU_BACKING, /* a: guest physical address outside RAM, b: bytes, c: resource id */
    EVENT_KINDS
};

struct event {
    enum event_kind kind;
    bool write;         /* the direction of an access */
    int cpu;            /* -1: not on behalf of a vCPU */
    const char *device; /* "virtio-net0"; static or valid during the call only */
    const char *text;   /* a short fact without prose ("descriptor chain longer than the queue") */
    uint64_t a, b, c;
};

struct event_sink {
    /* Called on any thread with no lock of the caller's device held that the sink could need. */
    void (*emit)(void *ctx, const struct event *event);
    void *ctx;
};

static inline void event_emit(const struct event_sink *sink, const struct event *event)
{
    if (sink && sink->emit)
        sink->emit(sink->ctx, event);
}

#endif
