/* SPDX-License-Identifier: ISC */
/*
 * The arguments that all commands of labs have: the lab's files, the macros that they are given,
 * and a name; and each command's own flags.
 */
#ifndef CLI_LAB_ASK_H
#define CLI_LAB_ASK_H

#include "cli/ask.h"
#include "cli/lab.h"

/* `own` are the command's own flags, LAB_ASK_OWN at most. Returns 0, or -1 with the exit status in
 * *status, everything having been said. */
#define LAB_ASK_OWN 8
int lab_ask(int argc, char **argv, struct ask_flag *own, size_t count, struct lab_source *source,
            int *status);

#endif
