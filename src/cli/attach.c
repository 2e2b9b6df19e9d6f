/* SPDX-License-Identifier: ISC */
/*
 * `atoll console`: this terminal as one of a running machine's consoles, until it is detached.
 *
 * The escape key is that of a machine's own terminal (`--console stdio`), Ctrl-A, and d detaches.
 * Input that is no terminal reaches the guest byte for byte, and its end ends the input only. Keys
 * are looked at even while the guest takes none, so that one can always detach.
 *
 * The terminal's mode is the one thing to be put back whatever happens: signal handlers take no
 * argument, so it is the program's own.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/ask.h"

#define ESCAPE_KEY 0x01 /* Ctrl-A */
#define KEYS       1024
#define PART       512         /* POSIX's least PIPE_BUF */
#define WAITING    (64u << 10) /* bytes of input that the guest has not taken */

static const char help[] = "\r\n"
                           "Ctrl-A h       this help\r\n"
                           "Ctrl-A d       detach: the machine goes on\r\n"
                           "Ctrl-A x       end the machine, as if its plug were pulled\r\n"
                           "Ctrl-A p       press the power button: the guest shuts itself down\r\n"
                           "Ctrl-A r       reset the machine\r\n"
                           "Ctrl-A Ctrl-A  send a Ctrl-A to the guest\r\n";

static struct {
    struct termios before;
    volatile sig_atomic_t raw;
    volatile sig_atomic_t signal; /* that asked for the end */
    sigset_t waiting;             /* signals that are blocked while something is waited for */
} terminal;

static void terminal_restore(void)
{
    if (terminal.raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
    terminal.raw = 0;
}

static void note_signal(int number)
{
    terminal.signal = number;
}

static void restore_and_die(int number)
{
    terminal_restore();
    signal(number, SIG_DFL);
    raise(number);
}

/* Handlers before the mode: there is no moment at which a signal leaves it behind. Those that ask
 * for the end are blocked but for the waits, terminal.waiting. */
static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT},
                     crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t blocked;

    sigemptyset(&blocked);
    for (size_t i = 0; i < nitems(ends); i++) {
        sigaction(ends[i], &action, NULL);
        sigaddset(&blocked, ends[i]);
    }
    action.sa_handler = restore_and_die;
    for (size_t i = 0; i < nitems(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &blocked, &terminal.waiting);
    for (size_t i = 0; i < nitems(ends); i++)
        sigdelset(&terminal.waiting, ends[i]);
}

static void terminal_open(void)
{
    struct termios mode;

    if (tcgetattr(STDIN_FILENO, &terminal.before))
        return;
    mode = terminal.before;
    cfmakeraw(&mode);
    terminal.raw = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

/* --- both ways --- */

struct attachment {
    const char *name;
    struct control_client *client;
    struct error err;
    bool detached;
    bool escape;                   /* the last key was the escape key */
    bool over;                     /* no more input comes */
    char out[WAITING + KEYS + 64]; /* messages for the machine */
    size_t length;
};

/* In parts that a pipe takes whole once it takes anything, so that a signal is never waited for. */
static bool print(const void *bytes, size_t length)
{
    const char *from = bytes;

    while (length && !terminal.signal) {
        struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
        ssize_t done;

        if (ppoll(&fd, 1, NULL, &terminal.waiting) <= 0)
            continue;
        done = write(STDOUT_FILENO, from, MIN(length, (size_t)PART));
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        from += MAX(done, (ssize_t)0);
        length -= (size_t)MAX(done, (ssize_t)0);
    }
    return true;
}

/* Over a connection of its own: this one carries the console. */
static void press(struct attachment *a, const char *verb, json_t *arguments)
{
    struct control_client *other;
    struct error err;
    int ret = control_connect(&other, a->name, &err);

    if (ret) {
        json_decref(arguments);
    } else {
        ret = control_ask(other, verb, arguments, NULL, &err);
        control_disconnect(other);
    }
    if (ret)
        fail(ret, "%s\r", err.text);
}

/* The key after the escape key; returns whether the guest gets it. */
static bool escaped(struct attachment *a, char key)
{
    switch (key) {
    case ESCAPE_KEY: return true;
    case 'h':
    case '?': print(help, sizeof(help) - 1); break;
    case 'd': a->detached = true; break;
    case 'x': press(a, "stop", json_pack("{s:b}", "force", 1)); break;
    case 'p': press(a, "stop", NULL); break;
    case 'r': press(a, "reset", NULL); break;
    default: break;
    }
    return false;
}

static size_t filter(struct attachment *a, char *keys, size_t length)
{
    size_t kept = 0;

    for (size_t i = 0; i < length && !a->detached; i++) {
        if (a->escape) {
            a->escape = false;
            if (escaped(a, keys[i]))
                keys[kept++] = keys[i];
        } else if (keys[i] == ESCAPE_KEY) {
            a->escape = true;
        } else {
            keys[kept++] = keys[i];
        }
    }
    return kept;
}

/* Keys of a terminal for which there is no room are lost, and it says so. */
static void take_keys(struct attachment *a)
{
    char keys[KEYS];
    ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));
    size_t length = (size_t)MAX(got, 0);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        a->over = true;
    if (terminal.raw)
        length = filter(a, keys, length);
    if (length == 0)
        return;
    if (a->length > WAITING) {
        print("\a", 1);
        return;
    }
    a->length += (size_t)snprintf(a->out + a->length, 64, "{\"bytes\":%zu}\n", length);
    memcpy(a->out + a->length, keys, length);
    a->length += length;
}

