/* SPDX-License-Identifier: ISC */
/*
 * A table of options, each with its parser. An option's value may be a list, NAME,key=value,flag; a
 * doubled comma stands for one that belongs to a value.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/option_lists.h"
#include "cli/parse.h"
#include "cli/rebase.h"

#define DISK_UNIT 512 /* bytes: of a virtio block device's capacity (VIRTIO 1.2, 5.2.4) */

char *option_piece(struct options *o, const char **at)
{
    char *piece = o->scratch + o->scratch_used, *to = piece;

    if (!*at)
        return NULL;
    for (;; (*at)++) {
        if (**at == ',' && (*at)[1] == ',')
            (*at)++;
        else if (**at == ',' || **at == '\0')
            break;
        *to++ = **at;
    }
    *at = **at == ',' ? *at + 1 : NULL;
    *to++ = '\0';
    o->scratch_used = (size_t)(to - o->scratch);
    return piece;
}

char *option_piece_value(char *piece)
{
    char *equals = strchr(piece, '=');

    if (!equals)
        return piece + strlen(piece);
    *equals = '\0';
    return equals + 1;
}

static int parse_kernel(struct options *o, const char *value, struct error *err)
{
    o->config.kernel = value;
    return 0;
}

static int parse_efi(struct options *o, const char *value, struct error *err)
{
    o->config.efi = value;
    return 0;
}

static int parse_nvram(struct options *o, const char *value, struct error *err)
{
    o->config.nvram = value;
    return 0;
}

static int parse_tables(struct options *o, const char *value, struct error *err)
{
    if (strcmp(value, "acpi") == 0)
        o->config.tables = ATOLL_TABLES_ACPI;
    else if (strcmp(value, "fdt") == 0)
        o->config.tables = ATOLL_TABLES_FDT;
    else if (strcmp(value, "both") == 0)
        o->config.tables = ATOLL_TABLES_BOTH;
    else
        return error_set(err, EINVAL, "--tables \"%s\" is not known; give acpi, fdt or both",
                         value);
    return 0;
}

static int parse_initrd(struct options *o, const char *value, struct error *err)
{
    o->config.initrd = value;
    return 0;
}

static int parse_append(struct options *o, const char *value, struct error *err)
{
    o->config.append = value;
    return 0;
}

static int parse_memory(struct options *o, const char *value, struct error *err)
{
    if (parse_size(value, &o->config.memory) < 0)
        return error_set(err, EINVAL,
                         "--memory \"%s\" is not a size; give a number and K, M or G, such as 512M",
                         value);
    return 0;
}

static int parse_cpus(struct options *o, const char *value, struct error *err)
{
    uint64_t n;

    if (parse_number(value, ATOLL_CPUS_MAX, &n) < 0 || n == 0)
        return error_set(err, EINVAL, "--cpus \"%s\" is not possible; give a number from 1 to %d",
                         value, ATOLL_CPUS_MAX);
    o->config.cpus = (unsigned)n;
    return 0;
}

static int parse_cpu(struct options *o, const char *value, struct error *err)
{
    if (strcmp(value, "atoll") == 0)
        o->config.cpu = ATOLL_CPU_ATOLL;
    else if (strcmp(value, "apple") == 0)
        o->config.cpu = ATOLL_CPU_APPLE;
    else if (strcmp(value, "host") == 0)
        o->config.cpu = ATOLL_CPU_HOST;
    else
        return error_set(err, EINVAL, "--cpu \"%s\" is not known; give atoll, apple or host",
                         value);
    return 0;
}

static int parse_keyboard(struct options *o, const char *value, struct error *err)
{
    o->config.keyboard = value;
    return 0;
}

static int parse_name(struct options *o, const char *value, struct error *err)
{
    o->name = value;
    o->config.name = value;
    return 0;
}

static int parse_detach(struct options *o, const char *value, struct error *err)
{
    o->detach = true;
    return 0;
}

static int parse_uuid(struct options *o, const char *value, struct error *err)
{
    o->config.uuid = value;
    return 0;
}

