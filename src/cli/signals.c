/* SPDX-License-Identifier: ISC */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What signal handlers need: handlers take no argument, so this one thing is the program's, not the
 * library's. They write to a pipe that a loop watches. */
static struct {
    struct atoll *volatile vm;
    struct report *report;
    struct host_watch *watch;
    int pipe[2];
} on_signal = {.pipe = {-1, -1}};

static const int told[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1},
                 crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};

static void tell_loop(int number)
{
    int saved = errno;
    uint8_t byte = (uint8_t)number;
    ssize_t n = write(on_signal.pipe[1], &byte, 1);

    (void)n; /* a full pipe has asked already */
    errno = saved;
}

static void restore_and_die(int number)
{
    if (on_signal.vm)
        atoll_restore_terminal(on_signal.vm);
    signal(number, SIG_DFL);
    raise(number);
}

static void signal_came(void *ctx, unsigned events)
{
    uint8_t numbers[64];
    ssize_t count = read(on_signal.pipe[0], numbers, sizeof(numbers));
    struct atoll_error error;
    bool shoot = false;

    for (ssize_t i = 0; i < count; i++) {
        if (numbers[i] == SIGUSR1)
            shoot = true;
        else
            atoll_quit(ctx);
    }
    if (shoot && atoll_screenshot(ctx, NULL, &error) < 0)
        report_line(on_signal.report, ATOLL_LOG_ERROR, error.text);
}

static void mask(int how)
{
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < nitems(told); i++)
        sigaddset(&signals, told[i]);
    sigprocmask(how, &signals, NULL);
}

void signals_hold(void)
{
    mask(SIG_BLOCK);
}

static void install(void)
{
    struct sigaction action = {.sa_handler = tell_loop};

    for (size_t i = 0; i < nitems(told); i++)
        sigaction(told[i], &action, NULL);
    action.sa_handler = restore_and_die;
    for (size_t i = 0; i < nitems(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a console's reader may go away */
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an I/O error of the guest's */
}

int signals_catch(struct atoll *vm, struct report *report, struct host_loop *loop,
                  struct error *err)
{
    int ret = pipe2(on_signal.pipe, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;

    if (ret) {
        atoll_restore_terminal(vm);
        return error_set(err, -ret, "cannot catch signals: %s", strerror(-ret));
    }
    on_signal.vm = vm;
    on_signal.report = report;
    install();
    mask(SIG_UNBLOCK);
    ret = host_watch_create(loop, on_signal.pipe[0], HOST_READABLE, signal_came, vm,
                            &on_signal.watch);
    if (ret) {
        atoll_restore_terminal(vm);
        error_set(err, -ret, "cannot catch signals: %s", strerror(-ret));
    }
    return ret;
}

void signals_release(void)
{
    host_watch_destroy(on_signal.watch);
    on_signal.watch = NULL;
    on_signal.vm = NULL;
}
