/* SPDX-License-Identifier: ISC */
/* `atoll log`: what a machine had to say, of a lab or with a folder of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/ask.h"
#include "cli/control_names.h"
#include "cli/folder.h"
#include "cli/lab_run.h"
#include "host/clock.h"

#define GLANCE (200 * NS_PER_MSEC)

/* A machine that runs knows its log. */
static bool ask_log(const char *name, char *path, size_t room)
{
    struct control_client *client;
    json_t *answer = NULL;
    const char *log;

    if (control_connect(&client, name, NULL))
        return false;
    if (control_ask(client, "status", NULL, &answer, NULL))
        answer = NULL;
    control_disconnect(client);
    log = json_string_value(json_object_get(answer, "log"));
    if (log)
        snprintf(path, room, "%s", log);
    json_decref(answer);
    return log != NULL;
}

/* One that has ended has it where it was: "LAB.VM" in the lab's folder, or in its own. */
static bool find_log(const char *name, char *path, size_t room)
{
    const char *dot = strrchr(name, '.');
    char lab[PLACE_NAME_MAX + 1];
    size_t length;

    if (dot && (size_t)(dot - name) < sizeof(lab)) {
        snprintf(lab, sizeof(lab), "%.*s", (int)(dot - name), name);
        if (lab_folder(lab, path, room, NULL) == 0) {
            length = strlen(path);
            snprintf(path + length, room - length, "/%s.log", dot + 1);
            if (access(path, R_OK) == 0)
                return true;
        }
    }
    if (place_folder(name, path, room, NULL))
        return false;
    length = strlen(path);
    snprintf(path + length, room - length, "/log");
    return access(path, R_OK) == 0;
}

static int print_log(const char *path, bool follow)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char part[4096];
    ssize_t length;

    if (fd < 0)
        return fail(EXIT_STATUS_FAILURE, "%s: cannot open the log: %s", path, strerror(errno));
    for (;;) {
        length = read(fd, part, sizeof(part));
        if (length > 0 && fwrite(part, 1, (size_t)length, stdout) == (size_t)length)
            continue;
        if (length || !follow || fflush(stdout) || access(path, F_OK))
            break;
        host_sleep(GLANCE);
    }
    close(fd);
    return length < 0 || fflush(stdout)
               ? fail(EXIT_STATUS_FAILURE, "%s: cannot print the log", path)
               : 0;
}

int command_log(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--follow"}};
    const struct ask_usage usage = {"NAME [--follow]", 1, 1, flags, nitems(flags)};
    char path[PATH_MAX];
    struct error err;
    const char *name;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    if (place_check_name(name, &err))
        return fail(EXIT_STATUS_USAGE, "%s", err.text);
    if (!ask_log(name, path, sizeof(path)) && !find_log(name, path, sizeof(path)))
        return fail(EXIT_STATUS_FAILURE, "no machine called \"%s\" has a log", name);
    return print_log(path, flags[0].given != NULL);
}
