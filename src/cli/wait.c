/* SPDX-License-Identifier: ISC */
/*
 * `atoll wait`: until a text is on the screen of a running machine, or a console has said it, or
 * the machine has ended; whichever comes first.
 *
 * A console's output is followed, with what it said before. The screen is asked for its text a few
 * times a second, and less often when the answer takes long, since a font may have to be found.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/units.h"
#include "cli/ask.h"
#include "cli/printable.h"
#include "cli/wait.h"
#include "host/clock.h"

#define LOOK_NS     (200 * NS_PER_MSEC) /* between two looks at the screen, at least */
#define LOOK_REST   4                   /* as many times as long as a look takes, at least */
#define LONG_NS     (24 * 3600 * NS_PER_SEC)
#define SIGN_NS     (60 * NS_PER_SEC) /* a connection that asks nothing for long is cut off */
#define PATIENCE_MS 2000              /* for an answer, at least */
#define LAST        5                 /* lines that are shown when the text has not come */

struct waiting {
    const char *name;
    struct wanted screen, console; /* text NULL: it is not waited for */
    bool end;
    /* On the host's monotonic clock; UINT64_MAX: never. */
    uint64_t deadline, next_look, next_sign;
    struct control_client *asking, *following;
    struct console_line line;
    char *shown; /* on the screen, malloc'ed; or NULL */
    bool found;
    struct error err;
};

/* From now until then, in whole milliseconds. */
static int left_ms(uint64_t until)
{
    uint64_t now = host_clock_monotonic();
    uint64_t left = until > now ? until - now : 0;

    return (int)((MIN(left, LONG_NS) + NS_PER_MSEC - 1) / NS_PER_MSEC);
}

/* Prints the line in which it was found, for a script to look at. */
static void find(struct waiting *w, const struct wanted *wanted, const char *lines)
{
    const char *at = wanted_find(wanted, lines);
    size_t length;
    char *line;

    if (!at)
        return;
    while (at > lines && at[-1] != '\n')
        at--;
    length = strcspn(at, "\n");
    while (length && at[length - 1] == ' ')
        length--;
    line = strndup(at, length);
    if (line) {
        printable(line);
        puts(line);
    }
    free(line);
    w->found = true;
}

/* --- the screen --- */

/* Rows are filled up with blanks as they are on the screen, so that "login: " is found at the end
 * of one; to a regular expression they end where their text does. */
static char *join_lines(json_t *lines, size_t columns, bool fill)
{
    size_t room = 1;
    json_t *line;
    char *text, *to;
    size_t i;

    json_array_foreach(lines, i, line) room += json_string_length(line) + columns + 1;
    text = to = malloc(room);
    if (!text)
        return NULL;
    json_array_foreach(lines, i, line)
    {
        size_t length = json_string_length(line);

        if (length)
            memcpy(to, json_string_value(line), length);
        to += length;
        if (fill && length < columns) {
            memset(to, ' ', columns - length);
            to += columns - length;
        }
        *to++ = '\n';
    }
    *to = '\0';
    return text;
}

/* A screen that is off, or shows a picture, may have text later. */
static int look(struct waiting *w)
{
    uint64_t began = host_clock_monotonic(), took;
    json_t *answer;
    int ret;

    control_patience(w->asking, MAX(left_ms(w->deadline), PATIENCE_MS));
    ret = control_ask(w->asking, "screen", NULL, &answer, &w->err);
    if (ret == 0) {
        json_int_t columns = json_integer_value(json_object_get(answer, "columns"));

        free(w->shown);
        w->shown = join_lines(json_object_get(answer, "lines"),
                              (size_t)MIN(MAX(columns, 0), ATOLL_GPU_MAX), !w->screen.regular);
        json_decref(answer);
        if (!w->shown)
            return error_set(&w->err, ENOMEM, "out of memory");
        find(w, &w->screen, w->shown);
    }
    took = host_clock_monotonic() - began;
    w->next_look = began + took + MAX(LOOK_NS, LOOK_REST * took);
    return ret == -ENODATA ? 0 : ret;
}

/* --- the console --- */

static void hear(struct waiting *w, const char *bytes, size_t length)
{
    while (length && !w->found) {
        bool ended;
        size_t taken = console_line_take(&w->line, bytes, length, &ended);

        find(w, &w->console, w->line.text);
        bytes += taken;
        length -= taken;
    }
}

/* Returns 0, also when nothing was said in time. */
static int listen_until(struct waiting *w, uint64_t until)
{
    json_t *message;
    size_t length;
    void *bytes;
    int ret = control_receive(w->following, left_ms(until), &message, &bytes, &length, &w->err);

    if (ret)
        return ret == -ETIMEDOUT ? 0 : ret;
    if (bytes && w->console.text)
        hear(w, bytes, length);
    json_decref(message);
    free(bytes);
    return 0;
}

static int give_sign(struct waiting *w)
{
    w->next_sign = host_clock_monotonic() + SIGN_NS;
    control_patience(w->following, MAX(left_ms(w->deadline), PATIENCE_MS));
    return control_ask(w->following, "version", NULL, NULL, &w->err);
}

