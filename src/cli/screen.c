/* SPDX-License-Identifier: ISC */
/*
 * `atoll screen`: the text of the console that is drawn on a running machine's screen.
 */
#include <stdio.h>

#include "base/bits.h"
#include "cli/ask.h"

static void print_lines(json_t *lines)
{
    size_t count = json_array_size(lines);

    while (count > 0 && json_string_length(json_array_get(lines, count - 1)) == 0)
        count--;
    for (size_t i = 0; i < count; i++)
        puts(json_string_value(json_array_get(lines, i)));
}

/* Row by row, each on a line of its own, for people who look at it as well. */
static void print_json(json_t *answer)
{
    const int flags = JSON_COMPACT | JSON_ENCODE_ANY;
    const char *name, *comma = "";
    json_t *value, *row;
    size_t i;

    putchar('{');
    json_object_foreach(answer, name, value)
    {
        printf("%s\n  \"%s\": ", comma, name);
        comma = ",";
        if (!json_is_array(value)) {
            json_dumpf(value, stdout, flags);
            continue;
        }
        putchar('[');
        json_array_foreach(value, i, row)
        {
            fputs(i ? ",\n    " : "\n    ", stdout);
            json_dumpf(row, stdout, flags);
        }
        fputs("\n  ]", stdout);
    }
    puts("\n}");
}

int command_screen(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--json"}};
    const struct ask_usage usage = {"NAME [--json]", 1, 1, flags, nitems(flags)};
    json_t *answer;
    const char *name;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    status =
        ask_once(name, "screen", flags[0].given ? json_pack("{sb}", "colours", 1) : NULL, &answer);
    if (status)
        return status;
    json_object_del(answer, "id");
    json_object_del(answer, "ok");
    if (flags[0].given)
        print_json(answer);
    else
        print_lines(json_object_get(answer, "lines"));
    json_decref(answer);
    return 0;
}
