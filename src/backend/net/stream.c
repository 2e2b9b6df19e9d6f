/* SPDX-License-Identifier: ISC */
#include "backend/net/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "backend/net/private.h"
#include "base/endian.h"

/* A stream's frames lie one after the other; what is left of one moves to the front. */
static size_t make_room(struct net_stream *stream)
{
    if (stream->in_first) {
        memmove(stream->in, stream->in + stream->in_first, stream->in_end - stream->in_first);
        stream->in_end -= stream->in_first;
        stream->in_first = 0;
    }
    return sizeof(stream->in) - stream->in_end;
}

ssize_t net_stream_read(struct net_stream *stream, int fd)
{
    size_t room = make_room(stream);
    ssize_t length;

    if (!room)
        return 0;
    do
        length = recv(fd, stream->in + stream->in_end, room, MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        return length < 0 ? -errno : -EPIPE;
    stream->in_end += (size_t)length;
    return length;
}

size_t net_stream_feed(struct net_stream *stream, const void *bytes, size_t length)
{
    size_t part = MIN(length, make_room(stream));

    memcpy(stream->in + stream->in_end, bytes, part);
    stream->in_end += part;
    return part;
}

ssize_t net_stream_next(struct net_stream *stream, uint8_t **frame)
{
    size_t there = stream->in_end - stream->in_first;
    const uint8_t *at = stream->in + stream->in_first;
    uint32_t length;

    if (there < NET_STREAM_HEAD)
        return 0;
    length = load_be32(at);
    if (length < NET_HEADER || length > NET_MAX_FRAME)
        return -EPROTO;
    if (there < NET_STREAM_HEAD + (size_t)length)
        return 0;
    *frame = stream->in + stream->in_first + NET_STREAM_HEAD;
    stream->in_first += NET_STREAM_HEAD + (size_t)length;
    return (ssize_t)length;
}

int net_stream_flush(struct net_stream *stream, int fd)
{
    while (stream->out_first < stream->out_end) {
        ssize_t sent = send(fd, stream->out + stream->out_first,
                            stream->out_end - stream->out_first, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            return errno == ENOBUFS ? -EAGAIN : -errno;
        stream->out_first += sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

int net_stream_write(struct net_stream *stream, int fd, const struct iovec *iov, int count)
{
    size_t length = 0;
    int ret = net_stream_flush(stream, fd);

    if (ret)
        return ret;
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > NET_MAX_FRAME - length)
            return -EMSGSIZE;
        memcpy(stream->out + NET_STREAM_HEAD + length, iov[i].iov_base, iov[i].iov_len);
        length += iov[i].iov_len;
    }
    store_be32(stream->out, (uint32_t)length);
    stream->out_first = 0;
    stream->out_end = NET_STREAM_HEAD + length;
    ret = net_stream_flush(stream, fd);
    if (ret == -EAGAIN && stream->out_first == 0) { /* as if it had not been tried */
        stream->out_end = 0;
        return -EAGAIN;
    }
    return ret == -EAGAIN ? 0 : ret;
}
