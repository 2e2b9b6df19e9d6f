/* SPDX-License-Identifier: ISC */
/*
 * The steps of a lab's tests. A step that looks for text on a console begins where the last one
 * found its own, as expect(1) does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/lab_bench.h"
#include "cli/lab_links.h"
#include "host/clock.h"

#define WAIT_NS  (60 * NS_PER_SEC)
#define SHELL_NS (30 * NS_PER_SEC)
#define READY_NS (120 * NS_PER_SEC) /* for a shell to answer at first */
#define SEE_NS   (3 * NS_PER_SEC)
#define ASK_NS   (2 * NS_PER_SEC) /* between two questions whether there is a shell */
#define LOOK_NS  (300 * NS_PER_MSEC)
#define TURN_NS  (100 * NS_PER_MSEC)
#define ECHO_NS  (500 * NS_PER_MSEC)
#define QUIET_NS (10 * NS_PER_MSEC)
#define PART     32 /* bytes that are typed at a time */

static uint64_t deadline_of(const struct config_step *s, uint64_t otherwise)
{
    return host_clock_monotonic() + (s->timeout_ns ? s->timeout_ns : otherwise);
}

/* A turn that may pass the deadline, but not the end of everything. */
static bool turn(struct bench *bench, uint64_t deadline)
{
    bench_turn(bench, deadline);
    return !*bench->why;
}

/* Waits until the guest has shown something since it had said `heard` bytes, and says no more: an
 * editor of lines shows a line again for each byte that it takes. */
static bool await_echo(struct bench *bench, struct bench_console *c, uint64_t heard)
{
    uint64_t deadline = host_clock_monotonic() + ECHO_NS, last, now;

    do {
        last = c->heard;
        now = host_clock_monotonic();
        if (!turn(bench, MIN(deadline, now + QUIET_NS)))
            return false;
    } while ((c->heard == heard || c->heard != last) && now < deadline);
    return true;
}

/* No faster than the guest takes it: a terminal's driver drops what it has no room for (OpenBSD's
 * pluart has 128 bytes), and shows by its echo what it has taken. */
static bool type_text(struct bench *bench, struct bench_console *c, const char *vm,
                      const char *text)
{
    size_t left = strlen(text);
    struct error err;

    while (left) {
        size_t part = MIN(left, (size_t)PART);
        uint64_t heard = c->heard;

        if (!c->following)
            return bench_fail(bench, "%s: %s", vm,
                              c->ended ? "the machine has ended" : "it has no console");
        if (control_send(c->following, text, part, &err))
            return bench_fail(bench, "%s", err.text);
        text += part;
        left -= part;
        if (left && !await_echo(bench, c, heard))
            return false;
    }
    return true;
}

/* --- wait --- */

/* Waits for text in what has not been looked at; what follows it is looked at next. */
static bool await_text(struct bench *bench, struct bench_console *c, const struct wanted *wanted,
                       uint64_t deadline)
{
    for (;;) {
        const char *at = wanted_find(wanted, c->text + c->from);

        if (at) {
            c->from = (size_t)(at - c->text) +
                      (wanted->regular ? strcspn(at, "\n") : strlen(wanted->text));
            return true;
        }
        if (c->ended || host_clock_monotonic() >= deadline || !turn(bench, deadline))
            return false;
    }
}

static bool wait_console(struct bench *bench, const struct config_step *s,
                         const struct wanted *wanted)
{
    struct bench_console *c = bench_console(bench, s->who);

    if (await_text(bench, c, wanted, deadline_of(s, WAIT_NS)))
        return true;
    if (!*bench->why)
        bench_fail(bench, "%s: \"%s\" has not come on the console%s", s->who, s->text,
                   c->ended ? ", and the machine has ended" : "");
    bench_add_console(bench, c);
    return false;
}

/* A connection of its own for each question: one that is idle for long would be cut off. */
static struct control_client *connect_machine(struct bench *bench, const char *vm)
{
    size_t index = (size_t)(config_vm_find(bench->config, vm) - bench->config->vms);
    struct control_client *client;
    struct error err;

    if (control_connect(&client, bench->run->machines[index].name, &err) == 0)
        return client;
    bench_fail(bench, "%s", err.text);
    return NULL;
}

/* The screen's text without the empty rows below it, malloc'ed; NULL: it shows none now. */
static char *read_screen(struct control_client *client)
{
    json_t *answer = NULL, *line;
    size_t room = 1, i;
    char *text, *to;

    if (control_ask(client, "screen", NULL, &answer, NULL))
        return NULL;
    json_array_foreach(json_object_get(answer, "lines"), i, line) room +=
        json_string_length(line) + 2;
    text = to = malloc(room);
    json_array_foreach(json_object_get(answer, "lines"), i, line)
    {
        if (text)
            to += snprintf(to, room - (size_t)(to - text), "%s\n", json_string_value(line));
    }
    json_decref(answer);
    while (text && to - text > 1 && to[-1] == '\n' && to[-2] == '\n')
        *--to = '\0';
    return text;
}

