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
#include "cli/parse.h"
#include "cli/rebase.h"

#define DISK_UNIT 512 /* bytes: of a virtio block device's capacity (VIRTIO 1.2, 5.2.4) */

/* Pieces of a list: the next one, with ",," undone; NULL at the end. They live in options->scratch,
 * which has room for those of one value. */
static char *next_piece(struct options *o, const char **at)
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

/* Splits "key=value" in place; the value is "" without "=". */
static char *value_of(char *piece)
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
    else
        return error_set(err, EINVAL, "--cpu \"%s\" is not known; give atoll or apple", value);
    return 0;
}

static int parse_format(const char *value, enum atoll_disk_format *format, struct error *err)
{
    if (strcmp(value, "raw") == 0)
        *format = ATOLL_DISK_RAW;
    else if (strcmp(value, "qcow2") == 0)
        *format = ATOLL_DISK_QCOW2;
    else
        return error_set(err, EINVAL, "--disk format=\"%s\" is not known; give raw or qcow2",
                         value);
    return 0;
}

static int parse_disk_key(struct atoll_disk *disk, char *piece, struct error *err)
{
    const char *value = value_of(piece);

    if (strcmp(piece, "format") == 0)
        return parse_format(value, &disk->format, err);
    if (strcmp(piece, "readonly") == 0)
        return parse_switch("--disk readonly", value, &disk->readonly, err);
    if (strcmp(piece, "serial") == 0)
        disk->serial = value;
    else if (strcmp(piece, "backing") == 0)
        disk->backing = value;
    else
        return error_set(
            err, EINVAL,
            "--disk has no \"%s\"; it has format=, readonly, serial= and backing=", piece);
    return 0;
}

static struct atoll_disk *add_disk(struct options *o, const char *path, struct error *err)
{
    struct atoll_disk *disk;

    if (o->config.disk_count == ATOLL_DISKS_MAX) {
        error_set(err, EINVAL, "more than %d disks are not possible", ATOLL_DISKS_MAX);
        return NULL;
    }
    disk = &o->config.disks[o->config.disk_count++];
    disk->path = path;
    return disk;
}

static int parse_disk(struct options *o, const char *value, struct error *err)
{
    struct atoll_disk *disk = add_disk(o, next_piece(o, &value), err);
    char *piece;
    int ret = disk ? 0 : -EINVAL;

    while (!ret && (piece = next_piece(o, &value)))
        ret = parse_disk_key(disk, piece, err);
    return ret;
}

static int parse_gpu(struct options *o, const char *value, struct error *err)
{
    const char *given = value, *size = next_piece(o, &value), *flag;

    if (parse_dimensions(size, ATOLL_GPU_MAX, &o->config.gpu.width, &o->config.gpu.height) < 0)
        return error_set(err, EINVAL,
                         "--gpu \"%s\" is not understood; give WIDTHxHEIGHT, such as "
                         "1280x800",
                         given);
    while ((flag = next_piece(o, &value))) {
        if (strcmp(flag, "gop") != 0)
            return error_set(err, EINVAL, "--gpu has no \"%s\"; it has gop", flag);
        o->config.gpu.gop = true;
    }
    return 0;
}

static int parse_display_kind(struct atoll_display *display, const char *kind, struct error *err)
{
    static const struct {
        const char *name;
        enum atoll_display_kind kind;
    } kinds[] = {
        {"none", ATOLL_DISPLAY_NONE},
        {"vnc", ATOLL_DISPLAY_VNC},
        {"web", ATOLL_DISPLAY_WEB},
        {"window", ATOLL_DISPLAY_WINDOW},
    };
    size_t length = strcspn(kind, ":");

    for (size_t i = 0; i < nitems(kinds); i++) {
        if (strlen(kinds[i].name) != length || strncmp(kind, kinds[i].name, length) != 0)
            continue;
        display->kind = kinds[i].kind;
        display->address = kind[length] ? kind + length + 1 : NULL;
        return 0;
    }
    return error_set(err, EINVAL,
                     "--display \"%s\" is not known; give vnc[:ADDRESS], web[:ADDRESS], window or "
                     "none",
                     kind);
}

static int parse_display(struct options *o, const char *value, struct error *err)
{
    struct atoll_display display = {0};
    int ret = parse_display_kind(&display, next_piece(o, &value), err);
    char *piece;

    if (!o->display_given)
        o->config.display_count = 0;
    o->display_given = true;
    while (!ret && (piece = next_piece(o, &value))) {
        display.password = value_of(piece);
        if (strcmp(piece, "password") != 0 || !*display.password)
            ret = error_set(err, EINVAL, "--display has no \"%s\"; it has password=FILE", piece);
    }
    if (ret || display.kind == ATOLL_DISPLAY_NONE)
        return ret;
    if (o->config.display_count == ATOLL_DISPLAYS_MAX)
        return error_set(err, EINVAL, "more than %d displays are not possible", ATOLL_DISPLAYS_MAX);
    o->config.displays[o->config.display_count++] = display;
    return 0;
}

