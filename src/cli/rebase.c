/* SPDX-License-Identifier: ISC */
#include "cli/rebase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

#define NOWHERE SIZE_MAX

/* Up to a comma that separates: a doubled one belongs to the piece. */
static size_t piece_length(const struct path_rule *rule, const char *piece)
{
    size_t length = 0;

    if (rule->whole)
        return strlen(piece);
    while (piece[length] && (piece[length] != ',' || piece[length + 1] == ','))
        length += piece[length] == ',' ? 2 : 1;
    return length;
}

/* Where in a piece its path begins. */
static size_t path_begin(const struct path_rule *rule, const char *piece, bool first)
{
    if (rule->whole || (rule->first && first))
        return 0;
    for (size_t i = 0; i < nitems(rule->keys) && rule->keys[i]; i++) {
        size_t length = strlen(rule->keys[i]);

        if (strncmp(piece, rule->keys[i], length) == 0)
            return length;
    }
    return NOWHERE;
}

static void put_base(FILE *to, const struct path_rule *rule, const char *base)
{
    for (; *base; base++) {
        if (*base == ',' && !rule->whole)
            fputc(',', to);
        fputc(*base, to);
    }
    fputc('/', to);
}

char *rebase(const struct path_rule *rule, const char *value, const char *base)
{
    size_t size;
    char *text = NULL;
    FILE *to = open_memstream(&text, &size);
    bool first = true, written;

    if (!to)
        return NULL;
    for (;;) {
        size_t length = piece_length(rule, value), at = path_begin(rule, value, first);
        bool relative = at < length && value[at] != '/';

        fwrite(value, 1, relative ? at : length, to);
        if (relative) {
            put_base(to, rule, base);
            fwrite(value + at, 1, length - at, to);
        }
        if (!value[length])
            break;
        fputc(',', to);
        value += length + 1;
        first = false;
    }
    written = !ferror(to);
    if (fclose(to) == 0 && written)
        return text;
    free(text);
    return NULL;
}
