/* SPDX-License-Identifier: ISC */
/*
 * The host's side of a serial port: a stream of bytes each way, to standard input and output, a
 * pseudo-terminal, a file, a Unix socket, or nothing.
 */
#ifndef BACKEND_CONSOLE_H
#define BACKEND_CONSOLE_H

#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"
#include "host/loop.h"

enum console_kind {
    CONSOLE_NONE,
    CONSOLE_STDIO,
    CONSOLE_PTY,
    CONSOLE_FILE,
    CONSOLE_UNIX,
    CONSOLE_MEMORY
};

/* What the escape key (Ctrl-A) and a letter mean, on the stdio console only. */
enum console_command { CONSOLE_QUIT, CONSOLE_POWER_BUTTON, CONSOLE_RESET };

struct console_config {
    enum console_kind kind;
    const char *path;  /* CONSOLE_FILE, CONSOLE_UNIX */
    int input, output; /* CONSOLE_STDIO: descriptors, usually 0 and 1 */
    void (*command)(
        void *ctx,
        enum console_command command); /* stdio: an escape was typed; any thread; may be NULL */
    void *ctx;
};

struct console_client {
    /* Input for the guest, on the loop's thread. Returns how many bytes were taken; the rest is
     * kept and offered again after console_resume. */
    size_t (*receive)(void *ctx, const uint8_t *bytes, size_t length);
    void *ctx;
};

struct console;

/* Opens it. For CONSOLE_PTY the name of the pseudo-terminal is logged (LOG_INFO). A terminal on
 * stdio is put into raw mode and console_close restores it; console_restore_terminal
 * (async-signal-safe) does so from a signal handler. End of input on stdio ends the input only. */
int console_open(struct console **console, const struct console_config *config,
                 const struct log *log, struct error *err);
int console_attach(struct console *console, struct host_loop *loop,
                   const struct console_client *client);

/* Output from the guest. Any thread; never blocks for long: what cannot be written now is buffered
 * (64 KiB); past that, bytes of a pty or socket without a reader are dropped, while stdio and files
 * are waited for. Returns bytes taken, always `length`. */
size_t console_write(struct console *console, const uint8_t *bytes, size_t length);

/* The client has room again. Any thread. */
void console_resume(struct console *console);

void console_close(struct console *console);
void console_restore_terminal(const struct console *console);

/* CONSOLE_MEMORY, for tests and embedding: gives input, and takes output that has gathered. Any
 * thread. */
void console_memory_input(struct console *console, const void *bytes, size_t length);
size_t console_memory_output(struct console *console, void *bytes, size_t room);

#endif
