/* SPDX-License-Identifier: ISC */
/*
 * A machine's log in a file. What a guest can make a machine say is bounded by time
 * (machine/log_limit.h), and the file by its size: what is older than the last LOGFILE_MAX bytes or
 * so moves to a second file, over what that one held.
 */
#ifndef CLI_LOGFILE_H
#define CLI_LOGFILE_H

#include "base/error.h"

#define LOGFILE_MAX (1u << 20)
#define LOGFILE_OLD ".0" /* after the log's name */

struct logfile;

/* Opens both files to add to them, or makes them (mode 0600); a symbolic link is refused. Both stay
 * open, for a confined process opens none. Returns 0 or -errno. */
int logfile_open(struct logfile **log, const char *path, struct error *err);
void logfile_close(struct logfile *log); /* NULL is allowed */

/* One line, without its newline, after the time (UTC). What a full disk does not take is left out,
 * and the next line that it does take is preceded by one that says so. Any thread. */
void logfile_write(struct logfile *log, const char *line);

/* Where others, who do not know the line's form, may write. */
int logfile_descriptor(const struct logfile *log);

#endif
