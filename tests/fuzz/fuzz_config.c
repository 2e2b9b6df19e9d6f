/* SPDX-License-Identifier: ISC */
/*
 * The language of labs: any text, and text that is put together from its words, as the files "a"
 * and, after a NUL, "b". Whatever they say, all errors have a place in one of them and one line,
 * and reading them again says the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "config/config.h"
#include "fuzz.h"

#define TEXT_MAX 8192

static const char *const words[] = {
#define WORD(word, kind) word " ",
#include "config/words.def"
#undef WORD
    "\n",
    "\n",
    "\n",
    "{",
    "{",
    "}",
    "}",
    "}\n",
    ",",
    ";",
    "x",
    "y ",
    "left ",
    "\"a b\"",
    "\"",
    "\\",
    "\\\n",
    "#",
    "m = ",
    "$m ",
    "${m}",
    "$",
    "=",
    "1",
    "512M ",
    "50ms ",
    "1% ",
    "10M ",
    "a.img",
    "10.0.0.1 ",
    "10.0.0.1/24 ",
    "52:54:00:12:34:56 ",
    "include b\n",
    "include a\n",
    "switch x\n",
    "vm y { interface x }\n",
    "test t {\n",
    "peer z { switch x; address 10.0.0.1/8 }\n",
};

/* Pieces, unless the first byte says that the rest is the text itself. */
static size_t make_text(struct fuzz_input *input, char *text)
{
    bool raw = fuzz_take(input, 1) % 2;
    size_t length = 0;

    while (input->at < input->end && length < TEXT_MAX) {
        uint8_t byte = (uint8_t)fuzz_take(input, 1);
        const char *word = words[byte % nitems(words)];
        size_t piece = raw || byte == 0xff ? 1 : strlen(word);

        if (length + piece > TEXT_MAX)
            break;
        if (raw)
            text[length] = (char)byte;
        else if (byte == 0xff)
            text[length] = '\0';
        else
            memcpy(text + length, word, piece);
        length += piece;
    }
    return length;
}

struct input {
    const char *bytes[2];
    size_t length[2];
};

static int read_part(void *ctx, const char *path, char **text, size_t *length, struct error *err)
{
    const struct input *in = ctx;
    size_t which = strcmp(path, "a") == 0 ? 0 : 1;

    if (which && strcmp(path, "b") != 0)
        return error_set(err, ENOENT, "cannot open \"%.100s\"", path);
    *length = in->length[which];
    *text = malloc(*length + 1);
    if (!*text)
        return error_set(err, ENOMEM, "out of memory");
    memcpy(*text, in->bytes[which], *length);
    (*text)[*length] = '\0';
    return 0;
}

static void check_place(void *ctx, const struct config_place *place, const char *line)
{
    if (!place->file || !*line || strchr(line, '\n'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static char text[TEXT_MAX];
    struct fuzz_input input = {bytes, bytes + length};
    size_t size = make_text(&input, text), first = strnlen(text, size);
    struct input in = {{text, text + MIN(first + 1, size)},
                       {first, first < size ? size - first - 1 : 0}};
    const struct config_io io = {.ctx = &in, .read = read_part, .report = check_place};
    const char *path = "a";
    struct config config;
    unsigned errors = config_read(&config, &path, 1, &io);

    config_release(&config);
    if (config_read(&config, &path, 1, &io) != errors)
        abort();
    config_release(&config);
    return 0;
}
