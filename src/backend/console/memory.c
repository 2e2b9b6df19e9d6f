/* SPDX-License-Identifier: ISC */
/*
 * A console without a host's side, for tests and for programs that embed the machine: output
 * gathers until it is taken (the oldest is dropped past 16 MiB), input is what console_input
 * gives.
 */
#include "backend/console/private.h"

static int memory_open(struct console *console, const struct console_config *config,
                       struct error *err)
{
    console->input.limit = CONSOLE_MEMORY_LIMIT;
    console->output.limit = CONSOLE_MEMORY_LIMIT;
    return 0;
}

static void memory_close(struct console *console)
{
}

size_t console_memory_output(struct console *console, void *bytes, size_t room)
{
    size_t done = 0;

    pthread_mutex_lock(&console->lock);
    while (done < room && console->output.length) {
        const uint8_t *from;
        size_t part = MIN(fifo_peek(&console->output, &from), room - done);

        memcpy((uint8_t *)bytes + done, from, part);
        fifo_drop(&console->output, part);
        done += part;
    }
    pthread_mutex_unlock(&console->lock);
    return done;
}

const struct console_kind_ops console_memory_ops = {.open = memory_open, .close = memory_close};
