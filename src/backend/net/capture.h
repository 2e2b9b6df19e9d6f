/* SPDX-License-Identifier: ISC */
/*
 * Frames into a pcapng file, as Wireshark reads it: interfaces by name, nanoseconds, and the
 * direction of each frame as the guest's card sees it (draft-ietf-opsawg-pcapng). Each interface
 * ends with a block that says how many frames were lost, and where. One thread at a time.
 */
#ifndef BACKEND_NET_CAPTURE_H
#define BACKEND_NET_CAPTURE_H

#include <sys/uio.h>

#include "base/error.h"
#include "base/log.h"

struct net_capture;

/* Of one interface since the capture began. */
struct net_capture_counts {
    uint64_t seen;    /* frames that passed it */
    uint64_t lost;    /* frames that it lost: they did not pass */
    uint64_t wanted;  /* of those seen, by the filter */
    uint64_t dropped; /* of those wanted, that the capture had no room for */
};

/* Writes the file's head to `fd`, which the capture closes at its end, in any case: a file, or a
 * pipe that does not block, where what has no room is dropped. It has no interface yet. Returns 0
 * or -errno. */
int net_capture_create(struct net_capture **capture, int fd, const struct log *log);

/* Adds an interface. Returns its number or -errno. */
int net_capture_interface(struct net_capture *capture, const char *name);

/* Creates `path` anew and writes the file's head, with one interface. Before confinement. Returns 0
 * or -errno with `err`. */
int net_capture_open(struct net_capture **capture, const char *path, const struct log *log,
                     struct error *err);

/* Adds one frame of now to the first interface. A disk that is full ends the capture with a
 * warning; what is there stays readable. */
void net_capture_frame(struct net_capture *capture, bool from_guest, const struct iovec *iov,
                       int count);

/* The same, of any interface. Returns 0, -EAGAIN (the pipe has no room, and the frame is dropped)
 * or -errno: it has ended. */
int net_capture_packet(struct net_capture *capture, unsigned interface, bool from_guest,
                       const struct iovec *iov, int count);

/* The first interface has lost a frame. */
void net_capture_lost(struct net_capture *capture);

/* Says what an interface has counted: once, at its end. Returns 0 or -errno, as net_capture_packet
 * does. */
int net_capture_counts(struct net_capture *capture, unsigned interface,
                       const struct net_capture_counts *counts);

/* Writes what a pipe had no room for: the end of a frame. Returns 0, -EAGAIN: it has no room yet,
 * or -errno: the capture has ended. */
int net_capture_flush(struct net_capture *capture);

/* Of a capture that net_capture_open began, with the first interface's counts. */
void net_capture_close(struct net_capture *capture);

#endif
