/* SPDX-License-Identifier: ISC */
/* What a lab says of a VM, as the options that `atoll run` has. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/lab.h"

/* --- files --- */

const char *lab_path(struct options *o, const char *path)
{
    char here[PATH_MAX];
    char *kept;
    size_t room;

    if (*path == '/' || !getcwd(here, sizeof(here)))
        return path;
    room = strlen(here) + strlen(path) + 2;
    kept = options_keep(o, room);
    if (kept)
        snprintf(kept, room, "%s/%s", here, path);
    return kept;
}

static void need_file(struct lab *lab, const struct config_place *place, const char *path)
{
    if (access(path, R_OK))
        lab_complain(lab, place, "%s: cannot read it: %s", path, strerror(errno));
}

/* --- settings --- */

/* The folder that a file of the lab's is in, absolute. */
static const char *folder_of(struct options *o, const char *file)
{
    const char *path = lab_path(o, file);
    char *folder = path ? options_keep(o, strlen(path) + 1) : NULL;

    if (folder)
        *strrchr(strcpy(folder, path), '/') = '\0';
    return folder && *folder ? folder : "/";
}

static void add_settings(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    for (size_t i = 0; i < vm->setting_count; i++) {
        const struct config_setting *s = &vm->settings[i];
        struct error err;

        if (options_parse_line(o, s->name, s->value, folder_of(o, s->place.file), &err))
            lab_complain(lab, &s->place, "%s", err.text);
        else if (strcmp(s->name, "kernel") == 0)
            need_file(lab, &s->place, o->config.kernel);
        else if (strcmp(s->name, "initrd") == 0)
            need_file(lab, &s->place, o->config.initrd);
        else if (strcmp(s->name, "efi") == 0)
            need_file(lab, &s->place, o->config.efi);
    }
}

/* --- disks and networks --- */

static void add_disks(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    static const enum atoll_disk_format formats[] = {[CONFIG_FORMAT_PROBE] = ATOLL_DISK_PROBE,
                                                     [CONFIG_FORMAT_RAW] = ATOLL_DISK_RAW,
                                                     [CONFIG_FORMAT_QCOW2] = ATOLL_DISK_QCOW2};

    for (size_t i = 0; i < vm->disk_count; i++) {
        const struct config_disk *from = &vm->disks[i];
        struct atoll_disk *disk = &o->config.disks[o->config.disk_count];

        if (o->config.disk_count == ATOLL_DISKS_MAX) {
            lab_complain(lab, &from->place, "more than %d disks are not possible", ATOLL_DISKS_MAX);
            return;
        }
        o->config.disk_count++;
        disk->format = formats[from->format];
        disk->readonly = from->readonly;
        disk->serial = from->serial;
        disk->path = from->path ? lab_path(o, from->path) : "an empty disk";
        if (from->path)
            need_file(lab, &from->place, disk->path);
    }
}

static void add_user(struct lab *lab, const struct config_user *user, struct atoll_net *net)
{
    net->host = user->host;
    net->isolated = user->isolated;
    for (size_t i = 0; i < user->forward_count; i++) {
        const struct config_forward *f = &user->forwards[i];

        if (net->forward_count == ATOLL_FORWARDS_MAX) {
            lab_complain(lab, &f->place, "more than %d forwards are not possible",
                         ATOLL_FORWARDS_MAX);
            return;
        }
        net->forwards[net->forward_count++] =
            (struct atoll_forward){f->udp, f->host_address, f->host_port, f->guest_port};
    }
}

static void add_nets(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    o->config.net_count = 0;
    for (size_t i = 0; i < vm->interface_count; i++) {
        const struct config_interface *from = &vm->interfaces[i];
        struct atoll_net *net = &o->config.nets[i];

        if (i == ATOLL_NETS_MAX) {
            lab_complain(lab, &from->place, "more than %d interfaces are not possible",
                         ATOLL_NETS_MAX);
            return;
        }
        *net = (struct atoll_net){.has_mac = from->has_mac, .mtu = (uint16_t)from->mtu};
        memcpy(net->mac, from->mac, sizeof(net->mac));
        if (from->capture)
            net->capture = lab_path(o, from->capture);
        add_user(lab, &from->user, net);
        o->config.net_count = i + 1;
    }
}

void lab_vm_options(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    unsigned errors = lab->errors;
    struct error err;

    options_init(o);
    add_settings(lab, vm, o);
    add_disks(lab, vm, o);
    add_nets(lab, vm, o);
    if (lab->errors == errors && atoll_config_check(&o->config, (struct atoll_error *)&err))
        lab_complain(lab, &vm->place, "\"%s\": %s", vm->name, err.text);
}
