/* SPDX-License-Identifier: ISC */
/* A pcapng writer: section header, interface description, then an enhanced packet block a frame. */
#include "backend/net/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "backend/net.h"
#include "host/clock.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_MARK 0x1a2b3c4du
#define LINK_ETHERNET   1u
#define OPTION_END      0u
#define OPTION_USERAPPL 4u /* of a section header */
#define OPTION_NAME     2u /* of an interface */
#define OPTION_TSRESOL  9u
#define OPTION_FLAGS    2u /* of a packet */
#define NAME_MAX_BYTES  64u
#define FLAGS_INBOUND   1u
#define FLAGS_OUTBOUND  2u

#define PACKET_HEAD    28 /* bytes of a packet block before the frame */
#define PACKET_OPTIONS 16 /* and after its padding: flags, end, length */

struct net_capture {
    int fd;
    const struct log *log;
    off_t good; /* the file's length after the last whole block */
    uint8_t block[PACKET_HEAD + NET_OFFLOAD_MAX_FRAME + 3 + PACKET_OPTIONS];
    size_t length;
    unsigned interfaces;
};

static void put32(struct net_capture *capture, uint32_t value)
{
    store_le32(&capture->block[capture->length], value);
    capture->length += 4;
}

static void put_padded(struct net_capture *capture, const void *bytes, size_t length)
{
    memcpy(&capture->block[capture->length], bytes, length);
    capture->length += length;
    while (capture->length % 4)
        capture->block[capture->length++] = 0;
}

static void put_option(struct net_capture *capture, uint32_t code, const void *bytes, size_t length)
{
    put32(capture, code | (uint32_t)length << 16);
    put_padded(capture, bytes, length);
}

static void begin(struct net_capture *capture, uint32_t type)
{
    capture->length = 0;
    put32(capture, type);
    put32(capture, 0); /* the block's length, known at the end */
}

/* Writes the block; a part of one is taken back. */
static int end(struct net_capture *capture)
{
    ssize_t done;

    put32(capture, (uint32_t)capture->length + 4);
    store_le32(&capture->block[4], (uint32_t)capture->length);
    done = write(capture->fd, capture->block, capture->length);
    if (done == (ssize_t)capture->length) {
        capture->good += done;
        return 0;
    }
    if (done > 0 && ftruncate(capture->fd, capture->good))
        log_debug(capture->log, "network capture: the last frame is cut");
    return done < 0 ? -errno : -ENOSPC;
}

static int write_head(struct net_capture *capture)
{
    begin(capture, BLOCK_SECTION);
    put32(capture, BYTE_ORDER_MARK);
    put32(capture, 1); /* version 1.0 */
    put32(capture, UINT32_MAX);
    put32(capture, UINT32_MAX); /* the section's length is not given */
    put_option(capture, OPTION_USERAPPL, "atoll", 5);
    put32(capture, OPTION_END);
    return end(capture);
}

int net_capture_interface(struct net_capture *capture, const char *name)
{
    static const uint8_t nanoseconds = 9;
    int ret;

    begin(capture, BLOCK_INTERFACE);
    put32(capture, LINK_ETHERNET);
    put32(capture, 0); /* no snap length */
    put_option(capture, OPTION_NAME, name, MIN(strlen(name), NAME_MAX_BYTES));
    put_option(capture, OPTION_TSRESOL, &nanoseconds, 1);
    put32(capture, OPTION_END);
    ret = end(capture);
    return ret ? ret : (int)capture->interfaces++;
}

int net_capture_create(struct net_capture **out, int fd, const struct log *log)
{
    struct net_capture *capture = calloc(1, sizeof(*capture));
    int ret;

    if (!capture) {
        close(fd);
        return -ENOMEM;
    }
    capture->log = log;
    capture->fd = fd;
    ret = write_head(capture);
    if (ret)
        net_capture_close(capture);
    else
        *out = capture;
    return ret;
}

int net_capture_open(struct net_capture **out, const char *path, const struct log *log,
                     struct error *err)
{
    struct net_capture *capture = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int ret = fd < 0 ? -errno : net_capture_create(&capture, fd, log);

    if (!ret)
        ret = net_capture_interface(capture, "guest");
    if (ret) {
        net_capture_close(capture);
        return error_set(err, -ret, "network capture: cannot write %s: %s", path, strerror(-ret));
    }
    *out = capture;
    return 0;
}

static size_t gather(uint8_t *to, size_t room, const struct iovec *iov, int count)
{
    size_t length = 0;

    for (int i = 0; i < count; i++) {
        size_t part = MIN(iov[i].iov_len, room - length);

        memcpy(to + length, iov[i].iov_base, part);
        length += part;
    }
    return length;
}

int net_capture_packet(struct net_capture *capture, unsigned interface, bool from_guest,
                       const struct iovec *iov, int count)
{
    uint64_t now = host_clock_realtime();
    uint8_t flags[4];
    size_t length;
    int ret;

    if (capture->fd < 0)
        return -EBADF;
    length = gather(&capture->block[PACKET_HEAD], NET_OFFLOAD_MAX_FRAME, iov, count);
    begin(capture, BLOCK_PACKET);
    put32(capture, interface);
    put32(capture, (uint32_t)(now >> 32));
    put32(capture, (uint32_t)now);
    put32(capture, (uint32_t)length);
    put32(capture, (uint32_t)length);
    capture->length += length;
    while (capture->length % 4)
        capture->block[capture->length++] = 0;
    store_le32(flags, from_guest ? FLAGS_OUTBOUND : FLAGS_INBOUND);
    put_option(capture, OPTION_FLAGS, flags, sizeof(flags));
    put32(capture, OPTION_END);
    ret = end(capture);
    if (ret) {
        log_warn(capture->log, "network capture: ends here: %s", strerror(-ret));
        close(capture->fd);
        capture->fd = -1;
    }
    return ret;
}

void net_capture_frame(struct net_capture *capture, bool from_guest, const struct iovec *iov,
                       int count)
{
    net_capture_packet(capture, 0, from_guest, iov, count);
}

void net_capture_close(struct net_capture *capture)
{
    if (!capture)
        return;
    if (capture->fd >= 0)
        close(capture->fd);
    free(capture);
}
