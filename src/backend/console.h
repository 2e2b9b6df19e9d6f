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

/* What the escape key (Ctrl-A) and a letter mean, on a stdio console whose input is a terminal: x,
 * p and r; h shows them, and Ctrl-A twice sends one. Other input reaches the guest byte for byte.
 */
enum console_command { CONSOLE_QUIT, CONSOLE_POWER_BUTTON, CONSOLE_RESET };

struct console_config {
    enum console_kind kind;
    const char *path;  /* CONSOLE_FILE, CONSOLE_UNIX */
    int input, output; /* CONSOLE_STDIO: descriptors, usually 0 and 1; they stay the caller's */
    /* An escape was typed. On any thread, with no lock held. May be NULL. */
    void (*command)(void *ctx, enum console_command command);
    void *ctx;
};

struct console_client {
    /* Input for the guest, on the loop's thread. Returns how many bytes were taken; the rest is
     * kept and offered again after console_resume. */
    size_t (*receive)(void *ctx, const uint8_t *bytes, size_t length);
    void *ctx;
};

struct console;

/* Opens it, before confinement. For CONSOLE_PTY the name of the pseudo-terminal is logged
 * (LOG_INFO). A terminal on stdio is put into raw mode until console_close. End of input on stdio
 * ends the input only. The program ignores SIGPIPE. Returns 0 or -errno. */
int console_open(struct console **console, const struct console_config *config,
                 const struct log *log, struct error *err);

/* Gives the console its loop and its client; input flows from then on. Once. Returns 0 or -errno.
 */
int console_attach(struct console *console, struct host_loop *loop,
                   const struct console_client *client);

/* Output from the guest, also before console_attach. Any thread; never blocks for long: what cannot
 * be written now is buffered (64 KiB). Past that a pty or socket without a reader loses the oldest
 * bytes, while stdio and files are waited for. Returns bytes taken, always `length`. */
size_t console_write(struct console *console, const uint8_t *bytes, size_t length);

/* While `hurry`, console_write waits for no reader and drops the oldest bytes instead; who waits
 * already stops soon. For a machine that is being stopped. Any thread. */
void console_hurry(struct console *console, bool hurry);

/* The client has room again. Any thread. */
void console_resume(struct console *console);

/* Writes out what it can and frees the console; NULL is allowed. Before its loop is destroyed, and
 * not while other threads use the console. */
void console_close(struct console *console);

/* Gives a terminal its mode back, for a signal handler: async-signal-safe. */
void console_restore_terminal(const struct console *console);

/* Input for the guest from somewhere else than the console's host side, of any kind: returns how
 * many bytes there was room for. Any thread; never blocks. */
size_t console_input(struct console *console, const void *bytes, size_t length);

/*
 * Follows what the guest writes, on a console of any kind: `output` is called with what came last
 * (at most CONSOLE_HISTORY bytes), before this returns, and with everything from then on, on the
 * threads that write. It must not block, nor call anything here. Any thread. Returns 0 or -ENOMEM.
 */
#define CONSOLE_HISTORY (64u << 10)
struct console_follower;
int console_follow(struct console *console,
                   void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                   struct console_follower **follower);
/* When it returns, `output` is not running and will not run again. NULL is allowed; before
 * console_close. */
void console_unfollow(struct console_follower *follower);

/* CONSOLE_MEMORY, for tests and embedding: takes output that has gathered. Any thread. */
size_t console_memory_output(struct console *console, void *bytes, size_t room);

#endif
