/* SPDX-License-Identifier: ISC */
/*
 * The program's own input and output.
 *
 * A terminal is put into raw mode, output included: a line feed of the guest's moves down and does
 * nothing else, as its full-screen programs expect. Ctrl-A is the escape key then, as in `screen`;
 * input that is no terminal (a pipe, a file) reaches the guest byte for byte. The end of the input
 * ends the input only.
 *
 * Both descriptors are shared with whoever started the program, so they are left in blocking mode;
 * a pipe whose reader has gone raises SIGPIPE, which the program ignores.
 */
#include "backend/console/private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ESCAPE_KEY 0x01 /* Ctrl-A */

static const char help[] = "\r\n"
                           "Ctrl-A h       this help\r\n"
                           "Ctrl-A x       end the machine, as if its plug were pulled\r\n"
                           "Ctrl-A p       press the power button: the guest shuts itself down\r\n"
                           "Ctrl-A r       reset the machine\r\n"
                           "Ctrl-A Ctrl-A  send a Ctrl-A to the guest\r\n";

static void command(struct console *console, enum console_command what)
{
    if (console->terminal.command)
        console->terminal.command(console->terminal.ctx, what);
}

/* The letter after the escape key; returns whether the guest gets it. */
static bool escaped(struct console *console, uint8_t byte)
{
    switch (byte) {
    case ESCAPE_KEY: return true;
    case 'h':
    case '?': console_write(console, (const uint8_t *)help, sizeof(help) - 1); break;
    case 'x': command(console, CONSOLE_QUIT); break;
    case 'p': command(console, CONSOLE_POWER_BUTTON); break;
    case 'r': command(console, CONSOLE_RESET); break;
    default: break;
    }
    return false;
}

static size_t terminal_filter(struct console *console, uint8_t *bytes, size_t length)
{
    struct console_terminal *terminal = &console->terminal;
    size_t kept = 0;

    for (size_t i = 0; i < length; i++) {
        if (terminal->escape) {
            terminal->escape = false;
            if (escaped(console, bytes[i]))
                bytes[kept++] = bytes[i];
        } else if (bytes[i] == ESCAPE_KEY) {
            terminal->escape = true;
        } else {
            bytes[kept++] = bytes[i];
        }
    }
    return kept;
}

static const struct console_kind_ops terminal_ops;

static int terminal_open(struct console *console, int fd, struct error *err)
{
    struct termios mode;

    if (tcgetattr(fd, &console->terminal.before))
        return error_set(err, errno, "console: cannot read the terminal's mode: %s",
                         strerror(errno));
    mode = console->terminal.before;
    cfmakeraw(&mode);
    if (tcsetattr(fd, TCSANOW, &mode))
        return error_set(err, errno, "console: cannot set the terminal's mode: %s",
                         strerror(errno));
    console->terminal.fd = fd;
    console->terminal.raw = true;
    console->ops = &terminal_ops;
    return 0;
}

static int stdio_open(struct console *console, const struct console_config *config,
                      struct error *err)
{
    int ret;

    console->terminal.command = config->command;
    console->terminal.ctx = config->ctx;
    console->output_blocks = true;
    ret = console_connect(console, config->input, config->output);
    if (!ret && isatty(config->input))
        ret = terminal_open(console, config->input, err);
    return ret;
}

/* What is still queued is written out: the guest's last words matter most. */
static void stdio_close(struct console *console)
{
    console_flush(console);
    console_restore_terminal(console);
    console->terminal.raw = false;
    console_disconnect(console);
}

const struct console_kind_ops console_stdio_ops = {
    .open = stdio_open,
    .close = stdio_close,
    .waits = true,
};

static const struct console_kind_ops terminal_ops = {
    .open = stdio_open,
    .filter = terminal_filter,
    .close = stdio_close,
    .waits = true,
};
