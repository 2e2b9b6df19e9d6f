/* SPDX-License-Identifier: ISC */
#ifndef SDK_NETINET_IN_H
#define SDK_NETINET_IN_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/types.h>

#define IPPROTO_IP   0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP  6
#define IPPROTO_UDP  17
#define IPPROTO_IPV6 41

#define INADDR_ANY       0u
#define INADDR_LOOPBACK  0x7f000001u
#define INADDR_BROADCAST 0xffffffffu
#define INADDR_NONE      0xffffffffu
#define INET_ADDRSTRLEN  16
#define INET6_ADDRSTRLEN 46
#define IPV6_V6ONLY      27

struct in_addr {
    in_addr_t s_addr;
};

struct in6_addr {
    union {
        uint8_t u8[16];
        uint16_t u16[8];
        uint32_t u32[4];
    } u;
};
#define s6_addr u.u8

struct sockaddr_in {
    uint8_t sin_len;
    sa_family_t sin_family;
    in_port_t sin_port;
    struct in_addr sin_addr;
    char sin_zero[8];
};

struct sockaddr_in6 {
    uint8_t sin6_len;
    sa_family_t sin6_family;
    in_port_t sin6_port;
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};

#define IN6_IS_ADDR_LOOPBACK(a)                                                                    \
    ((a)->u.u32[0] == 0 && (a)->u.u32[1] == 0 && (a)->u.u32[2] == 0 && (a)->s6_addr[15] == 1)
#define IN6_IS_ADDR_V4MAPPED(a)                                                                    \
    ((a)->u.u32[0] == 0 && (a)->u.u32[1] == 0 && (a)->u.u32[2] == htonl(0xffff))

extern const struct in6_addr in6addr_any, in6addr_loopback;
#define IN6ADDR_ANY_INIT                                                                           \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define IN6ADDR_LOOPBACK_INIT                                                                      \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1                                     \
            }                                                                                      \
        }                                                                                          \
    }

#endif
