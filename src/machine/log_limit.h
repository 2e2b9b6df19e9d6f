/* SPDX-License-Identifier: ISC */
/*
 * A bound on what a machine writes to its log. A guest can make devices complain as often as it
 * likes, and the log may end in a file: each level has LOG_LIMIT_BURST lines, and gets one more a
 * second.
 */
#ifndef MACHINE_LOG_LIMIT_H
#define MACHINE_LOG_LIMIT_H

#include <pthread.h>

#include "base/log.h"

#define LOG_LIMIT_BURST 200

struct log_limit {
    pthread_mutex_t lock;
    struct {
        unsigned left;     /* lines that may still be written */
        uint64_t second;   /* when the last was added */
        uint64_t left_out; /* since the last line that was written */
    } levels[LOG_DEBUG + 1];
};

void log_limit_init(struct log_limit *limit);
void log_limit_fini(struct log_limit *limit);

/* Whether a line of `level` may be written at `now_ns` (monotonic). If so, *left_out is how many
 * were not since the last one. Any thread. */
bool log_limit_take(struct log_limit *limit, enum log_level level, uint64_t now_ns,
                    uint64_t *left_out);

#endif
