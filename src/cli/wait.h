/* SPDX-License-Identifier: ISC */
/*
 * What `atoll wait` waits for: text on a screen, or in what a console says.
 */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include <regex.h>

#include "base/error.h"

/* A text as it is, or an extended regular expression (POSIX, regex(7)). */
struct wanted {
    const char *text;
    bool regular;
    regex_t expression;
};

/* `text` stays the caller's. Returns 0, or -EINVAL with the reason. */
int wanted_init(struct wanted *wanted, const char *text, bool regular, struct error *err);
void wanted_fini(struct wanted *wanted);

/* Where in one or more lines it is, or NULL. */
const char *wanted_find(const struct wanted *wanted, const char *lines);

/*
 * The lines that a console says, one at a time, as a terminal would show them: without the
 * sequences that set colours and move the cursor (ECMA-48), without control characters. A carriage
 * return ends no line; of a line that is longer than there is room for, the end is kept.
 */
struct console_line {
    char text[4096];
    size_t length;
    enum { LINE_TEXT, LINE_ESCAPE, LINE_SEQUENCE, LINE_STRING, LINE_STRING_END } state;
};

/* Takes output up to the end of a line, or to its own end. Returns how many bytes that were; then
 * line->text is what there is of the line, and the next call goes on or begins anew. */
size_t console_line_take(struct console_line *line, const char *bytes, size_t length, bool *ended);

#endif
