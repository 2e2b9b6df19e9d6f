/* SPDX-License-Identifier: ISC */
/* A pcapng writer: section header, interface description, then an enhanced packet block a frame,
 * and interface statistics at the end. */
#include "backend/net/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "backend/net.h"
#include "host/clock.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_COUNTS    5u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_MARK 0x1a2b3c4du
#define LINK_ETHERNET   1u
#define OPTION_END      0u
#define OPTION_USERAPPL 4u /* of a section header */
#define OPTION_NAME     2u /* of an interface */
#define OPTION_TSRESOL  9u
#define OPTION_FLAGS    2u /* of a packet */
#define NAME_MAX_BYTES  64u
#define OPTION_RECEIVED 4u /* of an interface's statistics */
#define OPTION_IFDROP   5u
#define OPTION_ACCEPTED 6u
#define OPTION_OSDROP   7u
#define FLAGS_INBOUND   1u
#define FLAGS_OUTBOUND  2u

#define PACKET_HEAD    28 /* bytes of a packet block before the frame */
#define PACKET_OPTIONS 16 /* and after its padding: flags, end, length */

struct net_capture {
    int fd;
    const struct log *log;
    bool pipe;
    bool counts; /* the first interface's are to be written at the end */
    off_t good;  /* a file's length after the last whole block */
    uint8_t block[PACKET_HEAD + NET_OFFLOAD_MAX_FRAME + 3 + PACKET_OPTIONS];
    size_t length;
    size_t sent; /* of a block that a pipe took a part of; otherwise `length` */
    unsigned interfaces;
    struct net_capture_counts first;
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

/* Writes the block; a part of one is taken back from a file, and goes on later into a pipe. */
static int end(struct net_capture *capture)
{
    ssize_t done;

    put32(capture, (uint32_t)capture->length + 4);
    store_le32(&capture->block[4], (uint32_t)capture->length);
    done = write(capture->fd, capture->block, capture->length);
    capture->sent = capture->pipe && done > 0 ? (size_t)done : capture->length;
    if (capture->pipe)
        return done < 0 ? -errno : 0;
    if (done == (ssize_t)capture->length) {
        capture->good += done;
        return 0;
    }
    if (done > 0 && ftruncate(capture->fd, capture->good))
        log_debug(capture->log, "network capture: the last frame is cut");
    return done < 0 ? -errno : -ENOSPC;
}

/* A capture that cannot go on is over. */
static int settle(struct net_capture *capture, int ret)
{
    if (!ret || ret == -EAGAIN)
        return ret;
    log_warn(capture->log, "network capture: ends here: %s", strerror(-ret));
    close(capture->fd);
    capture->fd = -1;
    return ret;
}

int net_capture_flush(struct net_capture *capture)
{
    while (capture->fd >= 0 && capture->sent < capture->length) {
        ssize_t done =
            write(capture->fd, capture->block + capture->sent, capture->length - capture->sent);

        if (done < 0)
            return settle(capture, -errno);
        capture->sent += (size_t)done;
    }
    return capture->fd < 0 ? -EBADF : 0;
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
    int ret = net_capture_flush(capture);

    if (ret)
        return ret;
    begin(capture, BLOCK_INTERFACE);
    put32(capture, LINK_ETHERNET);
    put32(capture, 0); /* no snap length */
    put_option(capture, OPTION_NAME, name, MIN(strlen(name), NAME_MAX_BYTES));
    put_option(capture, OPTION_TSRESOL, &nanoseconds, 1);
    put32(capture, OPTION_END);
    ret = settle(capture, end(capture));
    return ret ? ret : (int)capture->interfaces++;
}

int net_capture_create(struct net_capture **out, int fd, const struct log *log)
{
    struct net_capture *capture = calloc(1, sizeof(*capture));
    struct stat st;
    int ret;

    if (!capture) {
        close(fd);
        return -ENOMEM;
    }
    capture->log = log;
    capture->fd = fd;
    capture->pipe = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
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
    capture->counts = true;
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

    ret = net_capture_flush(capture);
    if (ret)
        return ret;
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
    return settle(capture, end(capture));
}

void net_capture_frame(struct net_capture *capture, bool from_guest, const struct iovec *iov,
                       int count)
{
    capture->first.seen++;
    capture->first.wanted++;
    capture->first.dropped += net_capture_packet(capture, 0, from_guest, iov, count) != 0;
}

void net_capture_lost(struct net_capture *capture)
{
    capture->first.lost++;
}

static void put_count(struct net_capture *capture, uint32_t option, uint64_t count)
{
    uint8_t bytes[8];

    store_le64(bytes, count);
    put_option(capture, option, bytes, sizeof(bytes));
}

int net_capture_counts(struct net_capture *capture, unsigned interface,
                       const struct net_capture_counts *counts)
{
    uint64_t now = host_clock_realtime();
    int ret = net_capture_flush(capture);

    if (ret)
        return ret;
    begin(capture, BLOCK_COUNTS);
    put32(capture, interface);
    put32(capture, (uint32_t)(now >> 32));
    put32(capture, (uint32_t)now);
    put_count(capture, OPTION_RECEIVED, counts->seen);
    put_count(capture, OPTION_IFDROP, counts->lost);
    put_count(capture, OPTION_ACCEPTED, counts->wanted);
    put_count(capture, OPTION_OSDROP, counts->dropped);
    put32(capture, OPTION_END);
    return settle(capture, end(capture));
}

void net_capture_close(struct net_capture *capture)
{
    if (!capture)
        return;
    if (capture->counts)
        net_capture_counts(capture, 0, &capture->first);
    if (capture->fd >= 0)
        close(capture->fd);
    free(capture);
}
