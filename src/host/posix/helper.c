/* SPDX-License-Identifier: ISC */
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/private.h"

#define PATH_ROOM 4096

/* All of them are first moved out of the way of the numbers that they are to have. */
static void keep_only(const int *fds, size_t count)
{
    int null = open("/dev/null", O_RDWR), moved[HOST_HELPER_FDS];

    for (size_t i = 0; i < count; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD, HOST_HELPER_FIRST + HOST_HELPER_FDS);
        if (moved[i] < 0)
            _exit(1);
    }
    for (int fd = 0; fd < HOST_HELPER_FIRST; fd++)
        dup2(null, fd);
    for (size_t i = 0; i < count; i++)
        dup2(moved[i], HOST_HELPER_FIRST + (int)i);
#ifdef HAVE_CLOSEFROM
    closefrom(HOST_HELPER_FIRST + (int)count);
#else
    for (int fd = HOST_HELPER_FIRST + (int)count, end = (int)sysconf(_SC_OPEN_MAX); fd < end; fd++)
        close(fd);
#endif
}

/* The machine's handlers are not for this process, and what a terminal or a whole process group is
 * sent is for the machine alone. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE, SIGTSTP};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    for (size_t i = 0; i < nitems(ignored); i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Forks twice: the process between ends at once, and its child is nobody's. */
int host_helper_start(const int *fds, size_t count, void (*run)(void *ctx), void *ctx)
{
    pid_t child;
    int status;

    if (count > HOST_HELPER_FDS)
        return -EINVAL;
    child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        pid_t helper = fork();

        if (helper == 0) {
            reset_signals();
            keep_only(fds, count);
            run(ctx);
        }
        _exit(helper <= 0 ? 1 : 0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

static bool is_program(const char *folder, const char *name, char *path, size_t room)
{
    int length = snprintf(path, room, "%s/%s", folder, name);

    return length > 0 && (size_t)length < room && access(path, X_OK) == 0;
}

/* The folder of this program's file. */
static bool own_folder(char *folder, size_t room)
{
    if (host_program(folder, room))
        return false;
    *strrchr(folder, '/') = '\0';
    return true;
}

int host_helper_find(const char *name, const char *libexec, char *path, size_t room,
                     struct error *err)
{
    /* As it is built (src/cli/atoll, src/viewer/, src/switch/), and as it is installed (bin,
     * libexec/atoll). */
    static const char *const beside[] = {"../viewer", "../switch", "../libexec/atoll"};
    const char *named = getenv("ATOLL_LIBEXEC");
    char own[PATH_ROOM], folder[PATH_ROOM + 32];

    if (named && *named)
        return is_program(named, name, path, room)
                   ? 0
                   : error_set(err, ENOENT, "there is no program %s in %s (ATOLL_LIBEXEC)", name,
                               named);
    for (size_t i = 0; i < nitems(beside) && own_folder(own, sizeof(own)); i++) {
        snprintf(folder, sizeof(folder), "%s/%s", own, beside[i]);
        if (is_program(folder, name, path, room))
            return 0;
    }
    if (is_program(libexec, name, path, room))
        return 0;
    return error_set(err, ENOENT, "the program %s is not installed in %s", name, libexec);
}
