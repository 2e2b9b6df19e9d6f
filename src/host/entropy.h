/* SPDX-License-Identifier: ISC */
#ifndef HOST_ENTROPY_H
#define HOST_ENTROPY_H

#include <stddef.h>

/* Fills `buf` with `len` bytes from the host's random source. Returns 0 or -errno. Any thread. */
int host_entropy(void *buf, size_t len);

#endif
