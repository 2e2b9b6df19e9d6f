/* SPDX-License-Identifier: ISC */
#include "switch/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/helper.h"
#include "host/runtime.h"
#include "switch/message.h"

#define PROGRAM   "atoll-switch"
#define BACKLOG   64
#define PATH_ROOM 4096

static int folder(char *path, size_t room, struct error *err)
{
    return host_runtime_subfolder("switch", path, room, err);
}

int place_lock(struct error *err)
{
    char path[PATH_ROOM];
    int ret = folder(path, sizeof(path), err), fd;

    if (ret)
        return ret;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

int place_address(const char *name, struct sockaddr_un *address, struct error *err)
{
    char path[PATH_ROOM];
    int ret = switch_check_name("a switch", name, err);

    ret = ret ? ret : folder(path, sizeof(path), err);
    if (ret)
        return ret;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) + 1 + strlen(name) + sizeof(PLACE_SUFFIX) > sizeof(address->sun_path))
        return error_set(err, ENAMETOOLONG,
                         "%s/%s" PLACE_SUFFIX ": the path is too long for a socket; a shorter name "
                         "would do",
                         path, name);
    memcpy(address->sun_path, path, strlen(path));
    sprintf(address->sun_path + strlen(path), "/%s" PLACE_SUFFIX, name);
    return 0;
}

static void free_names(char **names)
{
    for (char **at = names; at && *at; at++)
        free(*at);
    free(names);
}

static char **add_name(char **names, size_t count, const char *name, size_t length)
{
    char **grown = realloc(names, (count + 2) * sizeof(*names));

    if (!grown) {
        free_names(names);
        return NULL;
    }
    grown[count] = strndup(name, length);
    grown[count + 1] = NULL;
    return grown;
}

int place_list(char ***names, struct error *err)
{
    char path[PATH_ROOM], **found = calloc(1, sizeof(*found));
    int ret = folder(path, sizeof(path), err);
    struct dirent *entry;
    size_t count = 0;
    DIR *dir = ret ? NULL : opendir(path);

    if (!dir) {
        free(found);
        return ret ? ret : error_set(err, errno, "%s: %s", path, strerror(errno));
    }
    while (found && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name), suffix = strlen(PLACE_SUFFIX);

        if (length <= suffix || strcmp(entry->d_name + length - suffix, PLACE_SUFFIX) != 0)
            continue;
        found = add_name(found, count++, entry->d_name, length - suffix);
    }
    closedir(dir);
    *names = found;
    return found ? 0 : error_set(err, ENOMEM, "out of memory");
}

/* --- connecting and starting --- */

static int connect_to(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return fd;
    close(fd);
    return -errno;
}

/* A socket that listens, where only this user can connect. */
static int listen_at(const struct sockaddr_un *address, struct error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

    unlink(address->sun_path);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
        chmod(address->sun_path, 0600) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    ret = error_set(err, errno, "%s: cannot listen there: %s", address->sun_path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ret;
}

struct program {
    char path[PATH_ROOM];
    const char *name;
};

static void run_program(void *ctx)
{
    const struct program *program = ctx;

    execl(program->path, PROGRAM, program->name, (char *)NULL);
    _exit(127);
}

/* The socket listens already when its process begins, so nobody waits for that. */
static int start(const char *name, const struct sockaddr_un *address, struct error *err)
{
    struct program program = {.name = name};
    int ret = host_helper_find(PROGRAM, SWITCH_LIBEXEC, program.path, sizeof(program.path), err);
    int listener = ret ? ret : listen_at(address, err);

    if (listener < 0)
        return listener;
    ret = host_helper_start(&listener, 1, run_program, &program);
    close(listener);
    if (!ret)
        return 0;
    unlink(address->sun_path);
    return error_set(err, -ret, "cannot start the switch's process: %s", strerror(-ret));
}

static int connect_locked(const char *name, const struct sockaddr_un *address, bool may_start,
                          struct error *err)
{
    int fd = connect_to(address), ret;

    if (fd >= 0)
        return fd;
    if (fd != -ENOENT && fd != -ECONNREFUSED)
        return error_set(err, -fd, "%s: cannot connect to the switch: %s", address->sun_path,
                         strerror(-fd));
    if (fd == -ECONNREFUSED)
        unlink(address->sun_path); /* of a process that was killed */
    if (!may_start)
        return error_set(err, ENOENT, "no switch \"%s\" runs; \"atoll switch\" lists those that do",
                         name);
    ret = start(name, address, err);
    if (ret)
        return ret;
    fd = connect_to(address);
    return fd >= 0 ? fd
                   : error_set(err, -fd, "the switch \"%s\" ended while it started: %s", name,
                               strerror(-fd));
}

int place_connect(const char *name, bool may_start, struct error *err)
{
    struct sockaddr_un address;
    int ret = place_address(name, &address, err), lock;

    if (ret)
        return ret;
    lock = place_lock(err);
    if (lock < 0)
        return lock;
    ret = connect_locked(name, &address, may_start, err);
    close(lock);
    return ret;
}

bool place_exists(const char *name)
{
    struct sockaddr_un address;
    struct stat st;

    return place_address(name, &address, NULL) == 0 && lstat(address.sun_path, &st) == 0;
}

void place_remove(const char *name)
{
    struct sockaddr_un address;
    int lock = place_lock(NULL), fd;

    if (lock < 0)
        return;
    if (place_address(name, &address, NULL) == 0) {
        fd = connect_to(&address);
        if (fd == -ECONNREFUSED)
            unlink(address.sun_path);
        else if (fd >= 0)
            close(fd);
    }
    close(lock);
}
