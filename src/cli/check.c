/* SPDX-License-Identifier: ISC */
/* `atoll check`: whether a lab could be started, with all that is wrong with it. */
#include "cli/lab_ask.h"

int command_check(int argc, char **argv)
{
    struct lab_source source;
    struct lab lab;
    int status;

    if (lab_ask(argc, argv, NULL, 0, &source, &status))
        return status;
    status = lab_read(&lab, &source) ? EXIT_STATUS_USAGE : 0;
    lab_free(&lab);
    return status;
}
