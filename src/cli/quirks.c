/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "cli/cli.h"

int command_quirks(int argc, char **argv)
{
    struct atoll_quirk_info info;

    if (argc > 1)
        return fail(EXIT_STATUS_USAGE, "quirks takes no arguments");
    for (size_t i = 0; atoll_quirk_info(i, &info) == 0; i++)
        printf("%s=%s\n    %s\n    with --strict: %s, otherwise: %s; seen in: %s\n", info.name,
               info.values, info.about, info.strict, info.normal, info.source);
    return 0;
}
