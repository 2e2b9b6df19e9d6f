/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_SELECT_H
#define SDK_SYS_SELECT_H

#include <sys/types.h>

typedef struct {
    int32_t bits[32];
} fd_set;

#define FD_SET(n, set)   ((void)((set)->bits[(n) / 32] |= (int32_t)(1u << ((n) % 32))))
#define FD_CLR(n, set)   ((void)((set)->bits[(n) / 32] &= ~(int32_t)(1u << ((n) % 32))))
#define FD_ISSET(n, set) (((set)->bits[(n) / 32] >> ((n) % 32)) & 1)
#define FD_ZERO(set)     ((void)(*(set) = (fd_set){{0}}))

int select(int count, fd_set *read, fd_set *write, fd_set *error, struct timeval *timeout);

#endif
