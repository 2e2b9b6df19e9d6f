/* SPDX-License-Identifier: ISC */
/*
 * What a machine is to libatoll: a table of verbs. There are two kinds, Atoll's own (machine/,
 * which runs on every CPU engine) and the one that Apple's Virtualization.framework runs whole
 * (vz/); atoll_create chooses by the configuration's `engine`, and from then on the public
 * functions call through this table.
 *
 * A verb does what atoll.h says of the function of its name, on the threads that it says. One that
 * a kind of machine does not have is NULL, and libatoll refuses it by name.
 */
#ifndef LIB_OPS_H
#define LIB_OPS_H

#include "atoll/atoll.h"
#include "base/error.h"

struct atoll_ops {
    const char *kind; /* for messages: "a machine of ..." */

    /* Never NULL. */
    int (*start)(struct atoll *vm, struct error *err);
    enum atoll_stop (*wait)(struct atoll *vm);
    void (*quit)(struct atoll *vm);
    void (*reset)(struct atoll *vm);
    void (*power_button)(struct atoll *vm);
    int (*pause)(struct atoll *vm);
    int (*resume)(struct atoll *vm);
    enum atoll_state (*state)(struct atoll *vm);
    void (*stats)(struct atoll *vm, struct atoll_stats *stats);
    void (*destroy)(struct atoll *vm);
    int64_t (*console_write)(struct atoll *vm, size_t index, const void *bytes, size_t length);
    int64_t (*console_read)(struct atoll *vm, size_t index, void *bytes, size_t room);
    int (*console_follow)(struct atoll *vm, size_t index,
                          void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                          struct atoll_follower **follower);
    void (*restore_terminal)(struct atoll *vm);
    int (*balloon)(struct atoll *vm, uint64_t bytes);

    /* NULL where there is no such thing. */
    int (*save)(struct atoll *vm, void **bytes, size_t *length, struct error *err);
    int (*load)(struct atoll *vm, const void *bytes, size_t length, struct error *err);
    int (*screenshot)(struct atoll *vm, const char *path, struct error *err);
    int (*picture)(struct atoll *vm, void **bytes, size_t *length, struct error *err);
    int (*screen_text)(struct atoll *vm, struct atoll_text *text, struct error *err);
    int (*key)(struct atoll *vm, unsigned usage, bool down, unsigned timeout_ms, struct error *err);
    int (*chord)(struct atoll *vm, const char *keys, unsigned timeout_ms, struct error *err);
    int (*type)(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
                struct error *err);
    int (*pointer)(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                   unsigned timeout_ms, struct error *err);
    int (*display_address)(struct atoll *vm, size_t index, char *text, size_t room);
    int (*device_stats)(struct atoll *vm, size_t index, struct atoll_device_stats *stats);
};

/* The head of every machine. */
struct atoll {
    const struct atoll_ops *ops;
};

#endif