static bool wait_screen(struct bench *bench, const struct config_step *s,
                        const struct wanted *wanted)
{
    uint64_t deadline = deadline_of(s, WAIT_NS);
    struct bench_console *c = bench_console(bench, s->who);
    struct control_client *client = connect_machine(bench, s->who);
    char *text = NULL;
    bool found;

    if (!client)
        return false;
    do {
        char *now = read_screen(client);

        if (now) {
            free(text);
            text = now;
        }
        found = text && wanted_find(wanted, text);
    } while (!found && host_clock_monotonic() < deadline &&
             turn(bench, host_clock_monotonic() + LOOK_NS) && !c->ended);
    control_disconnect(client);
    if (!found && !*bench->why)
        bench_fail(bench, "%s: \"%s\" has not come on the screen, which shows:\n%.4000s", s->who,
                   s->text, text ? text : "(no text)");
    free(text);
    return found;
}

static bool step_wait(struct bench *bench, const struct config_step *s)
{
    struct wanted wanted;
    struct error err;
    bool right;

    if (wanted_init(&wanted, s->text, s->regular, &err))
        return bench_fail(bench, "%s", err.text);
    right = s->screen ? wait_screen(bench, s, &wanted) : wait_console(bench, s, &wanted);
    wanted_fini(&wanted);
    return right;
}

/* --- type and key --- */

static bool ask(struct bench *bench, const struct config_step *s, const char *verb,
                json_t *arguments)
{
    struct control_client *client = connect_machine(bench, s->who);
    struct error err;
    int ret;

    if (!client) {
        json_decref(arguments);
        return false;
    }
    ret = control_ask(client, verb, arguments, NULL, &err);
    control_disconnect(client);
    return ret == 0 || bench_fail(bench, "%s", err.text);
}

/* For a guest's driver to take what is typed; it may only just be about to look. */
static double seconds_of(const struct config_step *s)
{
    return (double)(s->timeout_ns ? s->timeout_ns : WAIT_NS) / NS_PER_SEC;
}

static bool step_type(struct bench *bench, const struct config_step *s)
{
    struct bench_console *c = bench_console(bench, s->who);

    if (s->screen)
        return ask(bench, s, "type",
                   json_pack("{s:s, s:f}", "text", s->text, "timeout", seconds_of(s)));
    return type_text(bench, c, s->who, s->text);
}

/* --- shell --- */

/* The shell puts the pieces of a mark together, so that the echo of what was typed has none. */
static void mark_name(const struct bench_console *c, char letter, char *mark, size_t room)
{
    snprintf(mark, room, "@@%c%u:", letter, c->marks);
}

/* Whether a shell reads what is typed; it may only just be about to. */
static bool find_shell(struct bench *bench, struct bench_console *c, const struct config_step *s)
{
    uint64_t deadline = host_clock_monotonic() + READY_NS;
    const char *prompt = config_vm_find(bench->config, s->who)->shell;
    struct wanted wanted = {.text = prompt};
    char mark[24], text[64];

    if (prompt && !c->has_shell && !c->broken_off && !await_text(bench, c, &wanted, deadline))
        return false;
    c->marks++;
    mark_name(c, 'R', mark, sizeof(mark));
    snprintf(text, sizeof(text), "echo @@\"R\"%u:\n", c->marks);
    wanted.text = mark;
    while (!c->has_shell && host_clock_monotonic() < deadline && !c->ended) {
        if (!type_text(bench, c, s->who, text))
            return false;
        c->has_shell = await_text(bench, c, &wanted, host_clock_monotonic() + ASK_NS);
        if (*bench->why)
            return false;
    }
    return c->has_shell;
}

/* What the shell wants between the command and another. */
static const char *separator_after(const char *command)
{
    size_t length = strlen(command);

    while (length && strchr(" \t", command[length - 1]))
        length--;
    return length && strchr("&;\n", command[length - 1]) ? "" : ";";
}

/* Runs the command. Its output goes to *output, malloc'ed, and its status to *status. */
static bool run_command(struct bench *bench, struct bench_console *c, const struct config_step *s,
                        char **output, int *status)
{
    uint64_t deadline = deadline_of(s, SHELL_NS);
    char begin[24], end[24], *line;
    struct wanted wanted = {.text = begin};
    size_t from, room = strlen(s->command) + 64;

    c->marks++;
    mark_name(c, 'B', begin, sizeof(begin));
    mark_name(c, 'E', end, sizeof(end));
    line = malloc(room);
    if (!line)
        return bench_fail(bench, "out of memory");
    snprintf(line, room, "echo @@\"B\"%u:; %s%s echo @@\"E\"%u:$?\n", c->marks, s->command,
             separator_after(s->command), c->marks);
    c->from = c->length;
    if (!type_text(bench, c, s->who, line) || !await_text(bench, c, &wanted, deadline)) {
        free(line);
        return false;
    }
    free(line);
    from = c->from + strspn(c->text + c->from, "\n");
    wanted.text = end;
    if (!await_text(bench, c, &wanted, deadline))
        return false;
    while (!strchr(c->text + c->from, '\n') && host_clock_monotonic() < deadline)
        if (!turn(bench, host_clock_monotonic() + TURN_NS))
            return false;
    *status = atoi(c->text + c->from);
    *output = strndup(c->text + from, c->from - strlen(end) - from);
    return *output != NULL;
}

