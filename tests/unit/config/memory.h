/* SPDX-License-Identifier: ISC */
/* Reading a lab from memory: files by name, and all that is reported in one text. */
#ifndef TEST_CONFIG_MEMORY_H
#define TEST_CONFIG_MEMORY_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "config/config.h"

struct memory_file {
    const char *path, *text;
};

struct memory {
    const struct memory_file *files; /* path NULL ends them */
    char errors[8192];
    size_t length;
};

static inline int memory_read(void *ctx, const char *path, char **text, size_t *length,
                              struct error *err)
{
    const struct memory *m = ctx;

    for (const struct memory_file *f = m->files; f->path; f++) {
        if (strcmp(f->path, path) != 0)
            continue;
        *length = strlen(f->text);
        *text = strdup(f->text);
        return *text ? 0 : error_set(err, ENOMEM, "out of memory");
    }
    return error_set(err, ENOENT, "cannot open \"%s\": no such file", path);
}

static inline void memory_report(void *ctx, const struct config_place *place, const char *line)
{
    struct memory *m = ctx;

    m->length += (size_t)snprintf(m->errors + m->length, sizeof(m->errors) - m->length,
                                  "%s:%u:%u: %s\n", place->file, place->line, place->column, line);
    if (m->length >= sizeof(m->errors))
        m->length = sizeof(m->errors) - 1;
}

/* Reads files[0], and what it includes; the user gives macros. */
static inline unsigned memory_config_given(struct memory *m, const struct memory_file *files,
                                           const char *const *macros, size_t count,
                                           struct config *config)
{
    const struct config_io io = {m, memory_read, memory_report, macros, count};

    *m = (struct memory){.files = files};
    return config_read(config, &files[0].path, 1, &io);
}

static inline unsigned memory_config(struct memory *m, const struct memory_file *files,
                                     struct config *config)
{
    return memory_config_given(m, files, NULL, 0, config);
}

#endif
