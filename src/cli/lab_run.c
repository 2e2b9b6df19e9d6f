/* SPDX-License-Identifier: ISC */
#include "cli/lab_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/cli.h"
#include "cli/lab_wires.h"
#include "cli/layer.h"
#include "cli/session.h"
#include "host/clock.h"

#define STOP_NS (15 * NS_PER_SEC) /* for a machine to end before its process is killed */
#define WHY_MAX (16u << 10)

/* --- signals: handlers take no argument, so this is the program's --- */

static struct {
    volatile sig_atomic_t asked; /* that the program ends */
    sigset_t waiting;            /* blocked while something is waited for */
} signals;

static void note_signal(int number)
{
    signals.asked = 1;
}

static void ignore_signal(int number)
{
}

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

void lab_run_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t blocked;

    sigemptyset(&blocked);
    for (size_t i = 0; i < nitems(ends); i++) {
        sigaction(ends[i], &action, NULL);
        sigaddset(&blocked, ends[i]);
    }
    action.sa_handler = ignore_signal; /* it only ends a wait */
    sigaction(SIGCHLD, &action, NULL);
    sigaddset(&blocked, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &blocked, &signals.waiting);
    for (size_t i = 0; i < nitems(ends); i++)
        sigdelset(&signals.waiting, ends[i]);
    sigdelset(&signals.waiting, SIGCHLD);
}

/* In a child, which is a program of its own. */
static void forget_signals(void)
{
    for (size_t i = 0; i < nitems(ends); i++)
        signal(ends[i], SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &signals.waiting, NULL);
}

/* poll, which a signal ends. Returns whether the program is asked to end. */
bool lab_run_wait(struct pollfd *fds, unsigned long count, int timeout_ms)
{
    const struct timespec limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

    if (!signals.asked)
        ppoll(fds, count, timeout_ms < 0 ? NULL : &limit, &signals.waiting);
    return signals.asked;
}

bool lab_run_pause(int fd, short events, int timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = events};

    return lab_run_wait(&one, 1, timeout_ms);
}

/* --- files --- */

/* An empty disk for this run, or a layer over what the lab has. */
static int make_disk(struct lab_run *run, struct options *o, struct atoll_disk *disk,
                     const struct config_disk *from, const char *path, struct error *err)
{
    int fd, is_qcow2 = disk->format == ATOLL_DISK_QCOW2;

    if (from->path) {
        if (disk->format == ATOLL_DISK_PROBE)
            is_qcow2 = layer_is_qcow2(disk->path, err);
        if (is_qcow2 < 0)
            return is_qcow2;
        disk->backing = disk->path;
        disk->format = ATOLL_DISK_QCOW2;
        disk->path = path;
        return layer_create(path, disk->backing, is_qcow2, err);
    }
    disk->path = path;
    disk->format = ATOLL_DISK_RAW;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)from->size)) {
        error_set(err, errno, "%s: cannot make a disk of this size: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -err->code;
    }
    close(fd);
    return 0;
}

static const char *file_in(struct lab_run *run, struct options *o, const char *vm,
                           const char *suffix)
{
    size_t room = strlen(run->folder) + strlen(vm) + strlen(suffix) + 2;
    char *path = options_keep(o, room);

    if (path)
        snprintf(path, room, "%s/%s%s", run->folder, vm, suffix);
    return path;
}

/* What the machine's options cannot say before the lab has a folder. */
static int prepare_machine(struct lab_run *run, size_t index, struct error *err)
{
    const struct config_vm *vm = &run->lab->config.vms[index];
    struct options *o = &run->lab->vms[index];

    o->name = o->config.name = run->machines[index].name;
    o->detach = true;
    o->log_path = file_in(run, o, vm->name, ".log");
    if (!o->log_path)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < vm->disk_count; i++) {
        char suffix[32];
        const char *path;
        int ret;

        if (vm->disks[i].direct || vm->disks[i].readonly)
            continue;
        snprintf(suffix, sizeof(suffix), ".disk%zu", i);
        path = file_in(run, o, vm->name, suffix);
        ret = path ? make_disk(run, o, &o->config.disks[i], &vm->disks[i], path, err)
                   : error_set(err, ENOMEM, "out of memory");
        if (ret)
            return ret;
    }
    return 0;
}

