/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_UCRED_H
#define SDK_SYS_UCRED_H

#include <sys/types.h>

#define XUCRED_VERSION 0

struct xucred {
    u_int cr_version;
    uid_t cr_uid;
    short cr_ngroups;
    gid_t cr_groups[16];
};

#endif
