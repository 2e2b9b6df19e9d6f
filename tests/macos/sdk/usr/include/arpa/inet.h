/* SPDX-License-Identifier: ISC */
#ifndef SDK_ARPA_INET_H
#define SDK_ARPA_INET_H

#include <sys/types.h>

#define htons(n) __builtin_bswap16(n)
#define ntohs(n) __builtin_bswap16(n)
#define htonl(n) __builtin_bswap32(n)
#define ntohl(n) __builtin_bswap32(n)

struct in_addr;

int inet_aton(const char *string, struct in_addr *address);
const char *inet_ntop(int family, const void *address, char *to, socklen_t room);
int inet_pton(int family, const char *string, void *address);

#include <netinet/in.h>

#endif