/* Every machine has its disks open by now, and nothing of them is to be left behind. */
static void forget_disks(struct lab_run *run)
{
    const struct config *c = &run->lab->config;

    for (size_t i = 0; i < c->vm_count; i++)
        for (size_t j = 0; j < c->vms[i].disk_count; j++)
            if (!c->vms[i].disks[j].direct && !c->vms[i].disks[j].readonly)
                unlink(run->lab->vms[i].config.disks[j].path);
}

/* --- machines --- */

static void say(struct lab_run *run, const char *name, const char *what)
{
    if (run->progress)
        fprintf(run->progress, "%-24s %s\n", name, what);
}

/* In the child: nothing of the keeper's is held open, above all no other machine's line. */
static void run_machine(struct lab_run *run, size_t index, int output, int lifeline)
{
    struct options *o = &run->lab->vms[index];

    forget_signals();
    for (size_t i = 0; i < run->machine_count; i++) {
        if (run->machines[i].lifeline >= 0)
            close(run->machines[i].lifeline);
        if (run->machines[i].output >= 0)
            close(run->machines[i].output);
    }
    close(run->lock);
    if (run->private >= 0)
        close(run->private);
    lab_wires_abandon(run->wires);
    dup2(output, STDERR_FILENO);
    dup2(output, STDOUT_FILENO);
    close(output);
    o->lifeline = lifeline;
    _exit(session_run(o, NULL));
}

static int start_machine(struct lab_run *run, size_t index, struct error *err)
{
    struct lab_machine *m = &run->machines[index];
    int output[2], line[2];

    if (pipe2(output, O_CLOEXEC))
        return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line)) {
        error_set(err, errno, "cannot make a pair of sockets: %s", strerror(errno));
        close(output[0]);
        close(output[1]);
        return -err->code;
    }
    fflush(NULL);
    m->starter = fork();
    if (m->starter == 0) {
        close(output[0]);
        close(line[0]);
        run_machine(run, index, output[1], line[1]);
    }
    close(output[1]);
    close(line[1]);
    m->output = output[0];
    m->lifeline = line[0];
    if (m->starter > 0)
        return 0;
    m->starter = 0;
    return error_set(err, errno, "cannot make a process: %s", strerror(errno));
}

static void take_output(struct lab_machine *m)
{
    char part[1024];
    ssize_t length = read(m->output, part, sizeof(part));
    char *more;

    if (length <= 0) {
        close(m->output);
        m->output = -1;
        return;
    }
    more = m->why_length + (size_t)length < WHY_MAX
               ? realloc(m->why, m->why_length + (size_t)length + 1)
               : NULL;
    if (!more)
        return;
    m->why = more;
    memcpy(m->why + m->why_length, part, (size_t)length);
    m->why_length += (size_t)length;
    m->why[m->why_length] = '\0';
}

/* Each line after the machine's name, which "atoll: " makes room for. */
static void print_output(const struct lab_machine *m)
{
    for (const char *line = m->why; line && *line; line += *line == '\n') {
        size_t length = strcspn(line, "\n");

        if (length > 7 && strncmp(line, "atoll: ", 7) == 0)
            fprintf(stderr, "atoll: %s: %.*s\n", m->name, (int)length - 7, line + 7);
        else
            fprintf(stderr, "%s: %.*s\n", m->name, (int)length, line);
        line += length;
    }
}

/* What comes on a machine's line is its process's number, once. Returns whether the line is open.
 */
static bool take_process(struct lab_machine *m)
{
    pid_t process;
    ssize_t length = recv(m->lifeline, &process, sizeof(process), MSG_DONTWAIT);

    if (length == sizeof(process))
        m->process = process;
    return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The one who waited for the machine has ended. Returns whether the machine runs. */
static bool machine_started(struct lab_run *run, struct lab_machine *m)
{
    int status;

    if (waitpid(m->starter, &status, WNOHANG) <= 0)
        return true;
    m->starter = 0;
    while (m->output >= 0 && lab_run_pause(m->output, POLLIN, 0) == false) {
        struct pollfd fd = {.fd = m->output, .events = POLLIN};

        if (poll(&fd, 1, 0) <= 0)
            break;
        take_output(m);
    }
    print_output(m);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        take_process(m);
        say(run, m->name, "runs");
        return true;
    }
    fail(0, "%s: it did not start", m->name);
    return false;
}

