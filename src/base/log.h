/* SPDX-License-Identifier: ISC */
/*
 * The log of one machine. Rooms below cli/ never print: they write lines to the `struct log` that
 * they were handed, and whoever made the machine decides where the lines go.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bits.h"

enum log_level {
    LOG_ERROR, /* something the user asked for does not work */
    LOG_WARN,  /* it works, but not as the user may think */
    LOG_INFO,  /* said once, worth knowing */
    LOG_DEBUG, /* for developers of Atoll and of drivers */
};

struct log {
    /* Takes one line without a final newline. Called from any thread; must not block for long. */
    void (*sink)(void *ctx, enum log_level level, const char *line);
    void *ctx;
    enum log_level level; /* lines above this are dropped before they are formatted */
};

/* Writes one line, at most 511 bytes. `log` may be NULL: then nothing happens. Any thread. */
void log_write(const struct log *log, enum log_level level, const char *format, ...) PRINTF(3, 4);

#define log_error(log, ...) log_write(log, LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  log_write(log, LOG_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_write(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write(log, LOG_DEBUG, __VA_ARGS__)

#endif
