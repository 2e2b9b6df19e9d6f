/* SPDX-License-Identifier: ISC */
/*
 * fontgen FONT.TXT: the pictures of a console font as initialisers of struct font_glyph
 * (backend/font.h), on standard output. A glyph is a line "U+XXXX name" and sixteen lines of eight
 * "#" and "."; characters grow, U+FFFD is among them, and anything else is refused with its line.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH  8
#define HEIGHT 16

static const char *path;
static unsigned line_number;

static _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "%s:%u: %s\n", path, line_number, why);
    exit(1);
}

/* The next line without its end; false: there is none. */
static bool next_line(FILE *file, char line[128])
{
    if (!fgets(line, 128, file))
        return false;
    line_number++;
    if (!strchr(line, '\n'))
        refuse("the line is too long");
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static unsigned parse_row(const char *line)
{
    unsigned row = 0;

    if (strlen(line) != WIDTH || strspn(line, "#.") != WIDTH)
        refuse("a row is eight \"#\" or \".\"");
    for (unsigned x = 0; x < WIDTH; x++)
        row = row << 1 | (line[x] == '#');
    return row;
}

static unsigned long parse_head(const char *line)
{
    char *end;
    unsigned long character;

    if (strncmp(line, "U+", 2) != 0)
        refuse("a glyph begins with U+ and the character's number");
    character = strtoul(line + 2, &end, 16);
    if (end == line + 2 || (*end && *end != ' '))
        refuse("the character's number is hexadecimal");
    return character;
}

int main(int argc, char **argv)
{
    unsigned long character, before = 0;
    bool fallback = false;
    char line[128];
    FILE *file;

    path = argc == 2 ? argv[1] : "";
    file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "usage: fontgen FONT.TXT\n");
        return 1;
    }
    while (next_line(file, line)) {
        if (line[0] == '\0' || line[0] == '#')
            continue;
        character = parse_head(line);
        if (character <= before)
            refuse("the characters are not in order");
        before = character;
        fallback |= character == 0xfffd;
        printf("{0x%lx, {", character);
        for (unsigned y = 0; y < HEIGHT; y++) {
            if (!next_line(file, line))
                refuse("a glyph has sixteen rows");
            printf("%s0x%02x", y ? ", " : "", parse_row(line));
        }
        printf("}},\n");
    }
    fclose(file);
    if (!fallback)
        refuse("U+FFFD is missing");
    return 0;
}