/* --- all of it --- */

/* One connection asks for the screen; the other follows a console, if there is one, and is told of
 * the end. */
static int connect_both(struct waiting *w)
{
    int ret = w->screen.text ? control_connect(&w->asking, w->name, &w->err) : 0;

    w->next_look = w->screen.text ? 0 : UINT64_MAX;
    w->next_sign = UINT64_MAX;
    ret = ret ? ret : control_connect(&w->following, w->name, &w->err);
    ret = ret ? ret
              : control_ask(w->following, "console",
                            json_pack("{s:b}", "replay", w->console.text != NULL), NULL, &w->err);
    if (ret != -ENODEV || w->console.text)
        return ret;
    w->next_sign = 0;
    return 0;
}

static int late(struct waiting *w)
{
    const char *text = w->screen.text ? w->screen.text : w->console.text;

    if (!text)
        return error_set(&w->err, ETIMEDOUT, "%s: the machine has not ended in time", w->name);
    return error_set(&w->err, ETIMEDOUT, "%s: \"%s\" has not come in time", w->name, text);
}

/* Returns 0 when what was wanted is there, -ETIMEDOUT, or -errno with the reason. */
static int wait_for(struct waiting *w)
{
    int ret = connect_both(w);

    if (ret == -ENOENT && w->end)
        return 0; /* it ended before */
    while (ret == 0 && !w->found) {
        uint64_t now = host_clock_monotonic();

        if (now >= w->next_look)
            ret = look(w);
        else if (now >= w->deadline)
            ret = late(w);
        else if (now >= w->next_sign)
            ret = give_sign(w);
        else
            ret = listen_until(w, MIN(w->deadline, MIN(w->next_look, w->next_sign)));
    }
    return w->end && (ret == -ESHUTDOWN || ret == -ECONNRESET) ? 0 : ret;
}

/* The last lines on the screen that are not empty. */
static void print_last(const char *text)
{
    const char *lines[LAST];
    size_t count = 0, end = text ? strlen(text) : 0;

    while (end > 0 && count < LAST) {
        size_t start = end;

        while (start > 0 && text[start - 1] != '\n')
            start--;
        if (strspn(text + start, " ") < end - start)
            lines[count++] = text + start;
        end = start ? start - 1 : 0;
    }
    if (count)
        fputs("atoll: the last lines on the screen:\n", stderr);
    while (count-- > 0) {
        size_t length = strcspn(lines[count], "\n");

        while (lines[count][length - 1] == ' ')
            length--;
        fprintf(stderr, "    %.*s\n", (int)length, lines[count]);
    }
}

/* A time, from now; without one for ever. */
static int read_timeout(const struct ask_flag *flag, uint64_t *deadline)
{
    json_t *seconds;
    double limit;

    *deadline = UINT64_MAX;
    if (ask_seconds(flag, &seconds))
        return -EINVAL;
    limit = json_real_value(seconds) * (double)NS_PER_SEC;
    if (seconds && limit < (double)(UINT64_MAX / 4))
        *deadline = host_clock_monotonic() + (uint64_t)limit;
    json_decref(seconds);
    return 0;
}

static int read_wanted(struct wanted *wanted, const struct ask_flag *flag, bool regular)
{
    struct error err;

    if (!flag->given || wanted_init(wanted, flag->given, regular, &err) == 0)
        return 0;
    fail(EXIT_STATUS_USAGE, "%s: %s", flag->name, err.text);
    return -EINVAL;
}

static int wait_status(struct waiting *w, int ret)
{
    int status = ret == 0            ? (fflush(stdout) ? EXIT_STATUS_FAILURE : 0)
                 : ret == -ETIMEDOUT ? EXIT_STATUS_TIMEOUT
                                     : EXIT_STATUS_FAILURE;

    if (ret)
        fail(status, "%s", w->err.text);
    if (ret == -ETIMEDOUT)
        print_last(w->shown);
    return status;
}

int command_wait(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--screen", .value = true},
                               {.name = "--console", .value = true},
                               {.name = "--end"},
                               {.name = "--regex"},
                               {.name = "--timeout", .value = true}};
    const struct ask_usage usage = {
        "NAME [--screen TEXT] [--console TEXT] [--end] [--regex] [--timeout SECONDS]", 1, 1, flags,
        nitems(flags)};
    static struct waiting w;
    int status;

    if (ask_arguments(argc, argv, &usage, &w.name, &status) < 0)
        return status;
    w.end = flags[2].given != NULL;
    if (!flags[0].given && !flags[1].given && !w.end)
        return fail(EXIT_STATUS_USAGE, "wait: for what? --screen TEXT, --console TEXT or --end");
    if (read_wanted(&w.screen, &flags[0], flags[3].given != NULL) ||
        read_wanted(&w.console, &flags[1], flags[3].given != NULL) ||
        read_timeout(&flags[4], &w.deadline))
        return EXIT_STATUS_USAGE;
    status = wait_status(&w, wait_for(&w));
    control_disconnect(w.asking);
    control_disconnect(w.following);
    wanted_fini(&w.screen);
    wanted_fini(&w.console);
    free(w.shown);
    return status;
}
