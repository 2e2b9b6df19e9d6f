/* SPDX-License-Identifier: ISC */
#include "cli/ask.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ask_flag *flag_find(const struct ask_usage *usage, const char *word)
{
    size_t length = strcspn(word, "=");

    for (size_t i = 0; i < usage->flag_count; i++) {
        const char *name = usage->flags[i].name;

        if (strlen(name) == length && strncmp(name, word, length) == 0)
            return &usage->flags[i];
    }
    return NULL;
}

/* "--flag VALUE" or "--flag=VALUE". Returns how many arguments that were, or -1. */
static int flag_take(struct ask_flag *flag, int argc, char **argv)
{
    const char *value = strchr(argv[0], '=');

    flag->given = "";
    if (!flag->value)
        return value ? -1 : 1;
    flag->given = value ? value + 1 : argc > 1 ? argv[1] : NULL;
    if (!flag->given || (flag->all && flag->count == flag->most))
        return -1;
    if (flag->all)
        flag->all[flag->count++] = flag->given;
    return value ? 1 : 2;
}

static int say_usage(const char *command, const struct ask_usage *usage, int *status)
{
    *status = fail(EXIT_STATUS_USAGE, "usage: atoll %s %s", command, usage->synopsis);
    return -1;
}

int ask_arguments(int argc, char **argv, const struct ask_usage *usage, const char **words,
                  int *status)
{
    bool flags_end = false;
    size_t count = 0;

    for (int i = 1; i < argc;) {
        struct ask_flag *flag = NULL;
        int used = 1;

        if (!flags_end && strcmp(argv[i], "--help") == 0) {
            printf("usage: atoll %s %s\n", argv[0], usage->synopsis);
            *status = 0;
            return -1;
        }
        if (!flags_end && *argv[i] == '-')
            flag = flag_find(usage, argv[i]);
        if (flag)
            used = flag_take(flag, argc - i, argv + i);
        else if (!flags_end && strcmp(argv[i], "--") == 0)
            flags_end = true;
        else if (!flags_end && strncmp(argv[i], "--", 2) == 0)
            used = -1;
        else if (count < usage->most)
            words[count++] = argv[i];
        else
            used = -1;
        if (used < 0)
            return say_usage(argv[0], usage, status);
        i += used;
    }
    return count < usage->least ? say_usage(argv[0], usage, status) : (int)count;
}

int ask_seconds(const struct ask_flag *flag, json_t **value)
{
    double seconds;
    char *end;

    *value = NULL;
    if (!flag->given)
        return 0;
    seconds = strtod(flag->given, &end);
    if (end == flag->given || *end || !isfinite(seconds) || seconds < 0) {
        fail(EXIT_STATUS_USAGE, "%s: \"%s\" is no number of seconds", flag->name, flag->given);
        return -EINVAL;
    }
    *value = json_real(seconds);
    return 0;
}

int ask_once(const char *name, const char *verb, json_t *arguments, json_t **answer)
{
    struct control_client *client;
    struct error err;
    int ret = control_connect(&client, name, &err);

    if (ret) {
        json_decref(arguments);
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    }
    ret = control_ask(client, verb, arguments, answer, &err);
    control_disconnect(client);
    return ret ? fail(EXIT_STATUS_FAILURE, "%s", err.text) : 0;
}

void ask_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
}
