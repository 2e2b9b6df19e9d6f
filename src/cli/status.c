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
#include "host/clock.h"

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

static double number_of(json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

static void print_ratio(double number, double by)
{
    if (by > 0)
        printf(" %12.2f", number / by);
    else
        printf(" %12s", "-");
}

/* What exits are held against: the time, and the requests of all devices. */
struct base {
    double seconds, requests;
};

static struct base base_of(json_t *answer)
{
    struct base base = {.seconds = number_of(answer, "seconds")};
    json_t *device;
    size_t i;

    json_array_foreach(json_object_get(answer, "devices"), i, device) base.requests +=
        number_of(device, "requests");
    return base;
}

static void print_times(const char *name, double times, const struct base *base)
{
    printf("  %-22s %12.0f", name, times);
    print_ratio(times, base->seconds);
    print_ratio(times, base->requests);
    putchar('\n');
}

/* A row a reason that there was. */
static void print_reasons(const char *title, json_t *reasons, const struct base *base)
{
    const char *reason;
    json_t *times;

    printf("%-24s %12s %12s %12s\n", title, "", "per second", "per I/O");
    json_object_foreach(reasons, reason, times)
    {
        if (json_integer_value(times))
            print_times(reason, json_number_value(times), base);
    }
}

static void print_exits(json_t *answer)
{
    const struct base base = base_of(answer);
    json_t *kernel = json_object_get(answer, "kernel");

    print_reasons("exits", json_object_get(answer, "reasons"), &base);
    print_times("in all", number_of(answer, "exits"), &base);
    if (json_is_object(kernel))
        print_reasons("exits to the kernel", kernel, &base);
}

/* A row a device that did something. */
static void print_devices(json_t *devices)
{
    static const char *const events[] = {"notifications", "interrupts"};
    bool head = false;
    json_t *device;
    size_t i;

    json_array_foreach(devices, i, device)
    {
        double requests = number_of(device, "requests");

        if (requests == 0 && number_of(device, "notifications") == 0)
            continue;
        if (!head)
            printf("%-24s %12s %25s %25s\n", "devices", "requests", "notifications, per I/O",
                   "interrupts, per I/O");
        head = true;
        printf("  %-22s %12.0f", json_string_value(json_object_get(device, "name")), requests);
        for (size_t n = 0; n < nitems(events); n++) {
            printf(" %12.0f", number_of(device, events[n]));
            print_ratio(number_of(device, events[n]), requests);
        }
        if (number_of(device, "dropped") > 0)
            printf("  %.0f frames lost", number_of(device, "dropped"));
        putchar('\n');
    }
}

static void print_stats(json_t *answer)
{
    json_t *translator = json_object_get(answer, "translator");

    printf("%-24s %s\n", "engine", json_string_value(json_object_get(answer, "engine")));
    print_number("guest instructions", answer, "instructions", 1);
    print_number("resident memory, KiB", answer, "resident", KIB);
    print_number("translated regions", translator, "regions", 1);
    print_number("translated instructions", translator, "instructions", 1);
    print_number("translations, KiB", translator, "bytes", KIB);
    print_number("translations' limit, KiB", translator, "limit", KIB);
    print_number("flushes", translator, "flushes", 1);
    print_number("misses", translator, "misses", 1);
    print_exits(answer);
    print_devices(json_object_get(answer, "devices"));
}

/* Members that say how much there is now, not how much there was so far. */
static bool is_level(const char *name)
{
    return strcmp(name, "resident") == 0 || strcmp(name, "bytes") == 0 ||
           strcmp(name, "limit") == 0;
}

/* What happened between two answers, in the later one. */
static void subtract(json_t *later, json_t *earlier)
{
    const char *name;
    json_t *value, *before;
    size_t i;

    json_array_foreach(later, i, value) subtract(value, json_array_get(earlier, i));
    json_object_foreach(later, name, value)
    {
        before = json_object_get(earlier, name);
        if (json_is_integer(value) && !is_level(name))
            json_integer_set(value, json_integer_value(value) - json_integer_value(before));
        else if (json_is_real(value))
            json_real_set(value, json_real_value(value) - json_real_value(before));
        else
            subtract(value, before);
    }
}

/* Asks twice, `seconds` apart, and answers with what happened between. */
static int ask_over(const char *name, const char *verb, double seconds, json_t **answer)
{
    json_t *earlier;
    int status = ask_once(name, verb, NULL, &earlier);

    if (status)
        return status;
    host_sleep((uint64_t)(seconds * NS_PER_SEC));
    status = ask_once(name, verb, NULL, answer);
    if (status == 0)
        subtract(*answer, earlier);
    json_decref(earlier);
    return status;
}

static void show(json_t *answer, bool json, void (*print)(json_t *answer))
{
    json_object_del(answer, "id");
    json_object_del(answer, "ok");
    if (json)
        ask_print_json(answer);
    else
        print(answer);
    json_decref(answer);
}

int command_status(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--json"}};
    const struct ask_usage usage = {"NAME [--json]", 1, 1, flags, nitems(flags)};
    const char *name;
    json_t *answer;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    status = ask_once(name, argv[0], NULL, &answer);
    if (status == 0)
        show(answer, flags[0].given, print_status);
    return status;
}

int command_stats(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--json"}, {.name = "--interval", .value = true}};
    const struct ask_usage usage = {"NAME [--interval SECONDS] [--json]", 1, 1, flags,
                                    nitems(flags)};
    json_t *interval, *answer;
    const char *name;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    if (ask_seconds(&flags[1], &interval) < 0)
        return EXIT_STATUS_USAGE;
    status = interval ? ask_over(name, argv[0], json_number_value(interval), &answer)
                      : ask_once(name, argv[0], NULL, &answer);
    json_decref(interval);
    if (status == 0)
        show(answer, flags[0].given, print_stats);
    return status;
}
