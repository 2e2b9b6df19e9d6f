/* SPDX-License-Identifier: ISC */
/*
 * Text of others on a terminal: what a guest, an image or a name may hold is not to move the
 * cursor, change the title or send what the terminal answers.
 */
#ifndef CLI_PRINTABLE_H
#define CLI_PRINTABLE_H

#include <stdbool.h>

/* Replaces what a terminal would obey by "?", in place: control characters but tabs, line feeds and
 * carriage returns, those of Unicode from U+0080 to U+009F, and bytes that are no UTF-8. */
void printable(char *text);

/* Whether there is nothing to be replaced. */
bool is_printable(const char *text);

#endif
