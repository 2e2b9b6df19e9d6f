/* SPDX-License-Identifier: ISC */
#include "host/private.h"

#include <errno.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <stdlib.h>
#include <string.h>

int host_program(char *path, size_t room)
{
    char called[PATH_MAX], real[PATH_MAX];
    uint32_t length = sizeof(called);

    if (_NSGetExecutablePath(called, &length) || !realpath(called, real))
        return -ENOENT;
    if (strlen(real) >= room)
        return -ENAMETOOLONG;
    strcpy(path, real);
    return 0;
}
