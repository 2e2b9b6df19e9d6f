/* SPDX-License-Identifier: ISC */
/*
 * What console.c and the kinds of console share. Not for other rooms.
 *
 * console.c moves the bytes: it owns both queues, the lock and the watches. A kind opens
 * descriptors and hands them over (console_connect), and may look at the input first (filter).
 */
#ifndef BACKEND_CONSOLE_PRIVATE_H
#define BACKEND_CONSOLE_PRIVATE_H

#include <pthread.h>
#include <sys/types.h>
#include <termios.h>

#include "backend/console.h"
#include "backend/console/fifo.h"

#define CONSOLE_OUTPUT_LIMIT 65536u
#define CONSOLE_INPUT_LIMIT  4096u
#define CONSOLE_MEMORY_LIMIT (1u << 24)

struct console_kind_ops {
    /* Opens what it needs and connects it. Returns 0 or -errno; `close` is called either way. */
    int (*open)(struct console *console, const struct console_config *config, struct error *err);
    /* The loop is known. Returns 0 or -errno. May be NULL. */
    int (*attach)(struct console *console);
    /* Looks at input on the loop's thread and returns how many of the bytes, in place, the guest
     * gets. A console with a filter is read even while the guest takes nothing. May be NULL. */
    size_t (*filter)(struct console *console, uint8_t *bytes, size_t length);
    /* The input has ended, on the loop's thread. May be NULL: then the output goes on. */
    void (*hangup)(struct console *console);
    void (*close)(struct console *console);
    bool waits; /* output that does not fit is waited for; the oldest is dropped otherwise */
};

struct console_terminal {
    struct termios before;
    int fd;
    volatile bool raw; /* read by console_restore_terminal, maybe in a signal handler */
    bool escape;       /* the last byte was the escape key */
    void (*command)(void *ctx, enum console_command command);
    void *ctx;
};

struct console_socket {
    int listener;
    struct host_watch *watch;
    char *path;
    dev_t device; /* of the socket's file, so that only our own is removed */
    ino_t inode;
};

struct console {
    const struct console_kind_ops *ops;
    const struct log *log;
    struct host_loop *loop;
    struct console_client client;
    struct host_work *deliver;

    pthread_mutex_t lock; /* guards what follows, down to the kinds' own */
    struct fifo input, output;
    int input_fd, output_fd; /* -1: not connected */
    struct host_watch *input_watch, *output_watch;
    bool stalled;       /* the client took less than it was offered */
    bool hurry;         /* console_hurry */
    bool output_blocks; /* the descriptor is not ours to make non-blocking: poll before writing */
    bool output_socket; /* written by send, which can do without SIGPIPE */
    bool output_failed; /* said so already */

    pthread_mutex_t follow_lock; /* guards these two; no other lock is taken under it */
    struct fifo history;         /* the last CONSOLE_HISTORY bytes of output */
    struct console_follower *followers;

    struct console_terminal terminal;
    struct console_socket socket;
    int pty_slave;
};

extern const struct console_kind_ops console_none_ops, console_stdio_ops, console_pty_ops,
    console_file_ops, console_unix_ops, console_memory_ops;

/* Starts to use a pair of descriptors (either may be -1, both may be the same). They stay the
 * kind's to close, after console_disconnect. On the loop's thread once attached. Returns 0 or
 * -errno. */
int console_connect(struct console *console, int input_fd, int output_fd);

/* Stops using them and returns the one for input, or else the one for output (-1 when there was
 * none): of two threads that disconnect at once only one gets it to close. Output gathers from here
 * on. */
int console_disconnect(struct console *console);

/* Output for whoever follows the console, and for its history. */
void console_tell(struct console *console, const uint8_t *bytes, size_t length);

/* Writes out what is queued as long as the host takes some every second. Before console_disconnect.
 */
void console_flush(struct console *console);

/* Makes a descriptor non-blocking and close-on-exec. Returns 0 or -errno. */
int console_descriptor_prepare(int fd);

#endif
