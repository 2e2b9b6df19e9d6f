/* SPDX-License-Identifier: ISC */
/*
 * `atoll down`: the end of a lab. Its keeper is asked to end, by the signal that programs are asked
 * by, and does so with all that belongs to it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/ask.h"
#include "cli/control_names.h"
#include "cli/lab_run.h"
#include "host/clock.h"

#define PATIENCE (60 * NS_PER_SEC)
#define GLANCE   (20 * NS_PER_MSEC)

static void ignore(void *ctx, const struct config_place *place, const char *line)
{
}

/* The lab's name: the word, or what the file of that name says, wrong as it may be by now. */
static const char *name_of(const char *word, char *name, size_t room)
{
    const struct config_io io = {.read = config_read_file, .report = ignore};
    struct config config;

    if (!strpbrk(word, "./"))
        return word;
    config_read(&config, &word, 1, &io);
    snprintf(name, room, "%s", config.name);
    config_release(&config);
    return name;
}

/* Each machine is asked by a process of its own, so that they shut down at once. */
static void shut_down(const char *lab, const char *timeout)
{
    size_t length = strlen(lab);
    char **names;

    if (control_names(&names, NULL))
        return;
    fflush(NULL);
    for (size_t i = 0; names[i]; i++) {
        char *argv[] = {"stop", names[i], "--timeout", (char *)(uintptr_t)timeout, NULL};

        if (strncmp(names[i], lab, length) == 0 && names[i][length] == '.' && fork() == 0)
            _exit(command_stop(4, argv));
    }
    control_names_free(names);
    while (wait(NULL) > 0 || errno == EINTR)
        continue;
}

static int down(const char *lab)
{
    uint64_t deadline = host_clock_monotonic() + PATIENCE;
    pid_t keeper = lab_keeper(lab);

    if (keeper > 0 && kill(keeper, SIGTERM) && errno != ESRCH)
        return fail(EXIT_STATUS_FAILURE, "the lab \"%s\": cannot signal its process: %s", lab,
                    strerror(errno));
    while (lab_keeper(lab) == keeper && keeper > 0) {
        if (host_clock_monotonic() > deadline)
            return fail(EXIT_STATUS_FAILURE, "the lab \"%s\" does not end; it is process %ld", lab,
                        (long)keeper);
        host_sleep(GLANCE);
    }
    return 0;
}

int command_down(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--timeout", .value = true}};
    const struct ask_usage usage = {"LAB|FILE [--timeout SECONDS]", 1, 1, flags, nitems(flags)};
    const char *word, *lab;
    char name[PLACE_NAME_MAX + 1];
    json_t *timeout;
    struct error err;
    int status;

    if (ask_arguments(argc, argv, &usage, &word, &status) < 0)
        return status;
    if (ask_seconds(&flags[0], &timeout))
        return EXIT_STATUS_USAGE;
    json_decref(timeout);
    lab = name_of(word, name, sizeof(name));
    if (place_check_name(lab, &err))
        return fail(EXIT_STATUS_USAGE, "%s", err.text);
    status = lab_bury(lab, &err);
    if (status < 0)
        return fail(EXIT_STATUS_FAILURE, "the lab \"%s\": its process was killed, and %s", lab,
                    err.text);
    if (status) {
        printf("The lab \"%s\" had lost its process; now it is gone.\n", lab);
        return 0;
    }
    if (!lab_keeper(lab))
        return fail(EXIT_STATUS_FAILURE, "no lab called \"%s\" is up; `atoll ps` lists them", lab);
    if (flags[0].given)
        shut_down(lab, flags[0].given);
    return down(lab);
}
