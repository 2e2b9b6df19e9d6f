/* SPDX-License-Identifier: ISC */
/*
 * `atoll run`: a machine that the command line describes, and `atoll start`: one that has a folder.
 */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/conf.h"
#include "cli/folder.h"
#include "cli/places.h"
#include "cli/session.h"

static int help(const char *usage, const char *about, const char *command)
{
    printf("usage: atoll %s\n\n%s\n\n", usage, about);
    options_print(stdout, command);
    return 0;
}

static int usage_or_failure(const struct error *err)
{
    return fail(err->code == EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", err->text);
}

static int check_run(const struct options *o, struct error *err)
{
    if (o->detach && !o->name)
        return error_set(err, EINVAL, "a machine in the background needs a name; add --name NAME");
    if (o->name && place_check_name(o->name, err))
        return -EINVAL;
    if (o->name && folder_exists(o->name))
        return error_set(err, EINVAL,
                         "there is a machine \"%s\", which `atoll start %s` runs; a temporary one "
                         "needs another name",
                         o->name, o->name);
    return 0;
}

int command_run(int argc, char **argv)
{
    struct options options;
    struct error err;
    int status;

    if (options_parse(&options, argc, argv, &err) < 0)
        status = usage_or_failure(&err);
    else if (options.help)
        status = help("run [options] [IMAGE ...]",
                      "Starts a machine and waits for its end. An IMAGE is a disk.", argv[0]);
    else if (check_run(&options, &err))
        status = usage_or_failure(&err);
    else
        status = session_run(&options, NULL);
    options_free(&options);
    return status;
}

/* What the folder says, and then what the command line does. */
static int read_options(struct options *o, const struct folder *folder, int argc, char **argv,
                        struct error *err)
{
    int ret = conf_read(o, folder->fd, folder->path, err);

    if (ret == -ENOENT)
        return error_set(err, ENOENT,
                         "%s: it has no " CONF_FILE ", because making it was broken off; remove it",
                         folder->path);
    options_next_source(o);
    return ret ? ret : options_parse_arguments(o, argc, argv, err);
}

static int start(const char *name, int argc, char **argv, struct options *o)
{
    struct folder folder;
    struct error err;
    int status;

    if (folder_open(&folder, name, &err))
        return usage_or_failure(&err);
    if (read_options(o, &folder, argc, argv, &err)) {
        status = usage_or_failure(&err);
    } else {
        o->name = o->config.name = name;
        status = session_run(o, &folder);
    }
    folder_close(&folder);
    return status;
}

int command_start(int argc, char **argv)
{
    static const char usage[] = "start NAME [options] [IMAGE ...]";
    struct options options;
    struct error err;
    const char *name;
    int status;

    options_init(&options);
    if (options_take_name(&argc, argv, &name, &err))
        status = usage_or_failure(&err);
    else if (options_ask_help(argc, argv))
        status = help(usage,
                      "Starts the machine that `atoll create` made, and waits for its end. Options "
                      "come after its\nconfiguration's, and override them; disks are added.",
                      argv[0]);
    else if (!name)
        status = fail(EXIT_STATUS_USAGE, "usage: atoll %s", usage);
    else
        status = start(name, argc, argv, &options);
    options_free(&options);
    return status;
}
