/* SPDX-License-Identifier: ISC */
/*
 * The subcommands that ask a running machine for one thing: `atoll stop`, `reset`, `pause`,
 * `resume`, `type`, `key` and `click`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/ask.h"

#define KEYS_MAX  256
#define TYPE_PART 1024 /* bytes that are typed at a time */
#define INPUT_MAX (16u << 20)

/* `atoll reset|pause|resume NAME` */
int command_press(int argc, char **argv)
{
    const struct ask_usage usage = {.synopsis = "NAME", .least = 1, .most = 1};
    const char *name;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    return ask_once(name, argv[0], NULL, NULL);
}

int command_stop(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--force"}, {.name = "--timeout", .value = true}};
    const struct ask_usage usage = {"NAME [--force] [--timeout SECONDS]", 1, 1, flags,
                                    nitems(flags)};
    json_t *timeout;
    const char *name;
    int status;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    if (ask_seconds(&flags[1], &timeout))
        return EXIT_STATUS_USAGE;
    /* With both, the guest has its time first: a timeout implies what --force says. */
    return ask_once(
        name, "stop",
        json_pack("{s:b, s:o*}", "force", flags[0].given && !timeout, "timeout", timeout), NULL);
}

/* --- type --- */

/* \n, \t, \e, \\ in place. Returns 0 or -EINVAL. */
static int unescape(char *text)
{
    static const char letters[] = "nte\\", meant[] = "\n\t\033\\";
    char *to = text;

    for (const char *from = text; *from; from++) {
        const char *letter;

        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        letter = from[1] ? strchr(letters, from[1]) : NULL;
        if (!letter)
            return -EINVAL;
        *to++ = meant[letter - letters];
        from++;
    }
    *to = '\0';
    return 0;
}

/* How many of these bytes are at most TYPE_PART and end between two characters of UTF-8. */
static size_t part_of(const char *text, size_t length)
{
    size_t part = TYPE_PART;

    if (length <= part)
        return length;
    while (part > TYPE_PART - 4 && ((unsigned char)text[part] & 0xc0) == 0x80)
        part--;
    return part;
}

static int type_bytes(const char *name, const char *text, size_t length, json_t *timeout)
{
    struct control_client *client;
    struct error err;
    int ret = control_connect(&client, name, &err);

    if (ret)
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    while (length && !ret) {
        size_t part = part_of(text, length);
        json_t *string = json_stringn(text, part);

        ret = !string ? error_set(&err, EINVAL, "the text is not UTF-8")
                      : control_ask(client, "type",
                                    json_pack("{s:o, s:O*}", "text", string, "timeout", timeout),
                                    NULL, &err);
        text += part;
        length -= part;
    }
    control_disconnect(client);
    return ret ? fail(EXIT_STATUS_FAILURE, "%s", err.text) : 0;
}

/* All of standard input; NULL, with the reason said. */
static char *read_input(size_t *length)
{
    char *text = malloc(INPUT_MAX + 1);

    if (!text) {
        fail(EXIT_STATUS_FAILURE, "out of memory");
        return NULL;
    }
    *length = fread(text, 1, INPUT_MAX + 1, stdin);
    if (!ferror(stdin) && *length <= INPUT_MAX)
        return text;
    fail(EXIT_STATUS_FAILURE,
         ferror(stdin) ? "cannot read standard input" : "standard input is too long to be typed");
    free(text);
    return NULL;
}

/* What is to be typed; NULL, with *status, the reason having been said. */
static char *text_of(const char *word, size_t *length, int *status)
{
    char *text;

    *status = EXIT_STATUS_FAILURE;
    if (strcmp(word, "-") == 0)
        return read_input(length);
    text = strdup(word);
    if (text && unescape(text) == 0) {
        *length = strlen(text);
        return text;
    }
    *status = fail(EXIT_STATUS_USAGE, "type: after a backslash comes n, t, e or another one");
    free(text);
    return NULL;
}

int command_type(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--timeout", .value = true}};
    const struct ask_usage usage = {"NAME TEXT|- [--timeout SECONDS]", 2, 2, flags, nitems(flags)};
    const char *words[2];
    json_t *timeout;
    size_t length;
    char *text;
    int status;

    if (ask_arguments(argc, argv, &usage, words, &status) < 0)
        return status;
    if (ask_seconds(&flags[0], &timeout))
        return EXIT_STATUS_USAGE;
    text = text_of(words[1], &length, &status);
    if (text && memchr(text, '\0', length))
        status = fail(EXIT_STATUS_USAGE, "type: the text has a NUL, for which there is no key");
    else if (text)
        status = type_bytes(words[0], text, length, timeout);
    free(text);
    json_decref(timeout);
    return status;
}

/* --- key and click --- */

int command_key(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--timeout", .value = true}};
    const struct ask_usage usage = {"NAME KEYS ... [--timeout SECONDS]", 2, KEYS_MAX, flags,
                                    nitems(flags)};
    json_t *timeout, *keys;
    const char *words[KEYS_MAX];
    int status, count = ask_arguments(argc, argv, &usage, words, &status);

    if (count < 0)
        return status;
    if (ask_seconds(&flags[0], &timeout))
        return EXIT_STATUS_USAGE;
    keys = json_array();
    for (int i = 1; i < count; i++)
        json_array_append_new(keys, json_string(words[i]));
    return ask_once(words[0], "key", json_pack("{s:o, s:o*}", "keys", keys, "timeout", timeout),
                    NULL);
}

/* A coordinate, or -1 when it is none, which has been said. */
static json_int_t pixel(const char *word)
{
    unsigned long number;
    char *end;

    number = strtoul(word, &end, 10);
    if (*word >= '0' && *word <= '9' && *end == '\0' && number < ATOLL_GPU_MAX)
        return (json_int_t)number;
    fail(EXIT_STATUS_USAGE, "click: \"%s\" is no pixel's coordinate, a number from 0 to %d", word,
         ATOLL_GPU_MAX - 1);
    return -1;
}

int command_click(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--button", .value = true},
                               {.name = "--double"},
                               {.name = "--timeout", .value = true}};
    const struct ask_usage usage = {
        "NAME X Y [--button left|right|middle] [--double] [--timeout SECONDS]", 3, 3, flags,
        nitems(flags)};
    const char *words[3];
    json_int_t x, y;
    json_t *timeout;
    int status;

    if (ask_arguments(argc, argv, &usage, words, &status) < 0)
        return status;
    x = pixel(words[1]);
    y = x < 0 ? -1 : pixel(words[2]);
    if (y < 0 || ask_seconds(&flags[2], &timeout))
        return EXIT_STATUS_USAGE;
    return ask_once(words[0], "click",
                    json_pack("{s:I, s:I, s:s*, s:b, s:o*}", "x", x, "y", y, "button",
                              flags[0].given, "double", flags[1].given != NULL, "timeout", timeout),
                    NULL);
}
