/* SPDX-License-Identifier: ISC */
/*
 * What disk.c and the image formats share. Not for other rooms.
 */
#ifndef BACKEND_DISK_PRIVATE_H
#define BACKEND_DISK_PRIVATE_H

#include "backend/disk.h"
#include "backend/disk/file.h"

/* Each takes `file` over: it closes it when it fails and when the disk is closed. `config` is valid
 * during the call only. Return 0 or -errno. */
int disk_raw_open(struct disk **disk, struct disk_file *file, const struct disk_config *config,
                  const struct log *log, struct error *err);
int disk_qcow2_open(struct disk **disk, struct disk_file *file, const struct disk_config *config,
                    const struct log *log, struct error *err);

#endif
