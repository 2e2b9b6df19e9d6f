/* SPDX-License-Identifier: ISC */
/*
 * `atoll create`: a machine's folder. All that can be checked is checked before anything is
 * written: the configuration is made in memory, and read back as `atoll start` will read it. What
 * could not be finished is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/cli.h"
#include "cli/conf.h"
#include "cli/copy.h"
#include "cli/folder.h"
#include "cli/places.h"
#include "cli/rebase.h"
#include "host/entropy.h"

#define UUID_ROOM  37
#define DISK_ROOM  32
#define NVRAM_FILE "nvram"
#define BASE       "/the folder that is to be made" /* for what is given relative to it */

/* An image to be copied, or (source -1) an empty disk to be made. */
struct new_disk {
    const char *path;
    int source;
    char file[DISK_ROOM]; /* in the folder */
};

struct creation {
    const char *name;
    int argc; /* without the name */
    char **argv;
    struct options options;
    struct new_disk disks[ATOLL_DISKS_MAX];
    size_t disk_count;
    char *conf;
    size_t conf_length;
    struct folder folder;
};

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    interrupted = 1;
}

/* --- new disks --- */

static bool is_qcow2(int fd)
{
    char magic[4];

    return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "QFI\xfb", 4) == 0;
}

/* Its format is settled now: the guest can write to a raw image what another format begins with. */
static int add_disk(struct creation *c, FILE *to, const char *path, int source, struct error *err)
{
    const char *format = source >= 0 && is_qcow2(source) ? "qcow2" : "raw";
    struct new_disk *disk = &c->disks[c->disk_count];
    char value[2 * DISK_ROOM];

    if (c->disk_count == ATOLL_DISKS_MAX)
        return error_set(err, EINVAL, "more than %d disks are not possible", ATOLL_DISKS_MAX);
    *disk = (struct new_disk){.path = path, .source = source};
    snprintf(disk->file, sizeof(disk->file), "disk%zu.%s", c->disk_count, format);
    c->disk_count++;
    snprintf(value, sizeof(value), "%s,format=%s", disk->file, format);
    conf_write(to, "disk", value);
    return 0;
}

static int add_copy(struct creation *c, FILE *to, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

    if (fd < 0)
        return error_set(err, errno, "%s: cannot open the image: %s", path, strerror(errno));
    ret = add_disk(c, to, path, fd, err);
    if (ret)
        close(fd);
    return ret;
}

/* --- the configuration --- */

