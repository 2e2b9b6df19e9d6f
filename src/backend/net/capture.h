/* SPDX-License-Identifier: ISC */
/*
 * Frames into a pcapng file, as Wireshark reads it: interfaces by name, nanoseconds, and the
 * direction of each frame as the guest's card sees it (draft-ietf-opsawg-pcapng). One thread at a
 * time.
 */
#ifndef BACKEND_NET_CAPTURE_H
#define BACKEND_NET_CAPTURE_H

#include <sys/uio.h>

#include "base/error.h"
#include "base/log.h"

struct net_capture;

/* Writes the file's head to `fd`, which the capture closes at its end, in any case. It has no
 * interface yet. Returns 0 or -errno. */
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

/* The same, of any interface. Returns 0 or -errno: it has ended. */
int net_capture_packet(struct net_capture *capture, unsigned interface, bool from_guest,
                       const struct iovec *iov, int count);

void net_capture_close(struct net_capture *capture);

#endif
