/* SPDX-License-Identifier: ISC */
/*
 * What only the whole tells: names that are spoken of exist, and what a thing cannot do without is
 * said. Templates become part of their VMs here.
 */
#include <stdio.h>
#include <string.h>

#include "config/private.h"

/* --- names --- */

#define LISTED_MAX 8 /* names that there are, told beside one that there is not */

void config_names_add(struct config_names *n, const char *name)
{
    if (n->count < nitems(n->names) && *name)
        n->names[n->count++] = name;
}

static void list(const struct config_names *known, char *to, size_t room)
{
    size_t used = 0;

    *to = '\0';
    for (size_t i = 0; i < known->count && i < LISTED_MAX && used < room; i++)
        used +=
            (size_t)snprintf(to + used, room - used, "%s\"%.30s\"", i ? ", " : "", known->names[i]);
    if (known->count > LISTED_MAX && used < room)
        snprintf(to + used, room - used, " and others");
}

void config_report_unknown(struct config_parser *p, const struct config_place *place,
                           const char *what, const char *name, const struct config_names *known)
{
    const char *nearest = config_nearest(name, known->names, known->count);
    char listed[400];

    list(known, listed, sizeof(listed));
    if (nearest)
        config_report(p, place, "there is no %s \"%.60s\"; is \"%s\" meant?", what, name, nearest);
    else if (known->count)
        config_report(p, place, "there is no %s \"%.60s\"; there is %s", what, name, listed);
    else
        config_report(p, place, "there is no %s \"%.60s\", nor any other", what, name);
}

const struct config_switch *config_need_switch(struct config_parser *p, const char *name,
                                               const struct config_place *place)
{
    const struct config_switch *wire = config_switch_find(p->config, name);
    struct config_names known = {.count = 0};

    if (wire)
        return wire;
    for (size_t i = 0; i < p->config->switch_count; i++)
        config_names_add(&known, p->config->switches[i].name);
    config_report_unknown(p, place, "switch", name, &known);
    return NULL;
}

const struct config_peer *config_need_peer(struct config_parser *p, const char *name,
                                           const struct config_place *place)
{
    const struct config_peer *peer = config_peer_find(p->config, name);
    struct config_names known = {.count = 0};

    if (peer)
        return peer;
    if (config_vm_find(p->config, name)) {
        config_report(p, place,
                      "\"%s\" is a VM, and only a peer sends for a test; a VM's own commands are "
                      "steps \"shell\"",
                      name);
        return NULL;
    }
    for (size_t i = 0; i < p->config->peer_count; i++)
        config_names_add(&known, p->config->peers[i].name);
    config_report_unknown(p, place, "peer", name, &known);
    return NULL;
}

const struct config_vm *config_need_vm(struct config_parser *p, const char *name,
                                       const struct config_place *place)
{
    const struct config_vm *vm = config_vm_find(p->config, name);
    struct config_names known = {.count = 0};

    if (vm)
        return vm;
    for (size_t i = 0; i < p->config->vm_count; i++)
        config_names_add(&known, p->config->vms[i].name);
    config_report_unknown(p, place, "VM", name, &known);
    return NULL;
}

/* --- machines --- */

#define PARENTS_MAX 8 /* templates of templates */

static struct config_vm *need_template(struct config_parser *p, const struct config_vm *vm)
{
    struct config *c = p->config;
    struct config_names known = {.count = 0};

    for (size_t i = 0; i < c->template_count; i++)
        if (strcmp(c->templates[i].name, vm->instance) == 0)
            return &c->templates[i];
    for (size_t i = 0; i < c->template_count; i++)
        config_names_add(&known, c->templates[i].name);
    config_report_unknown(p, &vm->instance_place, "instance", vm->instance, &known);
    return NULL;
}

bool config_vm_says(const struct config_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->setting_count; i++)
        if (strcmp(vm->settings[i].name, name) == 0)
            return true;
    return false;
}

/* An array with another before it, in memory of its own. */
static bool prepend(struct config_parser *p, void *items, size_t *count, const void *before,
                    size_t more, size_t size)
{
    void **array = items;
    char *both = config_keep(p->config, (*count + more) * size);

    if (!both)
        return config_no_memory(p) == 0;
    if (more)
        memcpy(both, before, more * size);
    if (*count)
        memcpy(both + more * size, *array, *count * size);
    *array = both;
    *count += more;
    return true;
}

/* What the VM says itself is the last word. */
static bool inherit_settings(struct config_parser *p, struct config_vm *vm,
                             const struct config_vm *from)
{
    struct config_setting *kept = config_keep(p->config, (from->setting_count + 1) * sizeof(*kept));
    size_t count = 0;

    if (!kept)
        return config_no_memory(p) == 0;
    for (size_t i = 0; i < from->setting_count; i++)
        if (config_setting_is_list(from->settings[i].name) ||
            !config_vm_says(vm, from->settings[i].name))
            kept[count++] = from->settings[i];
    return prepend(p, &vm->settings, &vm->setting_count, kept, count, sizeof(*kept));
}

static void inherit(struct config_parser *p, struct config_vm *vm)
{
    const struct config_vm *from = vm;

    for (unsigned depth = 0; from->instance && !p->failed; depth++) {
        from = need_template(p, from);
        if (!from)
            return;
        if (depth == PARENTS_MAX) {
            config_report(p, &vm->place, "\"%s\" has an instance that is its own, or more than %d",
                          vm->name, PARENTS_MAX);
            return;
        }
        if (!inherit_settings(p, vm, from) ||
            !prepend(p, &vm->disks, &vm->disk_count, from->disks, from->disk_count,
                     sizeof(*vm->disks)) ||
            !prepend(p, &vm->interfaces, &vm->interface_count, from->interfaces,
                     from->interface_count, sizeof(*vm->interfaces)))
            return;
        if (!vm->shell)
            vm->shell = from->shell;
    }
}

