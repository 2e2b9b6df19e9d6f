/* SPDX-License-Identifier: ISC */
/*
 * Confinement: after it, a process can use what it has open and nothing else. Each permitted system
 * call has its reason beside it in the table (host/linux/confine.c).
 *
 * What a confined process cannot do, although its code may try and copes: remove a file (a
 * console's socket stays behind), open /proc or /sys, resolve host names, make a mapping that is
 * writable and executable at once.
 */
#ifndef HOST_CONFINE_H
#define HOST_CONFINE_H

#include "base/error.h"

enum host_confine_role {
    HOST_CONFINE_VM, /* runs a guest: memory, threads, its open descriptors; no open, exec or socket
                      */
    HOST_CONFINE_NET,    /* user-mode network: also makes internet sockets; no open or exec */
    HOST_CONFINE_VIEWER, /* a remote display: takes connections to sockets that listen already; no
                            open, exec, socket or connect */
    HOST_CONFINE_SWITCH, /* an Ethernet switch: takes connections to a socket that listens already,
                            and descriptors that are handed over; no open, exec, socket or connect
                          */
};

/* Confines all threads of the calling process for good. Returns 0, or -ENOSYS where the host offers
 * nothing or a sanitizer would not survive it (then nothing has changed, and `err` says why), or
 * -errno. */
int host_confine(enum host_confine_role role, struct error *err);

#endif
