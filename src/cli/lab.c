/* SPDX-License-Identifier: ISC */
#include "cli/lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(void *ctx, const struct config_place *place, const char *line)
{
    struct lab *lab = ctx;

    if (place->line)
        fprintf(stderr, "%s:%u:%u: %s\n", place->file, place->line, place->column, line);
    else
        fprintf(stderr, "atoll: %s\n", line);
    lab->errors++;
}

void lab_complain(struct lab *lab, const struct config_place *place, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    say(lab, place, line);
}

unsigned lab_read(struct lab *lab, const struct lab_source *source)
{
    const struct config_io io = {lab, config_read_file, say, source->macros, source->macro_count};
    struct config *c = &lab->config;

    *lab = (struct lab){.errors = 0};
    if (config_read(c, source->files, source->file_count, &io))
        return lab->errors;
    if (source->name)
        c->name = source->name;
    lab->vms = calloc(c->vm_count + 1, sizeof(*lab->vms));
    if (!lab->vms) {
        const struct config_place nowhere = {.file = source->files[0]};

        lab_complain(lab, &nowhere, "out of memory");
        return lab->errors;
    }
    for (size_t i = 0; i < c->vm_count; i++)
        lab_vm_options(lab, &c->vms[i], &lab->vms[i]);
    return lab->errors;
}

void lab_free(struct lab *lab)
{
    for (size_t i = 0; lab->vms && i < lab->config.vm_count; i++)
        options_free(&lab->vms[i]);
    free(lab->vms);
    lab->vms = NULL;
    config_release(&lab->config);
}
