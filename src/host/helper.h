/* SPDX-License-Identifier: ISC */
/*
 * Helper processes: work that a machine does not want in its own address space. A helper is
 * nobody's child, so that a machine, which is confined by then, has no process to wait for; it ends
 * when the socket does that it was started with.
 */
#ifndef HOST_HELPER_H
#define HOST_HELPER_H

#include <stddef.h>

#include "base/error.h"

#define HOST_HELPER_FIRST 3 /* the number of a helper's first descriptor */
#define HOST_HELPER_FDS   4 /* at most */

/*
 * Runs `run(ctx)` in a process of its own, which must not return. There the descriptors `fds` are
 * numbers 3, 4, ... and no other is open but 0, 1 and 2, which are /dev/null; signals have their
 * default actions, but for those that a terminal sends to a whole group and SIGPIPE, which are
 * ignored. The caller's descriptors stay its own. Returns 0 or -errno. Before there are threads
 * that hold locks which `run` wants.
 */
int host_helper_start(const int *fds, size_t count, void (*run)(void *ctx), void *ctx);

/*
 * Finds the helper program `name`: in the folder that the environment's ATOLL_LIBEXEC names, where
 * this program was built or installed, or in the folder `libexec`. Returns 0 with its path in
 * `path`, or -ENOENT (the error says where it was looked for).
 */
int host_helper_find(const char *name, const char *libexec, char *path, size_t room,
                     struct error *err);

#endif
