/* SPDX-License-Identifier: ISC */
#ifndef SDK_MACH_O_DYLD_H
#define SDK_MACH_O_DYLD_H

#include <stdint.h>

int _NSGetExecutablePath(char *path, uint32_t *room);

#endif
