/* SPDX-License-Identifier: ISC */
#include "cli/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/runtime.h"

int place_check_name(const char *name, struct error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(name);
    bool right = length && length <= PLACE_NAME_MAX && strchr(letters, name[0]);

    for (size_t i = 0; i < length && right; i++)
        right = strchr(letters, name[i]) || strchr("._-", name[i]);
    return right ? 0
                 : error_set(err, EINVAL,
                             "\"%.80s\" cannot be a machine's name: letters, digits, \".\", \"_\" "
                             "and \"-\", at most %d, a letter or a digit first",
                             name, PLACE_NAME_MAX);
}

/* `path` is "first" or "first/second". Returns 0 or -ENAMETOOLONG. */
static int join(char *path, size_t room, const char *first, const char *second, struct error *err)
{
    int length = snprintf(path, room, "%s%s%s", first, *second ? "/" : "", second);

    if (length < 0 || (size_t)length >= room)
        return error_set(err, ENAMETOOLONG, "%s/%s: the path is too long", first, second);
    return 0;
}

int place_runtime(char *path, size_t room, struct error *err)
{
    return host_runtime_folder(path, room, err);
}

int place_socket(const char *name, char *path, size_t room, struct error *err)
{
    char file[PLACE_NAME_MAX + sizeof(".sock")],
        folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int ret = place_check_name(name, err);

    ret = ret ? ret : place_runtime(folder, sizeof(folder), err);
    if (ret)
        return ret;
    snprintf(file, sizeof(file), "%s.sock", name);
    return join(path, MIN(room, sizeof(folder)), folder, file, err);
}

int place_folders(char *path, size_t room, struct error *err)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (data && *data == '/')
        return join(path, room, data, "atoll", err);
    if (!home || *home != '/')
        return error_set(err, ENOENT, "neither XDG_DATA_HOME nor HOME says where machines are");
    return join(path, room, home, ".local/share/atoll", err);
}

int place_folder(const char *name, char *path, size_t room, struct error *err)
{
    int ret = place_check_name(name, err);
    size_t length;

    ret = ret ? ret : place_folders(path, room, err);
    if (ret)
        return ret;
    length = strlen(path);
    if ((size_t)snprintf(path + length, room - length, "/%s", name) >= room - length)
        return error_set(err, ENAMETOOLONG, "%s/%s: the path is too long", path, name);
    return 0;
}
