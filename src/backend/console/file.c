/* SPDX-License-Identifier: ISC */
/*
 * Output into a file that is created, or emptied if it exists; no input.
 */
#include "backend/console/private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int file_open(struct console *console, const struct console_config *config,
                     struct error *err)
{
    int fd;

    if (!config->path || !*config->path)
        return error_set(err, EINVAL, "console: a file console needs a path");
    fd = open(config->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot create the console's file: %s", config->path,
                         strerror(errno));
    return console_connect(console, -1, fd);
}

static void file_close(struct console *console)
{
    int fd;

    console_flush(console);
    fd = console_disconnect(console);
    if (fd >= 0)
        close(fd);
}

const struct console_kind_ops console_file_ops = {
    .open = file_open,
    .close = file_close,
    .waits = true,
};
