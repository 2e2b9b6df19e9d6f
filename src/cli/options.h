/* SPDX-License-Identifier: ISC */
/*
 * The options of `atoll run` (and of commands that describe a machine without running it) as an
 * atoll_config.
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
    const char *name; /* of `atoll run`: the machine's, for its control socket; NULL: none */
    bool detach;      /* of `atoll run` and `atoll start`: in the background */
    bool net_given, console_given;
    char *scratch; /* sub-options, cut into pieces that `config` points to */
    size_t scratch_used, scratch_size;
};

/* Parses argv[1] and up; what is no option is a disk's image. Returns 0 or -EINVAL with one line
 * that says what would be right. The options point into argv and into their own memory, until
 * options_free. */
int options_parse(struct options *options, int argc, char **argv, struct error *err);
void options_free(struct options *options);

/* The list of options, for --help. */
void options_print(FILE *to);

#endif
