/* SPDX-License-Identifier: ISC */
#include "host/private.h"

#include <errno.h>
#include <unistd.h>

int host_program(char *path, size_t room)
{
    ssize_t length = readlink("/proc/self/exe", path, room - 1);

    if (length <= 0)
        return length ? -errno : -ENOENT;
    path[length] = '\0';
    return 0;
}
