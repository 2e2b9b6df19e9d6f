/* SPDX-License-Identifier: ISC */
/*
 * The configuration of a machine's folder (atoll.conf(5)): the options of `atoll run` without
 * dashes, one a line.
 */
#ifndef CLI_CONF_H
#define CLI_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/options.h"

#define CONF_FILE    "vm.conf"
#define CONF_MAX     (64u << 10) /* bytes */
#define CONF_VERSION 1

/* Adds what `text` says, `length` bytes and a NUL, which it changes and which live as long as the
 * options. `path` is for messages, which begin with it and a line's number; relative paths are
 * below `base`. Returns 0 or -EINVAL. */
int conf_parse(struct options *options, char *text, size_t length, const char *path,
               const char *base, struct error *err);

/* Likewise what the file CONF_FILE says of the open folder `folder`, called `base`. Returns 0 or
 * -errno (-ENOENT: there is none). */
int conf_read(struct options *options, int folder, const char *base, struct error *err);

/* Whether a value can be written: it has no control characters, which no line can hold. */
bool conf_writable(const char *value);

/* Writes one statement; `value` NULL: a flag. */
void conf_write(FILE *to, const char *name, const char *value);

#endif
