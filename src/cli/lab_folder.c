/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/control_names.h"
#include "cli/lab_lend.h"
#include "host/clock.h"
#include "switch/client.h"

#define LOCK      "lock"
#define NAMES_MAX 1024
#define END_NS    (15 * NS_PER_SEC)
#define GLANCE_NS (20 * NS_PER_MSEC)

int lab_folder(const char *name, char *path, size_t room, struct error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME"), *under = "";
    int length;

    if (!state || *state != '/') {
        state = home;
        under = "/.local/state";
    }
    if (!state || *state != '/')
        return error_set(err, ENOENT, "neither XDG_STATE_HOME nor HOME says where labs are kept");
    length = snprintf(path, room, "%s%s/atoll%s%s", state, under, *name ? "/" : "", name);
    if (length < 0 || (size_t)length >= room)
        return error_set(err, ENAMETOOLONG, "%s: the path is too long", state);
    return 0;
}

static int make_folders(char *path, struct error *err)
{
    for (char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        if (at)
            *at = '\0';
        if (mkdir(path, 0700) && errno != EEXIST)
            return error_set(err, errno, "%s: cannot make the folder: %s", path, strerror(errno));
        if (!at)
            return 0;
        *at = '/';
    }
}

static int open_lock(const char *folder, int flags)
{
    char path[PATH_MAX + sizeof(LOCK)];

    snprintf(path, sizeof(path), "%s/" LOCK, folder);
    return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
}

/* Whether the lock that was taken is still the file of that name: who removes a folder has the lock
 * while he does. */
static bool is_current(int fd, const char *folder)
{
    struct stat held, there;
    int now = open_lock(folder, 0);
    bool same = now >= 0 && fstat(fd, &held) == 0 && fstat(now, &there) == 0 &&
                held.st_ino == there.st_ino && held.st_dev == there.st_dev;

    if (now >= 0)
        close(now);
    return same;
}

/* Everything but the lock, which goes last. */
static void empty(const char *path, bool with_lock)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, LOCK) != 0 && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder && with_lock)
        unlinkat(dirfd(folder), LOCK, 0);
    if (folder)
        closedir(folder);
}

/* Machines and switches that were killed, or whose keeper was, have left their sockets. */
static void sweep(void)
{
    char **names;

    if (control_names(&names, NULL) == 0)
        control_names_free(names);
    if (switch_list(&names, NULL) == 0)
        control_names_free(names);
}

void lab_folder_remove(const char *path)
{
    empty(path, true);
    rmdir(path);
    sweep();
}

/* A killed keeper's; with the lock. */
static void forget_socket(const char *name)
{
    char path[PATH_MAX];

    if (lab_lend_path(name, path, sizeof(path), NULL) == 0)
        unlink(path);
}

/* --- what a killed keeper leaves --- */

static bool is_of_lab(const char *name, const char *lab)
{
    size_t length = strlen(lab);

    return strncmp(name, lab, length) == 0 && name[length] == '.';
}

/* Whether a machine of the lab runs: one is in `found`. */
static bool find_machine(const char *lab, char *found, size_t room)
{
    bool any = false;
    char **names;

    if (control_names(&names, NULL))
        return false;
    for (size_t i = 0; names[i] && !any; i++) {
        any = is_of_lab(names[i], lab);
        if (any)
            snprintf(found, room, "%s", names[i]);
    }
    control_names_free(names);
    return any;
}

/* They would end by themselves, but only when nobody has looked at them for a moment. */
static void stop_switches(const char *lab)
{
    struct switch_client *client;
    char **names;

    if (switch_list(&names, NULL))
        return;
    for (size_t i = 0; names[i]; i++) {
        if (!is_of_lab(names[i], lab) || switch_connect(&client, names[i], false, NULL))
            continue;
        switch_stop(client, NULL);
        switch_disconnect(client);
    }
    control_names_free(names);
}

/* Machines end when their line to the keeper does, a moment after it was killed. Returns whether
 * they have; otherwise one is in `found`. */
static bool await_end(const char *lab, char *found, size_t room)
{
    uint64_t deadline = host_clock_monotonic() + END_NS;

    while (find_machine(lab, found, room)) {
        if (host_clock_monotonic() > deadline)
            return false;
        host_sleep(GLANCE_NS);
    }
    stop_switches(lab);
    return true;
}

int lab_bury(const char *name, struct error *err)
{
    char path[PATH_MAX], found[PLACE_NAME_MAX + 1];
    int fd, ret = lab_folder(name, path, sizeof(path), err);

    if (ret)
        return ret;
    fd = open_lock(path, 0);
    if (fd < 0)
        return 0;
    ret = flock(fd, LOCK_EX | LOCK_NB) == 0 && is_current(fd, path);
    if (ret && !await_end(name, found, sizeof(found)))
        ret = error_set(err, ETIMEDOUT, "\"%s\" of it has not ended", found);
    if (ret > 0) {
        forget_socket(name);
        lab_folder_remove(path);
    }
    close(fd);
    return ret;
}

/* Who the keeper is: a lab that nobody could end must not begin. */
static int sign_lock(int fd, const char *folder, struct error *err)
{
    int ret = 0;

    if (ftruncate(fd, 0) || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        ret = error_set(err, errno, "%s: cannot write its lock: %s", folder, strerror(errno));
        empty(folder, true);
        rmdir(folder);
    }
    return ret;
}

int lab_folder_take(const char *name, char *path, size_t room, struct error *err)
{
    char found[PLACE_NAME_MAX + 1];
    int fd, ret = lab_folder(name, path, room, err);

    for (;;) {
        ret = ret ? ret : make_folders(path, err);
        if (ret)
            return ret;
        fd = open_lock(path, O_CREAT);
        if (fd < 0 && errno == ENOENT)
            continue; /* the folder has just been removed */
        if (fd < 0)
            return error_set(err, errno, "%s: cannot open its lock: %s", path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB)) {
            close(fd);
            return error_set(err, EBUSY, "the lab \"%s\" is up already; `atoll down %s` ends it",
                             name, name);
        }
        if (is_current(fd, path))
            break;
        close(fd);
    }
    await_end(name, found, sizeof(found)); /* what is still there is in the way, or it is not */
    empty(path, false);
    forget_socket(name);
    ret = sign_lock(fd, path, err);
    if (ret)
        close(fd);
    return ret ? ret : fd;
}

pid_t lab_keeper(const char *name)
{
    char path[PATH_MAX], text[24] = "";
    int fd;

    if (lab_folder(name, path, sizeof(path), NULL))
        return 0;
    fd = open_lock(path, 0);
    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (is_current(fd, path)) {
            forget_socket(name);
            lab_folder_remove(path);
        }
        close(fd);
        return 0;
    }
    if (read(fd, text, sizeof(text) - 1) < 0)
        *text = '\0';
    close(fd);
    return (pid_t)MAX(atol(text), 0L);
}

int lab_names(char ***names, struct error *err)
{
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    size_t used = 0;
    int count, ret = lab_folder("", path, sizeof(path), err);

    if (ret)
        return ret;
    sweep();
    *names = calloc(NAMES_MAX + 1, sizeof(**names));
    if (!*names)
        return error_set(err, ENOMEM, "out of memory");
    count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (used < NAMES_MAX && place_check_name(name, NULL) == 0 && lab_keeper(name))
            (*names)[used] = strdup(name);
        used += (*names)[used] != NULL;
        free(entries[i]);
    }
    free(entries);
    return 0;
}
