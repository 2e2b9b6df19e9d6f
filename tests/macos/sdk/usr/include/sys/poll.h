/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_POLL_H
#define SDK_SYS_POLL_H

#include <poll.h>

#endif
