/* SPDX-License-Identifier: ISC */
/*
 * A pseudo-terminal, whose name is logged. The slave is held open here too: the master would report
 * a hang-up whenever the last reader left, and the terminal's raw mode would be lost between two of
 * them.
 */
#include "backend/console/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Raw, or the line discipline would echo the guest's output back as its input. */
static int slave_open(struct console *console, const char *name)
{
    struct termios mode;

    console->pty_slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (console->pty_slave < 0 || tcgetattr(console->pty_slave, &mode))
        return -errno;
    cfmakeraw(&mode);
    return tcsetattr(console->pty_slave, TCSANOW, &mode) ? -errno : 0;
}

static int pty_open(struct console *console, const struct console_config *config, struct error *err)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), ret;
    char name[64];

    if (master < 0)
        return error_set(err, errno, "console: cannot open a pseudo-terminal: %s", strerror(errno));
    ret = console_connect(console, master, master); /* closed by pty_close from here on */
    ret = ret ? ret : console_descriptor_prepare(master);
    if (!ret && (grantpt(master) || unlockpt(master)))
        ret = -errno;
    ret = ret ? ret : -ptsname_r(master, name, sizeof(name));
    ret = ret ? ret : slave_open(console, name);
    if (ret)
        return error_set(err, -ret, "console: cannot set up a pseudo-terminal: %s", strerror(-ret));
    log_info(console->log, "console: pseudo-terminal %s", name);
    return 0;
}

static void pty_close(struct console *console)
{
    int master = console_disconnect(console);

    if (master >= 0)
        close(master);
    if (console->pty_slave >= 0)
        close(console->pty_slave);
}

const struct console_kind_ops console_pty_ops = {.open = pty_open, .close = pty_close};
