/* SPDX-License-Identifier: ISC */
/*
 * `atoll status` and `atoll stats`: what a running machine says of itself, for a reader or (--json)
 * a program.
 */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/units.h"
#include "cli/ask.h"

static void print_uptime(json_t *value)
{
    unsigned long s = (unsigned long)json_integer_value(value);

    printf("%-10s ", "uptime");
    if (s >= 86400)
        printf("%lu d ", s / 86400);
    printf("%02lu:%02lu:%02lu\n", s / 3600 % 24, s / 60 % 60, s % 60);
}

/* Each member of an array of objects: its kind, and where it is. */
static void print_places(const char *name, json_t *array, const char *const *members)
{
    json_t *one;
    size_t i;

    json_array_foreach(array, i, one)
    {
        printf("%-7s %-2zu ", name, i);
        for (const char *const *member = members; *member; member++) {
            const char *text = json_string_value(json_object_get(one, *member));

            if (text)
                printf("%s%s", member == members ? "" : " ", text);
        }
        putchar('\n');
    }
}

static void print_text(json_t *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(answer, name));

    if (text)
        printf("%-10s %s\n", name, text);
}

static void print_status(json_t *answer)
{
    static const char *const console[] = {"kind", "port", "path", NULL}, *const display[] = {
                                                                             "kind", "address",
                                                                             NULL};
    uint64_t memory = (uint64_t)json_integer_value(json_object_get(answer, "memory"));

    print_text(answer, "name");
    print_text(answer, "state");
    printf("%-10s %lld\n", "process",
           (long long)json_integer_value(json_object_get(answer, "pid")));
    print_uptime(json_object_get(answer, "uptime"));
    print_text(answer, "engine");
    printf("%-10s %lld%s\n", "cpus", (long long)json_integer_value(json_object_get(answer, "cpus")),
           json_is_true(json_object_get(answer, "strict")) ? ", strictly Apple's" : "");
    printf("%-10s %llu MiB\n", "memory", (unsigned long long)(memory / MIB));
    print_places("console", json_object_get(answer, "consoles"), console);
    print_places("display", json_object_get(answer, "displays"), display);
    print_text(answer, "folder");
    print_text(answer, "log");
}

static void print_number(const char *name, json_t *object, const char *member, unsigned unit)
{
    json_t *value = json_object_get(object, member);

    if (json_is_integer(value))
        printf("%-24s %lld\n", name, (long long)json_integer_value(value) / unit);
}

static void print_stats(json_t *answer)
{
    json_t *translator = json_object_get(answer, "translator");

    print_number("guest instructions", answer, "instructions", 1);
    print_number("exits", answer, "exits", 1);
    print_number("resident memory, KiB", answer, "resident", KIB);
    print_number("translated regions", translator, "regions", 1);
    print_number("translated instructions", translator, "instructions", 1);
    print_number("translations, KiB", translator, "bytes", KIB);
    print_number("translations' limit, KiB", translator, "limit", KIB);
    print_number("flushes", translator, "flushes", 1);
    print_number("misses", translator, "misses", 1);
}

static int ask_and_print(int argc, char **argv, void (*print)(json_t *answer))
{
    struct ask_flag flags[] = {{.name = "--json"}};
    const struct ask_usage usage = {"NAME [--json]", 1, 1, flags, nitems(flags)};
    const char *name;
    json_t *answer;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    status = ask_once(name, argv[0], NULL, &answer);
    if (status)
        return status;
    json_object_del(answer, "id");
    json_object_del(answer, "ok");
    if (flags[0].given)
        ask_print_json(answer);
    else
        print(answer);
    json_decref(answer);
    return 0;
}

int command_status(int argc, char **argv)
{
    return ask_and_print(argc, argv, print_status);
}

int command_stats(int argc, char **argv)
{
    return ask_and_print(argc, argv, print_stats);
}
