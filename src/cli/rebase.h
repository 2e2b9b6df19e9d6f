/* SPDX-License-Identifier: ISC */
/*
 * Paths in the values of options: a path in a configuration is relative to its folder, and one that
 * was typed to where it was typed.
 */
#ifndef CLI_REBASE_H
#define CLI_REBASE_H

#include <stdbool.h>

#define PATH_KEYS_MAX 3

/* Where paths are in an option's value. */
struct path_rule {
    bool whole; /* it is one, and commas are part of it */
    bool first; /* the first piece of the list is one */
    /* What stands before one at the beginning of a piece; NULL: no more. */
    const char *keys[PATH_KEYS_MAX];
};

/* The value with relative paths made into those below the folder `base`, an absolute path. Free it;
 * NULL: out of memory. */
char *rebase(const struct path_rule *rule, const char *value, const char *base);

#endif
