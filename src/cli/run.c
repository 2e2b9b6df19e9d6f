/* SPDX-License-Identifier: ISC */
/*
 * `atoll run`: a machine from power-on to its end, and the terminal as it was, whatever the way
 * out.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/options.h"
#include "host/loop.h"

/*
 * What signal handlers need: handlers take no argument, so this one thing is the program's, not the
 * library's. SIGINT, SIGTERM, SIGHUP and SIGQUIT end the machine in order, and SIGUSR1 asks for a
 * picture of the screen, through a pipe that a loop watches; a crash of Atoll itself restores the
 * terminal first.
 */
static struct {
    struct atoll *volatile vm;
    int pipe[2];
} on_signal = {NULL, {-1, -1}};

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

static void log_line(void *ctx, enum atoll_log_level level, const char *line)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};

    /* A raw terminal does not return the carriage by itself. */
    fprintf(stderr, "atoll: %s%s%s\n", words[level], line, isatty(STDERR_FILENO) ? "\r" : "");
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
        log_line(NULL, ATOLL_LOG_ERROR, error.text);
}

/* Between the terminal's change and the handlers' installation, a signal waits. */
static void hold_signals(int how)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(how, &signals, NULL);
}

static int catch_signals(struct atoll *vm, struct host_loop *loop, struct host_watch **watch)
{
    static const int told[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1},
                     crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    struct sigaction action = {.sa_handler = tell_loop};

    if (pipe2(on_signal.pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    on_signal.vm = vm;
    for (size_t i = 0; i < nitems(told); i++)
        sigaction(told[i], &action, NULL);
    action.sa_handler = restore_and_die;
    for (size_t i = 0; i < nitems(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a console's reader may go away */
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an I/O error of the guest's */
    hold_signals(SIG_UNBLOCK);
    return host_watch_create(loop, on_signal.pipe[0], HOST_READABLE, signal_came, vm, watch);
}

/* What the machine came to, for --log debug. */
static void say_stats(struct atoll *vm)
{
    struct atoll_stats stats;
    char line[256];

    atoll_stats(vm, &stats);
    snprintf(line, sizeof(line), "%llu guest instructions, %llu exits",
             (unsigned long long)stats.instructions, (unsigned long long)stats.exits);
    log_line(NULL, ATOLL_LOG_DEBUG, line);
    if (stats.regions == 0)
        return;
    snprintf(line, sizeof(line),
             "translated: %llu instructions in %llu regions, %llu KiB of at most %llu KiB, %llu "
             "flushes, %llu misses",
             (unsigned long long)stats.translated, (unsigned long long)stats.regions,
             (unsigned long long)stats.code_bytes >> 10, (unsigned long long)stats.code_limit >> 10,
             (unsigned long long)stats.code_flushes, (unsigned long long)stats.code_misses);
    log_line(NULL, ATOLL_LOG_DEBUG, line);
}

static int exit_status(enum atoll_stop why)
{
    static const int status[] = {[ATOLL_STOP_POWEROFF] = EXIT_STATUS_POWEROFF,
                                 [ATOLL_STOP_RESET] = EXIT_STATUS_RESET,
                                 [ATOLL_STOP_QUIT] = EXIT_STATUS_QUIT,
                                 [ATOLL_STOP_FAULT] = EXIT_STATUS_FAILURE};

    return status[why];
}

/* What clients of the control socket are told at the end. */
static const char *stop_reason(enum atoll_stop why)
{
    static const char *const reasons[] = {
        [ATOLL_STOP_POWEROFF] = "the guest switched itself off",
        [ATOLL_STOP_RESET] = "the guest asked for a reset, and the machine has no --reboot",
        [ATOLL_STOP_QUIT] = "the machine was ended, as if its plug were pulled",
        [ATOLL_STOP_FAULT] = "the machine could not go on; its log says why"};

    return reasons[why];
}

/* From power-on to the end; the error, if any, has been said. */
static int run_machine(struct atoll *vm, struct host_loop *loop, const char **reason)
{
    struct host_watch *watch = NULL;
    struct atoll_error error;
    enum atoll_stop why;

    if (catch_signals(vm, loop, &watch) < 0)
        return fail(EXIT_STATUS_FAILURE, "cannot catch signals: %s", strerror(errno));
    if (atoll_start(vm, &error) < 0) {
        atoll_restore_terminal(vm);
        host_watch_destroy(watch);
        return fail(EXIT_STATUS_FAILURE, "%s", error.text);
    }
    why = atoll_wait(vm);
    host_watch_destroy(watch);
    *reason = stop_reason(why);
    return exit_status(why);
}

/* A machine that exists: with its control socket, if it has a name, from power-on to its end. */
static int run_served(struct atoll *vm, struct host_loop *loop, struct control *control,
                      const struct options *options)
{
    const char *reason = "the machine could not start";
    struct error err;
    int status;

    if (control && control_serve(control, vm, &options->config, &err) < 0)
        status = fail(EXIT_STATUS_FAILURE, "%s", err.text);
    else
        status = run_machine(vm, loop, &reason);
    control_close(control, reason);
    return status;
}

int command_run(int argc, char **argv)
{
    struct atoll_error error;
    struct error err;
    struct options options;
    struct control *control = NULL;
    struct control_facts facts = {0};
    struct host_loop *loop;
    struct atoll *vm;
    int status;

    if (options_parse(&options, argc, argv, &err) < 0) {
        options_free(&options);
        return fail(EXIT_STATUS_USAGE, "%s", err.text);
    }
    if (options.help) {
        puts("usage: atoll run [options] [IMAGE ...]\n");
        options_print(stdout);
        options_free(&options);
        return 0;
    }
    if (options.dtb) {
        options_free(&options);
        return fail(EXIT_STATUS_USAGE, "--dtb is for `atoll fdt`; a run writes no device tree");
    }
    options.config.log = log_line;
    if (host_loop_create(&loop, "signals", &err) < 0) {
        options_free(&options);
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    }
    hold_signals(SIG_BLOCK);
    facts.name = options.name;
    if (options.name && control_open(&control, &facts, &err) < 0) {
        status = fail(err.code == EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", err.text);
    } else if (atoll_create(&vm, &options.config, &error) < 0) {
        control_close(control, error.text);
        status =
            fail(error.code == EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", error.text);
    } else {
        status = run_served(vm, loop, control, &options);
        if (options.config.log_level >= ATOLL_LOG_DEBUG)
            say_stats(vm);
        on_signal.vm = NULL;
        atoll_destroy(vm);
    }
    host_loop_destroy(loop);
    options_free(&options);
    return status;
}
