/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/bits.h"
#include "base/units.h"
#include "cli/cli.h"

static int command_help(int argc, char **argv);

static const struct command commands[] = {
    {"run", "[options]", "start a virtual machine", command_run},
    {"fdt", "[options] [--dtb FILE]", "print the device tree that a configuration gives",
     command_fdt},
    {"acpi", "[options] [--dir DIR]", "write the ACPI tables that a configuration gives",
     command_acpi},
    {"engines", "", "say which CPU engines this host has, and why others are missing",
     command_engines},
    {"quirks", "", "list the behaviours of Apple's machine that can be chosen one by one",
     command_quirks},
    {"list", "[--json]", "list your machines", command_list},
    {"status", "NAME [--json]", "say what a running machine is and does", command_status},
    {"console", "NAME [NUMBER]", "attach this terminal to a console", command_console},
    {"stop", "NAME [options]", "press the power button; --force pulls the plug", command_stop},
    {"reset", "NAME", "press the reset button", command_press},
    {"pause", "NAME", "stop the guest's time", command_press},
    {"resume", "NAME", "continue it", command_press},
    {"screenshot", "NAME FILE.png", "take a picture of the screen", command_screenshot},
    {"type", "NAME TEXT", "type on the guest's keyboard", command_type},
    {"key", "NAME CTRL-ALT-F1 ...", "press keys together", command_key},
    {"click", "NAME X Y [options]", "click at a pixel of the screen", command_click},
    {"stats", "NAME [--json]", "print what a running machine has done so far", command_stats},
    {"help", "", "print this", command_help},
};

int fail(int status, const char *format, ...)
{
    va_list args;

    fputs("atoll: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

static int command_help(int argc, char **argv)
{
    puts("Atoll runs arm64 guests on the machine that Apple's Virtualization.framework "
         "presents.\n\nusage:");
    for (size_t i = 0; i < nitems(commands); i++)
        printf("  atoll %-10s %-23s %s\n", commands[i].name, commands[i].arguments,
               commands[i].about);
    puts("\n`atoll run --help` lists the options; atoll(1) has it all.");
    return 0;
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

/* Buffers of this size, a kernel's, go back to the host when they are freed. Unless it is told, the
 * GNU C library keeps the room of what is as large as something that was freed before. */
static void free_for_good(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, MIB);
#endif
}

int main(int argc, char **argv)
{
    free_for_good();
    hold_standard_descriptors();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return argc < 2 ? (command_help(0, NULL), EXIT_STATUS_USAGE) : command_help(0, NULL);
    if (strcmp(argv[1], "--version") == 0) {
        puts("atoll " ATOLL_VERSION);
        return 0;
    }
    for (size_t i = 0; i < nitems(commands); i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return fail(EXIT_STATUS_USAGE, "there is no command \"%s\"; `atoll help` lists them", argv[1]);
}
