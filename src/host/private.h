/* SPDX-License-Identifier: ISC */
/*
 * What the portable files of host/ (posix/) ask of the system's own (linux/, ...). Not for other
 * rooms.
 */
#ifndef HOST_PRIVATE_H
#define HOST_PRIVATE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/* Names the calling thread for debuggers; a name too long is cut. */
void host_thread_name(const char *name);

/* poll(2) for at most `timeout_ns` nanoseconds (UINT64_MAX: for ever). Returns as poll does. */
int host_poll(struct pollfd *fds, unsigned count, uint64_t timeout_ns);

/* The file of the program that runs, without links. Returns 0 or -errno. */
int host_program(char *path, size_t room);

/* A file of `size` zeros without a name, whose size nobody can change. Returns a descriptor, or
 * -errno. */
int host_memory_file(const char *name, uint64_t size);

#endif
