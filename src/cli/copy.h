/* SPDX-License-Identifier: ISC */
/*
 * Copies of disk images.
 */
#ifndef CLI_COPY_H
#define CLI_COPY_H

#include <stdbool.h>

#include "base/error.h"

/* Copies the file `from` to the empty file `to`: shared with it where the file system can, and
 * otherwise without its holes. `progress` is called with per cent, now and then; when it returns
 * false, the copy ends with -EINTR. `path` is what messages call `from`. Returns 0 or -errno. */
int copy_image(int from, int to, const char *path, bool (*progress)(unsigned percent),
               struct error *err);

#endif
