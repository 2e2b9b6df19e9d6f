/* SPDX-License-Identifier: ISC */
/*
 * `atoll screenshot`: what a running machine's screen shows, as a PNG file. The machine cannot open
 * files, so that the picture comes through its control socket and is written here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/ask.h"

/* A device that a path may name stays where it is. */
static bool is_file(FILE *file)
{
    struct stat st;

    return fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode);
}

/* "-" is standard output. A file that could not be written to its end is removed. */
static int write_picture(const char *path, const void *bytes, size_t length)
{
    bool output = strcmp(path, "-") == 0;
    FILE *file = output ? stdout : fopen(path, "wb");
    bool written, ours;

    if (!file)
        return fail(EXIT_STATUS_FAILURE, "%s: cannot write it: %s", path, strerror(errno));
    ours = !output && is_file(file);
    written = fwrite(bytes, 1, length, file) == length && fflush(file) == 0;
    if (!output && fclose(file))
        written = false;
    if (written)
        return 0;
    if (ours)
        remove(path);
    return fail(EXIT_STATUS_FAILURE, "%s: cannot write the picture: %s", path, strerror(errno));
}

int command_screenshot(int argc, char **argv)
{
    const struct ask_usage usage = {.synopsis = "NAME FILE.png|-", .least = 2, .most = 2};
    struct control_client *client;
    const char *words[2];
    json_t *answer;
    size_t length;
    void *bytes;
    struct error err;
    int status, ret;

    if (ask_arguments(argc, argv, &usage, words, &status) < 0)
        return status;
    ret = control_connect(&client, words[0], &err);
    if (ret)
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    ret = control_ask_bytes(client, "screenshot", NULL, &answer, &bytes, &length, &err);
    control_disconnect(client);
    if (ret)
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    status = write_picture(words[1], bytes, length);
    json_decref(answer);
    free(bytes);
    return status;
}
