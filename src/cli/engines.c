/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "cli/cli.h"

int command_engines(int argc, char **argv)
{
    struct atoll_engine_info info;
    bool chosen = false;

    if (argc > 1)
        return fail(EXIT_STATUS_USAGE, "engines takes no arguments");
    for (size_t i = 0; atoll_engine_info(i, &info) == 0; i++) {
        printf("%-8s %s\n", info.name, info.about);
        if (!info.available)
            printf("%-8s not here: %s\n", "", info.reason);
        else
            printf("%-8s available%s\n", "", chosen ? "" : " (auto takes this one)");
        if (*info.shown)
            printf("%-8s the CPU differs from --cpu atoll: %s\n", "", info.shown);
        if (info.nested)
            printf("%-8s guests may run guests of their own (--nested)\n", "");
        chosen |= info.available;
    }
    return 0;
}
