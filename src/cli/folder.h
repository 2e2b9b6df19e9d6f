/* SPDX-License-Identifier: ISC */
/*
 * The folder of a machine: its configuration, variables, disks and log, all its owner's alone. Who
 * uses it holds its lock.
 */
#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

#define FOLDER_LOCK "lock"

struct folder {
    const char *name; /* the caller's */
    char path[PATH_MAX];
    int fd;
    int lock; /* -1: not ours */
};

/* Opens the folder of the machine of this name: a real one that its owner alone may write to.
 * Returns 0 or -errno (-ENOENT: there is none). */
int folder_open(struct folder *folder, const char *name, struct error *err);
void folder_close(struct folder *folder); /* lets go of the lock */

/* Makes it (mode 0700), opens and locks it. -EEXIST: there is one already. */
int folder_create(struct folder *folder, const char *name, struct error *err);

/* Whether something stands where the machine's folder would be. */
bool folder_exists(const char *name);

/* Until folder_close or the end of the process. -EBUSY: somebody else has it, and who. A machine
 * that does not answer may be about to end, and is waited for. */
#define FOLDER_PATIENCE_MS 10000
int folder_lock(struct folder *folder, unsigned patience_ms, struct error *err);

/* Removes the folder, which is locked, with all files in it; one that holds folders is left alone.
 * Returns 0 or -errno. */
int folder_remove(struct folder *folder, struct error *err);

#endif
