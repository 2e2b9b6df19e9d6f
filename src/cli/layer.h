/* SPDX-License-Identifier: ISC */
/*
 * An empty copy-on-write layer over a disk image: a qcow2 image, version 3, that has nothing of its
 * own yet.
 */
#ifndef CLI_LAYER_H
#define CLI_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Makes the file `path` (mode 0600, which must not be there) a layer over the image `base`, a
 * qcow2 image if `qcow2`, else raw bytes. Returns 0 or -errno. */
int layer_create(const char *path, const char *base, bool qcow2, struct error *err);

/* Whether the image can have a layer: a file with a disk in it, of the format. Returns 0, or -errno
 * with a line that says why not. */
int layer_check(const char *image, bool qcow2, struct error *err);

/* Whether the image is a qcow2 image by its first bytes. Returns 1, 0 or -errno. */
int layer_is_qcow2(const char *image, struct error *err);

#endif
