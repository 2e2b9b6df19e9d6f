/* SPDX-License-Identifier: ISC */
/*
 * What clients of the control socket may ask, one function a verb (atoll-control(7), VERBS). Each
 * runs on its client's thread, and may block; arguments have been checked against the verb's table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/control_server.h"
#include "host/clock.h"

#define TIMEOUT_S     10 /* of verbs that give input */
#define TIMEOUT_MAX_S 600
#define STOP_MAX_S    86400
#define QUIT_AGAIN_MS 100 /* a machine that is about to start does not hear it yet */

/* One request on its way to its answer. */
struct call {
    struct control *control;
    json_t *arguments;
    struct control_answer *answer;
    struct error *err;
};

struct verb {
    const char *name;
    const struct control_argument *arguments;
    int (*run)(struct call *call);
};

static const struct verb *verb_at(size_t index);

/* --- arguments and members --- */

static json_t *argument(const struct call *call, const char *name)
{
    return json_object_get(call->arguments, name);
}

static int64_t argument_integer(const struct call *call, const char *name, int64_t otherwise)
{
    json_t *value = argument(call, name);

    return value ? json_integer_value(value) : otherwise;
}

/* A time in milliseconds. */
static unsigned argument_ms(const struct call *call, const char *name, unsigned otherwise_s)
{
    json_t *value = argument(call, name);

    return (unsigned)((value ? json_number_value(value) : otherwise_s) * 1000);
}

/* `value` is stolen. */
static void member(struct call *call, const char *name, json_t *value)
{
    json_object_set_new(call->answer->members, name, value);
}

static struct atoll_error *error_of(struct call *call)
{
    _Static_assert(sizeof(struct atoll_error) == sizeof(struct error), "one error, two names");
    return (struct atoll_error *)call->err;
}

/* --- what there is --- */

static int run_version(struct call *call)
{
    json_t *verbs = json_array();

    for (size_t i = 0; verb_at(i); i++)
        json_array_append_new(verbs, json_string(verb_at(i)->name));
    member(call, "protocol", json_string(CONTROL_PROTOCOL));
    member(call, "version", json_integer(CONTROL_VERSION));
    member(call, "atoll", json_string(ATOLL_VERSION));
    member(call, "name", control_text(call->control->facts.name));
    member(call, "verbs", verbs);
    return 0;
}

static const char *state_name(enum atoll_state state)
{
    static const char *const names[] = {[ATOLL_STATE_OFF] = "off",
                                        [ATOLL_STATE_RUNNING] = "running",
                                        [ATOLL_STATE_PAUSED] = "paused",
                                        [ATOLL_STATE_STOPPED] = "stopped"};

    return names[state];
}

