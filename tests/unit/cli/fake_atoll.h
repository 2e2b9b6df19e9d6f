/* SPDX-License-Identifier: ISC */
/*
 * A machine that is none: what the control socket calls of the public API, so that its server can
 * be tested and fuzzed without a guest. Everything that is asked of it is noted.
 */
#ifndef TESTS_UNIT_CLI_FAKE_ATOLL_H
#define TESTS_UNIT_CLI_FAKE_ATOLL_H

#include <pthread.h>
#include <stdatomic.h>

#include "atoll/atoll.h"

struct atoll_follower {
    struct atoll *vm;
    struct atoll_follower *next;
    void (*output)(void *ctx, const void *bytes, size_t length);
    void *ctx;
};

struct atoll {
    pthread_mutex_t lock;
    enum atoll_state state;
    bool gpu; /* and a text console on it, of `columns` by 2 */
    unsigned columns;
    size_t picture_size; /* of the file that atoll_picture gives */
    bool input_stalls;   /* atoll_type waits for its whole timeout */

    char history[1024];
    size_t history_length;
    struct atoll_follower *followers;
    char typed[4096], given[1 << 20]; /* by atoll_type, and to the console */
    size_t typed_length, given_length;
    size_t room; /* what the console takes in all */
    unsigned buttons[64], button_count;
    atomic_uint quits, resets, power_buttons, chords;
};

/* A machine that runs, with a GPU and a keyboard. */
void fake_init(struct atoll *vm);
/* Its guest says something on the console. */
void fake_say(struct atoll *vm, const void *bytes, size_t length);

#endif
