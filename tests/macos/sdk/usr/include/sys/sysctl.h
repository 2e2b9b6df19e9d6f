/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_SYSCTL_H
#define SDK_SYS_SYSCTL_H

#include <sys/types.h>

int sysctlbyname(const char *name, void *old, size_t *old_length, void *new, size_t new_length);

#endif
