/* SPDX-License-Identifier: ISC */
/* `atoll check`: whether a lab could be started, with all that is wrong with it. */
#include <stdio.h>

#include "base/bits.h"
#include "cli/ask.h"
#include "cli/lab.h"

#define FILES_MAX 16

int command_check(int argc, char **argv)
{
    const struct ask_usage usage = {.synopsis = "FILE ...", .least = 1, .most = FILES_MAX};
    const char *files[FILES_MAX];
    int status, count = ask_arguments(argc, argv, &usage, files, &status);
    struct lab lab;

    if (count < 0)
        return status;
    status = lab_read(&lab, files, (size_t)count, NULL) ? EXIT_STATUS_USAGE : 0;
    lab_free(&lab);
    return status;
}
