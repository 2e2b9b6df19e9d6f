/* SPDX-License-Identifier: ISC */
/*
 * A terminal is as it was afterwards, whatever the way out.
 *
 * The order of things: the process that stays, its lock, log and control socket; the machine; the
 * terminal is left, if it is to be; signals; and the start, which confines the process.
 */
#include "cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/detach.h"
#include "cli/places.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "host/clock.h"
#include "host/loop.h"

#define FOLDER_LOG "log"
#define FIRST_NS   (500 * NS_PER_MSEC) /* in which a machine may fail before it is left alone */
#define GLANCE_NS  (10 * NS_PER_MSEC)

struct session {
    struct options *options;
    struct folder *folder; /* NULL: a temporary machine */
    struct report report;
    struct detach detach;
    int terminal; /* where the user reads until the machine runs in the background */
    char log_path[PATH_MAX];
    struct control *control;
    struct host_loop *loop;
    struct host_watch *lifeline; /* of a machine in a lab */
    struct atoll *vm;
};

/* --- the end --- */

static int exit_status(enum atoll_stop why)
{
    static const int status[] = {[ATOLL_STOP_POWEROFF] = EXIT_STATUS_POWEROFF,
                                 [ATOLL_STOP_RESET] = EXIT_STATUS_RESET,
                                 [ATOLL_STOP_QUIT] = EXIT_STATUS_QUIT,
                                 [ATOLL_STOP_FAULT] = EXIT_STATUS_FAILURE};

    return status[why];
}

/* What clients of the control socket are told, and the log. */
static const char *stop_reason(enum atoll_stop why)
{
    static const char *const reasons[] = {
        [ATOLL_STOP_POWEROFF] = "the guest switched itself off",
        [ATOLL_STOP_RESET] = "the guest asked for a reset, and the machine has no --reboot",
        [ATOLL_STOP_QUIT] = "the machine was ended, as if its plug were pulled",
        [ATOLL_STOP_FAULT] = "the machine could not go on; its log says why"};

    return reasons[why];
}

/* What the machine came to, for --log debug. */
static void say_stats(struct session *s)
{
    struct atoll_stats stats;
    char line[256];

    if (s->options->config.log_level < ATOLL_LOG_DEBUG)
        return;
    atoll_stats(s->vm, &stats);
    snprintf(line, sizeof(line), "%llu guest instructions, %llu exits",
             (unsigned long long)stats.instructions, (unsigned long long)stats.exits);
    report_line(&s->report, ATOLL_LOG_DEBUG, line);
    if (stats.regions == 0)
        return;
    snprintf(line, sizeof(line),
             "translated: %llu instructions in %llu regions, %llu KiB of at most %llu KiB, %llu "
             "flushes, %llu misses",
             (unsigned long long)stats.translated, (unsigned long long)stats.regions,
             (unsigned long long)stats.code_bytes >> 10, (unsigned long long)stats.code_limit >> 10,
             (unsigned long long)stats.code_flushes, (unsigned long long)stats.code_misses);
    report_line(&s->report, ATOLL_LOG_DEBUG, line);
}

static int failed(struct session *s, const struct error *err)
{
    return report_failure(&s->report, err->code == EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE,
                          err->text);
}

/* --- the log --- */

/* A folder keeps its machine's log; that of a temporary one is kept when nobody else reads it. */
static int open_log(struct session *s, struct error *err)
{
    const struct options *o = s->options;
    char runtime[PATH_MAX];
    int ret;

    if (o->log_path) {
        ret = snprintf(s->log_path, sizeof(s->log_path), "%s", o->log_path);
    } else if (s->folder) {
        ret = snprintf(s->log_path, sizeof(s->log_path), "%s/" FOLDER_LOG, s->folder->path);
    } else if (o->detach) {
        ret = place_runtime(runtime, sizeof(runtime), err);
        if (ret)
            return ret;
        ret = snprintf(s->log_path, sizeof(s->log_path), "%s/%s.log", runtime, o->name);
    } else {
        return 0;
    }
    if ((size_t)ret >= sizeof(s->log_path))
        return error_set(err, ENAMETOOLONG, "%s: the path is too long", s->log_path);
    ret = logfile_open(&s->report.file, s->log_path, err);
    if (!ret) /* while the process may still ask for the time zone */
        logfile_write(s->report.file, "the machine starts");
    return ret;
}

/* --- the way to the machine --- */

/* There is no terminal in the background: what it would show is kept for `atoll console`. */
static void leave_stdio(struct atoll_config *config)
{
    for (size_t i = 0; i < config->console_count; i++)
        if (config->consoles[i].kind == ATOLL_CONSOLE_STDIO)
            config->consoles[i].kind = ATOLL_CONSOLE_MEMORY;
}

