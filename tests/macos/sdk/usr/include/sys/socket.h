/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_SOCKET_H
#define SDK_SYS_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

#define AF_UNSPEC 0
#define AF_UNIX   1
#define AF_LOCAL  AF_UNIX
#define AF_INET   2
#define AF_INET6  30
#define PF_UNIX   AF_UNIX
#define PF_INET   AF_INET
#define PF_INET6  AF_INET6

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5

#define SOL_SOCKET    0xffff
#define SO_DEBUG      0x0001
#define SO_ACCEPTCONN 0x0002
#define SO_REUSEADDR  0x0004
#define SO_KEEPALIVE  0x0008
#define SO_BROADCAST  0x0020
#define SO_LINGER     0x0080
#define SO_OOBINLINE  0x0100
#define SO_REUSEPORT  0x0200
#define SO_SNDBUF     0x1001
#define SO_RCVBUF     0x1002
#define SO_SNDTIMEO   0x1005
#define SO_RCVTIMEO   0x1006
#define SO_ERROR      0x1007
#define SO_TYPE       0x1008
#define SO_NOSIGPIPE  0x1022
#define SOMAXCONN     128

#define MSG_OOB      0x1
#define MSG_PEEK     0x2
#define MSG_EOR      0x8
#define MSG_TRUNC    0x10
#define MSG_CTRUNC   0x20
#define MSG_WAITALL  0x40
#define MSG_DONTWAIT 0x80
#define MSG_NOSIGNAL 0x80000

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SCM_RIGHTS 1

struct sockaddr {
    uint8_t sa_len;
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    uint8_t ss_len;
    sa_family_t ss_family;
    char __pad[6];
    int64_t __align;
    char __rest[112];
};

struct linger {
    int l_onoff, l_linger;
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    int msg_iovlen;
    void *msg_control;
    socklen_t msg_controllen;
    int msg_flags;
};

struct cmsghdr {
    socklen_t cmsg_len;
    int cmsg_level, cmsg_type;
};

#define CMSG_ROUND_(n) (((n) + 3) & ~3u)
#define CMSG_DATA(c)   ((unsigned char *)(c) + CMSG_ROUND_(sizeof(struct cmsghdr)))
#define CMSG_LEN(n)    (CMSG_ROUND_(sizeof(struct cmsghdr)) + (n))
#define CMSG_SPACE(n)  (CMSG_ROUND_(sizeof(struct cmsghdr)) + CMSG_ROUND_(n))
#define CMSG_FIRSTHDR(m)                                                                           \
    ((m)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(m)->msg_control : NULL)
#define CMSG_NXTHDR(m, c)                                                                          \
    ((char *)(c) + CMSG_ROUND_((c)->cmsg_len) + sizeof(struct cmsghdr) >                           \
             (char *)(m)->msg_control + (m)->msg_controllen                                        \
         ? NULL                                                                                    \
         : (struct cmsghdr *)(void *)((char *)(c) + CMSG_ROUND_((c)->cmsg_len)))

int accept(int fd, struct sockaddr *address, socklen_t *length);
int bind(int fd, const struct sockaddr *address, socklen_t length);
int connect(int fd, const struct sockaddr *address, socklen_t length);
int getpeername(int fd, struct sockaddr *address, socklen_t *length);
int getsockname(int fd, struct sockaddr *address, socklen_t *length);
int getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int listen(int fd, int backlog);
ssize_t recv(int fd, void *to, size_t length, int flags);
ssize_t recvfrom(int fd, void *to, size_t length, int flags, struct sockaddr *from,
                 socklen_t *from_length);
ssize_t recvmsg(int fd, struct msghdr *message, int flags);
ssize_t send(int fd, const void *from, size_t length, int flags);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t sendto(int fd, const void *from, size_t length, int flags, const struct sockaddr *to,
               socklen_t to_length);
int setsockopt(int fd, int level, int option, const void *value, socklen_t length);
int shutdown(int fd, int how);
int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int ends[2]);

#endif
