/* SPDX-License-Identifier: ISC */
/*
 * Where a user's machines are: their folders, and the sockets of those that run.
 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include <stddef.h>

#include "base/error.h"

#define PLACE_NAME_MAX 64

/* Whether `name` can be a machine's: letters, digits, ".", "_" and "-", not first, at most
 * PLACE_NAME_MAX. Returns 0 or -EINVAL. */
int place_check_name(const char *name, struct error *err);

/* Makes (mode 0700) and checks (ours, and nobody else's to write) the folder of sockets:
 * $XDG_RUNTIME_DIR/atoll, or atoll-UID in /tmp. The path goes to `path`. Returns 0 or -errno. */
int place_runtime(char *path, size_t room, struct error *err);

/* "<runtime>/NAME.sock". Returns 0 or -errno (-ENAMETOOLONG: more than a socket's address holds).
 */
int place_socket(const char *name, char *path, size_t room, struct error *err);

/* "$XDG_DATA_HOME/atoll/NAME", or ~/.local/share/atoll/NAME; not made. Returns 0 or -errno. */
int place_folder(const char *name, char *path, size_t room, struct error *err);

/* "$XDG_DATA_HOME/atoll", where all folders are. Returns 0 or -errno. */
int place_folders(char *path, size_t room, struct error *err);

#endif
