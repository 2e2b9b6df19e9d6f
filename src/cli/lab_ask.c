/* SPDX-License-Identifier: ISC */
#include "cli/lab_ask.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SYNOPSIS_ROOM 256

/* "FILE ... [-D MACRO=VALUE] [--name NAME] [--flag VALUE]". */
static void write_synopsis(const struct ask_flag *own, size_t count, char *to, size_t room)
{
    size_t used = (size_t)snprintf(to, room, "FILE ... [-D MACRO=VALUE] [--name NAME]");

    for (size_t i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(to + used, room - used, " [%s%s]", own[i].name,
                                 !own[i].value ? ""
                                 : own[i].all  ? " TEXT"
                                               : " PATH");
}

static bool is_macro(const char *macro)
{
    size_t length = strcspn(macro, "=");

    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)macro[i]) && macro[i] != '_')
            return false;
    return length && macro[length] == '=';
}

int lab_ask(int argc, char **argv, struct ask_flag *own, size_t count, struct lab_source *source,
            int *status)
{
    struct ask_flag flags[2 + LAB_ASK_OWN] = {
        {.name = "-D", .value = true, .all = source->macros, .most = LAB_MACROS_MAX},
        {.name = "--name", .value = true}};
    char synopsis[SYNOPSIS_ROOM];
    const struct ask_usage usage = {synopsis, 1, LAB_FILES_MAX, flags, 2 + count};
    int files;

    if (count)
        memcpy(&flags[2], own, count * sizeof(*own));
    write_synopsis(own, count, synopsis, sizeof(synopsis));
    files = ask_arguments(argc, argv, &usage, source->files, status);
    if (files < 0)
        return -1;
    if (count)
        memcpy(own, &flags[2], count * sizeof(*own));
    source->file_count = (size_t)files;
    source->macro_count = flags[0].count;
    source->name = flags[1].given;
    *status = EXIT_STATUS_USAGE;
    for (size_t i = 0; i < source->macro_count; i++)
        if (!is_macro(source->macros[i]))
            return fail(-1,
                        "-D \"%s\": a macro is given as NAME=VALUE, with letters, digits and "
                        "\"_\" in its name",
                        source->macros[i]);
    if (source->name && !config_is_name(source->name))
        return fail(-1,
                    "--name \"%.60s\": a lab's name has letters, digits, \"_\" and \"-\", at most "
                    "%d, a letter or a digit first",
                    source->name, CONFIG_NAME_MAX);
    return 0;
}
