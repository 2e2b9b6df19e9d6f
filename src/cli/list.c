/* SPDX-License-Identifier: ISC */
/*
 * `atoll list`: the user's machines, those that run and those whose folder waits.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "base/units.h"
#include "cli/ask.h"
#include "cli/control_names.h"
#include "cli/places.h"

#define ANSWER_MS 5000 /* of a machine whose process may be stopped */

/* What a machine says of itself, or that it does not. */
static json_t *ask_status(const char *name)
{
    struct control_client *client;
    json_t *answer = NULL;
    struct error err;
    int ret = control_connect(&client, name, &err);

    if (ret == -ENOENT)
        return NULL; /* it has gone meanwhile */
    if (!ret) {
        control_patience(client, ANSWER_MS);
        ret = control_ask(client, "status", NULL, &answer, &err);
        control_disconnect(client);
    }
    if (ret)
        return json_pack("{s:s, s:s, s:s}", "name", name, "state", "unknown", "error", err.text);
    json_object_del(answer, "id");
    json_object_del(answer, "ok");
    return answer;
}

static bool is_listed(json_t *list, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *listed = json_string_value(json_object_get(one, "name"));

        if (listed && strcmp(listed, name) == 0)
            return true;
    }
    return false;
}

/* Folders of machines that do not run. */
static void add_folders(json_t *list)
{
    char path[PATH_MAX], folder[PATH_MAX];
    struct dirent **entries;
    struct stat st;
    int count =
        place_folders(path, sizeof(path), NULL) ? -1 : scandir(path, &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (place_check_name(name, NULL) == 0 && !is_listed(list, name) &&
            place_folder(name, folder, sizeof(folder), NULL) == 0 && stat(folder, &st) == 0 &&
            S_ISDIR(st.st_mode))
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "name", name, "state", "off", "folder", folder));
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void print_row(json_t *one)
{
    json_t *memory = json_object_get(one, "memory"), *cpus = json_object_get(one, "cpus"),
           *pid = json_object_get(one, "pid");

    printf("%-20s %-8s", json_string_value(json_object_get(one, "name")),
           json_string_value(json_object_get(one, "state")));
    if (pid)
        printf(" %8lld %4lld %8llu", (long long)json_integer_value(pid),
               (long long)json_integer_value(cpus),
               (unsigned long long)json_integer_value(memory) / MIB);
    putchar('\n');
}

int command_list(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--json"}};
    const struct ask_usage usage = {"[--json]", 0, 0, flags, nitems(flags)};
    json_t *list, *one;
    struct error err;
    char **names;
    int status;
    size_t i;

    if (ask_arguments(argc, argv, &usage, NULL, &status) < 0)
        return status;
    if (control_names(&names, &err))
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    list = json_array();
    for (i = 0; names[i]; i++)
        if ((one = ask_status(names[i])) != NULL)
            json_array_append_new(list, one);
    control_names_free(names);
    add_folders(list);
    if (flags[0].given)
        ask_print_json(list);
    else if (json_array_size(list))
        printf("%-20s %-8s %8s %4s %8s\n", "NAME", "STATE", "PROCESS", "CPUS", "MIB");
    json_array_foreach(list, i, one)
    {
        if (!flags[0].given)
            print_row(one);
    }
    json_decref(list);
    return 0;
}
