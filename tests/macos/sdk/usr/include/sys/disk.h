/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_DISK_H
#define SDK_SYS_DISK_H

#include <sys/ioctl.h>

#define DKIOCGETBLOCKSIZE  _IOR('d', 24, uint32_t)
#define DKIOCGETBLOCKCOUNT _IOR('d', 25, uint64_t)

#endif
