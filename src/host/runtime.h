/* SPDX-License-Identifier: ISC */
/*
 * The user's folder for the sockets of what runs.
 */
#ifndef HOST_RUNTIME_H
#define HOST_RUNTIME_H

#include <stddef.h>

#include "base/error.h"

/* Makes (mode 0700) and checks (ours, and nobody else's to write) $XDG_RUNTIME_DIR/atoll, or
 * atoll-UID in /tmp. The path goes to `path`. Returns 0 or -errno. */
int host_runtime_folder(char *path, size_t room, struct error *err);

/* Likewise a folder in it. */
int host_runtime_subfolder(const char *name, char *path, size_t room, struct error *err);

#endif