static int parse_disk_size(struct options *o, const char *value, struct error *err)
{
    if (parse_size(value, &o->disk_size) == 0 && o->disk_size && o->disk_size <= INT64_MAX &&
        o->disk_size % DISK_UNIT == 0)
        return 0;
    return error_set(err, EINVAL,
                     "--disk-size \"%s\" is not a disk's size; give a number and K, M or G, such "
                     "as 20G",
                     value);
}

static int parse_copy(struct options *o, const char *value, struct error *err)
{
    o->copy = true;
    return 0;
}

static int parse_screenshot(struct options *o, const char *value, struct error *err)
{
    o->config.screenshot = value;
    return *value ? 0 : error_set(err, EINVAL, "--screenshot needs a file");
}

static int parse_explain(struct options *o, const char *value, struct error *err)
{
    static const char *const words[] = {"off", "brief", "full"};

    for (size_t i = 0; i < nitems(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            o->config.explain = (enum atoll_explain)i;
            return 0;
        }
    }
    return error_set(err, EINVAL, "--explain \"%s\" is not known; give off, brief or full", value);
}

static int parse_engine(struct options *o, const char *value, struct error *err)
{
    o->config.engine = value;
    return 0;
}

static int parse_quirk(struct options *o, const char *value, struct error *err)
{
    struct atoll_quirk *quirk;

    if (o->config.quirk_count == ATOLL_QUIRKS_MAX)
        return error_set(err, EINVAL, "more than %d quirks are not possible", ATOLL_QUIRKS_MAX);
    quirk = &o->config.quirks[o->config.quirk_count++];
    quirk->name = option_piece(o, &value);
    quirk->value = option_piece_value((char *)(uintptr_t)quirk->name);
    return *quirk->value
               ? 0
               : error_set(
                     err, EINVAL,
                     "--quirk \"%s\" has no value; give NAME=VALUE (`atoll quirks` lists them)",
                     quirk->name);
}

static int parse_log(struct options *o, const char *value, struct error *err)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < nitems(levels); i++) {
        if (strcmp(value, levels[i]) == 0) {
            o->config.log_level = (enum atoll_log_level)i;
            return 0;
        }
    }
    return error_set(err, EINVAL, "--log \"%s\" is not known; give error, warn, info or debug",
                     value);
}

static int parse_listing(struct options *o, const char *name, const char *value,
                         struct atoll_listing *listing, struct error *err)
{
    char *piece, *key;

    listing->path = option_piece(o, &value);
    if (!*listing->path)
        return error_set(err, EINVAL, "%s needs a file", name);
    while ((key = option_piece(o, &value))) {
        piece = option_piece_value(key);
        if (strcmp(key, "at") != 0)
            return error_set(err, EINVAL, "%s has no \"%s\"; it has at=", name, key);
        if (parse_address(piece, &listing->at) < 0)
            return error_set(err, EINVAL,
                             "%s at=\"%s\" is not an address; give one like 0x80200000", name,
                             piece);
        listing->one = true;
    }
    return 0;
}

static int parse_dump(struct options *o, const char *value, struct error *err)
{
    return parse_listing(o, "--dump", value, &o->config.dump, err);
}

static int parse_trace(struct options *o, const char *value, struct error *err)
{
    return parse_listing(o, "--trace", value, &o->config.trace, err);
}

static int parse_dtb(struct options *o, const char *value, struct error *err)
{
    o->dtb = value;
    return 0;
}

static int parse_dir(struct options *o, const char *value, struct error *err)
{
    o->dir = value;
    return *value ? 0 : error_set(err, EINVAL, "--dir needs a directory");
}

static int parse_strict(struct options *o, const char *value, struct error *err)
{
    return parse_switch("--strict", value ? value : "on", &o->config.strict, err);
}

static int parse_nested(struct options *o, const char *value, struct error *err)
{
    return parse_switch("--nested", value ? value : "on", &o->config.nested, err);
}

static int parse_reboot(struct options *o, const char *value, struct error *err)
{
    return parse_switch("--reboot", value ? value : "on", &o->config.reboot, err);
}

