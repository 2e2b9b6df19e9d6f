/* SPDX-License-Identifier: ISC */
#include "host/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever may write to the folder could put a socket of their own there. */
static int check_ours(const char *path, struct error *err)
{
    struct stat st;

    if (lstat(path, &st))
        return error_set(err, errno, "%s: cannot look at it: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return error_set(err, EPERM,
                         "%s: this must be a folder of yours to which nobody else may write: chmod "
                         "700 it, or set XDG_RUNTIME_DIR to another place",
                         path);
    return 0;
}

static int make(const char *path, struct error *err)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return error_set(err, errno, "%s: cannot make the folder of control sockets: %s", path,
                         strerror(errno));
    return check_ours(path, err);
}

int host_runtime_folder(char *path, size_t room, struct error *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    int length;

    if (base && *base == '/')
        length = snprintf(path, room, "%s/atoll", base);
    else
        length = snprintf(path, room, "/tmp/atoll-%lu", (unsigned long)geteuid());
    if (length < 0 || (size_t)length >= room)
        return error_set(err, ENAMETOOLONG, "%s/atoll: the path is too long", base);
    return make(path, err);
}

int host_runtime_subfolder(const char *name, char *path, size_t room, struct error *err)
{
    int ret = host_runtime_folder(path, room, err);
    size_t length = ret ? 0 : strlen(path);

    if (ret)
        return ret;
    if ((size_t)snprintf(path + length, room - length, "/%s", name) >= room - length)
        return error_set(err, ENAMETOOLONG, "%s/%s: the path is too long", path, name);
    return make(path, err);
}
