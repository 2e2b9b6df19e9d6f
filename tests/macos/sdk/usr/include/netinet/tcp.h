/* SPDX-License-Identifier: ISC */
#ifndef SDK_NETINET_TCP_H
#define SDK_NETINET_TCP_H

#define TCP_NODELAY 0x01

#endif