static int parse_no_confine(struct options *o, const char *value, struct error *err)
{
    bool off;
    int ret = parse_switch("--no-confine", value ? value : "on", &off, err);

    if (!ret)
        o->config.confine = !off;
    return ret;
}

static int parse_help(struct options *o, const char *value, struct error *err)
{
    o->help = true;
    return 0;
}

#define WHOLE                                                                                      \
    {                                                                                              \
        .whole = true                                                                              \
    }

struct option {
    const char *name, *argument, *about; /* argument NULL: a flag */
    int (*parse)(struct options *options, const char *value, struct error *err);
    struct path_rule paths;
    const char *commands; /* those that alone have it; NULL: all, and a configuration */
};

/* A flag that a configuration may have is taken back by "=off" on the command line. */
static bool takes_value(const struct option *option)
{
    return option->argument || !option->commands;
}

static const struct option table[] = {
    {"--kernel", "FILE", "arm64 Linux Image (gzip, zstd, EFI zboot too) or OpenBSD bsd",
     .parse = parse_kernel, .paths = WHOLE},
    {"--efi", "FILE", "an EFI program to start instead of what the disks hold", .parse = parse_efi,
     .paths = WHOLE},
    {"--nvram", "FILE", "EFI's variables, made on first use (forgotten at the end)",
     .parse = parse_nvram, .paths = WHOLE},
    {"--initrd", "FILE", "initial ramdisk", .parse = parse_initrd, .paths = WHOLE},
    {"--append", "TEXT", "kernel command line", .parse = parse_append},
    {"--memory", "SIZE", "128M to 64G (1G)", .parse = parse_memory},
    {"--cpus", "N", "1 to 16 (1)", .parse = parse_cpus},
    {"--cpu", "atoll|apple|host", "which CPU the guest sees (atoll)", .parse = parse_cpu},
    {"--disk", "FILE[,format=raw|qcow2][,readonly][,serial=ID][,backing=FILE]",
     "a disk; repeatable", .parse = option_disk, .paths = {.first = true, .keys = {"backing="}}},
    {"--net",
     "user[,forward=tcp:HOSTPORT:GUESTPORT][,host=on][,isolated=on] | switch:NAME[,port=NAME] | "
     "socket:PATH[,protocol=qemu|vfkit] | tap:DEVICE | vmnet:shared | vmnet:host | none, all with "
     "[,mac=ADDRESS][,mtu=N][,capture=FILE]",
     "a network card; repeatable (user)", .parse = option_net,
     .paths = {.keys = {"capture=", "socket:"}}},
    {"--console", "stdio|pty|file:PATH|unix:PATH|none[,port=pl011|virtio]",
     "a serial port; repeatable (stdio)", .parse = option_console,
     .paths = {.keys = {"file:", "unix:"}}},
    {"--gpu", "WIDTHxHEIGHT[,gop]", "a display (none); gop: for EFI programs too",
     .parse = option_gpu},
    {"--display", "vnc|web[:[HOST:]PORT|:unix:PATH][,password=FILE] | window | none",
     "who shows the display; repeatable; brings a GPU of 1280x800 (none)", .parse = option_display,
     .paths = {.keys = {"vnc:unix:", "web:unix:", "password="}}},
    {"--input", "usb|virtio|none", "keyboard and pointer (usb with a display)",
     .parse = option_input},
    {"--keyboard", "LAYOUT", "the guest's keyboard layout, for what is typed (us)",
     .parse = parse_keyboard},
    {"--screenshot", "FILE.png", "write the display's picture at the end, and on SIGUSR1",
     .parse = parse_screenshot, .paths = WHOLE},
    {"--tables", "acpi|fdt|both",
     "what describes the machine (acpi for EFI boot, fdt for a kernel)", .parse = parse_tables},
    {"--engine", "auto|NAME", "what runs the CPUs; `atoll engines` lists them (auto)",
     .parse = parse_engine},
    {"--name", "NAME", "a control socket of this name (atoll list, status, type, ...)",
     .parse = parse_name, .commands = "run"},
    {"--detach", NULL, "run in the background", .parse = parse_detach, .commands = "run start"},
    {"--uuid", "UUID", "the machine's identifier (kept with EFI's variables)", .parse = parse_uuid},
    {"--strict", NULL, "exactly the machine that Apple's framework gives", .parse = parse_strict},
    {"--nested", NULL, "the guest may run guests of its own; `atoll engines` says where",
     .parse = parse_nested},
    {"--quirk", "NAME=VALUE", "one of Apple's behaviours; `atoll quirks` lists them",
     .parse = parse_quirk},
    {"--reboot", NULL, "a reset starts the guest again instead of ending the run",
     .parse = parse_reboot},
    {"--explain", "off|brief|full", "what the log says of a driver's mistakes (brief)",
     .parse = parse_explain},
    {"--log", "error|warn|info|debug", "what to say on standard error (info)", .parse = parse_log},
    {"--no-confine", NULL, "keep all rights of the process (for debugging Atoll)",
     .parse = parse_no_confine},
    {"--dump", "FILE[,at=ADDRESS]", "write every stage of the translator's work",
     .parse = parse_dump, .paths = {.first = true}},
    {"--trace", "FILE[,at=ADDRESS]", "write a line for each translation that is entered",
     .parse = parse_trace, .paths = {.first = true}},
    {"--disk-size", "SIZE", "make an empty disk of this size", .parse = parse_disk_size,
     .commands = "create"},
    {"--copy", NULL, "copy images into the folder instead of using them where they are",
     .parse = parse_copy, .commands = "create"},
    {"--dtb", "FILE", "write the device tree as a blob", .parse = parse_dtb, .commands = "fdt"},
    {"--dir", "DIR", "write the tables there (-d for short)", .parse = parse_dir,
     .commands = "acpi"},
    {"--help", NULL, "print this", .parse = parse_help, .commands = "run start create fdt acpi"},
};

