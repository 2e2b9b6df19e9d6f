/* SPDX-License-Identifier: ISC */
/* The system's own; the compiler has the rest and includes this. */
#ifndef SDK_LIMITS_H
#define SDK_LIMITS_H

#define PATH_MAX  1024
#define NAME_MAX  255
#define IOV_MAX   1024
#define PIPE_BUF  512
#define OPEN_MAX  10240
#define SSIZE_MAX LONG_MAX

#endif
