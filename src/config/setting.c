/* SPDX-License-Identifier: ISC */
/* What a VM says that is an option of `atoll run`: the form of each value. */
#include <stdio.h>
#include <string.h>

#include "config/private.h"

#define CHOICES_MAX 5

enum form { FORM_TEXT, FORM_PATH, FORM_SIZE, FORM_NUMBER, FORM_CHOICE };

static const struct {
    const char *name;
    enum form form;
    uint64_t min, max;                    /* of NUMBER */
    const char *choices[CHOICES_MAX + 1]; /* NULL ends them */
} forms[] = {
    {.name = "memory", .form = FORM_SIZE},
    {.name = "cpus", .form = FORM_NUMBER, .min = 1, .max = 16},
    {.name = "cpu", .form = FORM_CHOICE, .choices = {"atoll", "apple", "host"}},
    {.name = "kernel", .form = FORM_PATH},
    {.name = "efi", .form = FORM_PATH},
    {.name = "nvram", .form = FORM_PATH},
    {.name = "initrd", .form = FORM_PATH},
    {.name = "append", .form = FORM_TEXT},
    {.name = "gpu", .form = FORM_TEXT},
    {.name = "display", .form = FORM_TEXT},
    {.name = "input", .form = FORM_CHOICE, .choices = {"usb", "virtio", "none"}},
    {.name = "keyboard", .form = FORM_TEXT},
    {.name = "tables", .form = FORM_CHOICE, .choices = {"acpi", "fdt", "both"}},
    {.name = "engine", .form = FORM_TEXT},
    {.name = "uuid", .form = FORM_TEXT},
    {.name = "quirk", .form = FORM_TEXT},
    {.name = "explain", .form = FORM_CHOICE, .choices = {"off", "brief", "full"}},
    {.name = "log", .form = FORM_CHOICE, .choices = {"error", "warn", "info", "debug"}},
    {.name = "console", .form = FORM_TEXT},
};

bool config_setting_is_list(const char *name)
{
    return strcmp(name, "quirk") == 0 || strcmp(name, "console") == 0 ||
           strcmp(name, "display") == 0;
}

static bool check_choice(struct config_parser *p, const struct config_value *v,
                         const char *const *choices, const char *name)
{
    const char *nearest;
    char list[80] = "";
    size_t count, used = 0;

    for (count = 0; choices[count]; count++) {
        if (strcmp(choices[count], v->text) == 0)
            return true;
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
                                 !count               ? ""
                                 : choices[count + 1] ? ", "
                                                      : " or ",
                                 choices[count]);
    }
    nearest = config_nearest(v->text, choices, count);
    if (nearest)
        config_report(p, &v->place, "\"%.60s\" is not possible for %s; is \"%s\" meant?", v->text,
                      name, nearest);
    else
        config_report(p, &v->place, "\"%.60s\" is not possible for %s; give %s", v->text, name,
                      list);
    return false;
}

bool config_setting_check(struct config_parser *p, const char *name, const struct config_value *v,
                          const char **value)
{
    uint64_t number;
    size_t i = 0;

    while (strcmp(forms[i].name, name) != 0) /* the grammar has no other */
        i++;
    *value = v->text;
    switch (forms[i].form) {
    case FORM_TEXT: return true;
    case FORM_PATH: return config_path(p, v) != NULL;
    case FORM_SIZE: return config_size(p, v, name, &number);
    case FORM_NUMBER: return config_number(p, v, name, forms[i].min, forms[i].max, &number);
    case FORM_CHOICE: return check_choice(p, v, forms[i].choices, name);
    }
    return false;
}
