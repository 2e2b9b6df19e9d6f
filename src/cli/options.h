/* SPDX-License-Identifier: ISC */
/*
 * The options of `atoll run` (and of commands that describe a machine without running it) as an
 * atoll_config. A configuration file has the same ones, from the same table.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdio.h>

#include "atoll/atoll.h"
#include "base/error.h"

struct options {
    struct atoll_config config;
    const char *dtb; /* of `atoll fdt` */
    const char *dir; /* of `atoll acpi` */
    bool help;
    const char *name;     /* of `atoll run`: the machine's, for its control socket; NULL: none */
    bool detach;          /* of `atoll run` and `atoll start`: in the background */
    uint64_t disk_size;   /* of `atoll create`: an empty disk's bytes; 0: none */
    bool copy;            /* of `atoll create`: images are copied into the folder */
    const char *log_path; /* of a lab's machine: where its log is; NULL: its folder, or nowhere */
    int lifeline;         /* of a lab's machine: its line to the lab, see session.c; 0: none */
    bool net_given, console_given, display_given;
    char *scratch; /* the value at hand, cut into pieces that `config` points to */
    size_t scratch_used;
    char **kept; /* all memory that `config` may point to, besides argv */
    size_t kept_count;
};

/* Parses argv[1] and up; argv[0] is the command's name, and what is no option is a disk's image.
 * Returns 0 or -EINVAL with one line that says what would be right. The options point into argv and
 * into their own memory, until options_free, which is due in either case. */
int options_parse(struct options *options, int argc, char **argv, struct error *err);
void options_free(struct options *options);

/* The same in steps: the defaults, and then what one source after another says. What can be given
 * several times is added to, but for networks, consoles and displays: those of a later source
 * replace all of the earlier ones'. */
void options_init(struct options *options);
int options_parse_arguments(struct options *options, int argc, char **argv, struct error *err);
/* The next statements are of another source. */
void options_next_source(struct options *options);

/* One statement of a configuration: an option's name without dashes, and its value (NULL: none).
 * Relative paths are below the folder `base`. Returns 0 or -EINVAL. */
int options_parse_line(struct options *options, const char *name, const char *value,
                       const char *base, struct error *err);

/* Memory that lives as long as the options; NULL: out of memory. */
char *options_keep(struct options *options, size_t size);

/* --- a command line, argument by argument --- */

struct option;

struct options_given {
    const struct option *option; /* NULL: an image, `value` */
    const char *value;           /* NULL: a flag */
};

/* What argv[*at] and perhaps its successor say; *at moves on. Returns 0 or -EINVAL. */
int options_next(int argc, char **argv, int *at, struct options_given *given, struct error *err);

/* Takes the first argument that is no option out of argv: the machine's name; NULL: there is none.
 * Returns 0, or -EINVAL: an option before it is wrong. */
int options_take_name(int *argc, char **argv, const char **name, struct error *err);

/* Whether the arguments ask for help, wherever. */
bool options_ask_help(int argc, char **argv);

/* What a configuration calls the option; NULL: it has no place there. */
const char *option_statement(const struct option *option);

/* The option's value (not NULL) with relative paths below `base`. Free it; NULL: out of memory. */
char *option_rebase(const struct option *option, const char *value, const char *base);

/* The list of the options that `command` has, for --help. */
void options_print(FILE *to, const char *command);

#endif
