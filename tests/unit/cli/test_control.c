/* SPDX-License-Identifier: ISC */
/*
 * The control socket: its protocol, its server among clients that behave, misbehave and are
 * somebody else, and the client that the subcommands use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/control.h"
#include "cli/control_names.h"
#include "cli/control_protocol.h"
#include "cli/places.h"
#include "fake_atoll.h"

#define NAME "demo"

static struct {
    char folder[64]; /* the runtime folder */
    struct atoll vm;
    struct atoll_config config;
    struct control *control;
} f;

static void serve(struct control **control, const char *name)
{
    const struct control_facts facts = {.name = name, .log = "/var/log/demo"};
    struct error err;

    if (control_open(control, &facts, &err) || control_serve(*control, &f.vm, &f.config, &err))
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    snprintf(f.folder, sizeof(f.folder), "/tmp/atoll-control-XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    setenv("XDG_RUNTIME_DIR", f.folder, 1);
    fake_init(&f.vm);
    f.config = (struct atoll_config){
        .engine = "auto", .cpus = 2, .memory = 1 << 30, .console_count = 2, .display_count = 1};
    f.config.consoles[0].kind = ATOLL_CONSOLE_MEMORY;
    f.config.consoles[1] = (struct atoll_console){.kind = ATOLL_CONSOLE_FILE, .path = "/tmp/\xff"};
    f.config.displays[0].kind = ATOLL_DISPLAY_VNC;
    serve(&f.control, NAME);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    control_close(f.control, "the test is over");
    f.control = NULL;
    snprintf(command, sizeof(command), "rm -rf %s", f.folder);
    return system(command);
}

/* --- a client of our own, which may say anything --- */

static int dial(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_int_equal(place_socket(name, address.sun_path, sizeof(address.sun_path), NULL), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads one line, without its line feed; false at the end. */
static bool hear(int fd, char *line, size_t room)
{
    size_t length = 0;
    char c;

    while (read(fd, &c, 1) == 1) {
        if (c == '\n') {
            line[length] = '\0';
            return true;
        }
        assert_true(length + 1 < room);
        line[length++] = c;
    }
    return false;
}

static void hear_exactly(int fd, const char *wanted)
{
    char line[4096];

    assert_true(hear(fd, line, sizeof(line)));
    assert_string_equal(line, wanted);
}

static void hear_with(int fd, const char *wanted)
{
    char line[8192];

    assert_true(hear(fd, line, sizeof(line)));
    if (!strstr(line, wanted))
        fail_msg("\"%s\" is not in: %s", wanted, line);
}

static void say(int fd, const char *text)
{
    size_t length = strlen(text);

    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

/* Connected and greeted. */
static int dial_greeted(void)
{
    int fd = dial(NAME);

    hear_exactly(fd, "{\"protocol\":\"atoll-control\",\"version\":1,\"atoll\":\"" ATOLL_VERSION
                     "\",\"name\":\"" NAME "\"}");
    return fd;
}

static void ask(int fd, const char *request, const char *wanted)
{
    say(fd, request);
    say(fd, "\n");
    hear_with(fd, wanted);
}

/* --- the protocol --- */

static void test_requests(void **state)
{
    static const char *const table[][2] = {
        {"{\"id\":7,\"verb\":\"reset\"}", "{\"id\":7,\"ok\":true}"},
        {"{\"verb\":\"reset\",\"arguments\":{}}", "{\"id\":0,\"ok\":true}"},
        {"", "{\"id\":0,\"ok\":false,\"error\":\"this is no JSON object on one line: "},
        {"[]", "\"error\":\"a message is a JSON object\",\"errno\":\"EINVAL\"}"},
        {"{\"id\":7,\"id\":8,\"verb\":\"reset\"}", "duplicate object key"},
        {"{\"id\":\"x\",\"verb\":\"reset\"}", "\\\"id\\\" is an integer"},
        {"{\"id\":9}",
         "{\"id\":9,\"ok\":false,\"error\":\"a request has a \\\"verb\\\", a string\""},
        {"{\"id\":9,\"verb\":1}", "{\"id\":9,\"ok\":false"},
        {"{\"verb\":\"reset\",\"arguments\":[]}", "\\\"arguments\\\" is an object"},
        {"{\"verb\":\"fly\"}", "there is no verb \\\"fly\\\"\",\"errno\":\"ENOSYS\""},
        {"{\"verb\":\"reset\",\"arguments\":{\"now\":1}}",
         "reset: there is no argument \\\"now\\\""},
        {"{\"verb\":\"type\"}", "type: the argument \\\"text\\\" is missing"},
        {"{\"verb\":\"type\",\"arguments\":{\"text\":1}}", "type: \\\"text\\\" is a string"},
        {"{\"verb\":\"type\",\"arguments\":{\"text\":\"\\u0000\"}}", "\\\\u0000 is not allowed"},
        {"{\"verb\":\"type\",\"arguments\":{\"text\":\"\xff\"}}", "\"ok\":false"},
        {"{\"verb\":\"type\",\"arguments\":{\"text\":\"a\",\"timeout\":601}}", "is from 0 to 600"},
        {"{\"verb\":\"type\",\"arguments\":{\"text\":\"a\",\"timeout\":-1}}", "is from 0 to 600"},
        {"{\"verb\":\"type\",\"arguments\":{\"text\":\"a\",\"timeout\":true}}", "is a number"},
        {"{\"verb\":\"click\",\"arguments\":{\"x\":1,\"y\":1.5}}", "\\\"y\\\" is an integer"},
        {"{\"verb\":\"click\",\"arguments\":{\"x\":8192,\"y\":1}}", "is from 0 to 8191"},
        {"{\"verb\":\"click\",\"arguments\":{\"x\":1,\"y\":1,\"button\":\"far\"}}",
         "no button \\\"far\\\""},
        {"{\"verb\":\"stop\",\"arguments\":{\"force\":1}}", "\\\"force\\\" is true or false"},
        {"{\"verb\":\"key\",\"arguments\":{\"keys\":[\"A\",1]}}", "an array of strings"},
        {"{\"verb\":\"key\",\"arguments\":{\"keys\":[\"A\",\"NONE\"]}}", "no key is called"},
        {"{\"verb\":\"console\",\"arguments\":{\"index\":2}}", "ENODEV"},
        {"{\"a\":[[[[[[[{}]]]]]]]}", "nested at most 8 levels"},
        {"{\"a\":[[[[[[1]]]]]]}", "a \\\"verb\\\""},
        {"{\"verb\":\"{{{{{{{{{{[\\\"[\"}", "there is no verb"},
    };
    int fd = dial_greeted();

    for (size_t i = 0; i < nitems(table); i++)
        ask(fd, table[i][0], table[i][1]);
    close(fd);
}

static void test_verbs(void **state)
{
    int fd = dial_greeted();

    ask(fd, "{\"verb\":\"version\"}", "\"verbs\":[\"version\",\"status\",");
    ask(fd, "{\"verb\":\"status\"}", "\"state\":\"running\"");
    ask(fd, "{\"verb\":\"status\"}",
        "\"engine\":\"fake\",\"strict\":false,\"cpus\":2,\"memory\":1073741824,"
        "\"consoles\":[{\"kind\":\"memory\",\"port\":\"default\"},"
        "{\"kind\":\"file\",\"port\":\"default\",\"path\":\"/tmp/?\"}],"
        "\"displays\":[{\"kind\":\"vnc\",\"address\":\"127.0.0.1:5900\"}],"
        "\"folder\":null,\"log\":\"/var/log/demo\"}");
    ask(fd, "{\"verb\":\"stats\"}", "\"engine\":\"fake\",\"instructions\"");
    ask(fd, "{\"verb\":\"stats\"}",
        "\"instructions\":1000000,\"exits\":17,\"reasons\":{\"a\":0,\"b\":16,\"c\":0,");
    ask(fd, "{\"verb\":\"stats\"}", "\"kernel\":{\"A\":40,\"B\":23,\"C\":0,");
    ask(fd, "{\"verb\":\"stats\"}",
        "\"devices\":[{\"name\":\"disk\",\"requests\":1,\"notifications\":2,"
        "\"interrupts\":3,\"dropped\":4}],\"seconds\":");
    ask(fd, "{\"verb\":\"stats\"}", "\"resident\":4096,\"translator\":{\"regions\":0,");
    ask(fd, "{\"verb\":\"resume\"}", "\"the machine is not paused\",\"errno\":\"EINVAL\"");
    ask(fd, "{\"verb\":\"pause\"}", "{\"id\":0,\"ok\":true}");
    ask(fd, "{\"verb\":\"pause\"}", "\"the machine is paused already\",\"errno\":\"EALREADY\"");
    ask(fd, "{\"verb\":\"status\"}", "\"state\":\"paused\"");
    ask(fd, "{\"verb\":\"type\",\"arguments\":{\"text\":\"x\"}}", "the machine is paused: ");
    ask(fd, "{\"verb\":\"click\",\"arguments\":{\"x\":0,\"y\":0}}", "EBUSY");
    ask(fd, "{\"verb\":\"resume\"}", "{\"id\":0,\"ok\":true}");
    ask(fd, "{\"verb\":\"reset\"}", "{\"id\":0,\"ok\":true}");
    assert_int_equal(f.vm.resets, 1);
    ask(fd, "{\"verb\":\"stop\"}", "{\"id\":0,\"ok\":true}");
    assert_int_equal(f.vm.power_buttons, 1);
    assert_int_equal(f.vm.quits, 0);
    f.vm.state = ATOLL_STATE_STOPPED;
    ask(fd, "{\"verb\":\"pause\"}", "\"the machine does not run\",\"errno\":\"EINVAL\"");
    close(fd);
}

static void test_input(void **state)
{
    static const unsigned clicked[] = {0,
                                       ATOLL_BUTTON_RIGHT,
                                       0,
                                       ATOLL_BUTTON_RIGHT,
                                       0,
                                       ATOLL_BUTTON_LEFT | ATOLL_BUTTON_MIDDLE,
                                       ATOLL_BUTTON_LEFT};
    int fd = dial_greeted();

    ask(fd, "{\"verb\":\"type\",\"arguments\":{\"text\":\"root\\n\xc3\xa9\"}}", "\"ok\":true");
    assert_int_equal(f.vm.typed_length, 7);
    assert_memory_equal(f.vm.typed, "root\n\xc3\xa9", 7);
    ask(fd, "{\"verb\":\"key\",\"arguments\":{\"keys\":\"CTRL-C\"}}", "\"ok\":true");
    ask(fd, "{\"verb\":\"key\",\"arguments\":{\"keys\":[\"A\",\"B\"]}}", "\"ok\":true");
    assert_int_equal(f.vm.chords, 3);
    ask(fd,
        "{\"verb\":\"click\",\"arguments\":{\"x\":1,\"y\":2,\"button\":\"right\",\"double\":true}}",
        "\"ok\":true");
    ask(fd,
        "{\"verb\":\"pointer\",\"arguments\":{\"x\":1,\"y\":2,\"buttons\":[\"left\",\"middle\"],"
        "\"wheel\":-3}}",
        "\"ok\":true");
    ask(fd, "{\"verb\":\"pointer\",\"arguments\":{\"x\":1,\"y\":2,\"buttons\":\"left\"}}",
        "\"ok\":true");
    assert_int_equal(f.vm.button_count, nitems(clicked));
    assert_memory_equal(f.vm.buttons, clicked, sizeof(clicked));
    close(fd);
}

static void test_screen(void **state)
{
    static const char lines[] = "\"lines\":[\"ok  \xe2\x82\xac\xef\xbf\xbd\xf0\x9f\x98\x80"
                                "\xef\xbf\xbd\xc3\xa9x\",\"\"]";
    int fd = dial_greeted();

    ask(fd, "{\"verb\":\"screen\"}",
        "\"columns\":80,\"rows\":2,\"cell\":{\"width\":8,\"height\":16,"
        "\"left\":4,\"top\":0},\"cursor\":{\"column\":2,\"row\":1},");
    ask(fd, "{\"verb\":\"screen\"}", lines);
    ask(fd, "{\"verb\":\"screen\",\"arguments\":{\"colours\":true}}",
        "\"colours\":[[[4,\"#ffffff\",\"#0000aa\"],[76,\"#ffffff\",\"#000000\"]],"
        "[[80,\"#ffffff\",\"#000000\"]]]}");
    f.vm.gpu = false;
    ask(fd, "{\"verb\":\"screen\"}", "ENODEV");
    ask(fd, "{\"verb\":\"screenshot\"}", "ENODEV");
    close(fd);
}

/* Bytes of any size follow the answer, and the next answer them. */
static void test_screenshot(void **state)
{
    struct control_client *client;
    struct error err;

    f.vm.picture_size = 20 << 20;
    assert_int_equal(control_connect(&client, NAME, &err), 0);
    for (int i = 0; i < 2; i++) {
        json_t *answer;
        uint8_t *bytes;
        size_t length;

        assert_int_equal(
            control_ask_bytes(client, "screenshot", NULL, &answer, (void **)&bytes, &length, &err),
            0);
        assert_int_equal(length, f.vm.picture_size);
        assert_int_equal(bytes[length - 1], (uint8_t)((length - 1) * 7 + ((length - 1) >> 8) * 13));
        assert_int_equal(control_ask(client, "status", NULL, NULL, &err), 0);
        free(bytes);
        json_decref(answer);
    }
    control_disconnect(client);
}

/* --- clients that do not behave --- */

static void test_long_line(void **state)
{
    static char line[CONTROL_LINE_MAX + 2];
    int fd = dial_greeted();

    memset(line, ' ', CONTROL_LINE_MAX);
    memcpy(line, "{\"verb\":\"reset\"}", 16);
    ask(fd, line, "\"ok\":true"); /* as long as a line may be */
    memset(line, 'x', sizeof(line) - 1);
    say(fd, line);
    hear_exactly(fd, "{\"end\":\"a request has at most 262144 bytes\"}");
    assert_false(hear(fd, line, sizeof(line)));
    close(fd);
}

static void test_garbage(void **state)
{
    uint32_t random = 1;
    char line[4096];

    for (int round = 0; round < 50; round++) {
        int fd = dial_greeted();
        char garbage[2000];

        for (size_t i = 0; i < sizeof(garbage); i++) {
            random = random * 1664525 + 1013904223;
            garbage[i] = (char)(random >> 24);
        }
        send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        while (hear(fd, line, sizeof(line)))
            assert_non_null(strstr(line, "\"ok\":false"));
        close(fd);
    }
    close(dial_greeted());
}

/* Requests that are answered for nobody, requests in a single stream of bytes, requests by bytes.
 */
static void test_pipelining(void **state)
{
    int fd = dial_greeted();
    static char many[100 * 32];
    char *to = many;

    close(dial(NAME));
    for (int i = 0; i < 100; i++)
        to += sprintf(to, "{\"id\":%d,\"verb\":\"reset\"}\n", i);
    say(fd, many);
    for (int i = 0; i < 100; i++) {
        char wanted[32];

        snprintf(wanted, sizeof(wanted), "{\"id\":%d,\"ok\":true}", i);
        hear_exactly(fd, wanted);
    }
    for (const char *c = "{\"id\":3,\"verb\":\"reset\"}\n"; *c; c++)
        assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
    hear_exactly(fd, "{\"id\":3,\"ok\":true}");
    close(fd);
}

/* Clients that never read their answers, and one whose verb takes its time, delay nobody else; the
 * machine's end is delayed by none of them. */
static void test_nobody_blocks_others(void **state)
{
    int deaf[8], slow = dial_greeted(), fd;

    f.vm.picture_size = 4 << 20;
    for (size_t i = 0; i < nitems(deaf); i++) {
        deaf[i] = dial_greeted();
        for (int n = 0; n < 100; n++)
            say(deaf[i], "{\"verb\":\"screenshot\"}\n");
    }
    f.vm.input_stalls = true;
    say(slow, "{\"verb\":\"type\",\"arguments\":{\"text\":\"\",\"timeout\":2}}\n");
    fd = dial_greeted();
    for (int i = 0; i < 100; i++)
        ask(fd, "{\"verb\":\"reset\"}", "\"ok\":true");
    close(fd);
    hear_with(slow, "\"errno\":\"ETIMEDOUT\"");
    control_close(f.control, "the end");
    f.control = NULL;
    hear_exactly(slow, "{\"end\":\"the end\"}");
    close(slow);
    for (size_t i = 0; i < nitems(deaf); i++)
        close(deaf[i]);
}

static void test_too_many_clients(void **state)
{
    int fds[32], fd;
    char line[256];

    for (size_t i = 0; i < nitems(fds); i++)
        fds[i] = dial_greeted();
    fd = dial(NAME);
    hear_exactly(fd, "{\"end\":\"too many clients are connected\"}");
    assert_false(hear(fd, line, sizeof(line)));
    close(fd);
    for (size_t i = 0; i < nitems(fds); i++)
        close(fds[i]);
    for (bool served = false; !served; close(fd)) { /* as soon as one has gone */
        fd = dial(NAME);
        assert_true(hear(fd, line, sizeof(line)));
        served = strstr(line, "atoll-control") != NULL;
    }
}

/* --- who may --- */

static void test_modes(void **state)
{
    char path[108];
    struct stat st;

    assert_int_equal(place_socket(NAME, path, sizeof(path), NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* What another user of this host can do: nothing by the modes; and nothing without them. In a
 * process of its own. */
static void another_user(const char *path, bool open_to_all)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[256];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (setgid(65534) || setuid(65534))
        _exit(2);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        _exit(open_to_all || errno != EACCES);
    send(fd, "{\"verb\":\"reset\"}\n", 17, MSG_NOSIGNAL); /* it may have been shut out already */
    if (!open_to_all || !hear(fd, line, sizeof(line)))
        _exit(3);
    if (strcmp(line, "{\"end\":\"this machine is another user's\"}") != 0)
        _exit(4);
    _exit(hear(fd, line, sizeof(line)));
}

static void expect_refused(const char *path, bool open_to_all)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        execl("/proc/self/exe", "test_control", path, open_to_all ? "open" : "closed", NULL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_another_user(void **state)
{
    char path[108], folder[128];

    if (geteuid() != 0)
        skip(); /* nobody else to be */
    assert_int_equal(place_socket(NAME, path, sizeof(path), NULL), 0);
    expect_refused(path, false);
    snprintf(folder, sizeof(folder), "%s/atoll", f.folder);
    assert_int_equal(chmod(f.folder, 0755) | chmod(folder, 0755) | chmod(path, 0666), 0);
    expect_refused(path, true);
    assert_int_equal(f.vm.resets, 0);
    chmod(folder, 0700);
    close(dial_greeted());
}

/* --- names --- */

static void test_names(void **state)
{
    const struct control_facts facts = {.name = NAME};
    struct control *other;
    struct control_client *client;
    struct error err;
    char path[108], **names;
    int fd;

    assert_int_equal(control_open(&other, &facts, &err), -EEXIST);
    assert_string_equal(err.text, "a machine called \"demo\" runs already");
    serve(&other, "another");
    assert_int_equal(control_names(&names, &err), 0);
    assert_string_equal(names[0], "another");
    assert_string_equal(names[1], NAME);
    assert_null(names[2]);
    control_names_free(names);
    assert_int_equal(control_connect(&client, "third", &err), -ENOENT);
    assert_string_equal(err.text, "no machine called \"third\" runs (running: another, " NAME ")");
    assert_int_equal(control_connect(&client, "../x", &err), -EINVAL);
    assert_int_equal(control_connect(&client, "another", &err), 0);
    control_close(other, "enough");
    assert_int_equal(control_ask(client, "status", NULL, NULL, &err), -ESHUTDOWN);
    assert_string_equal(err.text, "another: enough");
    control_disconnect(client);

    /* What a dead machine leaves is removed by who looks, and replaced by who starts. */
    for (int i = 0; i < 2; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(place_socket("dead", path, sizeof(path), &err), 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
        if (i == 0) {
            assert_int_equal(control_connect(&client, "dead", &err), -ENOENT);
            assert_int_equal(access(path, F_OK), -1);
        }
    }
    serve(&other, "dead");
    control_close(other, "and gone");
    assert_int_equal(access(path, F_OK), -1);
}

static void test_nothing_runs(void **state)
{
    struct control_client *client;
    struct error err;

    control_close(f.control, "first");
    f.control = NULL;
    assert_int_equal(control_connect(&client, NAME, &err), -ENOENT);
    assert_string_equal(err.text, "no machine called \"demo\" runs (running: none does)");
}

/* --- stopping --- */

static void *stop_later(void *arg)
{
    while (f.vm.quits == 0)
        sched_yield();
    control_close(f.control, "the plug was pulled");
    f.control = NULL;
    return NULL;
}

static void expect_stopped(const char *request, unsigned buttons)
{
    int fd = dial_greeted();
    pthread_t thread;

    pthread_create(&thread, NULL, stop_later, NULL);
    ask(fd, request, "{\"id\":0,\"ok\":true,\"why\":\"the plug was pulled\"}");
    hear_exactly(fd, "{\"end\":\"the plug was pulled\"}");
    close(fd);
    pthread_join(thread, NULL);
    assert_int_equal(f.vm.power_buttons, buttons);
}

static void test_stop_by_force(void **state)
{
    expect_stopped("{\"verb\":\"stop\",\"arguments\":{\"force\":true}}", 0);
}

static void test_stop_after_a_while(void **state)
{
    expect_stopped("{\"verb\":\"stop\",\"arguments\":{\"timeout\":0.01}}", 1);
}

/* Who asked has gone; the plug is pulled all the same. */
static void test_stop_without_the_client(void **state)
{
    int fd = dial_greeted();

    say(fd, "{\"verb\":\"stop\",\"arguments\":{\"timeout\":0.1}}\n");
    close(fd);
    stop_later(NULL);
    assert_int_equal(f.vm.power_buttons, 1);
}

/* --- consoles --- */

static int follow(const char *arguments)
{
    int fd = dial_greeted();
    char request[128];

    snprintf(request, sizeof(request), "{\"verb\":\"console\",\"arguments\":%s}", arguments);
    ask(fd, request, "{\"id\":0,\"ok\":true,\"index\":0}");
    return fd;
}

/* Reads output until it is `text`, however it comes in messages. */
static void expect_output(int fd, const char *text)
{
    char line[64], got[4096];
    size_t done = 0, part;

    while (done < strlen(text)) {
        assert_true(hear(fd, line, sizeof(line)));
        assert_int_equal(sscanf(line, "{\"bytes\":%zu}", &part), 1);
        assert_true(done + part <= strlen(text));
        for (size_t end = done + part; done < end;) {
            ssize_t n = read(fd, got + done, end - done);

            assert_true(n > 0);
            done += (size_t)n;
        }
    }
    assert_memory_equal(got, text, done);
}

/* Waits until the guest has been given so much. */
static void await_given(size_t length)
{
    for (bool done = false; !done; sched_yield()) {
        pthread_mutex_lock(&f.vm.lock);
        done = f.vm.given_length >= length;
        pthread_mutex_unlock(&f.vm.lock);
    }
    assert_int_equal(f.vm.given_length, length);
}

static void test_console(void **state)
{
    int one, two, three;

    fake_say(&f.vm, "before ", 7);
    one = follow("{}");
    expect_output(one, "before ");
    fake_say(&f.vm, "login: ", 7);
    expect_output(one, "login: ");
    two = follow("{\"index\":0}");
    three = follow("{\"replay\":false}");
    expect_output(two, "before login: ");
    say(two, "{\"bytes\":5}\nroot");
    say(two, "\n{\"bytes\":0}\n{\"bytes\":1}\n!");
    await_given(6);
    assert_memory_equal(f.vm.given, "root\n!", 6);
    fake_say(&f.vm, "both\n", 5);
    expect_output(one, "both\n");
    expect_output(two, "both\n");
    expect_output(three, "both\n");
    close(one); /* the others go on */
    fake_say(&f.vm, "left\n", 5);
    expect_output(two, "left\n");
    shutdown(two, SHUT_WR); /* the input ends, the output does not */
    fake_say(&f.vm, "the last words", 14);
    control_close(f.control, "bye");
    f.control = NULL;
    expect_output(two, "left\nthe last words" + 5);
    hear_exactly(two, "{\"end\":\"bye\"}");
    expect_output(three, "left\nthe last words");
    hear_exactly(three, "{\"end\":\"bye\"}");
    close(two);
    close(three);
}

static void test_console_input_errors(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"bytes\":65537}\n", "\"end\":\"\\\"bytes\\\" is a number of bytes, at most 65536\""},
        {"{\"bytes\":-1}\n", "\"end\":"},
        {"{\"bytes\":\"1\"}\n", "\"end\":"},
        {"what\n", "\"end\":\"this is no JSON object"},
    };

    for (size_t i = 0; i < nitems(wrong); i++) {
        int fd = follow("{}");

        say(fd, wrong[i][0]);
        hear_with(fd, wrong[i][1]);
        close(fd);
    }
}

/* A guest that takes no input stops nothing but the input, and gets it later. */
static void test_console_input_waits(void **state)
{
    static char part[60000];
    int fd = follow("{}");
    char line[32];

    f.vm.room = 10;
    memset(part, 'x', sizeof(part));
    for (int i = 0; i < 3; i++) {
        snprintf(line, sizeof(line), "{\"bytes\":%zu}\n", sizeof(part));
        say(fd, line);
        assert_int_equal(send(fd, part, sizeof(part), 0), sizeof(part));
    }
    await_given(10);
    fake_say(&f.vm, "still here", 10);
    expect_output(fd, "still here");
    pthread_mutex_lock(&f.vm.lock);
    f.vm.room = sizeof(f.vm.given);
    pthread_mutex_unlock(&f.vm.lock);
    await_given(3 * sizeof(part));
    close(fd);
}

/* A viewer that does not read is told how much it has missed, and what it got is in order. */
static void test_console_slow_viewer(void **state)
{
    static char block[8192];
    int fd = follow("{}");
    size_t said = 0, heard = 0, lost = 0, part;
    char line[64];

    for (; said < 2 << 20; said += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((said + i) * 31 >> 4);
        fake_say(&f.vm, block, sizeof(block));
    }
    while (heard + lost < said) {
        assert_true(hear(fd, line, sizeof(line)));
        if (sscanf(line, "{\"lost\":%zu}", &part) == 1) {
            lost += part;
            continue;
        }
        assert_int_equal(sscanf(line, "{\"bytes\":%zu}", &part), 1);
        for (; part; part--, heard++) {
            char byte;

            assert_int_equal(read(fd, &byte, 1), 1);
            assert_int_equal(byte, (char)((heard + lost) * 31 >> 4));
        }
    }
    assert_int_equal(heard + lost, said);
    assert_true(lost > 0);
    close(fd);
}

/* --- the client's side of streams --- */

static void test_client_streams(void **state)
{
    struct control_client *client;
    json_t *message;
    struct error err;
    size_t length;
    void *bytes;

    fake_say(&f.vm, "hello", 5);
    assert_int_equal(control_connect(&client, NAME, &err), 0);
    assert_int_equal(control_ask(client, "console", NULL, NULL, &err), 0);
    assert_int_equal(control_receive(client, -1, &message, &bytes, &length, &err), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(bytes, "hello", 5);
    json_decref(message);
    free(bytes);
    assert_int_equal(control_receive(client, 10, &message, &bytes, &length, &err), -ETIMEDOUT);
    assert_int_equal(control_send(client, "input", 5, &err), 0);
    await_given(5);
    control_close(f.control, "done");
    f.control = NULL;
    assert_int_equal(control_receive(client, -1, &message, &bytes, &length, &err), -ESHUTDOWN);
    assert_string_equal(err.text, NAME ": done");
    assert_int_equal(control_receive(client, -1, &message, &bytes, &length, &err), -ECONNRESET);
    control_disconnect(client);
    control_disconnect(NULL);
}

/* A machine whose messages come in halves, the second once `go` says so. */
static void halving_machine(int listener, int go)
{
    static const char first[] = "{\"protocol\":\"" CONTROL_PROTOCOL "\",\"version\":1}\n{\"byt",
                      rest[] = "es\":2}\nhi{\"end\":\"\\u001b]0;title\\u0007 \\u009b2J\"}\n";
    int fd = accept(listener, NULL, NULL);
    char byte;

    if (write(fd, first, sizeof(first) - 1) == sizeof(first) - 1 && read(go, &byte, 1) == 1 &&
        write(fd, rest, sizeof(rest) - 1) == sizeof(rest) - 1)
        _exit(0);
    _exit(1);
}

/* A client that waited in vain for the second half goes on where it was; and what a machine says is
 * nothing that a terminal would obey. */
static void test_client_halves(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), go[2], status;
    struct control_client *client;
    struct error err;
    json_t *message;
    struct pollfd half;
    size_t length;
    void *bytes;
    pid_t child;

    assert_int_equal(place_socket("halves", address.sun_path, sizeof(address.sun_path), NULL), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1) | pipe(go), 0);
    child = fork();
    if (child == 0)
        halving_machine(listener, go[0]);
    assert_int_equal(control_connect(&client, "halves", &err), 0);
    half = (struct pollfd){.fd = control_descriptor(client), .events = POLLIN};
    assert_int_equal(poll(&half, 1, -1), 1);
    assert_int_equal(control_receive(client, 10, &message, &bytes, &length, &err), -ETIMEDOUT);
    assert_int_equal(write(go[1], "", 1), 1);
    if (control_receive(client, -1, &message, &bytes, &length, &err))
        fail_msg("%s", err.text);
    assert_int_equal(length, 2);
    json_decref(message);
    free(bytes);
    assert_int_equal(control_receive(client, -1, &message, &bytes, &length, &err), -ESHUTDOWN);
    assert_string_equal(err.text, "halves: ?]0;title? ?"
                                  "?2J");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    control_disconnect(client);
    close(listener);
    close(go[0]);
    close(go[1]);
}

int main(int argc, char **argv)
{
#define SERVED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SERVED(test_requests),
        SERVED(test_verbs),
        SERVED(test_input),
        SERVED(test_screen),
        SERVED(test_screenshot),
        SERVED(test_long_line),
        SERVED(test_garbage),
        SERVED(test_pipelining),
        SERVED(test_nobody_blocks_others),
        SERVED(test_too_many_clients),
        SERVED(test_modes),
        SERVED(test_another_user),
        SERVED(test_names),
        SERVED(test_nothing_runs),
        SERVED(test_stop_by_force),
        SERVED(test_stop_after_a_while),
        SERVED(test_stop_without_the_client),
        SERVED(test_console),
        SERVED(test_console_input_errors),
        SERVED(test_console_input_waits),
        SERVED(test_console_slow_viewer),
        SERVED(test_client_streams),
        SERVED(test_client_halves),
    };

    if (argc == 3)
        another_user(argv[1], strcmp(argv[2], "open") == 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