/* A random UUID (RFC 9562, 5.4). */
static int make_uuid(char text[UUID_ROOM], struct error *err)
{
    uint8_t u[16];
    char *at = text;
    int ret = host_entropy(u, sizeof(u));

    if (ret)
        return error_set(err, -ret, "no random numbers for the machine's identifier");
    u[6] = (u[6] & 0x0f) | 0x40;
    u[8] = (u[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < sizeof(u); i++)
        at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
    return 0;
}

/* An image where it is: a comma in its name is not a list's. */
static char *doubled_commas(const char *path)
{
    char *text = malloc(2 * strlen(path) + 1), *to = text;

    for (; text && *path; path++) {
        if (*path == ',')
            *to++ = ',';
        *to++ = *path;
    }
    if (text)
        *to = '\0';
    return text;
}

static int write_value(FILE *to, const char *name, char *value, struct error *err)
{
    int ret = 0;

    if (!value)
        ret = error_set(err, ENOMEM, "out of memory");
    else if (!conf_writable(value))
        ret =
            error_set(err, EINVAL, "\"%s\" has a character that no configuration can hold", value);
    else
        conf_write(to, name, value);
    free(value);
    return ret;
}

static int write_image(struct creation *c, FILE *to, const char *path, const char *here,
                       struct error *err)
{
    char *value, *absolute = NULL;
    struct path_rule rule = {.first = true};

    if (c->options.copy)
        return add_copy(c, to, path, err);
    if (access(path, R_OK))
        return error_set(err, errno, "%s: cannot read the image: %s", path, strerror(errno));
    value = doubled_commas(path);
    if (value)
        absolute = rebase(&rule, value, here);
    free(value);
    return write_value(to, "disk", absolute, err);
}

static int write_given(struct creation *c, FILE *to, const char *here, struct error *err)
{
    struct options_given given;
    int ret = 0;

    for (int at = 1; at < c->argc && !ret;) {
        const char *name;

        ret = options_next(c->argc, c->argv, &at, &given, err);
        if (ret)
            break;
        if (!given.option) {
            ret = write_image(c, to, given.value, here, err);
            continue;
        }
        name = option_statement(given.option);
        if (name && given.value)
            ret = write_value(to, name, option_rebase(given.option, given.value, here), err);
        else if (name)
            conf_write(to, name, NULL);
    }
    return ret;
}

/* Whether the command line has the option whose statement is called `name`. */
static bool says(const struct creation *c, const char *name)
{
    struct options_given given;

    for (int at = 1; at < c->argc && options_next(c->argc, c->argv, &at, &given, NULL) == 0;) {
        const char *statement = given.option ? option_statement(given.option) : NULL;

        if (statement && strcmp(statement, name) == 0)
            return true;
    }
    return false;
}

static int write_conf(struct creation *c, FILE *to, struct error *err)
{
    const struct options *o = &c->options;
    char uuid[UUID_ROOM], here[PATH_MAX];
    int ret = 0;

    if (!getcwd(here, sizeof(here)))
        return error_set(err, errno, "cannot tell where this is: %s", strerror(errno));
    fprintf(to, "# The machine \"%s\", made by `atoll create`; see atoll.conf(5).\nversion %d\n\n",
            c->name, CONF_VERSION);
    if (!o->config.uuid) {
        ret = make_uuid(uuid, err);
        if (!ret)
            conf_write(to, "uuid", uuid);
    }
    if (!ret && !o->config.kernel && !o->config.nvram)
        conf_write(to, "nvram", NVRAM_FILE);
    if (!ret && !says(c, "reboot")) /* a guest that installs itself, or is updated, starts again */
        conf_write(to, "reboot", NULL);
    if (!ret && o->disk_size)
        ret = add_disk(c, to, NULL, -1, err);
    return ret ? ret : write_given(c, to, here, err);
}

static int need_file(const char *path, struct error *err)
{
    if (!path || access(path, R_OK) == 0)
        return 0;
    return error_set(err, errno, "%s: cannot read it: %s", path, strerror(errno));
}

/* What the machine is to read has to be there already, but for what is made with its folder. */
static int check_files(const struct atoll_config *config, struct error *err)
{
    const char *const files[] = {config->kernel, config->initrd, config->efi};
    int ret = 0;

    for (size_t i = 0; i < nitems(files) && !ret; i++)
        ret = need_file(files[i], err);
    for (size_t i = 0; i < config->disk_count && !ret; i++)
        if (strncmp(config->disks[i].path, BASE, strlen(BASE)) != 0)
            ret = need_file(config->disks[i].path, err);
    return ret;
}

/* As `atoll start` will read it. */
static int check_conf(const struct creation *c, struct error *err)
{
    struct options o;
    char *text;
    int ret;

    options_init(&o);
    text = options_keep(&o, c->conf_length + 1);
    ret = text ? conf_parse(&o, strcpy(text, c->conf), c->conf_length, CONF_FILE, BASE, err)
               : error_set(err, ENOMEM, "out of memory");
    ret = ret ? ret : atoll_config_check(&o.config, (struct atoll_error *)err);
    ret = ret ? ret : check_files(&o.config, err);
    if (!ret && c->conf_length > CONF_MAX)
        ret = error_set(err, EINVAL, "the configuration is longer than %u KiB", CONF_MAX >> 10);
    options_free(&o);
    return ret;
}

static int make_conf(struct creation *c, struct error *err)
{
    FILE *to = open_memstream(&c->conf, &c->conf_length);
    int ret;

    if (!to)
        return error_set(err, ENOMEM, "out of memory");
    ret = write_conf(c, to, err);
    if (fclose(to) && !ret)
        ret = error_set(err, ENOMEM, "out of memory");
    return ret ? ret : check_conf(c, err);
}

/* --- the folder --- */

static int new_file(const struct creation *c, const char *file, struct error *err)
{
    int fd = openat(c->folder.fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 ? fd
                   : error_set(err, errno, "%s/%s: cannot make it: %s", c->folder.path, file,
                               strerror(errno));
}

/* Everything is on the disk, or it is not there. */
static int finish_file(const struct creation *c, int fd, const char *file, int ret,
                       struct error *err)
{
    if (!ret && fsync(fd))
        ret = error_set(err, errno, "%s/%s: cannot write it: %s", c->folder.path, file,
                        strerror(errno));
    if (close(fd) && !ret)
        ret = error_set(err, errno, "%s/%s: cannot write it: %s", c->folder.path, file,
                        strerror(errno));
    return ret;
}

/* On a line of a terminal's that is written again and again, until end_progress. */
static bool progress_shown;

static bool say_progress(unsigned percent)
{
    static unsigned last;

    if (isatty(STDERR_FILENO) && (!progress_shown || percent != last)) {
        fprintf(stderr, "\rcopying: %3u %%", percent);
        progress_shown = true;
    }
    last = percent;
    return !interrupted;
}

static void end_progress(void)
{
    if (progress_shown)
        fputc('\n', stderr);
    progress_shown = false;
}

static int make_disk(const struct creation *c, const struct new_disk *disk, struct error *err)
{
    int fd = new_file(c, disk->file, err), ret;

    if (fd < 0)
        return fd;
    if (disk->source >= 0)
        ret = copy_image(disk->source, fd, disk->path, say_progress, err);
    else if (ftruncate(fd, (off_t)c->options.disk_size))
        ret = error_set(err, errno, "%s/%s: cannot make a disk of this size: %s", c->folder.path,
                        disk->file, strerror(errno));
    else
        ret = 0;
    end_progress();
    return finish_file(c, fd, disk->file, ret, err);
}

/* The configuration comes last: a folder without one is not finished. */
static int fill_folder(const struct creation *c, struct error *err)
{
    int fd, ret = 0;

    for (size_t i = 0; i < c->disk_count && !ret; i++)
        ret = make_disk(c, &c->disks[i], err);
    if (!ret && interrupted)
        ret = error_set(err, EINTR, "making the machine was broken off");
    if (ret)
        return ret;
    fd = new_file(c, CONF_FILE, err);
    if (fd < 0)
        return fd;
    errno = ENOSPC; /* what keeps a few bytes from being written, if nothing else is said */
    if (write(fd, c->conf, c->conf_length) != (ssize_t)c->conf_length)
        ret = error_set(err, errno, "%s/%s: cannot write it: %s", c->folder.path, CONF_FILE,
                        strerror(errno));
    return finish_file(c, fd, CONF_FILE, ret, err);
}

static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = note_signal};

    for (size_t i = 0; i < nitems(ends); i++)
        sigaction(ends[i], &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit cannot be written to, which is said */
}

static int make_folder(struct creation *c, struct error *err)
{
    int ret;

    catch_signals();
    ret = folder_create(&c->folder, c->name, err);
    if (ret)
        return ret;
    ret = fill_folder(c, err);
    if (ret && folder_remove(&c->folder, NULL))
        fprintf(stderr, "atoll: %s: what was made of it could not be removed\n", c->folder.path);
    folder_close(&c->folder);
    return ret;
}

/* --- the command --- */

static int create(struct creation *c)
{
    struct error err;
    int ret = place_check_name(c->name, &err);

    ret = ret ? ret : options_parse_arguments(&c->options, c->argc, c->argv, &err);
    ret = ret ? ret : atoll_config_check(&c->options.config, (struct atoll_error *)&err);
    if (!ret && folder_exists(c->name))
        ret = error_set(&err, EEXIST,
                        "there is a machine \"%s\" already; `atoll remove %s` "
                        "removes it",
                        c->name, c->name);
    ret = ret ? ret : make_conf(c, &err);
    ret = ret ? ret : make_folder(c, &err);
    if (ret)
        return fail(ret == -EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", err.text);
    printf("%s\nIts configuration is in " CONF_FILE " there, see atoll.conf(5). To start it:\n"
           "  atoll start %s\n",
           c->folder.path, c->name);
    return 0;
}

static void creation_free(struct creation *c)
{
    for (size_t i = 0; i < c->disk_count; i++)
        if (c->disks[i].source >= 0)
            close(c->disks[i].source);
    free(c->conf);
    options_free(&c->options);
}

int command_create(int argc, char **argv)
{
    static const char usage[] = "create NAME [--disk-size SIZE] [--copy] [options] [IMAGE ...]";
    struct creation c = {.argv = argv, .folder = {.fd = -1, .lock = -1}};
    struct error err;
    int status;

    options_init(&c.options);
    if (options_take_name(&argc, argv, &c.name, &err)) {
        status = fail(EXIT_STATUS_USAGE, "%s", err.text);
    } else if (options_ask_help(argc, argv)) {
        printf("usage: atoll %s\n\n"
               "Makes a folder for the machine, with its configuration, which `atoll start` reads: "
               "the\noptions that are given here. An IMAGE is a disk, used where it lies.\n\n",
               usage);
        options_print(stdout, argv[0]);
        status = 0;
    } else if (!c.name) {
        status = fail(EXIT_STATUS_USAGE, "usage: atoll %s", usage);
    } else {
        c.argc = argc;
        status = create(&c);
    }
    creation_free(&c);
    return status;
}
