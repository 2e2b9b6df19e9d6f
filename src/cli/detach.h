/* SPDX-License-Identifier: ISC */
/*
 * A machine that goes on when its command has returned: a process of its own is made first, and the
 * command waits until that one says that the machine runs, or ends.
 */
#ifndef CLI_DETACH_H
#define CLI_DETACH_H

#include "base/error.h"

struct detach {
    int tell; /* -1: there is nobody to be told */
};

/* Makes the process; call it before there are threads. Returns 1 in the process that was there,
 * when the other has started its machine (*status is 0) or ended (*status is its exit status); 0 in
 * the new one; or -errno. */
int detach_begin(struct detach *detach, int *status, struct error *err);

/* In the new process, before it is confined: leaves the terminal's session, and gives up the
 * standard descriptors for /dev/null and, for errors, `output`. Returns where the user still reads,
 * to be closed by detach_done, or -errno. */
int detach_leave(int output, struct error *err);

/* The machine runs. Returns 0, or -errno: the user has gone. */
int detach_done(struct detach *detach, int terminal);

#endif