#define UPLINK_NETWORK UINT32_C(0x0a000200) /* 10.0.2.0/24 */

static void check_forwards(struct config_parser *p, const struct config_user *user, bool uplink)
{
    for (size_t i = 0; i < user->forward_count; i++) {
        const struct config_forward *f = &user->forwards[i];

        if (uplink && !f->guest_address)
            config_report(p, &f->place,
                          "which machine on the switch? write \"to ADDRESS port "
                          "NUMBER\"");
        else if (uplink && (f->guest_address & ~UINT32_C(0xff)) != UPLINK_NETWORK)
            config_report(p, &f->place, "the way out is 10.0.2.0/24; give an address of it");
        else if (!uplink && f->guest_address)
            config_report(p, &f->place, "the machine is alone there; write \"to PORT\"");
    }
}

static void check_interfaces(struct config_parser *p, const struct config_vm *vm)
{
    for (size_t i = 0; i < vm->interface_count; i++) {
        const struct config_interface *in = &vm->interfaces[i];

        if (!in->wire) {
            check_forwards(p, &in->user, false);
            if (in->port.to.given || in->port.from.given)
                config_report(p, in->port.to.given ? &in->port.to.place : &in->port.from.place,
                              "only a switch has links; write \"switch NAME\" too");
        } else if (config_need_switch(p, in->wire, &in->place) && in->user.given) {
            config_report(p, &in->user.place,
                          "that is of an interface without a switch; of a switch it is said in "
                          "its \"uplink\"");
        }
    }
}

static void check_disks(struct config_parser *p, const struct config_vm *vm)
{
    for (size_t i = 0; i < vm->disk_count; i++) {
        const struct config_disk *disk = &vm->disks[i];

        if (disk->direct && disk->readonly)
            config_report(p, &disk->place, "a disk is readonly or persistent, not both");
        else if (disk->direct && !disk->path)
            config_report(p, &disk->place,
                          "an empty disk is new for each run; it cannot be "
                          "persistent");
        else if (!disk->path && (disk->size < 512 || disk->size % 512))
            config_report(p, &disk->place, "a disk's size is a multiple of 512, and not 0");
    }
}

/* --- switches and peers --- */

static void check_network(struct config_parser *p, const struct config_peer *peer,
                          const struct config_network *n)
{
    if (ip_is_none(&n->gateway))
        return;
    if (ip_is_none(&n->address))
        config_report(
            p, &n->gateway_place,
            "\"%s\" has no address that goes with this gateway; write \"address %s\" or so "
            "in it",
            peer->name, ip_family(&n->gateway) == IP_V4 ? "10.0.2.9/24" : "2001:db8::9/64");
    else if (!ip_same_network(&n->gateway, &n->address, n->prefix) &&
             !(ip_family(&n->gateway) == IP_V6 && ip_is_link_local(&n->gateway)))
        config_report(p, &n->gateway_place, "the gateway of \"%s\" is not in its network",
                      peer->name);
}

static void check_peer_mtu(struct config_parser *p, const struct config_peer *peer)
{
    unsigned mtu = config_peer_mtu(p->config, peer);

    if (!ip_is_none(&peer->networks[IP_V6].address) && mtu < CONFIG_MTU_IPV6)
        config_report(p, &peer->place, "IPv6 wants an MTU of %u at least, and \"%s\" has %u",
                      CONFIG_MTU_IPV6, peer->name, mtu);
}

static void check_peer(struct config_parser *p, const struct config_peer *peer)
{
    const struct config_network *n = peer->networks;

    if (!*peer->name) /* its name is what is wrong with it */
        return;
    if (!peer->wire)
        config_report(p, &peer->place, "on which switch is \"%s\"? write \"switch NAME\" in it",
                      peer->name);
    else
        config_need_switch(p, peer->wire, &peer->place);
    if (!peer->has_address)
        config_report(p, &peer->place,
                      "which address has \"%s\"? write \"address 10.0.2.9/24\" "
                      "or so in it",
                      peer->name);
    for (size_t i = 0; i < IP_FAMILIES; i++)
        check_network(p, peer, &n[i]);
    check_peer_mtu(p, peer);
}

static void check_uplink(struct config_parser *p, const struct config_switch *wire)
{
    check_forwards(p, &wire->uplink, true);
    if (wire->uplink.given && wire->uplink_socket)
        config_report(p, &wire->uplink.place,
                      "the switch \"%s\" has an uplink already; it can have one", wire->name);
}

void config_check_whole(struct config_parser *p)
{
    struct config *c = p->config;

    for (size_t i = 0; i < c->switch_count; i++)
        check_uplink(p, &c->switches[i]);
    for (size_t i = 0; i < c->vm_count && !p->failed; i++) {
        inherit(p, &c->vms[i]);
        check_interfaces(p, &c->vms[i]);
        check_disks(p, &c->vms[i]);
    }
    for (size_t i = 0; i < c->peer_count; i++)
        check_peer(p, &c->peers[i]);
    config_check_once(p);
    for (size_t i = 0; i < c->test_count && !p->failed; i++)
        config_check_test(p, &c->tests[i]);
}