static void send_keys(struct attachment *a)
{
    ssize_t sent =
        send(control_descriptor(a->client), a->out, a->length, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent <= 0)
        return;
    a->length -= (size_t)sent;
    memmove(a->out, a->out + sent, a->length);
}

/* One message of the machine's. Returns 0 or -errno. */
static int take_output(struct attachment *a)
{
    json_t *message, *missing;
    size_t length;
    void *bytes;
    int ret = control_receive(a->client, -1, &message, &bytes, &length, &a->err);

    if (ret)
        return ret;
    missing = json_object_get(message, "lost");
    if (missing)
        fail(0, "%lld bytes of output were lost\r", (long long)json_integer_value(missing));
    if (length && !print(bytes, length))
        ret = error_set(&a->err, EPIPE, "cannot write to standard output");
    free(bytes);
    json_decref(message);
    return ret;
}

/* Returns 0 when it was detached, or -errno with a->err: -ESHUTDOWN when the machine ended it. */
static int attach(struct attachment *a)
{
    int ret = 0;

    while (!ret && !a->detached && !terminal.signal) {
        bool room = terminal.raw || a->length <= WAITING;
        struct pollfd fds[] = {
            {.fd = control_descriptor(a->client),
             .events = (short)(POLLIN | (a->length ? POLLOUT : 0))},
            {.fd = a->over || !room ? -1 : STDIN_FILENO, .events = POLLIN},
        };

        if (ppoll(fds, nitems(fds), NULL, &terminal.waiting) <= 0)
            continue;
        if (fds[1].revents)
            take_keys(a);
        if (a->length)
            send_keys(a);
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
            ret = take_output(a);
    }
    return ret;
}

static int command_end(struct attachment *a, int ret)
{
    bool was_raw = terminal.raw;

    terminal_restore();
    if (was_raw)
        fputs("\n", stderr);
    if (ret && ret != -ESHUTDOWN)
        return fail(EXIT_STATUS_FAILURE, "%s", a->err.text);
    if (ret)
        fprintf(stderr, "atoll: %s\n", a->err.text);
    else if (a->detached)
        fprintf(stderr, "atoll: detached from %s\n", a->name);
    return terminal.signal ? EXIT_STATUS_QUIT : 0;
}

/* Which console, from 0. Returns 0 or -EINVAL: it has been said. */
static int console_index(const char *word, json_int_t *index)
{
    if (word[0] >= '0' && word[0] <= '9' && word[1] == '\0') {
        *index = word[0] - '0';
        return 0;
    }
    fail(EXIT_STATUS_USAGE, "console: \"%s\" is no console's number, from 0", word);
    return -EINVAL;
}

int command_console(int argc, char **argv)
{
    const struct ask_usage usage = {.synopsis = "NAME [NUMBER]", .least = 1, .most = 2};
    static struct attachment a;
    const char *words[2];
    json_int_t index = 0;
    int status, ret, count = ask_arguments(argc, argv, &usage, words, &status);

    if (count < 0)
        return status;
    if (count == 2 && console_index(words[1], &index))
        return EXIT_STATUS_USAGE;
    a.name = words[0];
    ret = control_connect(&a.client, a.name, &a.err);
    if (ret)
        return fail(EXIT_STATUS_FAILURE, "%s", a.err.text);
    ret = control_ask(a.client, "console", json_pack("{s:I}", "index", index), NULL, &a.err);
    if (!ret) {
        if (isatty(STDIN_FILENO))
            fprintf(stderr, "atoll: attached to %s; Ctrl-A d detaches, Ctrl-A h lists the rest\n",
                    a.name);
        catch_signals();
        terminal_open();
        ret = attach(&a);
    }
    control_disconnect(a.client);
    return command_end(&a, ret);
}
