/* SPDX-License-Identifier: ISC */
#include "host/darwin/posix.h"

#undef socket
#undef socketpair

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/units.h"

/* Of a Unix socket of messages: the longest message, and a few of them (the defaults are 2048 and
 * 4096 bytes). */
#define MESSAGE  (256 << 10)
#define MESSAGES (1 << 20)

#define GLANCE_MS 100 /* how late a signal may be seen */

static int mark(int fd, int flags)
{
    if (fd >= 0 && (flags & SOCK_CLOEXEC))
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fd >= 0 && (flags & SOCK_NONBLOCK))
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static int plain(int type)
{
    return type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int darwin_socket(int domain, int type, int protocol)
{
    return mark(socket(domain, plain(type), protocol), type);
}

int darwin_socketpair(int domain, int type, int protocol, int ends[2])
{
    const bool messages = domain == AF_UNIX && plain(type) == SOCK_SEQPACKET;
    const int room = MESSAGE, take = MESSAGES;

    if (socketpair(domain, messages ? SOCK_DGRAM : plain(type), protocol, ends))
        return -1;
    for (int i = 0; i < 2; i++) {
        mark(ends[i], type);
        if (!messages)
            continue;
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        setsockopt(ends[i], SOL_SOCKET, SO_RCVBUF, &take, sizeof(take));
    }
    return 0;
}

/* macOS hands the listener's O_NONBLOCK down; Linux does not. */
int darwin_accept4(int fd, struct sockaddr *address, unsigned *length, int flags)
{
    int accepted = accept(fd, address, length);

    if (accepted >= 0)
        fcntl(accepted, F_SETFL, fcntl(accepted, F_GETFL) & ~O_NONBLOCK);
    return mark(accepted, flags);
}

int darwin_pipe2(int ends[2], int flags)
{
    if (pipe(ends))
        return -1;
    for (int i = 0; i < 2; i++)
        mark(ends[i],
             (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0) | (flags & O_NONBLOCK ? SOCK_NONBLOCK : 0));
    return 0;
}

/* On the medium: fsync leaves it in the drive's cache. Not every file system has the call. */
int darwin_dup3(int fd, int as, int flags)
{
    int ret = dup2(fd, as);

    if (ret >= 0 && (flags & O_CLOEXEC))
        fcntl(ret, F_SETFD, FD_CLOEXEC);
    return ret;
}

int darwin_fdatasync(int fd)
{
    return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}

/* Between the change of the mask and the wait a signal's handler may run: the wait is short. */
int darwin_ppoll(struct pollfd *fds, unsigned count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    int64_t left =
        timeout ? timeout->tv_sec * 1000 + timeout->tv_nsec / (long)NS_PER_MSEC : INT64_MAX;
    sigset_t old;
    int ready, number;

    pthread_sigmask(SIG_SETMASK, mask, &old);
    ready = poll(fds, count, (int)MIN(left, GLANCE_MS));
    number = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ready == 0 && left > GLANCE_MS) {
        ready = -1;
        number = EINTR; /* callers look at their signals, and come again */
    }
    errno = number;
    return ready;
}
