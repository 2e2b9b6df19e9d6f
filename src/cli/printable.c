/* SPDX-License-Identifier: ISC */
#include "cli/printable.h"

#include <stddef.h>
#include <string.h>

/* Bytes of the character at `text`, which is not at its end; 0: the first is to be replaced. */
static size_t character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t more = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : 1;

    if (c[0] < 0x80)
        return (c[0] >= ' ' && c[0] != 0x7f) || strchr("\t\n\r", c[0]) ? 1 : 0;
    if (c[0] < 0xc2 || c[0] > 0xf4 || (c[0] == 0xc2 && c[1] < 0xa0))
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return 1 + more;
}

void printable(char *text)
{
    while (*text) {
        size_t length = character(text);

        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

bool is_printable(const char *text)
{
    while (*text) {
        size_t length = character(text);

        if (length == 0)
            return false;
        text += length;
    }
    return true;
}