static bool judge_command(struct bench *bench, const struct config_step *s, const char *output,
                          int status)
{
    int expected = s->has_status ? s->status : 0;
    struct wanted wanted;
    struct error err;
    bool found;

    if (s->text && wanted_init(&wanted, s->text, s->regular, &err))
        return bench_fail(bench, "%s", err.text);
    found = s->text && wanted_find(&wanted, output);
    if (s->text)
        wanted_fini(&wanted);
    if (s->text && found == s->negated)
        return bench_fail(bench, "%s: the output of \"%s\" %s \"%s\":\n%.4000s", s->who, s->command,
                          found ? "has" : "does not have", s->text, output);
    if ((s->has_status || !s->text) && status != expected)
        return bench_fail(bench, "%s: \"%s\" ended with %d instead of %d:\n%.4000s", s->who,
                          s->command, status, expected, output);
    return true;
}

/* Ctrl-C: the next step may find a shell again. */
static void break_off(struct bench_console *c)
{
    if (c->following)
        control_send(c->following, "\003\n", 2, NULL);
    c->has_shell = false;
    c->broken_off = true;
}

static bool step_shell(struct bench *bench, const struct config_step *s)
{
    struct bench_console *c = bench_console(bench, s->who);
    char *output = NULL;
    int status = 0;
    bool right;

    if (!find_shell(bench, c, s)) {
        if (!*bench->why)
            bench_fail(bench, "%s: no shell answers on the console%s", s->who,
                       c->ended ? ": the machine has ended" : "");
        bench_add_console(bench, c);
        return false;
    }
    if (!run_command(bench, c, s, &output, &status)) {
        if (!*bench->why)
            bench_fail(bench, "%s: \"%s\" has not ended in time", s->who, s->command);
        bench_add_console(bench, c);
        break_off(c);
        return false;
    }
    right = judge_command(bench, s, output, status);
    free(output);
    return right;
}

/* --- wires --- */

static bool step_frame(struct bench *bench, const struct config_step *s)
{
    size_t index = (size_t)(config_peer_find(bench->config, s->who) - bench->config->peers);
    struct peer_message m = {.kind = PEER_FRAME, .length = (uint32_t)s->length};
    struct error err;

    if (s->length > sizeof(m.data))
        return bench_fail(bench, "a frame of %zu bytes is too long; %zu are possible", s->length,
                          sizeof(m.data));
    memcpy(m.data, s->bytes, s->length);
    return peer_tell(lab_wires_peer(bench->run->wires, index), &m, &err) == 0 ||
           bench_fail(bench, "%s: %s", s->who, err.text);
}

static bool step_see(struct bench *bench, const struct config_test *test,
                     const struct config_step *s)
{
    uint64_t deadline = deadline_of(s, SEE_NS);
    size_t count;

    do
        count = bench_capture_frames(bench, test, s);
    while (!count && host_clock_monotonic() < deadline &&
           turn(bench, MIN(deadline, host_clock_monotonic() + TURN_NS)));
    if (*bench->why)
        return false;
    if (s->negated && count)
        return bench_fail(bench, "%zu frame%s of \"%s\" on %s, where none was to be", count,
                          count > 1 ? "s" : "", s->text, s->who);
    return s->negated || count ||
           bench_fail(bench, "no frame of \"%s\" on %s since the test began", s->text, s->who);
}

static bool step_link(struct bench *bench, const struct config_step *s)
{
    struct error err;

    return lab_links_set(bench->run->wires, s, &err) == 0 || bench_fail(bench, "%s", err.text);
}

static bool step_sleep(struct bench *bench, const struct config_step *s)
{
    uint64_t deadline = deadline_of(s, 0);

    while (bench_turn(bench, deadline))
        continue;
    return !*bench->why;
}

bool bench_step(struct bench *bench, const struct config_test *test, const struct config_step *step)
{
    switch (step->kind) {
    case CONFIG_STEP_WAIT: return step_wait(bench, step);
    case CONFIG_STEP_TYPE: return step_type(bench, step);
    case CONFIG_STEP_KEY:
        return ask(bench, step, "key",
                   json_pack("{s:s, s:f}", "keys", step->text, "timeout", seconds_of(step)));
    case CONFIG_STEP_SHELL: return step_shell(bench, step);
    case CONFIG_STEP_CONNECT:
    case CONFIG_STEP_SEND:
    case CONFIG_STEP_PING: return bench_probe(bench, step);
    case CONFIG_STEP_FRAME: return step_frame(bench, step);
    case CONFIG_STEP_SEE: return step_see(bench, test, step);
    case CONFIG_STEP_LINK: return step_link(bench, step);
    case CONFIG_STEP_SLEEP: return step_sleep(bench, step);
    case CONFIG_STEP_STOP: return ask(bench, step, "stop", json_pack("{s:b}", "force", 1));
    }
    return bench_fail(bench, "there is no such step");
}
