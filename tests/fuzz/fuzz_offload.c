/* SPDX-License-Identifier: ISC */
/*
 * Checksum and segmentation requests of a hostile driver: the header and the frame's first bytes
 * come from the input, on top of a TCP frame that makes sense, so that some get far. What comes out
 * is bounded in number and length.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "fuzz.h"
#include "backend/net_offload.h"

#define MTU       1500
#define MAX_FRAME 20000

struct sent {
    int frames;
    size_t bytes;
    bool segments;
};

static void count(void *ctx, const struct iovec *iov, int vectors)
{
    struct sent *sent = ctx;
    size_t length = 0;
    unsigned sum = 0;

    for (int i = 0; i < vectors; i++) {
        for (size_t at = 0; at < iov[i].iov_len; at++) /* every byte can be read */
            sum += ((const uint8_t *)iov[i].iov_base)[at];
        length += iov[i].iov_len;
    }
    if (length == 0 || (sent->segments && length > MTU + 18) || sum > length * 255)
        abort();
    sent->frames++;
    sent->bytes += length;
}

static void put_template(uint8_t *frame, bool ipv6)
{
    static const uint8_t ipv4_header[] = {0x08, 0x00, 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6};
    static const uint8_t ipv6_header[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 6, 64};
    size_t tcp = ipv6 ? 54 : 34;

    memset(frame, 1, 128);
    if (ipv6)
        memcpy(frame + 12, ipv6_header, sizeof(ipv6_header));
    else
        memcpy(frame + 12, ipv4_header, sizeof(ipv4_header));
    frame[tcp + 12] = 0x50;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    unsigned choice = (unsigned)fuzz_take(&input, 1);
    size_t size = fuzz_take(&input, 2) % MAX_FRAME;
    uint8_t header_bytes[NET_HEADER_SIZE] = {
        1, choice & 1 ? 4 : 1, [6] = choice & 1 ? 54 : 34, [8] = 16};
    struct sent sent = {0};
    struct net_header header;
    uint8_t *frame = calloc(1, size ? size : 1);
    uint8_t start[128];
    int ret;

    if (!frame)
        return 0;
    put_template(start, choice & 1);
    for (unsigned i = 0; i < sizeof(header_bytes); i++)
        header_bytes[i] ^= (uint8_t)fuzz_take(&input, 1);
    while (input.at < input.end)
        start[fuzz_take(&input, 1) % sizeof(start)] ^= (uint8_t)fuzz_take(&input, 1);
    memcpy(frame, start, size < sizeof(start) ? size : sizeof(start));
    net_header_read(&header, header_bytes);
    sent.segments = header.gso_type != NET_GSO_NONE && header.gso_type != NET_GSO_ECN;
    net_flow_hash(frame, size);
    if (size >= 14) {
        ret = net_offload_send(&header, frame, size, MTU, count, &sent);
        if (ret != (sent.frames ? sent.frames : ret) || sent.frames > NET_OFFLOAD_SEGMENTS ||
            (ret < 0 && sent.frames))
            abort();
    }
    free(frame);
    return 0;
}