static int parse_input(struct options *o, const char *value, struct error *err)
{
    if (strcmp(value, "usb") == 0)
        o->config.input = ATOLL_INPUT_USB;
    else if (strcmp(value, "virtio") == 0)
        o->config.input = ATOLL_INPUT_VIRTIO;
    else if (strcmp(value, "none") == 0)
        o->config.input = ATOLL_INPUT_NONE;
    else
        return error_set(err, EINVAL, "--input \"%s\" is not known; give usb, virtio or none",
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

static int parse_forward(struct atoll_net *net, const char *value, struct error *err)
{
    if (net->forward_count == ATOLL_FORWARDS_MAX)
        return error_set(err, EINVAL, "more than %d forwards are not possible", ATOLL_FORWARDS_MAX);
    if (parse_forward_rule(value, &net->forwards[net->forward_count]) < 0)
        return error_set(err, EINVAL,
                         "--net forward=\"%s\" is not understood; give tcp:HOSTPORT:GUESTPORT, "
                         "such as tcp:2222:22 (udp: "
                         "and tcp:ADDRESS:HOSTPORT:GUESTPORT are possible)",
                         value);
    net->forward_count++;
    return 0;
}

static int parse_mtu(struct atoll_net *net, const char *value, struct error *err)
{
    uint64_t n;

    if (parse_number(value, 65435, &n) < 0 || n < 1280)
        return error_set(err, EINVAL, "--net mtu=\"%s\" is not possible; give 1280 to 65435",
                         value);
    net->mtu = (uint16_t)n;
    return 0;
}

/* In the order of enum atoll_net_kind: the word, and the keys that it has alone. */
static const struct {
    const char *word, *keys;
} net_kinds[] = {
    [ATOLL_NET_USER] = {"user", "forward=, host=, isolated=, "},
    [ATOLL_NET_SWITCH] = {"switch", "port=, "},
    [ATOLL_NET_SOCKET] = {"socket", "protocol=, "},
    [ATOLL_NET_TAP] = {"tap", ""},
    [ATOLL_NET_VMNET] = {"vmnet", ""},
};

static int parse_net_protocol(struct atoll_net *net, const char *value, struct error *err)
{
    if (strcmp(value, "qemu") == 0)
        net->protocol = ATOLL_NET_QEMU;
    else if (strcmp(value, "vfkit") == 0)
        net->protocol = ATOLL_NET_VFKIT;
    else
        return error_set(err, EINVAL, "--net protocol=\"%s\" is not known; give qemu or vfkit",
                         value);
    return 0;
}

static int parse_net_key(struct atoll_net *net, char *piece, struct error *err)
{
    const char *value = value_of(piece);

    if (strcmp(piece, "forward") == 0 && net->kind == ATOLL_NET_USER)
        return parse_forward(net, value, err);
    if (strcmp(piece, "mtu") == 0)
        return parse_mtu(net, value, err);
    if (strcmp(piece, "mac") == 0) {
        net->has_mac = true;
        if (parse_mac(value, net->mac) < 0)
            return error_set(err, EINVAL,
                             "--net mac=\"%s\" is not an address; give one like 52:54:00:12:34:56",
                             value);
        return 0;
    }
    if (strcmp(piece, "capture") == 0) {
        net->capture = value;
        return *value ? 0 : error_set(err, EINVAL, "--net capture= needs a file");
    }
    if (strcmp(piece, "host") == 0 && net->kind == ATOLL_NET_USER)
        return parse_switch("--net host", value, &net->host, err);
    if (strcmp(piece, "isolated") == 0 && net->kind == ATOLL_NET_USER)
        return parse_switch("--net isolated", value, &net->isolated, err);
    if (strcmp(piece, "port") == 0 && net->kind == ATOLL_NET_SWITCH) {
        net->port = value;
        return *value ? 0 : error_set(err, EINVAL, "--net port= needs a name");
    }
    if (strcmp(piece, "protocol") == 0 && net->kind == ATOLL_NET_SOCKET)
        return parse_net_protocol(net, value, err);
    return error_set(err, EINVAL, "--net %s has no \"%s\"; it has %smac=, mtu= and capture=",
                     net_kinds[net->kind].word, piece, net_kinds[net->kind].keys);
}

/* "KIND" or "KIND:TARGET" */
static int parse_net_kind(struct atoll_net *net, const char *text, struct error *err)
{
    size_t length = strcspn(text, ":");

    for (size_t i = 0; i < nitems(net_kinds); i++) {
        if (strlen(net_kinds[i].word) != length || strncmp(text, net_kinds[i].word, length) != 0)
            continue;
        net->kind = (enum atoll_net_kind)i;
        net->target = text[length] ? text + length + 1 : NULL;
        if (net->kind == ATOLL_NET_USER && !net->target)
            return 0;
        if (net->kind != ATOLL_NET_USER && net->target && *net->target)
            return 0;
    }
    return error_set(err, EINVAL,
                     "--net \"%s\" is not known; give user, switch:NAME, socket:PATH, tap:DEVICE, "
                     "vmnet:shared, vmnet:host or none",
                     text);
}

static int parse_net(struct options *o, const char *value, struct error *err)
{
    struct atoll_net *net;
    char *kind, *piece;
    int ret;

    if (!o->net_given) /* the first replaces the default */
        o->config.net_count = 0;
    o->net_given = true;
    kind = next_piece(o, &value);
    if (strcmp(kind, "none") == 0)
        return value ? error_set(err, EINVAL, "--net none takes nothing after it") : 0;
    if (o->config.net_count == ATOLL_NETS_MAX)
        return error_set(err, EINVAL, "more than %d networks are not possible", ATOLL_NETS_MAX);
    net = &o->config.nets[o->config.net_count++];
    ret = parse_net_kind(net, kind, err);
    while (!ret && (piece = next_piece(o, &value)))
        ret = parse_net_key(net, piece, err);
    return ret;
}

static int parse_console_kind(struct atoll_console *console, const char *kind, struct error *err)
{
    if (strcmp(kind, "stdio") == 0)
        console->kind = ATOLL_CONSOLE_STDIO;
    else if (strcmp(kind, "pty") == 0)
        console->kind = ATOLL_CONSOLE_PTY;
    else if (strcmp(kind, "none") == 0)
        console->kind = ATOLL_CONSOLE_NONE;
    else if (strncmp(kind, "file:", 5) == 0 && kind[5])
        *console = (struct atoll_console){.kind = ATOLL_CONSOLE_FILE, .path = kind + 5};
    else if (strncmp(kind, "unix:", 5) == 0 && kind[5])
        *console = (struct atoll_console){.kind = ATOLL_CONSOLE_UNIX, .path = kind + 5};
    else
        return error_set(
            err, EINVAL,
            "--console \"%s\" is not known; give stdio, pty, file:PATH, unix:PATH or none", kind);
    return 0;
}

static int parse_console(struct options *o, const char *value, struct error *err)
{
    struct atoll_console *console;
    char *piece;
    int ret;

    if (!o->console_given)
        o->config.console_count = 0;
    o->console_given = true;
    if (o->config.console_count == ATOLL_CONSOLES_MAX)
        return error_set(err, EINVAL, "more than %d consoles are not possible", ATOLL_CONSOLES_MAX);
    console = &o->config.consoles[o->config.console_count++];
    *console = (struct atoll_console){0};
    ret = parse_console_kind(console, next_piece(o, &value), err);
    while (!ret && (piece = next_piece(o, &value))) {
        const char *port = value_of(piece);

        if (strcmp(piece, "port") == 0 && strcmp(port, "pl011") == 0)
            console->port = ATOLL_PORT_PL011;
        else if (strcmp(piece, "port") == 0 && strcmp(port, "virtio") == 0)
            console->port = ATOLL_PORT_VIRTIO;
        else
            ret = error_set(err, EINVAL,
                            "--console has no \"%s\"; it has port=pl011 and port=virtio", piece);
    }
    return ret;
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
    quirk->name = next_piece(o, &value);
    quirk->value = value_of((char *)(uintptr_t)quirk->name);
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

    listing->path = next_piece(o, &value);
    if (!*listing->path)
        return error_set(err, EINVAL, "%s needs a file", name);
    while ((key = next_piece(o, &value))) {
        piece = value_of(key);
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
    {"--cpu", "atoll|apple", "which CPU the guest sees (atoll)", .parse = parse_cpu},
    {"--disk", "FILE[,format=raw|qcow2][,readonly][,serial=ID][,backing=FILE]",
     "a disk; repeatable", .parse = parse_disk, .paths = {.first = true, .keys = {"backing="}}},
    {"--net",
     "user[,forward=tcp:HOSTPORT:GUESTPORT][,host=on][,isolated=on] | switch:NAME[,port=NAME] | "
     "socket:PATH[,protocol=qemu|vfkit] | tap:DEVICE | vmnet:shared | vmnet:host | none, all with "
     "[,mac=ADDRESS][,mtu=N][,capture=FILE]",
     "a network card; repeatable (user)", .parse = parse_net,
     .paths = {.keys = {"capture=", "socket:"}}},
    {"--console", "stdio|pty|file:PATH|unix:PATH|none[,port=pl011|virtio]",
     "a serial port; repeatable (stdio)", .parse = parse_console,
     .paths = {.keys = {"file:", "unix:"}}},
    {"--gpu", "WIDTHxHEIGHT[,gop]", "a display (none); gop: for EFI programs too",
     .parse = parse_gpu},
    {"--display", "vnc|web[:[HOST:]PORT|:unix:PATH][,password=FILE] | window | none",
     "who shows the display; repeatable; brings a GPU of 1280x800 (none)", .parse = parse_display,
     .paths = {.keys = {"vnc:unix:", "web:unix:", "password="}}},
    {"--input", "usb|virtio|none", "keyboard and pointer (usb with a display)",
     .parse = parse_input},
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
            ret = add_disk(o, given.value, err) ? 0 : -EINVAL;
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
