/* SPDX-License-Identifier: ISC */
/*
 * Bytes from a program at the other end of --net socket, in pieces of every length: what comes out
 * are frames, the same ones however they were cut, until a length is none.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/net/stream.h"
#include "fuzz.h"

#define CHECK(right)                                                                               \
    do {                                                                                           \
        if (!(right))                                                                              \
            abort();                                                                               \
    } while (0)

struct seen {
    unsigned frames;
    uint64_t hash;
    bool broken;
};

static void take(struct net_stream *stream, struct seen *seen)
{
    uint8_t *frame;
    ssize_t length;

    while ((length = net_stream_next(stream, &frame)) > 0) {
        CHECK(length >= 14 && length <= NET_MAX_FRAME);
        seen->frames++;
        for (ssize_t i = 0; i < length; i++)
            seen->hash = (seen->hash ^ frame[i]) * UINT64_C(0x100000001b3);
    }
    seen->broken |= length < 0;
}

static struct seen run(const uint8_t *data, size_t size, size_t piece)
{
    struct net_stream *stream = calloc(1, sizeof(*stream));
    struct seen seen = {0};

    while (size && !seen.broken) {
        size_t fed = net_stream_feed(stream, data, MIN(piece, size));

        CHECK(fed > 0);
        data += fed;
        size -= fed;
        take(stream, &seen);
    }
    free(stream);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, pieces;

    if (size < 2)
        return 0;
    whole = run(data + 1, size - 1, size);
    pieces = run(data + 1, size - 1, 1 + data[0] % 64);
    CHECK(whole.frames == pieces.frames && whole.hash == pieces.hash);
    CHECK(whole.broken == pieces.broken);
    return 0;
}
