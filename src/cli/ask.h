/* SPDX-License-Identifier: ISC */
/*
 * What subcommands that ask a running machine share: their arguments, and the way to the machine.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli/cli.h"
#include "cli/control.h"

/* One flag of a subcommand: "--name", "--name VALUE" or "-N VALUE". */
struct ask_flag {
    const char *name;  /* with its dashes */
    bool value;        /* it takes one */
    const char *given; /* NULL: it was not; its value, or ""; of several the last */
    const char **all;  /* NULL, or where all its values go, `most` at most */
    size_t most, count;
};

struct ask_usage {
    const char *synopsis; /* after "atoll NAME-OF-COMMAND" */
    size_t least, most;   /* words that are no flags */
    struct ask_flag *flags;
    size_t flag_count;
};

/* Sorts a subcommand's arguments: flags into usage->flags, the others into `words`, which holds
 * usage->most of them. "--" ends the flags, "-" is a word, and "--help" prints the synopsis.
 * Returns the number of words, or -1 with the exit status in *status, everything having been said.
 */
int ask_arguments(int argc, char **argv, const struct ask_usage *usage, const char **words,
                  int *status);

/* A time in seconds, which may have a fraction, as JSON; *value is NULL when the flag was not
 * given. Returns 0, or -EINVAL: it has been said. */
int ask_seconds(const struct ask_flag *flag, json_t **value);

/* Connects, asks one verb, disconnects; what goes wrong is said. `arguments` are stolen. *answer
 * may be wanted (it is the caller's) or NULL. Returns an exit status. */
int ask_once(const char *name, const char *verb, json_t *arguments, json_t **answer);

/* Prints JSON for programs, in lines for people. */
void ask_print_json(json_t *value);

#endif
