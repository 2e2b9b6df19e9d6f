/* SPDX-License-Identifier: ISC */
/*
 * No console: output vanishes, input never comes.
 */
#include "backend/console/private.h"

static int none_open(struct console *console, const struct console_config *config,
                     struct error *err)
{
    console->output.limit = 0; /* nothing is kept: console_write finds no room and drops */
    return 0;
}

static void none_close(struct console *console)
{
}

const struct console_kind_ops console_none_ops = {.open = none_open, .close = none_close};
