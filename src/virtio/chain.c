/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a chain, wherever its descriptors begin and end: framing means nothing
 * (VIRTIO 1.2, 2.7.4).
 */
#include <string.h>

#include "virtio/queue.h"

size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t length)
{
    size_t copied = 0;

    for (unsigned i = 0; i < chain->readable && copied < length; i++) {
        const struct iovec *iov = &chain->iov[i];
        size_t part;

        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        part = MIN(iov->iov_len - offset, length - copied);
        memcpy((uint8_t *)to + copied, (const uint8_t *)iov->iov_base + offset, part);
        copied += part;
        offset = 0;
    }
    return copied;
}

size_t virtq_chain_write(const struct virtq_chain *chain, uint64_t offset, const void *from,
                         size_t length)
{
    size_t copied = 0;

    for (unsigned i = 0; i < chain->writable && copied < length; i++) {
        const struct iovec *iov = &chain->iov[chain->readable + i];
        size_t part;

        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        part = MIN(iov->iov_len - offset, length - copied);
        memcpy((uint8_t *)iov->iov_base + offset, (const uint8_t *)from + copied, part);
        copied += part;
        offset = 0;
    }
    return copied;
}

struct iovec *virtq_iov_cut(struct iovec *iov, unsigned *count, uint64_t skip, uint64_t length)
{
    unsigned n = 0;

    while (*count && skip >= iov->iov_len) {
        skip -= iov->iov_len;
        iov++;
        (*count)--;
    }
    if (*count) {
        iov->iov_base = (uint8_t *)iov->iov_base + skip;
        iov->iov_len -= skip;
    }
    while (n < *count && length) {
        iov[n].iov_len = MIN(iov[n].iov_len, length);
        length -= iov[n].iov_len;
        n++;
    }
    *count = n;
    return iov;
}
