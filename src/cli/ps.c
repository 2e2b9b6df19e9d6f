/* SPDX-License-Identifier: ISC */
/* `atoll ps`: the labs that are up, with their machines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/ask.h"
#include "cli/control_names.h"
#include "cli/lab_run.h"

#define ANSWER_MS 5000

/* What its keeper wrote when all of it ran. */
static json_t *read_facts(const char *lab)
{
    char path[PATH_MAX + 16];
    json_t *facts = NULL;

    if (lab_folder(lab, path, PATH_MAX, NULL) == 0) {
        snprintf(path + strlen(path), 16, "/facts");
        facts = json_load_file(path, 0, NULL);
    }
    if (facts)
        json_object_set_new(facts, "state", json_string("up"));
    else
        facts = json_pack("{s:s, s:s, s:[], s:[], s:[]}", "name", lab, "state", "starting", "vms",
                          "switches", "peers");
    return facts;
}

/* What a machine says of itself goes to what the lab says of it. */
static void add_status(const char *lab, json_t *vm)
{
    struct control_client *client;
    char name[2 * PLACE_NAME_MAX];
    json_t *answer = NULL;
    int ret;

    snprintf(name, sizeof(name), "%s.%s", lab, json_string_value(json_object_get(vm, "name")));
    json_object_set_new(vm, "machine", json_string(name));
    json_object_set_new(vm, "state", json_string("off"));
    ret = control_connect(&client, name, NULL);
    if (ret)
        return;
    control_patience(client, ANSWER_MS);
    if (control_ask(client, "status", NULL, &answer, NULL) == 0) {
        static const char *const taken[] = {"state",  "pid",    "engine", "cpus",
                                            "memory", "uptime", "log"};

        for (size_t i = 0; i < nitems(taken); i++)
            json_object_set(vm, taken[i], json_object_get(answer, taken[i]));
        json_decref(answer);
    }
    control_disconnect(client);
}

static void print_wires(json_t *on)
{
    json_t *wire;
    size_t i;

    json_array_foreach(on, i, wire) printf("%s%s", i ? "," : "  ", json_string_value(wire));
    putchar('\n');
}

static void print_lab(json_t *facts)
{
    const char *lab = json_string_value(json_object_get(facts, "name"));
    json_t *one;
    size_t i;

    if (strcmp(json_string_value(json_object_get(facts, "state")), "up") != 0)
        printf("%-28s starting\n", lab);
    json_array_foreach(json_object_get(facts, "vms"), i, one)
    {
        printf("%-28s %-8s %8lld %4lld %7llu", json_string_value(json_object_get(one, "machine")),
               json_string_value(json_object_get(one, "state")),
               (long long)json_integer_value(json_object_get(one, "pid")),
               (long long)json_integer_value(json_object_get(one, "cpus")),
               (unsigned long long)json_integer_value(json_object_get(one, "memory")) / MIB);
        print_wires(json_object_get(one, "on"));
    }
    json_array_foreach(json_object_get(facts, "peers"), i, one)
        printf("%s.%-*s %-8s %8s %4s %7s  %s\n", lab, (int)MAX(1, 27 - (int)strlen(lab)),
               json_string_value(json_object_get(one, "name")), "peer", "", "", "",
               json_string_value(json_object_get(one, "on")));
    json_array_foreach(json_object_get(facts, "switches"), i, one)
        printf("%s.%-*s switch\n", lab, (int)MAX(1, 27 - (int)strlen(lab)), json_string_value(one));
}

int command_ps(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--json"}};
    const struct ask_usage usage = {"[LAB] [--json]", 0, 1, flags, nitems(flags)};
    const char *wanted = NULL;
    struct error err;
    json_t *labs, *facts, *vm;
    char **names;
    size_t i, j;
    int status;

    if (ask_arguments(argc, argv, &usage, &wanted, &status) < 0)
        return status;
    if (lab_names(&names, &err))
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    labs = json_array();
    for (i = 0; names[i]; i++) {
        facts = wanted && strcmp(wanted, names[i]) != 0 ? NULL : read_facts(names[i]);
        if (!facts)
            continue;
        json_array_foreach(json_object_get(facts, "vms"), j, vm) add_status(names[i], vm);
        json_array_append_new(labs, facts);
    }
    control_names_free(names);
    if (flags[0].given)
        ask_print_json(labs);
    else if (json_array_size(labs))
        printf("%-28s %-8s %8s %4s %7s  %s\n", "NAME", "STATE", "PROCESS", "CPUS", "MIB", "ON");
    json_array_foreach(labs, i, facts)
    {
        if (!flags[0].given)
            print_lab(facts);
    }
    status = wanted && !json_array_size(labs)
                 ? fail(EXIT_STATUS_FAILURE, "no lab called \"%s\" is up", wanted)
                 : 0;
    json_decref(labs);
    return status;
}
