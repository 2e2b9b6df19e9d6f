/* SPDX-License-Identifier: ISC */
#include "cli/wait.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"

int wanted_init(struct wanted *wanted, const char *text, bool regular, struct error *err)
{
    char why[128];
    int ret;

    *wanted = (struct wanted){.text = text, .regular = regular};
    if (!*text)
        return error_set(err, EINVAL, "there is no text to wait for");
    if (!regular)
        return 0;
    ret = regcomp(&wanted->expression, text, REG_EXTENDED | REG_NEWLINE);
    if (ret == 0)
        return 0;
    regerror(ret, &wanted->expression, why, sizeof(why));
    wanted->regular = false;
    return error_set(err, EINVAL, "\"%s\" is no regular expression: %s", text, why);
}

void wanted_fini(struct wanted *wanted)
{
    if (wanted->regular)
        regfree(&wanted->expression);
}

const char *wanted_find(const struct wanted *wanted, const char *lines)
{
    regmatch_t match;

    if (!wanted->regular)
        return strstr(lines, wanted->text);
    if (regexec(&wanted->expression, lines, 1, &match, 0))
        return NULL;
    return lines + match.rm_so;
}

/* --- a console's lines --- */

static void line_add(struct console_line *line, char byte)
{
    const size_t room = sizeof(line->text) - 1;

    if (line->length == room) {
        memmove(line->text, line->text + room / 2, room - room / 2);
        line->length = room - room / 2;
    }
    line->text[line->length++] = byte;
}

static void take_text(struct console_line *line, char byte)
{
    if (byte == '\033')
        line->state = LINE_ESCAPE;
    else if (byte == '\b' && line->length)
        line->length--;
    else if (byte == '\t' || (unsigned char)byte >= ' ')
        line_add(line, byte);
}

/* After ESC: a control sequence, a string that ends with BEL or ESC \, or one more byte or two. */
static void take_escape(struct console_line *line, char byte)
{
    if (byte == '[')
        line->state = LINE_SEQUENCE;
    else if (byte && strchr("]PX^_", byte))
        line->state = LINE_STRING;
    else if (byte < ' ' || byte > '/')
        line->state = LINE_TEXT;
}

static void take_byte(struct console_line *line, char byte)
{
    switch (line->state) {
    case LINE_TEXT: take_text(line, byte); break;
    case LINE_ESCAPE: take_escape(line, byte); break;
    case LINE_SEQUENCE:
        if (byte >= '@' && byte <= '~')
            line->state = LINE_TEXT;
        break;
    case LINE_STRING:
        line->state = byte == '\a' ? LINE_TEXT : byte == '\033' ? LINE_STRING_END : LINE_STRING;
        break;
    case LINE_STRING_END: line->state = LINE_TEXT; break;
    }
}

size_t console_line_take(struct console_line *line, const char *bytes, size_t length, bool *ended)
{
    size_t taken = 0;

    *ended = false;
    while (taken < length && !*ended) {
        char byte = bytes[taken++];

        *ended = byte == '\n';
        if (*ended)
            line->state = LINE_TEXT; /* whatever was begun, a new line is text */
        else
            take_byte(line, byte);
    }
    line->text[line->length] = '\0';
    if (*ended)
        line->length = 0;
    return taken;
}
