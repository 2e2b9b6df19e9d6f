/* SPDX-License-Identifier: ISC */
/*
 * The command line: one file a subcommand, on top of the public API alone.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "atoll/atoll.h"

/* Exit statuses (atoll(1), EXIT STATUS). */
enum {
    EXIT_STATUS_POWEROFF = 0,
    EXIT_STATUS_FAILURE = 1, /* the machine could not start, or could not go on */
    EXIT_STATUS_USAGE = 2,   /* an argument that cannot be */
    EXIT_STATUS_RESET = 3,   /* the guest asked for a reset and --reboot was not given */
    EXIT_STATUS_QUIT = 4,    /* the user ended it: Ctrl-A x, or SIGINT, SIGTERM, SIGHUP */
    EXIT_STATUS_TIMEOUT = 5, /* `atoll wait`: it did not come in time */
};

struct command {
    const char *name, *arguments, *about;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
};

int command_run(int argc, char **argv);
int command_create(int argc, char **argv);
int command_start(int argc, char **argv);
int command_remove(int argc, char **argv);
int command_fdt(int argc, char **argv);
int command_acpi(int argc, char **argv);
int command_engines(int argc, char **argv);
int command_quirks(int argc, char **argv);
/* labs */
int command_check(int argc, char **argv);
int command_up(int argc, char **argv);
int command_down(int argc, char **argv);
int command_ps(int argc, char **argv);
int command_lab(int argc, char **argv);
int command_log(int argc, char **argv);
/* of the wires between machines */
int command_switch(int argc, char **argv);
int command_link(int argc, char **argv);
int command_capture(int argc, char **argv);
/* of a running machine */
int command_list(int argc, char **argv);
int command_status(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_console(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_press(int argc, char **argv); /* reset, pause, resume: the verb is argv[0] */
int command_screenshot(int argc, char **argv);
int command_screen(int argc, char **argv);
int command_wait(int argc, char **argv);
int command_type(int argc, char **argv);
int command_key(int argc, char **argv);
int command_click(int argc, char **argv);

/* One line on standard error, "atoll: ..."; returns `status`. */
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
