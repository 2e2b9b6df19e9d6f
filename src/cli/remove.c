/* SPDX-License-Identifier: ISC */
/*
 * `atoll remove`: a machine's folder with all its files goes, for good; images elsewhere stay.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/ask.h"
#include "cli/folder.h"

/* The answer of who sits at the terminal. */
static int ask_owner(const char *name, const struct folder *folder, struct error *err)
{
    char answer[8] = "";

    if (!isatty(STDIN_FILENO))
        return error_set(err, EINVAL, "nobody is there to be asked whether to remove %s; add --yes",
                         folder->path);
    printf("Remove the machine \"%s\" and all files in %s? [y/N] ", name, folder->path);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin) || strchr("yY", answer[0]) == NULL || !answer[0])
        return error_set(err, ECANCELED, "nothing was removed");
    return 0;
}

int command_remove(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--yes"}};
    const struct ask_usage usage = {"NAME [--yes]", 1, 1, flags, nitems(flags)};
    struct folder folder;
    struct error err;
    const char *name;
    int status, ret;

    if (ask_arguments(argc, argv, &usage, &name, &status) < 0)
        return status;
    ret = folder_open(&folder, name, &err);
    ret = ret ? ret : folder_lock(&folder, FOLDER_PATIENCE_MS, &err);
    if (!ret && !flags[0].given)
        ret = ask_owner(name, &folder, &err);
    ret = ret ? ret : folder_remove(&folder, &err);
    folder_close(&folder);
    if (ret)
        return fail(ret == -EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", err.text);
    return 0;
}
