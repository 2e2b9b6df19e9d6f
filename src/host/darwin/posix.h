/* SPDX-License-Identifier: ISC */
/*
 * What POSIX.1-2024, Linux and the BSDs have and macOS lacks, under its own names: the build puts
 * this header before every file on macOS, and on no other host. It includes nothing, so that a file
 * has the names that it asks for and no more.
 *
 * Descriptors are marked close-on-exec and non-blocking after they are made, since macOS has no way
 * to do so at once: a child that another thread starts in between keeps them. Helpers close what is
 * not theirs (host/posix/helper.c). Unix sockets of kind SOCK_SEQPACKET are datagrams there, in
 * pairs, which keep messages and their order; when an end closes, the other is told by ECONNRESET
 * instead of by an empty message.
 */
#ifndef HOST_DARWIN_POSIX_H
#define HOST_DARWIN_POSIX_H

/* Bits that no socket type has. */
#define SOCK_CLOEXEC  0x10000000
#define SOCK_NONBLOCK 0x20000000

#define MSG_CMSG_CLOEXEC 0 /* who receives descriptors marks them */
#define MSG_MORE         0 /* a hint */

struct pollfd;
struct sockaddr;
struct timespec;

int darwin_socket(int domain, int type, int protocol);
int darwin_socketpair(int domain, int type, int protocol, int ends[2]);
int darwin_accept4(int fd, struct sockaddr *address, unsigned *length, int flags);
int darwin_pipe2(int ends[2], int flags);
int darwin_dup3(int fd, int as, int flags);
int darwin_fdatasync(int fd);
/* Signals of `mask` are let in while it waits. One that comes just before is seen a little later.
 */
int darwin_ppoll(struct pollfd *fds, unsigned count, const struct timespec *timeout,
                 const unsigned *mask);
int getentropy(void *buffer, unsigned long size);

#define socket(domain, type, protocol)           darwin_socket(domain, type, protocol)
#define socketpair(domain, type, protocol, ends) darwin_socketpair(domain, type, protocol, ends)
#define accept4(fd, address, length, flags)      darwin_accept4(fd, address, length, flags)
#define pipe2(ends, flags)                       darwin_pipe2(ends, flags)
#define dup3(fd, as, flags)                      darwin_dup3(fd, as, flags)
#define fdatasync(fd)                            darwin_fdatasync(fd)
#define ppoll(fds, count, timeout, mask)         darwin_ppoll(fds, count, timeout, mask)

#endif
