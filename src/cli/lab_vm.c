/* SPDX-License-Identifier: ISC */
/* What a lab says of a VM, as the options that `atoll run` has. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/lab.h"
#include "cli/lab_wires.h"
#include "cli/layer.h"

#define UUID_ROOM 37

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

static bool need_file(struct lab *lab, const struct config_place *place, const char *path)
{
    struct stat st;

    if (stat(path, &st) || access(path, R_OK))
        lab_complain(lab, place, "%s: cannot read it: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        lab_complain(lab, place, "%s: it is a folder; a file is wanted", path);
    else
        return true;
    return false;
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

static void need_engine(struct lab *lab, const struct config_place *place, const char *name)
{
    struct atoll_engine_info info;
    char known[160] = "auto";
    size_t used = strlen(known);

    if (strcmp(name, "auto") == 0)
        return;
    for (size_t i = 0; atoll_engine_info(i, &info) == 0; i++) {
        if (strcmp(name, info.name) == 0)
            return;
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, ", %s", info.name);
    }
    lab_complain(lab, place, "there is no engine \"%.60s\"; there is %s", name, known);
}

static void add_settings(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    for (size_t i = 0; i < vm->setting_count; i++) {
        const struct config_setting *s = &vm->settings[i];
        const char *folder = folder_of(o, s->given ? "given" : s->place.file);
        struct error err;

        if (options_parse_line(o, s->name, s->value, folder, &err))
            lab_complain(lab, &s->place, "%s", err.text);
        else if (strcmp(s->name, "kernel") == 0)
            need_file(lab, &s->place, o->config.kernel);
        else if (strcmp(s->name, "initrd") == 0)
            need_file(lab, &s->place, o->config.initrd);
        else if (strcmp(s->name, "efi") == 0)
            need_file(lab, &s->place, o->config.efi);
        else if (strcmp(s->name, "engine") == 0)
            need_engine(lab, &s->place, s->value);
    }
}

/* --- disks and networks --- */

/* What a layer goes over. */
static void need_base(struct lab *lab, const struct config_disk *from, const char *path)
{
    struct error err;
    int is_qcow2 = from->format == CONFIG_FORMAT_PROBE ? layer_is_qcow2(path, &err)
                                                       : from->format == CONFIG_FORMAT_QCOW2;

    if (is_qcow2 < 0 || layer_check(path, is_qcow2, &err))
        lab_complain(lab, &from->place, "%s", err.text);
}

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
        if (from->path && need_file(lab, &from->place, disk->path) && !from->direct &&
            !from->readonly)
            need_base(lab, from, disk->path);
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

static void join_switch(struct lab *lab, const struct config_vm *vm, size_t index,
                        struct options *o, struct atoll_net *net)
{
    char *target = options_keep(o, LAB_PORT_ROOM), *port = options_keep(o, LAB_PORT_ROOM);

    if (!target || !port) {
        lab_complain(lab, &vm->place, "out of memory");
        return;
    }
    lab_switch_name(&lab->config, vm->interfaces[index].wire, target, LAB_PORT_ROOM);
    lab_port_name(vm, index, port, LAB_PORT_ROOM);
    net->kind = ATOLL_NET_SWITCH;
    net->target = target;
    net->port = port;
    if (!net->mtu)
        net->mtu = (uint16_t)config_switch_find(&lab->config, vm->interfaces[index].wire)->mtu;
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
        if (from->wire)
            join_switch(lab, vm, i, o, net);
        else
            add_user(lab, &from->user, net);
        if (from->port.capture && !from->wire)
            net->capture = lab_path(o, from->port.capture);
        o->config.net_count = i + 1;
    }
}

/* An identifier that is the same in each run of the lab, and with it the addresses of network cards
 * that are given none: a UUID of version 8 (RFC 9562, 5.8) from the names. */
static void add_uuid(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    char name[2 * LAB_PORT_ROOM], *uuid = options_keep(o, UUID_ROOM);
    uint64_t half[2] = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x84222325cbf29ce4)};

    if (o->config.uuid || !uuid)
        return;
    snprintf(name, sizeof(name), "%s.%s", lab->config.name, vm->name);
    for (size_t i = 0; i < 2; i++)
        for (const char *at = name; *at; at++) /* FNV-1a */
            half[i] = (half[i] ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    snprintf(uuid, UUID_ROOM, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(half[0] >> 32),
             (unsigned)(half[0] >> 16) & 0xffff, (unsigned)half[0] & 0xfff,
             0x8000 | ((unsigned)(half[1] >> 48) & 0x3fff),
             (unsigned long long)half[1] & 0xffffffffffffULL);
    o->config.uuid = uuid;
}

void lab_vm_options(struct lab *lab, const struct config_vm *vm, struct options *o)
{
    unsigned errors = lab->errors;
    struct error err;

    options_init(o);
    add_settings(lab, vm, o);
    add_disks(lab, vm, o);
    add_nets(lab, vm, o);
    add_uuid(lab, vm, o);
    if (lab->errors == errors && atoll_config_check(&o->config, (struct atoll_error *)&err))
        lab_complain(lab, &vm->place, "\"%s\": %s", vm->name, err.text);
}
