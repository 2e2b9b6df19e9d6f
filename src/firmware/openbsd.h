/* SPDX-License-Identifier: ISC */
/*
 * OpenBSD/arm64's ELF kernel (`bsd`), placed as its own boot loader would.
 */
#ifndef FIRMWARE_OPENBSD_H
#define FIRMWARE_OPENBSD_H

#include "base/error.h"
#include "mem/mem.h"

/* Whether `bytes` is a 64-bit little-endian AArch64 ELF file, linked where OpenBSD links its
 * kernel, whose tables lie within it. Returns 0 or -ENOEXEC. */
int openbsd_check(const uint8_t *bytes, size_t length, const char *name, struct error *err);

/*
 * Loads the segments, fills the random segment with entropy, and puts the ELF header, section
 * headers and symbols behind the image for ddb. `base` is 2 MiB aligned; 64 MiB from it must be
 * RAM. Returns 0 with the physical entry and the end of what was loaded (the kernel's esym), or
 * -errno.
 */
int openbsd_load(struct mem *mem, uint64_t base, const uint8_t *bytes, size_t length,
                 const char *name, uint64_t *entry, uint64_t *end, struct error *err);

#endif
