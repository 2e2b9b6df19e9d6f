/* SPDX-License-Identifier: ISC */
/*
 * A file that the machine boots from: opened before confinement, read again at every reset.
 */
#ifndef FIRMWARE_FILE_H
#define FIRMWARE_FILE_H

#include "base/error.h"

/* Larger than any kernel or initramfs in use, and small enough not to exhaust a host by mistake. */
#define BOOT_FILE_MAX (UINT64_C(4) << 30)

struct boot_file {
    char *path;
    int fd;
};

/* Opens `path` for reading; `what` ("kernel") is for the message. Returns 0 or -errno. */
int boot_file_open(struct boot_file *file, const char *what, const char *path, struct error *err);
void boot_file_close(struct boot_file *file);

/* Reads the whole file; *bytes is the caller's to free(). Returns 0 or -errno. */
int boot_file_read(const struct boot_file *file, uint8_t **bytes, size_t *length,
                   struct error *err);

#endif