/* Whether `words` has `command` among its words, which spaces separate. */
static bool has_word(const char *words, const char *command)
{
    size_t length = strlen(command), word;

    for (; *words; words += word + (words[word] == ' ')) {
        word = strcspn(words, " ");
        if (word == length && strncmp(words, command, length) == 0)
            return true;
    }
    return false;
}

void options_print(FILE *to, const char *command)
{
    for (size_t i = 0; i < nitems(table); i++)
        if (!table[i].commands || has_word(table[i].commands, command))
            fprintf(to, "  %s%s%s\n        %s\n", table[i].name, table[i].argument ? " " : "",
                    table[i].argument ? table[i].argument : "", table[i].about);
}

static const struct option *option_named(const char *name, size_t length)
{
    for (size_t i = 0; i < nitems(table); i++)
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

/* The option called by `argument`, which is --NAME or --NAME=VALUE (then *value is set). */
static const struct option *find_option(const char *argument, const char **value)
{
    size_t length = strcspn(argument, "=");

    *value = argument[length] ? argument + length + 1 : NULL;
    if (strcmp(argument, "-h") == 0)
        argument = "--help", length = strlen(argument);
    if (strcmp(argument, "-d") == 0)
        argument = "--dir", length = strlen(argument);
    return option_named(argument, length);
}

const char *option_statement(const struct option *option)
{
    return option->commands ? NULL : option->name + strlen("--");
}

char *option_rebase(const struct option *option, const char *value, const char *base)
{
    return rebase(&option->paths, value, base);
}

char *options_keep(struct options *o, size_t size)
{
    char **kept = realloc(o->kept, (o->kept_count + 1) * sizeof(*kept));

    if (!kept)
        return NULL;
    o->kept = kept;
    kept[o->kept_count] = malloc(size);
    return kept[o->kept_count] ? kept[o->kept_count++] : NULL;
}

/* Calls the option's parser, with room for the pieces of its value. */
static int option_apply(struct options *o, const struct option *option, const char *value,
                        struct error *err)
{
    o->scratch = options_keep(o, value ? strlen(value) + 1 : 1);
    o->scratch_used = 0;
    if (!o->scratch)
        return error_set(err, ENOMEM, "out of memory");
    return option->parse(o, value, err);
}

int options_next(int argc, char **argv, int *at, struct options_given *given, struct error *err)
{
    const char *argument = argv[(*at)++];
    const struct option *option;

    *given = (struct options_given){.value = argument};
    if (argument[0] != '-')
        return 0;
    given->option = option = find_option(argument, &given->value);
    if (!option)
        return error_set(err, EINVAL, "there is no option \"%s\"; --help lists them", argument);
    if (option->commands && !has_word(option->commands, argv[0]))
        return error_set(err, EINVAL, "%s is for `atoll %.*s`, not for this command", option->name,
                         (int)strcspn(option->commands, " "), option->commands);
    if (!takes_value(option) && given->value)
        return error_set(err, EINVAL, "%s takes no value", option->name);
    if (!option->argument || given->value)
        return 0;
    if (*at == argc)
        return error_set(err, EINVAL, "%s needs a value: %s", option->name, option->argument);
    given->value = argv[(*at)++];
    return 0;
}

int options_take_name(int *argc, char **argv, const char **name, struct error *err)
{
    struct options_given given;

    *name = NULL;
    for (int at = 1, next = 1; at < *argc; at = next) {
        int ret = options_next(*argc, argv, &next, &given, err);

        if (ret)
            return ret;
        if (given.option)
            continue;
        *name = given.value;
        memmove(argv + at, argv + next, (size_t)(*argc - next) * sizeof(*argv));
        (*argc)--;
        return 0;
    }
    return 0;
}

bool options_ask_help(int argc, char **argv)
{
    struct options_given given;

    for (int at = 1; at < argc && options_next(argc, argv, &at, &given, NULL) == 0;)
        if (given.option && given.option->parse == parse_help)
            return true;
    return false;
}

int options_parse_arguments(struct options *o, int argc, char **argv, struct error *err)
{
    struct options_given given;
    int ret = 0;

    for (int i = 1; i < argc && !ret;) {
        ret = options_next(argc, argv, &i, &given, err);
        if (!ret && given.option)
            ret = option_apply(o, given.option, given.value, err);
        else if (!ret)
            ret = option_add_disk(o, given.value, err) ? 0 : -EINVAL;
    }
    return ret;
}

/* A value with its paths made absolute lives as long as what was made of it. */
static int keep_rebased(struct options *o, const struct option *option, const char **value,
                        const char *base, struct error *err)
{
    char *absolute = option_rebase(option, *value, base);
    char *kept = absolute ? options_keep(o, strlen(absolute) + 1) : NULL;

    if (kept)
        *value = strcpy(kept, absolute);
    free(absolute);
    return kept ? 0 : error_set(err, ENOMEM, "out of memory");
}

int options_parse_line(struct options *o, const char *name, const char *value, const char *base,
                       struct error *err)
{
    const struct option *option = NULL;
    int ret = 0;

    for (size_t i = 0; i < nitems(table) && !option; i++)
        if (strcmp(table[i].name + strlen("--"), name) == 0)
            option = &table[i];
    if (!option)
        return error_set(err, EINVAL, "there is no \"%.80s\"; atoll.conf(5) has what there is",
                         name);
    if (!option_statement(option))
        return error_set(err, EINVAL, "\"%s\" is for the command line alone", name);
    if (option->argument && !value)
        return error_set(err, EINVAL, "\"%s\" needs a value: %s", name, option->argument);
    if (value)
        ret = keep_rebased(o, option, &value, base, err);
    return ret ? ret : option_apply(o, option, value, err);
}

void options_init(struct options *o)
{
    *o = (struct options){0};
    atoll_config_init(&o->config);
}

void options_next_source(struct options *o)
{
    o->net_given = o->console_given = o->display_given = false;
}

int options_parse(struct options *o, int argc, char **argv, struct error *err)
{
    options_init(o);
    return options_parse_arguments(o, argc, argv, err);
}

void options_free(struct options *o)
{
    for (size_t i = 0; i < o->kept_count; i++)
        free(o->kept[i]);
    free(o->kept);
    o->kept = NULL;
    o->kept_count = 0;
}
