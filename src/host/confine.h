/* SPDX-License-Identifier: ISC */
/*
 * Confinement: after it, a process can use what it has open and nothing else. Each permitted system
 * call has its reason beside it in the table (host/linux/confine.c).
 */
#ifndef HOST_CONFINE_H
#define HOST_CONFINE_H

#include "base/error.h"

enum host_confine_role {
    HOST_CONFINE_VM, /* runs a guest: memory, threads, its open descriptors; no open, exec or socket
                      */
    HOST_CONFINE_NET, /* user-mode network: also makes internet sockets; no open or exec */
};

/* Confines all threads of the calling process for good. Returns 0, or -ENOSYS where the host offers
 * nothing (then nothing has changed), or -errno. */
int host_confine(enum host_confine_role role, struct error *err);

#endif
