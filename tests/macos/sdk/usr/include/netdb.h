/* SPDX-License-Identifier: ISC */
#ifndef SDK_NETDB_H
#define SDK_NETDB_H

#include <sys/socket.h>

struct addrinfo {
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    char *ai_canonname;
    struct sockaddr *ai_addr;
    struct addrinfo *ai_next;
};

struct hostent {
    char *h_name;
    char **h_aliases;
    int h_addrtype, h_length;
    char **h_addr_list;
};

#define AI_PASSIVE     0x0001
#define AI_CANONNAME   0x0002
#define AI_NUMERICHOST 0x0004
#define AI_NUMERICSERV 0x1000
#define NI_MAXHOST     1025
#define NI_MAXSERV     32
#define NI_NUMERICHOST 0x0002
#define NI_NUMERICSERV 0x0008
#define EAI_SYSTEM     11

void freeaddrinfo(struct addrinfo *list);
const char *gai_strerror(int code);
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **list);
int getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_room,
                char *service, socklen_t service_room, int flags);

#endif