/* Waits until each machine runs. Returns whether they do. */
static bool await_machines(struct lab_run *run)
{
    bool right = true, waiting = true;

    while (right && waiting) {
        struct pollfd fds[CONFIG_ITEMS_MAX];
        nfds_t count = 0;

        waiting = false;
        for (size_t i = 0; i < run->machine_count && right; i++) {
            struct lab_machine *m = &run->machines[i];

            if (m->output >= 0 && poll(&(struct pollfd){m->output, POLLIN, 0}, 1, 0) > 0)
                take_output(m);
            if (m->starter)
                right = machine_started(run, m);
            waiting = waiting || m->starter;
            if (m->output >= 0)
                fds[count++] = (struct pollfd){m->output, POLLIN, 0};
        }
        if (right && waiting && lab_run_wait(fds, count, 1000))
            right = false;
    }
    return right;
}

/* --- the end --- */

static void end_lines(struct lab_run *run)
{
    for (size_t i = 0; i < run->machine_count; i++)
        if (run->machines[i].lifeline >= 0)
            shutdown(run->machines[i].lifeline, SHUT_WR);
}

/* Whether the machine's end of the line is closed, by a deadline. */
static bool await_end(struct lab_machine *m, uint64_t deadline)
{
    struct pollfd fd = {.fd = m->lifeline, .events = POLLIN};

    do {
        uint64_t now = host_clock_monotonic();

        if (poll(&fd, 1, now < deadline ? (int)((deadline - now) / NS_PER_MSEC) + 1 : 0) == 0)
            return false;
    } while (take_process(m));
    return true;
}

static void remove_socket(const struct lab_machine *m)
{
    char path[PATH_MAX];

    if (place_socket(m->name, path, sizeof(path), NULL) == 0)
        unlink(path);
}

static void stop_machine(struct lab_machine *m, uint64_t deadline)
{
    if (m->lifeline >= 0 && !await_end(m, deadline) && m->process > 0) {
        fail(0, "%s: it does not end; its process is killed", m->name);
        kill(m->process, SIGKILL);
        await_end(m, deadline + STOP_NS);
    }
    if (m->starter) {
        kill(m->starter, SIGKILL);
        waitpid(m->starter, NULL, 0);
    }
    if (m->lifeline >= 0) {
        close(m->lifeline);
        remove_socket(m);
    }
    if (m->output >= 0)
        close(m->output);
    free(m->why);
}

void lab_run_stop(struct lab_run *run)
{
    uint64_t deadline = host_clock_monotonic() + STOP_NS;

    end_lines(run);
    for (size_t i = 0; i < run->machine_count; i++)
        stop_machine(&run->machines[i], deadline);
    free(run->machines);
    run->machines = NULL;
    run->machine_count = 0;
    lab_wires_destroy(run->wires);
    run->wires = NULL;
    if (*run->folder)
        lab_folder_remove(run->folder);
    if (run->lock >= 0)
        close(run->lock);
    run->lock = -1;
    *run->folder = '\0';
}

/* --- the beginning --- */

static int make_machines(struct lab_run *run, struct error *err)
{
    const struct config *c = &run->lab->config;
    int ret = 0;

    run->machines = calloc(c->vm_count + 1, sizeof(*run->machines));
    if (!run->machines)
        return error_set(err, ENOMEM, "out of memory");
    run->machine_count = c->vm_count;
    for (size_t i = 0; i < c->vm_count; i++) {
        struct lab_machine *m = &run->machines[i];

        m->output = m->lifeline = -1;
        snprintf(m->name, sizeof(m->name), "%s.%s", run->name, c->vms[i].name);
    }
    for (size_t i = 0; i < c->vm_count && !ret; i++)
        ret = prepare_machine(run, i, err);
    return ret;
}

static int start_all(struct lab_run *run, struct error *err)
{
    int ret = lab_folder_take(run->name, run->folder, sizeof(run->folder), err);

    if (ret < 0) {
        *run->folder = '\0'; /* it is another's */
        return ret;
    }
    run->lock = ret;
    ret = make_machines(run, err);
    ret = ret ? ret : lab_wires_create(&run->wires, run->lab, err);
    for (size_t i = 0; i < run->machine_count && !ret; i++)
        ret = start_machine(run, i, err);
    return ret;
}

int lab_run_start(struct lab_run *run, struct lab *lab, const char *name, FILE *progress,
                  int private)
{
    struct error err;

    *run = (struct lab_run){
        .lab = lab, .name = name, .lock = -1, .private = private, .progress = progress};
    if (start_all(run, &err))
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    if (!await_machines(run))
        return signals.asked ? EXIT_STATUS_QUIT : EXIT_STATUS_FAILURE;
    forget_disks(run);
    if (lab_wires_ready(run->wires, &err))
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    return 0;
}
