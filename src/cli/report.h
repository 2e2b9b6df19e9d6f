/* SPDX-License-Identifier: ISC */
/*
 * What a machine has to say while it runs: to whoever started it, to its log, or to both.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <pthread.h>

#include "atoll/atoll.h"
#include "cli/logfile.h"

struct report {
    pthread_mutex_t lock;
    int terminal;         /* a descriptor; -1: nobody looks */
    struct logfile *file; /* NULL: no log is kept */
};

/* To standard error, and nowhere else yet. */
void report_init(struct report *report);
void report_fini(struct report *report); /* closes the log */

/* From now on there, until nobody looks any more. Any thread. */
void report_to(struct report *report, int terminal);

/* One line; for atoll_config's `log`, where `ctx` is the struct report. Any thread. */
void report_line(void *ctx, enum atoll_log_level level, const char *line);

/* Why the command fails; returns `status`. */
int report_failure(struct report *report, int status, const char *why);

#endif
