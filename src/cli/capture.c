/* SPDX-License-Identifier: ISC */
/*
 * `atoll capture`: what passes a switch's ports, into a file or down a pipe (atoll-switch(1)).
 *
 * A switch waits for nobody: it writes files itself, but for whatever can be slow, such as the
 * standard output, this process is in between, with a pipe that does not block the switch, and what
 * has no room there is dropped and counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/ask.h"
#include "host/clock.h"
#include "host/thread.h"
#include "switch/client.h"

#define PIPE_BYTES (1 << 20) /* asked for: an ordinary user's most on Linux */
#define RETRY_NS   (10 * NS_PER_MSEC)

static void list_user_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGHUP);
}

/* For wait_for_end, from before any thread is started. */
static void hold_signals(void)
{
    sigset_t signals;

    signal(SIGPIPE, SIG_IGN);
    list_user_signals(&signals);
    sigaddset(&signals, SIGALRM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* The next one of the user's ends the process at once. */
static void release_signals(void)
{
    sigset_t signals;

    list_user_signals(&signals);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* Until a signal of the user's, or SIGALRM: after so many seconds (0: no limit), or from the relay.
 */
static void wait_for_end(double seconds)
{
    const struct itimerval time = {
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    sigset_t signals;
    int got;

    list_user_signals(&signals);
    sigaddset(&signals, SIGALRM);
    setitimer(ITIMER_REAL, &time, NULL);
    sigwait(&signals, &got);
}

/* --- between the switch and what can be slow --- */

struct relay {
    int from, to;
    pthread_t thread;
    bool runs;
};

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t done = write(fd, bytes, length);

        if (done < 0 && errno != EINTR)
            return false;
        bytes += MAX(done, 0);
        length -= (size_t)MAX(done, 0);
    }
    return true;
}

/* When the reader or the switch has gone, nobody need wait any more. */
static void *carry(void *ctx)
{
    const struct relay *relay = ctx;
    char bytes[65536];
    bool wanted = true;
    ssize_t length;

    while ((length = read(relay->from, bytes, sizeof(bytes))) > 0) {
        if (!wanted || write_all(relay->to, bytes, (size_t)length))
            continue;
        wanted = false;
        kill(getpid(), SIGALRM);
    }
    close(relay->from);
    kill(getpid(), SIGALRM);
    return NULL;
}

/* Returns the end that the switch writes to, or -errno. */
static int relay_start(struct relay *relay, int to, struct error *err)
{
    int ends[2], ret;

    if (pipe(ends))
        return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
#ifdef F_SETPIPE_SZ
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
#endif
    relay->from = ends[0];
    relay->to = to;
    ret = host_thread_start(&relay->thread, "capture", carry, relay);
    if (ret) {
        close(ends[0]);
        close(ends[1]);
        return error_set(err, -ret, "cannot start a thread: %s", strerror(-ret));
    }
    relay->runs = true;
    return ends[1];
}

/* --- the command --- */

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Which the switch may write itself. */
static bool is_own_file(const char *path, int fd)
{
    struct stat st;

    return !is_standard(path) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int open_target(const char *path, struct error *err)
{
    int fd;

    if (!is_standard(path))
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    else if (isatty(STDOUT_FILENO))
        return error_set(err, EINVAL,
                         "a capture is nothing for a terminal; give a file, or a pipe as in "
                         "\"| tcpdump -nr -\"");
    else
        fd = dup(STDOUT_FILENO);
    return fd < 0 ? error_set(err, errno, "%s: %s", path, strerror(errno)) : fd;
}

struct target {
    const char *name, *port, *path, *filter;
    double seconds;
};

/* While the pipe is full, the relay makes room. */
static int stop(struct switch_client *client, unsigned id, struct error *err)
{
    struct switch_captured captured;
    int ret;

    release_signals();
    while ((ret = switch_capture_stop(client, id, &captured, err)) == -EAGAIN)
        host_sleep(RETRY_NS);
    if (ret)
        return ret;
    fprintf(stderr, "%llu frames", (unsigned long long)captured.frames);
    if (captured.dropped)
        fprintf(stderr, "; %llu more that the reader was too slow for",
                (unsigned long long)captured.dropped);
    if (captured.lost)
        fprintf(stderr, "; %llu were lost at the ports", (unsigned long long)captured.lost);
    fputc('\n', stderr);
    return 0;
}

/* `fd` is the capture's from now on, or this end of a relay, which is over when it is closed. */
static int capture(struct switch_client *client, const struct target *target, int fd,
                   struct error *err)
{
    unsigned id;
    int ret = switch_capture_start(client, target->port, target->filter, fd, &id, err);

    close(fd);
    if (ret)
        return ret;
    fprintf(stderr, "capturing to %s; Ctrl-C ends it\n",
            is_standard(target->path) ? "the standard output" : target->path);
    wait_for_end(target->seconds);
    return stop(client, id, err);
}

static int run(const struct target *target, struct error *err)
{
    int file = open_target(target->path, err), fd, ret;
    struct switch_client *client = NULL;
    struct relay relay = {0};

    if (file < 0)
        return file;
    hold_signals();
    ret = switch_connect(&client, target->name, false, err);
    fd = ret ? ret : is_own_file(target->path, file) ? dup(file) : relay_start(&relay, file, err);
    ret = fd < 0 ? fd : capture(client, target, fd, err);
    switch_disconnect(client); /* and the capture has ended */
    if (relay.runs)
        pthread_join(relay.thread, NULL);
    close(file);
    return ret;
}

int command_capture(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--filter", .value = true},
                               {.name = "--seconds", .value = true},
                               {.name = "-w", .value = true}};
    const struct ask_usage usage = {"SWITCH[:PORT] FILE|- [--filter EXPRESSION] [--seconds N]", 1,
                                    2, flags, nitems(flags)};
    char name[2 * SWITCH_NAME_MAX + 2], *port;
    const char *words[2];
    struct target target;
    struct error err;
    json_t *seconds;
    int status, count = ask_arguments(argc, argv, &usage, words, &status);

    if (count < 0)
        return status;
    if ((count == 2) == (flags[2].given != NULL))
        return fail(EXIT_STATUS_USAGE, "usage: atoll %s %s", argv[0], usage.synopsis);
    if (ask_seconds(&flags[1], &seconds))
        return EXIT_STATUS_USAGE;
    if (strlen(words[0]) >= sizeof(name))
        return fail(EXIT_STATUS_USAGE, "\"%s\" is no switch and port", words[0]);
    strcpy(name, words[0]);
    port = strchr(name, ':');
    if (port)
        *port++ = '\0';
    target = (struct target){.name = name,
                             .port = port,
                             .path = flags[2].given ? flags[2].given : words[1],
                             .filter = flags[0].given,
                             .seconds = json_real_value(seconds)};
    json_decref(seconds);
    if (run(&target, &err))
        return fail(err.code == EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", err.text);
    return 0;
}
