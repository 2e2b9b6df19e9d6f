/* SPDX-License-Identifier: ISC */
/*
 * Configurations of machines: any text, and text that is put together from what one may say. What
 * is refused is refused with a place and a reason; a value that was read is read again when it is
 * written.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/conf.h"
#include "fuzz.h"

#define TEXT_MAX 4096

static const char *const words[] = {
    "version 1\n", "version", "memory ",  "512M",        "append ",  "\"",        "\\",
    "\\\"",        "#",       " # ",      "\n",          "\r\n",     "\t",        " ",
    "disk ",       "a.img",   ",,",       ",",           "backing=", "/x",        "console",
    "file:",       "unix:",   "pty",      "display ",    "vnc",      "vnc:unix:", "password=",
    "net ",        "user",    "capture=", "strict",      "reboot",   "kernel ",   "nvram ",
    "uuid ",       "name ",   "detach",   "help",        "quirk ",   "pl011=off", "forward=",
    "dump ",       "gpu ",    "64x64",    "screenshot ", "1",        "=",
};

/* Pieces, unless the first byte says that the rest is the text itself. */
static size_t make_text(struct fuzz_input *input, char *text)
{
    bool raw = fuzz_take(input, 1) % 2;
    size_t length = 0;

    while (input->at < input->end && length < TEXT_MAX - 16) {
        unsigned choice = (unsigned)fuzz_take(input, 1);
        const char *word = words[choice % nitems(words)];

        if (raw || choice >= 224) {
            text[length++] = (char)choice;
            continue;
        }
        memcpy(text + length, word, strlen(word));
        length += strlen(word);
    }
    text[length] = '\0';
    return length;
}

/* What `append` says goes through a file and is the same. */
static void check_written(const char *value)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    struct options again;

    fputs("version 1\n", to);
    conf_write(to, "append", value);
    fclose(to);
    options_init(&again);
    if (conf_parse(&again, text, length, "again", "/base", NULL) ||
        strcmp(again.config.append, value) != 0)
        abort();
    options_free(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    struct options options;
    struct error err = {0};
    char text[TEXT_MAX];
    int ret;

    options_init(&options);
    length = make_text(&input, text);
    ret = conf_parse(&options, text, length, "vm.conf", "/base,1", &err);
    if (ret && strncmp(err.text, "vm.conf:", 8) != 0)
        abort();
    if (!ret && options.config.append && conf_writable(options.config.append))
        check_written(options.config.append);
    if (options.name || options.detach || options.help)
        abort();
    options_free(&options);
    return 0;
}