static json_t *consoles(const struct atoll_config *config)
{
    static const char *const kinds[] = {
        [ATOLL_CONSOLE_NONE] = "none", [ATOLL_CONSOLE_STDIO] = "stdio",
        [ATOLL_CONSOLE_PTY] = "pty",   [ATOLL_CONSOLE_FILE] = "file",
        [ATOLL_CONSOLE_UNIX] = "unix", [ATOLL_CONSOLE_MEMORY] = "memory"};
    static const char *const ports[] = {[ATOLL_PORT_DEFAULT] = "default",
                                        [ATOLL_PORT_PL011] = "pl011",
                                        [ATOLL_PORT_VIRTIO] = "virtio"};
    json_t *all = json_array();

    for (size_t i = 0; i < config->console_count; i++) {
        const struct atoll_console *console = &config->consoles[i];
        json_t *one =
            json_pack("{s:s, s:s}", "kind", kinds[console->kind], "port", ports[console->port]);

        if (console->path)
            json_object_set_new(one, "path", control_text(console->path));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *displays(struct atoll *vm, const struct atoll_config *config)
{
    static const char *const kinds[] = {[ATOLL_DISPLAY_NONE] = "none",
                                        [ATOLL_DISPLAY_VNC] = "vnc",
                                        [ATOLL_DISPLAY_WEB] = "web",
                                        [ATOLL_DISPLAY_WINDOW] = "window"};
    json_t *all = json_array();
    char address[512];

    for (size_t i = 0; i < config->display_count; i++) {
        json_t *one = json_pack("{s:s}", "kind", kinds[config->displays[i].kind]);

        if (atoll_display_address(vm, i, address, sizeof(address)) == 0)
            json_object_set_new(one, "address", control_text(address));
        json_array_append_new(all, one);
    }
    return all;
}

static int run_status(struct call *call)
{
    const struct control *control = call->control;
    const struct atoll_config *config = control->config;
    uint64_t uptime = host_clock_monotonic() - control->since;
    struct atoll_stats stats;

    atoll_stats(control->vm, &stats);
    member(call, "name", control_text(control->facts.name));
    member(call, "pid", json_integer(getpid()));
    member(call, "state", json_string(state_name(atoll_state(control->vm))));
    member(call, "uptime", json_integer((json_int_t)(uptime / NS_PER_SEC)));
    member(call, "engine", json_string(stats.engine));
    member(call, "strict", json_boolean(config->strict));
    member(call, "cpus", json_integer(config->cpus));
    member(call, "memory", json_integer((json_int_t)config->memory));
    member(call, "consoles", consoles(config));
    member(call, "displays", displays(control->vm, config));
    member(call, "folder", control_text(control->facts.folder));
    member(call, "log", control_text(control->facts.log));
    return 0;
}

static json_t *count(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *exits_by_reason(const struct atoll_stats *stats)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < ATOLL_EXIT_REASONS; i++)
        json_object_set_new(object, atoll_exit_name(i), count(stats->exits_by[i]));
    return object;
}

static json_t *kernel_exits(const struct atoll_stats *stats)
{
    json_t *object;

    if (!stats->kernel_exits[0])
        return json_null();
    object = json_object();
    for (unsigned i = 0; i < ATOLL_KERNEL_EXITS; i++)
        json_object_set_new(object, atoll_kernel_exit_name(i), count(stats->kernel_exits[i]));
    return object;
}

static json_t *device_stats(struct atoll *vm)
{
    json_t *array = json_array();
    struct atoll_device_stats s;

    for (size_t i = 0; atoll_device_stats(vm, i, &s) == 0; i++)
        json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", s.name,
                                               "requests", count(s.requests), "notifications",
                                               count(s.notifications), "interrupts",
                                               count(s.interrupts), "dropped", count(s.dropped)));
    return array;
}

static int run_stats(struct call *call)
{
    uint64_t uptime = host_clock_monotonic() - call->control->since;
    struct atoll_stats s;
    json_t *translator = json_null();

    atoll_stats(call->control->vm, &s);
    if (s.code_limit)
        translator = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "regions", count(s.regions),
                               "instructions", count(s.translated), "bytes", count(s.code_bytes),
                               "limit", count(s.code_limit), "flushes", count(s.code_flushes),
                               "misses", count(s.code_misses));
    member(call, "engine", json_string(s.engine));
    member(call, "instructions", count(s.instructions));
    member(call, "exits", count(s.exits));
    member(call, "reasons", exits_by_reason(&s));
    member(call, "kernel", kernel_exits(&s));
    member(call, "devices", device_stats(call->control->vm));
    member(call, "seconds", json_real((double)uptime / NS_PER_SEC));
    member(call, "resident",
           s.memory_resident < 0 ? json_null() : count((uint64_t)s.memory_resident));
    member(call, "translator", translator);
    return 0;
}

/* --- the machine as a whole --- */

static const struct control_argument stop_arguments[] = {
    {.name = "force", .kind = CONTROL_BOOLEAN},
    {.name = "timeout", .kind = CONTROL_NUMBER, .max = STOP_MAX_S},
    {.name = NULL},
};

/* The plug is pulled whether or not the client is still there to hear of it. */
static int run_stop(struct call *call)
{
    struct control *control = call->control;
    bool force = json_is_true(argument(call, "force"));
    char why[CONTROL_WHY_MAX];

    if (!force)
        atoll_power_button(control->vm);
    if (!force && !argument(call, "timeout"))
        return 0;
    if (!force)
        control_ended(control, (int)argument_ms(call, "timeout", 0));
    while (!control_ended(control, 0)) {
        atoll_quit(control->vm);
        control_ended(control, QUIT_AGAIN_MS);
    }
    control_why(control, why, sizeof(why));
    member(call, "why", control_text(why));
    return 0;
}

