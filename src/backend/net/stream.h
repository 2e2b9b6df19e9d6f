/* SPDX-License-Identifier: ISC */
/*
 * QEMU's framing of Ethernet frames in a stream of bytes (its -netdev stream and socket; passt and
 * socket_vmnet speak it too): a length in 4 bytes, big-endian, then the frame. The other side may
 * be hostile. One thread.
 */
#ifndef BACKEND_NET_STREAM_H
#define BACKEND_NET_STREAM_H

#include <sys/uio.h>

#include "backend/net.h"

#define NET_STREAM_HEAD 4
#define NET_STREAM_ROOM (2 * (NET_STREAM_HEAD + NET_MAX_FRAME))

/* All zero at first. */
struct net_stream {
    uint8_t in[NET_STREAM_ROOM];
    size_t in_first, in_end;
    uint8_t out[NET_STREAM_HEAD + NET_MAX_FRAME]; /* the rest of a frame that is half sent */
    size_t out_first, out_end;
};

/* Reads what has come, without waiting. Returns how many bytes (0: no room before frames are
 * taken), -EAGAIN, -EPIPE at the end, or -errno. */
ssize_t net_stream_read(struct net_stream *stream, int fd);

/* Adds bytes as if they had been read; returns how many had room. */
size_t net_stream_feed(struct net_stream *stream, const void *bytes, size_t length);

/* The next whole frame, valid until the next call with this stream: its length, 0 (there is none),
 * or -EPROTO (no frame has this length, and the stream is of no use any more). */
ssize_t net_stream_next(struct net_stream *stream, uint8_t **frame);

/* Sends a frame without waiting. Returns 0, -EAGAIN (nothing of it was sent), -EMSGSIZE, or -errno.
 */
int net_stream_write(struct net_stream *stream, int fd, const struct iovec *iov, int count);

/* Sends the rest of a frame. Returns 0 (there is none), -EAGAIN, or -errno. */
int net_stream_flush(struct net_stream *stream, int fd);

#endif
