/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/bits.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/printable.h"

#define LINE_ROOM 8192

static int command_help(int argc, char **argv);

/* What belongs together stands together in the help. */
static const struct command machines[] = {
    {"create", "NAME [options] [IMAGE ...]", "make a machine, in a folder of its own",
     command_create},
    {"start", "NAME [options]", "start it; --detach: in the background", command_start},
    {"run", "[options] [IMAGE ...]", "start one that has no folder", command_run},
    {"list", "[--json]", "list your machines", command_list},
    {"remove", "NAME [--yes]", "remove a machine with its disks", command_remove},
    {.name = NULL},
};

static const struct command running[] = {
    {"status", "NAME [--json]", "say what it is and does", command_status},
    {"log", "NAME [--follow]", "print what it had to say", command_log},
    {"console", "NAME [NUMBER]", "attach this terminal to a console", command_console},
    {"stop", "NAME [options]", "press the power button; --force: pull the plug", command_stop},
    {"reset", "NAME", "press the reset button", command_press},
    {"pause", "NAME", "stop the guest's time", command_press},
    {"resume", "NAME", "continue it", command_press},
    {"stats", "NAME [--json]", "print what it has done so far", command_stats},
    {.name = NULL},
};

static const struct command screen[] = {
    {"screenshot", "NAME FILE.png", "take a picture", command_screenshot},
    {"screen", "NAME [--json]", "print the text that is on it", command_screen},
    {"wait", "NAME --screen TEXT ...", "wait until it shows, or a console says, a text",
     command_wait},
    {"type", "NAME TEXT", "type on the guest's keyboard", command_type},
    {"key", "NAME CTRL-ALT-F1 ...", "press keys together", command_key},
    {"click", "NAME X Y [options]", "click at a pixel of the screen", command_click},
    {.name = NULL},
};

static const struct command lab[] = {
    {"check", "FILE ...", "say whether a lab could be started, and all that is wrong with it",
     command_check},
    {"up", "FILE ...", "start all of it, in the background", command_up},
    {"down", "LAB", "end it, with all that belongs to it", command_down},
    {"lab", "test FILE ...", "start it, run its tests, and end it", command_lab},
    {"ps", "[LAB] [--json]", "list the labs that are up, and their machines", command_ps},
    {.name = NULL},
};

static const struct command wires[] = {
    {"switch", "[NAME [options]]", "list switches, or one's ports; start, keep, stop it",
     command_switch},
    {"link", "SWITCH PORT [SETTING ...]", "what a wire does: delay=, loss=, rate=, down, ...",
     command_link},
    {"capture", "SWITCH[:PORT] FILE|-", "write its frames to a pcapng file", command_capture},
    {.name = NULL},
};

static const struct command other[] = {
    {"engines", "", "say which CPU engines this host has, and why others are missing",
     command_engines},
    {"quirks", "", "list the behaviours of Apple's machine that can be chosen", command_quirks},
    {"fdt", "[options] [--dtb FILE]", "print the device tree of a configuration", command_fdt},
    {"acpi", "[options] [--dir DIR]", "write the ACPI tables of a configuration", command_acpi},
    {"help", "", "print this", command_help},
    {.name = NULL},
};

static const struct {
    const char *title;
    const struct command *commands;
} groups[] = {
    {"Machines:", machines},
    {"A machine that runs:", running},
    {"Its screen, keyboard and pointer:", screen},
    {"Labs, several machines in one file:", lab},
    {"Wires between machines:", wires},
    {"Other things:", other},
};

int fail(int status, const char *format, ...)
{
    char line[LINE_ROOM];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    printable(line);
    fprintf(stderr, "atoll: %s\n", line);
    return status;
}

static int command_help(int argc, char **argv)
{
    puts("Atoll runs arm64 guests on the machine that Apple's Virtualization.framework presents.");
    for (size_t i = 0; i < nitems(groups); i++) {
        printf("\n%s\n", groups[i].title);
        for (const struct command *command = groups[i].commands; command->name; command++)
            printf("  %-10s %-26s %s\n", command->name, command->arguments, command->about);
    }
    puts("\n`atoll COMMAND --help` says more; atoll(1) has it all.");
    return 0;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < nitems(groups); i++)
        for (const struct command *command = groups[i].commands; command->name; command++)
            if (strcmp(command->name, name) == 0)
                return command;
    return NULL;
}

/* A standard descriptor that the caller closed would be the next file to be opened, and the guest's
 * console would read it: these three are always somebody's. */
static void hold_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Without a login manager there may be the variable and no folder: then it is as if there were
 * neither, and sockets are in /tmp (cli/places.h). */
static void check_runtime_folder(void)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");

    if (!folder || *folder != '/' || access(folder, F_OK) == 0 || errno != ENOENT)
        return;
    fail(0, "XDG_RUNTIME_DIR is %s, which is not there: using /tmp/atoll-%lu", folder,
         (unsigned long)geteuid());
    unsetenv("XDG_RUNTIME_DIR");
}

/* Buffers of this size, a kernel's, go back to the host when they are freed. Unless it is told, the
 * GNU C library keeps the room of what is as large as something that was freed before. */
static void free_for_good(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, MIB);
#endif
}

static int run_command(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return argc < 2 ? (command_help(0, NULL), EXIT_STATUS_USAGE) : command_help(0, NULL);
    if (strcmp(argv[1], "--version") == 0) {
        puts("atoll " ATOLL_VERSION);
        return 0;
    }
    command = find_command(argv[1]);
    if (command && !*command->arguments && argc == 3 && strcmp(argv[2], "--help") == 0)
        return printf("usage: atoll %s\n", command->name) < 0;
    if (command)
        return command->run(argc - 1, argv + 1);
    return fail(EXIT_STATUS_USAGE, "there is no command \"%s\"; `atoll help` lists them", argv[1]);
}

/* What a command prints is what it is for: a full disk is a failure. */
int main(int argc, char **argv)
{
    int status;

    free_for_good();
    hold_standard_descriptors();
    check_runtime_folder();
    status = run_command(argc, argv);
    if (status == 0 && (fflush(stdout) || ferror(stdout)))
        return fail(EXIT_STATUS_FAILURE, "cannot write to standard output: %s", strerror(errno));
    return status;
}
