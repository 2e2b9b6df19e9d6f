/* SPDX-License-Identifier: ISC */
#include "cli/control_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/places.h"

#define SUFFIX    ".sock"
#define NAMES_MAX 4096 /* in one folder; more are not looked at */

int control_names_lock(struct error *err)
{
    char path[PATH_MAX];
    size_t length;
    int fd, ret = place_runtime(path, sizeof(path), err);

    if (ret)
        return ret;
    length = strlen(path);
    if ((size_t)snprintf(path + length, sizeof(path) - length, "/.lock") >= sizeof(path) - length)
        return error_set(err, ENAMETOOLONG, "%s: the path is too long", path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot open it: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX)) {
        if (errno == EINTR)
            continue;
        ret = error_set(err, errno, "%s: cannot lock it: %s", path, strerror(errno));
        close(fd);
        return ret;
    }
    return fd;
}

bool control_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
                 (errno != ECONNREFUSED && errno != ENOENT);

    if (fd >= 0)
        close(fd);
    return alive;
}

/* Whether the machine of this name runs; with the lock. */
static bool check(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (place_socket(name, address.sun_path, sizeof(address.sun_path), NULL))
        return false;
    if (control_alive(&address))
        return true;
    unlink(address.sun_path);
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The name in a file's name, in place; NULL: it is no socket's. */
static char *name_of(char *file)
{
    size_t length = strlen(file), suffix = strlen(SUFFIX);

    if (length <= suffix || strcmp(file + length - suffix, SUFFIX) != 0)
        return NULL;
    file[length - suffix] = '\0';
    return place_check_name(file, NULL) == 0 ? file : NULL;
}

static int collect(DIR *folder, char **names)
{
    struct dirent *entry;
    size_t count = 0;

    while ((entry = readdir(folder)) != NULL && count < NAMES_MAX) {
        const char *name = name_of(entry->d_name);

        if (!name || !check(name))
            continue;
        names[count] = strdup(name);
        if (!names[count++])
            return -ENOMEM;
    }
    qsort(names, count, sizeof(*names), by_name);
    return 0;
}

int control_names(char ***names, struct error *err)
{
    char path[PATH_MAX];
    int lock = control_names_lock(err), ret;
    DIR *folder;

    if (lock < 0)
        return lock;
    *names = calloc(NAMES_MAX + 1, sizeof(**names));
    ret = *names ? place_runtime(path, sizeof(path), err) : error_set(err, ENOMEM, "out of memory");
    folder = ret ? NULL : opendir(path);
    if (folder) {
        ret = collect(folder, *names) ? error_set(err, ENOMEM, "out of memory") : 0;
        closedir(folder);
    } else if (!ret) {
        ret = error_set(err, errno, "%s: cannot read the folder: %s", path, strerror(errno));
    }
    close(lock);
    if (ret)
        control_names_free(*names);
    return ret;
}

void control_names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}
