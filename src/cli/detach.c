/* SPDX-License-Identifier: ISC */
#include "cli/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

/* In the process that the user called: a byte says that the machine runs, the end of the pipe that
 * its process ended before it did. */
static int await(int told, pid_t child)
{
    char byte;
    ssize_t length;
    int status;

    do
        length = read(told, &byte, 1);
    while (length < 0 && errno == EINTR);
    if (length == 1)
        return 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_STATUS_FAILURE;
    if (WIFSIGNALED(status))
        return fail(EXIT_STATUS_FAILURE, "the machine's process was ended by signal %d (%s)",
                    WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_STATUS_FAILURE;
}

int detach_begin(struct detach *detach, int *status, struct error *err)
{
    int ends[2];
    pid_t child;

    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC))
        return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    child = fork();
    if (child < 0) {
        int ret = error_set(err, errno, "cannot make a process: %s", strerror(errno));

        close(ends[0]);
        close(ends[1]);
        return ret;
    }
    close(ends[child == 0 ? 0 : 1]);
    detach->tell = ends[1];
    if (child == 0)
        return 0;
    *status = await(ends[0], child);
    close(ends[0]);
    return 1;
}

int detach_leave(int output, struct error *err)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), terminal;

    terminal = null < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (terminal < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || chdir("/")) {
        int ret = error_set(err, errno, "cannot leave the terminal: %s", strerror(errno));

        if (null >= 0)
            close(null);
        if (terminal >= 0)
            close(terminal);
        return ret;
    }
    close(null);
    setsid(); /* fails for who leads a group already, which a new process does not */
    return terminal;
}

int detach_done(struct detach *detach, int terminal)
{
    ssize_t written = write(detach->tell, "", 1);
    int ret = written == 1 ? 0 : -errno;

    close(detach->tell);
    close(terminal);
    detach->tell = -1;
    return ret;
}
