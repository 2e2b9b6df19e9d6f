/* SPDX-License-Identifier: ISC */
/* --disk, --gpu, --display, --input and --console. */
#include "cli/option_lists.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "cli/parse.h"

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
    const char *value = option_piece_value(piece);

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

struct atoll_disk *option_add_disk(struct options *o, const char *path, struct error *err)
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

int option_disk(struct options *o, const char *value, struct error *err)
{
    struct atoll_disk *disk = option_add_disk(o, option_piece(o, &value), err);
    char *piece;
    int ret = disk ? 0 : -EINVAL;

    while (!ret && (piece = option_piece(o, &value)))
        ret = parse_disk_key(disk, piece, err);
    return ret;
}

int option_gpu(struct options *o, const char *value, struct error *err)
{
    const char *given = value, *size = option_piece(o, &value), *flag;

    if (parse_dimensions(size, ATOLL_GPU_MAX, &o->config.gpu.width, &o->config.gpu.height) < 0)
        return error_set(err, EINVAL,
                         "--gpu \"%s\" is not understood; give WIDTHxHEIGHT, such as "
                         "1280x800",
                         given);
    while ((flag = option_piece(o, &value))) {
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

int option_display(struct options *o, const char *value, struct error *err)
{
    struct atoll_display display = {0};
    int ret = parse_display_kind(&display, option_piece(o, &value), err);
    char *piece;

    if (!o->display_given)
        o->config.display_count = 0;
    o->display_given = true;
    while (!ret && (piece = option_piece(o, &value))) {
        display.password = option_piece_value(piece);
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

int option_input(struct options *o, const char *value, struct error *err)
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

int option_console(struct options *o, const char *value, struct error *err)
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
    ret = parse_console_kind(console, option_piece(o, &value), err);
    while (!ret && (piece = option_piece(o, &value))) {
        const char *port = option_piece_value(piece);

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