static int run_reset(struct call *call)
{
    atoll_reset(call->control->vm);
    return 0;
}

static int run_pause(struct call *call)
{
    int ret = atoll_pause(call->control->vm);

    if (ret == -EALREADY)
        return error_set(call->err, EALREADY, "the machine is paused already");
    return ret ? error_set(call->err, -ret, "the machine does not run") : 0;
}

static int run_resume(struct call *call)
{
    int ret = atoll_resume(call->control->vm);

    return ret ? error_set(call->err, -ret, "the machine is not paused") : 0;
}

/* --- the screen --- */

static int run_screenshot(struct call *call)
{
    struct control_answer *answer = call->answer;
    int ret = atoll_picture(call->control->vm, &answer->bytes, &answer->length, error_of(call));

    if (ret)
        return ret;
    member(call, "format", json_string("png"));
    member(call, "bytes", count(answer->length));
    return 0;
}

static const struct control_argument screen_arguments[] = {
    {.name = "colours", .kind = CONTROL_BOOLEAN},
    {.name = NULL},
};

/* UTF-8 of a character, 1 to 4 bytes; what would not be shown is a space. */
static size_t utf8_put(char *to, uint32_t c)
{
    if (c < ' ' || (c >= 0x7f && c < 0xa0))
        c = ' ';
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        c = 0xfffd;
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* One row without the spaces at its end; `room` holds 4 bytes a column. */
static json_t *row_text(const struct atoll_cell *cells, unsigned columns, char *room)
{
    size_t length = 0, end = 0;

    for (unsigned i = 0; i < columns; i++) {
        size_t part = utf8_put(room + length, cells[i].character);

        length += part;
        if (room[length - 1] != ' ')
            end = length;
    }
    return json_stringn(room, end);
}

/* One row as runs of [cells, foreground, background]. */
static json_t *row_colours(const struct atoll_cell *cells, unsigned columns)
{
    json_t *runs = json_array();

    for (unsigned i = 0, first = 0; i < columns; i++) {
        const struct atoll_cell *cell = &cells[first];
        char foreground[8], background[8];

        if (i + 1 < columns && cells[i + 1].foreground == cell->foreground &&
            cells[i + 1].background == cell->background)
            continue;
        snprintf(foreground, sizeof(foreground), "#%06x", cell->foreground & 0xffffff);
        snprintf(background, sizeof(background), "#%06x", cell->background & 0xffffff);
        json_array_append_new(runs,
                              json_pack("[i, s, s]", (int)(i + 1 - first), foreground, background));
        first = i + 1;
    }
    return runs;
}

static void tell_rows(struct call *call, const struct atoll_text *text, char *room)
{
    bool coloured = json_is_true(argument(call, "colours"));
    json_t *lines = json_array(), *colours = coloured ? json_array() : NULL;

    for (unsigned row = 0; row < text->rows; row++) {
        const struct atoll_cell *cells = text->cells + (size_t)row * text->columns;

        json_array_append_new(lines, row_text(cells, text->columns, room));
        if (coloured)
            json_array_append_new(colours, row_colours(cells, text->columns));
    }
    member(call, "lines", lines);
    if (coloured)
        member(call, "colours", colours);
}

static int run_screen(struct call *call)
{
    struct atoll_text text;
    char *room;
    int ret = atoll_screen_text(call->control->vm, &text, error_of(call));

    if (ret)
        return ret;
    member(call, "columns", json_integer(text.columns));
    member(call, "rows", json_integer(text.rows));
    member(call, "cell",
           json_pack("{s:i, s:i, s:i, s:i}", "width", (int)text.cell_width, "height",
                     (int)text.cell_height, "left", (int)text.left, "top", (int)text.top));
    member(call, "cursor",
           text.cursor ? json_pack("{s:i, s:i}", "column", (int)text.cursor_column, "row",
                                   (int)text.cursor_row)
                       : json_null());
    room = malloc((size_t)text.columns * 4 + 1);
    if (room)
        tell_rows(call, &text, room);
    else
        ret = error_set(call->err, ENOMEM, "out of memory");
    free(room);
    free(text.cells);
    return ret;
}

/* --- keyboard and pointer --- */

/* A guest that does not run takes nothing. */
static int check_runs(struct call *call)
{
    enum atoll_state state = atoll_state(call->control->vm);

    if (state == ATOLL_STATE_RUNNING)
        return 0;
    return error_set(call->err, EBUSY, "the machine is %s: its guest takes no input",
                     state_name(state));
}

static uint64_t now_ms(void)
{
    return host_clock_monotonic() / NS_PER_MSEC;
}

static unsigned left_ms(uint64_t deadline_ms)
{
    uint64_t now = now_ms();

    return deadline_ms > now ? (unsigned)(deadline_ms - now) : 0;
}

static const struct control_argument type_arguments[] = {
    {.name = "text", .kind = CONTROL_STRING, .required = true},
    {.name = "timeout", .kind = CONTROL_NUMBER, .max = TIMEOUT_MAX_S},
    {.name = NULL},
};

static int run_type(struct call *call)
{
    json_t *text = argument(call, "text");
    int ret = check_runs(call);

    return ret ? ret
               : atoll_type(call->control->vm, json_string_value(text), json_string_length(text),
                            argument_ms(call, "timeout", TIMEOUT_S), error_of(call));
}

static const struct control_argument key_arguments[] = {
    {.name = "keys", .kind = CONTROL_STRINGS, .required = true},
    {.name = "timeout", .kind = CONTROL_NUMBER, .max = TIMEOUT_MAX_S},
    {.name = NULL},
};

static int run_key(struct call *call)
{
    uint64_t deadline = now_ms() + argument_ms(call, "timeout", TIMEOUT_S);
    json_t *keys = argument(call, "keys"), *chord;
    int ret = check_runs(call);
    size_t i;

    if (!ret && json_is_string(keys))
        return atoll_chord(call->control->vm, json_string_value(keys), left_ms(deadline),
                           error_of(call));
    json_array_foreach(keys, i, chord)
    {
        ret = ret ? ret
                  : atoll_chord(call->control->vm, json_string_value(chord), left_ms(deadline),
                                error_of(call));
    }
    return ret;
}

#define COORDINATE(axis)                                                                           \
    {                                                                                              \
        .name = axis, .kind = CONTROL_INTEGER, .required = true, .max = ATOLL_GPU_MAX - 1          \
    }

static int pointer(struct call *call, unsigned buttons, int wheel, uint64_t deadline)
{
    return atoll_pointer(call->control->vm, (unsigned)argument_integer(call, "x", 0),
                         (unsigned)argument_integer(call, "y", 0), buttons, wheel,
                         left_ms(deadline), error_of(call));
}

/* Adds the button of this name to *buttons. Returns 0 or -EINVAL. */
static int button_named(const char *name, unsigned *buttons, struct error *err)
{
    static const struct {
        const char *name;
        unsigned button;
    } all[] = {
        {"left", ATOLL_BUTTON_LEFT},
        {"right", ATOLL_BUTTON_RIGHT},
        {"middle", ATOLL_BUTTON_MIDDLE},
    };

    for (size_t i = 0; i < nitems(all); i++) {
        if (strcmp(all[i].name, name) == 0) {
            *buttons |= all[i].button;
            return 0;
        }
    }
    return error_set(err, EINVAL, "there is no button \"%.32s\": left, right or middle", name);
}

static const struct control_argument click_arguments[] = {
    COORDINATE("x"),
    COORDINATE("y"),
    {.name = "button", .kind = CONTROL_STRING},
    {.name = "double", .kind = CONTROL_BOOLEAN},
    {.name = "timeout", .kind = CONTROL_NUMBER, .max = TIMEOUT_MAX_S},
    {.name = NULL},
};

static int run_click(struct call *call)
{
    uint64_t deadline = now_ms() + argument_ms(call, "timeout", TIMEOUT_S);
    const char *name = json_string_value(argument(call, "button"));
    int presses = json_is_true(argument(call, "double")) ? 2 : 1;
    unsigned button = 0;
    int ret = button_named(name ? name : "left", &button, call->err);

    ret = ret ? ret : check_runs(call);
    ret = ret ? ret : pointer(call, 0, 0, deadline);
    for (int i = 0; i < presses && !ret; i++) {
        ret = pointer(call, button, 0, deadline);
        ret = ret ? ret : pointer(call, 0, 0, deadline);
    }
    return ret;
}

static const struct control_argument pointer_arguments[] = {
    COORDINATE("x"),
    COORDINATE("y"),
    {.name = "buttons", .kind = CONTROL_STRINGS},
    {.name = "wheel", .kind = CONTROL_INTEGER, .min = -127, .max = 127},
    {.name = "timeout", .kind = CONTROL_NUMBER, .max = TIMEOUT_MAX_S},
    {.name = NULL},
};

static int run_pointer(struct call *call)
{
    uint64_t deadline = now_ms() + argument_ms(call, "timeout", TIMEOUT_S);
    json_t *names = argument(call, "buttons"), *name;
    unsigned buttons = 0;
    int ret = 0;
    size_t i;

    if (json_is_string(names))
        ret = button_named(json_string_value(names), &buttons, call->err);
    json_array_foreach(names, i, name)
    {
        ret = ret ? ret : button_named(json_string_value(name), &buttons, call->err);
    }
    ret = ret ? ret : check_runs(call);
    return ret ? ret : pointer(call, buttons, (int)argument_integer(call, "wheel", 0), deadline);
}

/* --- consoles --- */

static const struct control_argument console_arguments[] = {
    {.name = "index", .kind = CONTROL_INTEGER, .max = UINT8_MAX},
    {.name = "replay", .kind = CONTROL_BOOLEAN},
    {.name = NULL},
};

static int run_console(struct call *call)
{
    size_t index = (size_t)argument_integer(call, "index", 0),
           there = call->control->config->console_count;

    if (index >= there)
        return error_set(call->err, ENODEV,
                         there ? "there is no console %zu: the machine has %zu, counted from 0"
                               : "the machine has no console",
                         index, there);
    call->answer->stream = true;
    call->answer->console = index;
    call->answer->replay = !json_is_false(argument(call, "replay"));
    member(call, "index", count(index));
    return 0;
}

/* --- the table --- */

static const struct control_argument no_arguments[] = {{.name = NULL}};

static const struct verb verbs[] = {
    {"version", no_arguments, run_version},
    {"status", no_arguments, run_status},
    {"stats", no_arguments, run_stats},
    {"stop", stop_arguments, run_stop},
    {"reset", no_arguments, run_reset},
    {"pause", no_arguments, run_pause},
    {"resume", no_arguments, run_resume},
    {"screenshot", no_arguments, run_screenshot},
    {"screen", screen_arguments, run_screen},
    {"type", type_arguments, run_type},
    {"key", key_arguments, run_key},
    {"click", click_arguments, run_click},
    {"pointer", pointer_arguments, run_pointer},
    {"console", console_arguments, run_console},
};

static const struct verb *verb_at(size_t index)
{
    return index < nitems(verbs) ? &verbs[index] : NULL;
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < nitems(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* Returns 0 or -errno; the call's answer has its id. */
static int carry_out(struct call *call, const struct control_request *request)
{
    const struct verb *verb = verb_find(request->verb);
    int ret;

    if (!verb)
        return error_set(call->err, ENOSYS, "there is no verb \"%.64s\"", request->verb);
    call->arguments = request->arguments;
    ret = control_arguments_check(verb->name, verb->arguments, request->arguments, call->err);
    if (ret)
        return ret;
    member(call, "ok", json_true());
    return verb->run(call);
}

void control_carry_out(struct control *control, const char *line, size_t length,
                       struct control_answer *answer)
{
    struct control_request request = {0};
    struct error err = {0};
    struct call call = {.control = control, .answer = answer, .err = &err};
    json_t *message = NULL;
    int ret = control_message_parse(line, length, &message, &err);

    ret = ret ? ret : control_request_read(message, &request, &err);
    answer->members = json_pack("{s:I}", "id", request.id);
    ret = ret ? ret : carry_out(&call, &request);
    if (ret) {
        json_decref(answer->members);
        answer->members = json_pack("{s:I, s:b, s:o, s:s}", "id", request.id, "ok", 0, "error",
                                    control_text(err.text), "errno", control_errno_name(-ret));
    }
    json_decref(message);
}
