/* SPDX-License-Identifier: ISC */
/*
 * Kernels as they are shipped: gzip, zstd, and EFI zboot around either.
 */
#ifndef FIRMWARE_UNPACK_H
#define FIRMWARE_UNPACK_H

#include "base/error.h"

/* What a compressed kernel may grow to. */
#define UNPACK_MAX (UINT64_C(512) << 20)

/*
 * Replaces *bytes (malloc'ed, freed here when replaced) by what is inside, layer by layer, until it
 * is not compressed. `name` is for messages. Returns 0, or -EINVAL, -EFBIG, -ENOTSUP (a compression
 * that Atoll does not have), -ENOMEM.
 */
int unpack_kernel(uint8_t **bytes, size_t *length, const char *name, struct error *err);

#endif
