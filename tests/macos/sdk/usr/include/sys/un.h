/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_UN_H
#define SDK_SYS_UN_H

#include <sys/types.h>

#define SOL_LOCAL      0
#define LOCAL_PEERCRED 0x001
#define LOCAL_PEERPID  0x002

struct sockaddr_un {
    uint8_t sun_len;
    sa_family_t sun_family;
    char sun_path[104];
};

#endif
