/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_PARAM_H
#define SDK_SYS_PARAM_H

#include <limits.h>

#define MAXPATHLEN PATH_MAX

#endif
