/* SPDX-License-Identifier: ISC */
/*
 * Random bytes by getentropy(3), which Linux, macOS and OpenBSD share. It gives 256 bytes at most a
 * call.
 */
#include "host/entropy.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/bits.h"

#define GETENTROPY_MAX 256

int host_entropy(void *buf, size_t len)
{
    uint8_t *to = buf;

    while (len) {
        size_t part = MIN(len, (size_t)GETENTROPY_MAX);

        if (getentropy(to, part))
            return -errno;
        to += part;
        len -= part;
    }
    return 0;
}
