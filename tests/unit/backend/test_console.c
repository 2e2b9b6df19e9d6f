/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "backend/console.h"

struct fixture {
    struct host_loop *loop;
    struct console *console;
    char dir[64], path[96];
    char log[512];
    struct log logger;

    pthread_mutex_t lock;
    char input[70000];
    size_t length, room; /* room: what receive takes before it is full */
    atomic_int commands[3];
};

static void keep_line(void *ctx, enum log_level level, const char *line)
{
    struct fixture *f = ctx;

    snprintf(f->log, sizeof(f->log), "%s", line);
}

static size_t receive(void *ctx, const uint8_t *bytes, size_t length)
{
    struct fixture *f = ctx;

    pthread_mutex_lock(&f->lock);
    length = MIN(length, f->room - f->length);
    memcpy(f->input + f->length, bytes, length);
    f->length += length;
    pthread_mutex_unlock(&f->lock);
    return length;
}

static void on_command(void *ctx, enum console_command command)
{
    ((struct fixture *)ctx)->commands[command]++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    *state = f;
    f->room = sizeof(f->input);
    f->logger = (struct log){keep_line, f, LOG_INFO};
    pthread_mutex_init(&f->lock, NULL);
    snprintf(f->dir, sizeof(f->dir), "/tmp/atoll-console-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof(f->path), "%s/console", f->dir);
    return host_loop_create(&f->loop, "console", NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    console_close(f->console);
    host_loop_destroy(f->loop);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void open_console(struct fixture *f, struct console_config config)
{
    const struct console_client client = {receive, f};
    struct error err;

    config.path = f->path;
    config.command = on_command;
    config.ctx = f;
    if (console_open(&f->console, &config, &f->logger, &err))
        fail_msg("%s", err.text);
    assert_int_equal(console_attach(f->console, f->loop, &client), 0);
}

static void say(struct fixture *f, const char *text)
{
    assert_int_equal(console_write(f->console, (const uint8_t *)text, strlen(text)), strlen(text));
}

/* Waits until the guest has got exactly `text`. */
static void expect_input(struct fixture *f, const char *text)
{
    for (bool done = false; !done; sched_yield()) {
        pthread_mutex_lock(&f->lock);
        done = f->length >= strlen(text);
        pthread_mutex_unlock(&f->lock);
    }
    assert_int_equal(f->length, strlen(text));
    assert_memory_equal(f->input, text, f->length);
}

/* Reads exactly `text` from a descriptor. */
static void expect_output(int fd, const char *text)
{
    char got[256];
    size_t length = 0;

    while (length < strlen(text)) {
        ssize_t part = read(fd, got + length, strlen(text) - length);

        if (part < 0 && errno == EAGAIN)
            continue;
        assert_true(part > 0);
        length += (size_t)part;
    }
    assert_memory_equal(got, text, length);
}

static void none_swallows(void **state)
{
    struct fixture *f = *state;

    open_console(f, (struct console_config){.kind = CONSOLE_NONE});
    for (int i = 0; i < 1000; i++)
        say(f, "nobody hears this");
}

static void memory_carries_both_ways(void **state)
{
    struct fixture *f = *state;
    char got[64];

    open_console(f, (struct console_config){.kind = CONSOLE_MEMORY});
    say(f, "hello ");
    say(f, "world");
    assert_int_equal(console_memory_output(f->console, got, 8), 8);
    assert_memory_equal(got, "hello wo", 8);
    assert_int_equal(console_memory_output(f->console, got, sizeof(got)), 3);
    assert_int_equal(console_memory_output(f->console, got, sizeof(got)), 0);
    console_input(f->console, "input", 5);
    expect_input(f, "input");
}

static void input_waits_for_room(void **state)
{
    struct fixture *f = *state;

    f->room = 3;
    open_console(f, (struct console_config){.kind = CONSOLE_MEMORY});
    console_input(f->console, "abcdefgh", 8);
    expect_input(f, "abc");
    host_loop_drain(f->loop);
    host_loop_drain(f->loop);
    expect_input(f, "abc");
    pthread_mutex_lock(&f->lock);
    f->room = 100;
    pthread_mutex_unlock(&f->lock);
    console_resume(f->console);
    expect_input(f, "abcdefgh");
}

static void file_gets_everything(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char line[101];

    open_console(f, (struct console_config){.kind = CONSOLE_FILE});
    memset(line, 'x', 100);
    line[100] = 0;
    for (int i = 0; i < 2000; i++)
        say(f, line);
    console_close(f->console);
    f->console = NULL;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 200000);
}

static void file_that_cannot_be_made_is_named(void **state)
{
    struct console_config config = {.kind = CONSOLE_FILE, .path = "/nonexistent/console"};
    struct console *console;
    struct error err;

    assert_int_equal(console_open(&console, &config, NULL, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/console"));
    config.path = NULL;
    assert_int_equal(console_open(&console, &config, NULL, &err), -EINVAL);
}

static void pipe_is_transparent_and_may_end(void **state)
{
    struct fixture *f = *state;
    int in[2], out[2];

    assert_int_equal(pipe(in) | pipe(out), 0);
    open_console(f,
                 (struct console_config){.kind = CONSOLE_STDIO, .input = in[0], .output = out[1]});
    assert_int_equal(write(in[1], "a\001xb", 4), 4);
    expect_input(f, "a\001xb");
    assert_int_equal(f->commands[CONSOLE_QUIT], 0);
    close(in[1]);
    host_loop_drain(f->loop);
    say(f, "still here");
    expect_output(out[0], "still here");
    close(out[0]);
    say(f, "gone"); /* the reader has left: the machine goes on */
    assert_non_null(strstr(f->log, "lost"));
    console_close(f->console);
    f->console = NULL;
    close(in[0]);
    close(out[1]);
}

struct reader {
    int fd;
    size_t length;
};

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    char bytes[4096];
    ssize_t length;

    while ((length = read(reader->fd, bytes, sizeof(bytes))) > 0)
        reader->length += (size_t)length;
    return NULL;
}

static void slow_pipe_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct reader reader = {0};
    int in = open("/dev/null", O_RDONLY), out[2];
    pthread_t thread;
    char block[1000];

    assert_int_equal(pipe(out), 0);
    reader.fd = out[0];
    open_console(f, (struct console_config){.kind = CONSOLE_STDIO, .input = in, .output = out[1]});
    memset(block, 'y', sizeof(block));
    assert_int_equal(console_write(f->console, (uint8_t *)block, sizeof(block)), sizeof(block));
    pthread_create(&thread, NULL, read_all, &reader);
    for (int i = 1; i < 1000; i++)
        console_write(f->console, (uint8_t *)block, sizeof(block));
    console_close(f->console);
    f->console = NULL;
    close(out[1]);
    pthread_join(thread, NULL);
    assert_int_equal(reader.length, 1000 * sizeof(block));
    close(out[0]);
    close(in);
}

static void *write_much(void *arg)
{
    static const uint8_t block[1000];

    for (int i = 0; i < 1000; i++)
        console_write(arg, block, sizeof(block));
    return NULL;
}

/* Who waits for a reader that never comes is let go when the machine is to stop. */
static void hurry_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    int in = open("/dev/null", O_RDONLY), out[2];
    pthread_t thread;

    assert_int_equal(pipe(out), 0);
    open_console(f, (struct console_config){.kind = CONSOLE_STDIO, .input = in, .output = out[1]});
    pthread_create(&thread, NULL, write_much, f->console);
    console_hurry(f->console, true);
    pthread_join(thread, NULL);
    console_close(f->console);
    f->console = NULL;
    close(out[0]);
    close(out[1]);
    close(in);
}

/* A pseudo-terminal stands in for the user's. */
static int terminal_pair(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    assert_true(master >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(*slave >= 0);
    return master;
}

static void wait_command(struct fixture *f, enum console_command command)
{
    while (f->commands[command] == 0)
        sched_yield();
    assert_int_equal(f->commands[command], 1);
}

static void terminal_is_raw_and_has_escapes(void **state)
{
    struct fixture *f = *state;
    struct termios before, raw, after;
    int slave, master = terminal_pair(&slave);

    f->room = 8; /* escapes work even while the guest takes no input */
    tcgetattr(slave, &before);
    open_console(f,
                 (struct console_config){.kind = CONSOLE_STDIO, .input = slave, .output = slave});
    tcgetattr(slave, &raw);
    assert_int_equal(raw.c_lflag & (ICANON | ECHO | ISIG), 0);
    assert_int_equal(raw.c_oflag & OPOST, 0);

    assert_int_equal(write(master, "ab\003\001\001c\001zdefghi", 14), 14);
    expect_input(f, "ab\003\001cdef");
    assert_int_equal(write(master, "\001h", 2), 2);
    expect_output(master, "\r\nCtrl-A h       this help");
    assert_int_equal(write(master, "\001x\001p", 4), 4);
    assert_int_equal(write(master, "\001", 1), 1);
    host_loop_drain(f->loop);
    assert_int_equal(write(master, "r", 1), 1);
    wait_command(f, CONSOLE_QUIT);
    wait_command(f, CONSOLE_POWER_BUTTON);
    wait_command(f, CONSOLE_RESET);
    assert_int_equal(f->length, 8);

    console_restore_terminal(f->console);
    tcgetattr(slave, &after);
    assert_int_equal(after.c_lflag, before.c_lflag);
    console_close(f->console);
    f->console = NULL;
    close(slave);
    close(master);
}

static void pty_is_named_and_raw(void **state)
{
    struct fixture *f = *state;
    struct termios mode;
    char big[8192];
    char *name;
    int fd;

    open_console(f, (struct console_config){.kind = CONSOLE_PTY});
    name = strstr(f->log, "/dev/");
    assert_non_null(name);
    say(f, "early ");
    for (int round = 0; round < 2; round++) { /* readers come and go */
        fd = open(name, O_RDWR | O_NOCTTY);
        assert_true(fd >= 0);
        tcgetattr(fd, &mode);
        assert_int_equal(mode.c_lflag & (ECHO | ICANON), 0);
        say(f, "login: ");
        expect_output(fd, round ? "login: " : "early login: ");
        assert_int_equal(write(fd, "root\r", 5), 5);
        expect_input(f, round ? "root\rroot\r" : "root\r");
        close(fd);
    }
    memset(big, 'z', sizeof(big));
    for (int i = 0; i < 100; i++) /* without a reader: dropped, never waited for */
        console_write(f->console, (uint8_t *)big, sizeof(big));
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Dials until the loop has seen the client before us go. */
static int dial_served(struct fixture *f)
{
    char byte = 0;
    int fd;

    for (;; close(fd)) {
        fd = dial(f->path);
        say(f, "!");
        if (read(fd, &byte, 1) == 1 && byte == '!')
            return fd;
    }
}

static void socket_serves_one_after_another(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int fd, second;
    char byte;

    open_console(f, (struct console_config){.kind = CONSOLE_UNIX});
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    say(f, "boot ");
    fd = dial(f->path);
    say(f, "messages");
    expect_output(fd, "boot messages");
    second = dial(f->path);
    expect_output(second, "This console has a client already.\r\n");
    assert_int_equal(read(second, &byte, 1), 0);
    close(second);
    assert_int_equal(write(fd, "one", 3), 3);
    expect_input(f, "one");
    close(fd);
    fd = dial_served(f);
    assert_int_equal(write(fd, "two", 3), 3);
    expect_input(f, "onetwo");
    close(fd);
    console_close(f->console);
    f->console = NULL;
    assert_int_equal(stat(f->path, &st), -1);
}

static void stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct fixture *f = *state;
    struct console_config config = {.kind = CONSOLE_UNIX, .path = f->path};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct console *other;
    struct error err;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* its file stays */
    open_console(f, (struct console_config){.kind = CONSOLE_UNIX});
    assert_int_equal(console_open(&other, &config, NULL, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, f->path));
    console_close(f->console);
    f->console = NULL;

    fd = open(f->path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(console_open(&other, &config, NULL, &err), -EEXIST);
    assert_int_equal(access(f->path, F_OK), 0);
}

/* What a follower was told. */
struct heard {
    char bytes[4 * CONSOLE_HISTORY];
    size_t length;
};

static void hear(void *ctx, const void *bytes, size_t length)
{
    struct heard *heard = ctx;

    assert_true(heard->length + length <= sizeof(heard->bytes));
    memcpy(heard->bytes + heard->length, bytes, length);
    heard->length += length;
}

static void expect_heard(const struct heard *heard, const char *text)
{
    assert_int_equal(heard->length, strlen(text));
    assert_memory_equal(heard->bytes, text, heard->length);
}

static void every_kind_has_followers_and_input(void **state)
{
    static const enum console_kind kinds[] = {CONSOLE_NONE, CONSOLE_MEMORY, CONSOLE_FILE,
                                              CONSOLE_UNIX, CONSOLE_PTY};
    struct fixture *f = *state;

    for (size_t i = 0; i < nitems(kinds); i++) {
        static struct heard early, late;
        struct console_follower *first, *second;

        early.length = late.length = f->length = 0;
        open_console(f, (struct console_config){.kind = kinds[i]});
        assert_int_equal(console_follow(f->console, hear, &early, &first), 0);
        say(f, "one ");
        assert_int_equal(console_follow(f->console, hear, &late, &second), 0);
        say(f, "two ");
        console_unfollow(first);
        say(f, "three");
        expect_heard(&early, "one two ");
        expect_heard(&late, "one two three");
        assert_int_equal(console_input(f->console, "typed", 5), 5);
        expect_input(f, "typed");
        console_unfollow(second);
        console_unfollow(NULL);
        console_close(f->console);
        f->console = NULL;
        unlink(f->path);
    }
}

static void history_is_the_newest(void **state)
{
    struct fixture *f = *state;
    static char large[CONSOLE_HISTORY + 1000];
    static struct heard heard;
    struct console_follower *follower;
    char line[16];
    size_t end;

    open_console(f, (struct console_config){.kind = CONSOLE_NONE});
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(line, sizeof(line), "%07u\n", i);
        say(f, line);
    }
    assert_int_equal(console_follow(f->console, hear, &heard, &follower), 0);
    assert_int_equal(heard.length, CONSOLE_HISTORY);
    for (unsigned i = 0; i < CONSOLE_HISTORY / 8; i++)
        assert_int_equal(strtoul(heard.bytes + i * 8, NULL, 10), 20000 - CONSOLE_HISTORY / 8 + i);
    console_unfollow(follower);

    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)i; /* one write that is longer than what is kept */
    console_write(f->console, (uint8_t *)large, sizeof(large));
    heard.length = 0;
    assert_int_equal(console_follow(f->console, hear, &heard, &follower), 0);
    end = sizeof(large) - CONSOLE_HISTORY;
    assert_int_equal(heard.length, CONSOLE_HISTORY);
    assert_memory_equal(heard.bytes, large + end, CONSOLE_HISTORY);
    console_unfollow(follower);
}

/* Nobody takes the output and nobody the input: both are bounded, and the guest goes on. */
static void unread_memory_console_goes_on(void **state)
{
    struct fixture *f = *state;
    static uint8_t part[1 << 16];
    size_t given = 0;

    f->room = 0;
    open_console(f, (struct console_config){.kind = CONSOLE_MEMORY});
    for (int i = 0; i < 300; i++)
        assert_int_equal(console_write(f->console, part, sizeof(part)), sizeof(part));
    for (size_t taken; (taken = console_input(f->console, part, sizeof(part))) > 0;)
        given += taken;
    assert_int_equal(given, 1 << 24);
}

int main(void)
{
#define CONSOLE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CONSOLE_TEST(none_swallows),
        CONSOLE_TEST(memory_carries_both_ways),
        CONSOLE_TEST(input_waits_for_room),
        CONSOLE_TEST(file_gets_everything),
        CONSOLE_TEST(file_that_cannot_be_made_is_named),
        CONSOLE_TEST(pipe_is_transparent_and_may_end),
        CONSOLE_TEST(slow_pipe_is_waited_for),
        CONSOLE_TEST(hurry_ends_the_wait),
        CONSOLE_TEST(terminal_is_raw_and_has_escapes),
        CONSOLE_TEST(pty_is_named_and_raw),
        CONSOLE_TEST(socket_serves_one_after_another),
        CONSOLE_TEST(stale_socket_is_replaced_and_a_live_one_is_not),
        CONSOLE_TEST(every_kind_has_followers_and_input),
        CONSOLE_TEST(history_is_the_newest),
        CONSOLE_TEST(unread_memory_console_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