static int open_control(struct session *s, struct error *err)
{
    const struct control_facts facts = {.name = s->options->name,
                                        .folder = s->folder ? s->folder->path : NULL,
                                        .log = *s->log_path ? s->log_path : NULL};

    return facts.name ? control_open(&s->control, &facts, err) : 0;
}

/* What the machine needs before there is one. */
static int prepare(struct session *s, struct error *err)
{
    struct options *o = s->options;
    int ret = s->folder ? folder_lock(s->folder, FOLDER_PATIENCE_MS, err) : 0;

    ret = ret ? ret : open_log(s, err);
    if (ret)
        return ret;
    o->config.log = report_line;
    o->config.log_ctx = &s->report;
    if (o->detach)
        leave_stdio(&o->config);
    ret = host_loop_create(&s->loop, "signals", err);
    if (ret)
        return ret;
    signals_hold();
    return open_control(s, err);
}

/* The lab that the machine belongs to has ended. */
static void lab_ended(void *ctx, unsigned events)
{
    struct session *s = ctx;

    host_watch_want(s->lifeline, 0);
    atoll_quit(s->vm);
}

/* A line to whoever keeps the lab, who is told the process and closes his end when it is over. */
static int hold_line(struct session *s, struct error *err)
{
    int line = s->options->lifeline, ret;
    pid_t self = getpid();

    if (line <= 0)
        return 0;
    if (write(line, &self, sizeof(self)) != sizeof(self))
        return error_set(err, EPIPE, "the lab has ended");
    ret = host_watch_create(s->loop, line, HOST_READABLE, lab_ended, s, &s->lifeline);
    return ret ? error_set(err, -ret, "cannot watch the lab: %s", strerror(-ret)) : 0;
}

/* From here on the user's terminal is only told what goes wrong. */
static int leave_terminal(struct session *s, struct error *err)
{
    s->terminal = detach_leave(logfile_descriptor(s->report.file), err);
    if (s->terminal < 0)
        return s->terminal;
    report_to(&s->report, s->terminal);
    return 0;
}

static int start(struct session *s, struct error *err)
{
    struct options *o = s->options;
    int ret = 0;

    _Static_assert(sizeof(struct atoll_error) == sizeof(struct error), "one error, two names");
    if (o->detach)
        ret = leave_terminal(s, err);
    if (!ret && s->control)
        ret = control_serve(s->control, s->vm, &o->config, err);
    ret = ret ? ret : signals_catch(s->vm, &s->report, s->loop, err);
    ret = ret ? ret : hold_line(s, err);
    if (ret)
        return ret;
    ret = atoll_start(s->vm, (struct atoll_error *)err);
    if (ret)
        atoll_restore_terminal(s->vm);
    return ret;
}

/* Whether the machine has failed in its first moments, as one does that finds nothing to boot: who
 * started it is there to be told. */
static bool fails_at_once(struct session *s)
{
    uint64_t deadline = host_clock_monotonic() + FIRST_NS;

    while (atoll_state(s->vm) != ATOLL_STATE_STOPPED) {
        if (host_clock_monotonic() >= deadline)
            return false;
        host_sleep(GLANCE_NS);
    }
    return atoll_wait(s->vm) == ATOLL_STOP_FAULT;
}

/* The machine runs, and the command that started it may return. */
static void go_on_alone(struct session *s)
{
    report_to(&s->report, -1);
    if (detach_done(&s->detach, s->terminal))
        atoll_quit(s->vm); /* who started it has been interrupted meanwhile */
}

static int run(struct session *s)
{
    struct error err = {.text = ""};
    const char *reason = err.text;
    enum atoll_stop why;
    int status;

    if (start(s, &err)) {
        status = failed(s, &err);
    } else {
        if (s->options->detach && !fails_at_once(s))
            go_on_alone(s);
        why = atoll_wait(s->vm);
        reason = stop_reason(why);
        status = exit_status(why);
        if (s->report.file)
            logfile_write(s->report.file, reason);
    }
    control_close(s->control, reason);
    s->control = NULL;
    say_stats(s);
    host_watch_destroy(s->lifeline);
    signals_release();
    return status;
}

static int run_here(struct session *s)
{
    struct error err;
    int status;

    if (prepare(s, &err) || atoll_create(&s->vm, &s->options->config, (struct atoll_error *)&err)) {
        status = failed(s, &err);
        control_close(s->control, err.text);
    } else {
        status = run(s);
        atoll_destroy(s->vm);
    }
    host_loop_destroy(s->loop);
    return status;
}

int session_run(struct options *options, struct folder *folder)
{
    struct session s = {.options = options, .folder = folder, .detach.tell = -1, .terminal = -1};
    struct error err;
    int status, ret = options->detach ? detach_begin(&s.detach, &status, &err) : 0;

    if (ret < 0)
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    if (ret > 0)
        return status;
    report_init(&s.report);
    status = run_here(&s);
    report_fini(&s.report);
    return status;
}
