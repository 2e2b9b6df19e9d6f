/* SPDX-License-Identifier: ISC */
#include "cli/folder.h"

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

#include "base/units.h"
#include "cli/control_names.h"
#include "cli/places.h"
#include "host/clock.h"

#define LOCK_POLL (20 * NS_PER_MSEC)

/* --- opening --- */

static int check_ours(const struct folder *folder, struct error *err)
{
    struct stat st;

    if (fstat(folder->fd, &st))
        return error_set(err, errno, "%s: %s", folder->path, strerror(errno));
    if (st.st_uid != geteuid() || (st.st_mode & 022))
        return error_set(err, EPERM, "%s: the folder must be yours, and nobody else's to write",
                         folder->path);
    return 0;
}

int folder_open(struct folder *folder, const char *name, struct error *err)
{
    int ret;

    *folder = (struct folder){.name = name, .fd = -1, .lock = -1};
    ret = place_folder(name, folder->path, sizeof(folder->path), err);
    if (ret)
        return ret;
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder->fd < 0 && errno == ENOENT)
        return error_set(err, ENOENT,
                         "there is no machine \"%s\"; `atoll create %s` makes one, in %s", name,
                         name, folder->path);
    if (folder->fd < 0)
        return error_set(err, errno, "%s: cannot open the folder: %s", folder->path,
                         strerror(errno));
    ret = check_ours(folder, err);
    if (ret)
        folder_close(folder);
    return ret;
}

void folder_close(struct folder *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = folder->lock = -1;
}

bool folder_exists(const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    return place_folder(name, path, sizeof(path), NULL) == 0 && lstat(path, &st) == 0;
}

/* --- the lock --- */

/* Whose the lock is, as far as its file tells. */
static int say_holder(const struct folder *folder, int fd, struct error *err)
{
    char pid[24];
    ssize_t length = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[length > 0 ? length : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return error_set(err, EBUSY, "%s: the machine is in use%s%s; `atoll list` says what runs",
                     folder->path, *pid ? " by process " : "", pid);
}

/* Whether the machine answers: it runs, and is not about to end. */
static bool is_alive(const struct folder *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    return place_socket(folder->name, address.sun_path, sizeof(address.sun_path), NULL) == 0 &&
           control_alive(&address);
}

static int take_lock(const struct folder *folder, int fd, unsigned patience_ms)
{
    uint64_t deadline = host_clock_monotonic() + patience_ms * NS_PER_MSEC;

    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return -errno;
        if (host_clock_monotonic() >= deadline || is_alive(folder))
            return -EWOULDBLOCK;
        host_sleep(LOCK_POLL);
    }
    return 0;
}

/* The lock ends with the process, whatever the way; what the file says is for people. */
int folder_lock(struct folder *folder, unsigned patience_ms, struct error *err)
{
    int fd = openat(folder->fd, FOLDER_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), ret;

    if (fd < 0)
        return error_set(err, errno, "%s/%s: cannot open it: %s", folder->path, FOLDER_LOCK,
                         strerror(errno));
    ret = take_lock(folder, fd, patience_ms);
    if (ret == -EWOULDBLOCK)
        ret = say_holder(folder, fd, err);
    else if (ret)
        error_set(err, -ret, "%s/%s: cannot lock it: %s", folder->path, FOLDER_LOCK,
                  strerror(-ret));
    if (ret) {
        close(fd);
        return ret;
    }
    if (ftruncate(fd, 0) == 0)
        dprintf(fd, "%ld\n", (long)getpid()); /* on a full disk it is held all the same */
    folder->lock = fd;
    return 0;
}

/* --- making --- */

/* The folder of folders and those above it (XDG Base Directory Specification: mode 0700). */
static int make_parents(char *path, struct error *err)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        int ret;

        *at = '\0';
        ret = mkdir(path, 0700) && errno != EEXIST ? errno : 0;
        if (ret)
            error_set(err, ret, "%s: cannot make the folder: %s", path, strerror(ret));
        *at = '/';
        if (ret)
            return -ret;
    }
    return 0;
}

int folder_create(struct folder *folder, const char *name, struct error *err)
{
    char path[PATH_MAX];
    int ret = place_folder(name, path, sizeof(path), err);

    *folder = (struct folder){.fd = -1, .lock = -1};
    ret = ret ? ret : make_parents(path, err);
    if (ret)
        return ret;
    if (mkdir(path, 0700))
        return errno == EEXIST
                   ? error_set(err, EEXIST, "there is a machine \"%s\" already, in %s", name, path)
                   : error_set(err, errno, "%s: cannot make the folder: %s", path, strerror(errno));
    ret = folder_open(folder, name, err);
    ret = ret ? ret : folder_lock(folder, 0, err);
    if (ret) {
        folder_close(folder);
        rmdir(path);
    }
    return ret;
}

/* --- removing --- */

static bool is_folder(int fd, const char *name)
{
    struct stat st;

    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Everything is looked at before anything goes. */
static int empty(const struct folder *folder, DIR *dir, struct error *err)
{
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL)
        if (!is_dots(entry->d_name) && is_folder(folder->fd, entry->d_name))
            return error_set(err, ENOTEMPTY,
                             "%s: it holds a folder, \"%s\", which is no part of a "
                             "machine",
                             folder->path, entry->d_name);
    rewinddir(dir);
    while ((entry = readdir(dir)) != NULL)
        if (!is_dots(entry->d_name) && unlinkat(folder->fd, entry->d_name, 0))
            return error_set(err, errno, "%s/%s: cannot remove it: %s", folder->path, entry->d_name,
                             strerror(errno));
    return 0;
}

int folder_remove(struct folder *folder, struct error *err)
{
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        ret =
            error_set(err, errno, "%s: cannot read the folder: %s", folder->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ret;
    }
    ret = empty(folder, dir, err);
    closedir(dir);
    if (!ret && rmdir(folder->path))
        ret = error_set(err, errno, "%s: cannot remove the folder: %s", folder->path,
                        strerror(errno));
    return ret;
}
