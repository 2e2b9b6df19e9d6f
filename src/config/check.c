/* SPDX-License-Identifier: ISC */
/*
 * What only the whole tells: names that are spoken of exist, and what a thing cannot do without is
 * said. Templates become part of their VMs here.
 */
#include <string.h>

#include "config/private.h"

#define NAMES_MAX 256 /* to look for the nearest in */

/* --- names --- */

struct names {
    const char *names[NAMES_MAX];
    size_t count;
};

static void names_add(struct names *n, const char *name)
{
    if (n->count < NAMES_MAX && *name)
        n->names[n->count++] = name;
}

static void unknown(struct config_parser *p, const struct config_place *place, const char *what,
                    const char *name, const struct names *known)
{
    const char *nearest = config_nearest(name, known->names, known->count);

    if (nearest)
        config_report(p, place, "there is no %s \"%.60s\"; is \"%s\" meant?", what, name, nearest);
    else
        config_report(p, place, "there is no %s \"%.60s\"", what, name);
}

static bool need_switch(struct config_parser *p, const char *name, const struct config_place *place)
{
    struct names known = {.count = 0};

    if (config_switch_find(p->config, name))
        return true;
    for (size_t i = 0; i < p->config->switch_count; i++)
        names_add(&known, p->config->switches[i].name);
    unknown(p, place, "switch", name, &known);
    return false;
}

static bool need_peer(struct config_parser *p, const char *name, const struct config_place *place)
{
    struct names known = {.count = 0};

    if (config_peer_find(p->config, name))
        return true;
    if (config_vm_find(p->config, name)) {
        config_report(p, place,
                      "\"%s\" is a VM, and only a peer sends for a test; a VM's own commands are "
                      "steps \"shell\"",
                      name);
        return false;
    }
    for (size_t i = 0; i < p->config->peer_count; i++)
        names_add(&known, p->config->peers[i].name);
    unknown(p, place, "peer", name, &known);
    return false;
}

static const struct config_vm *need_vm(struct config_parser *p, const char *name,
                                       const struct config_place *place)
{
    const struct config_vm *vm = config_vm_find(p->config, name);
    struct names known = {.count = 0};

    if (vm)
        return vm;
    for (size_t i = 0; i < p->config->vm_count; i++)
        names_add(&known, p->config->vms[i].name);
    unknown(p, place, "VM", name, &known);
    return NULL;
}

/* --- machines --- */

#define PARENTS_MAX 8 /* templates of templates */

static struct config_vm *need_template(struct config_parser *p, const struct config_vm *vm)
{
    struct config *c = p->config;
    struct names known = {.count = 0};

    for (size_t i = 0; i < c->template_count; i++)
        if (strcmp(c->templates[i].name, vm->instance) == 0)
            return &c->templates[i];
    for (size_t i = 0; i < c->template_count; i++)
        names_add(&known, c->templates[i].name);
    unknown(p, &vm->instance_place, "instance", vm->instance, &known);
    return NULL;
}

static bool is_list(const char *name)
{
    return strcmp(name, "quirk") == 0 || strcmp(name, "console") == 0 ||
           strcmp(name, "display") == 0;
}

static bool says(const struct config_vm *vm, const char *name)
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
        if (is_list(from->settings[i].name) || !says(vm, from->settings[i].name))
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
            if (in->to.given || in->from.given)
                config_report(p, in->to.given ? &in->to.place : &in->from.place,
                              "only a switch has links; write \"switch NAME\" too");
        } else if (need_switch(p, in->wire, &in->place) && in->user.given) {
            config_report(p, &in->user.place,
                          "that is of an interface without a switch; of a switch it is said in "
                          "its \"uplink\"");
        }
        for (size_t j = 0; j < i && in->has_mac; j++)
            if (vm->interfaces[j].has_mac && memcmp(vm->interfaces[j].mac, in->mac, 6) == 0)
                config_report(p, &in->place, "another interface has this address already");
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

    if (!peer->wire)
        config_report(p, &peer->place, "on which switch is \"%s\"? write \"switch NAME\" in it",
                      peer->name);
    else
        need_switch(p, peer->wire, &peer->place);
    if (ip_is_none(&n[IP_V4].address) && ip_is_none(&n[IP_V6].address))
        config_report(p, &peer->place,
                      "which address has \"%s\"? write \"address 10.0.2.9/24\" "
                      "or so in it",
                      peer->name);
    for (size_t i = 0; i < IP_FAMILIES; i++)
        check_network(p, peer, &n[i]);
    check_peer_mtu(p, peer);
}

/* Two peers on one switch that would both answer. */
static void check_pair(struct config_parser *p, const struct config_peer *one,
                       const struct config_peer *other)
{
    if (!one->wire || !other->wire || strcmp(one->wire, other->wire) != 0)
        return;
    for (size_t i = 0; i < IP_FAMILIES; i++)
        if (!ip_is_none(&one->networks[i].address) &&
            ip_equal(&one->networks[i].address, &other->networks[i].address))
            config_report(p, &one->place, "\"%s\" has the address of \"%s\" on the same switch",
                          one->name, other->name);
    if (one->has_mac && other->has_mac && memcmp(one->mac, other->mac, sizeof(one->mac)) == 0)
        config_report(p, &one->place,
                      "\"%s\" has the Ethernet address of \"%s\" on the same switch", one->name,
                      other->name);
}

static void check_addresses(struct config_parser *p)
{
    const struct config *c = p->config;

    for (size_t i = 0; i < c->peer_count && !p->failed; i++)
        for (size_t j = 0; j < i; j++)
            check_pair(p, &c->peers[i], &c->peers[j]);
}

/* --- tests --- */

static void check_link_target(struct config_parser *p, const struct config_step *s)
{
    const struct config *c = p->config;
    const struct config_vm *vm = config_vm_find(c, s->who);
    struct names known = {.count = 0};
    size_t wires = 0;

    if (config_switch_find(c, s->who) || config_peer_find(c, s->who))
        return;
    for (size_t i = 0; vm && i < vm->interface_count; i++)
        wires += vm->interfaces[i].wire != NULL;
    if (vm && wires == 0)
        config_report(p, &s->place, "\"%s\" is on no switch", s->who);
    if (vm)
        return;
    for (size_t i = 0; i < c->vm_count; i++)
        names_add(&known, c->vms[i].name);
    for (size_t i = 0; i < c->switch_count; i++)
        names_add(&known, c->switches[i].name);
    for (size_t i = 0; i < c->peer_count; i++)
        names_add(&known, c->peers[i].name);
    unknown(p, &s->place, "VM, switch or peer", s->who, &known);
}

/* A probe leaves by the address of its destination's family. */
static void check_family(struct config_parser *p, const struct config_step *s)
{
    const struct config_peer *peer = config_peer_find(p->config, s->who);
    enum ip_family family = ip_family(&s->to);

    if (peer && ip_is_none(&peer->networks[family].address))
        config_report(p, &s->place,
                      "\"%s\" has no %s address to send from; write \"address %s\" or so "
                      "in it",
                      s->who, family == IP_V4 ? "IPv4" : "IPv6",
                      family == IP_V4 ? "10.0.2.9/24" : "2001:db8::9/64");
}

static void check_probe(struct config_parser *p, const struct config_step *s)
{
    bool answered = s->expect == CONFIG_EXPECT_PASS || s->expect == CONFIG_EXPECT_TRANSLATE;

    if (need_peer(p, s->who, &s->place))
        check_family(p, s);
    if (s->at)
        need_peer(p, s->at, &s->place);
    if (!answered && (s->at || !ip_is_none(&s->source) || s->text || s->command || s->turn_count))
        config_report(p, &s->place,
                      "what does not arrive has no far end; leave \"at\", \"source\", "
                      "\"say\" and \"answer\" out");
    else if (!ip_is_none(&s->source) && !s->at)
        config_report(p, &s->place, "who sees the source? write \"at PEER\" too");
    else if (s->expect == CONFIG_EXPECT_TRANSLATE && !s->at)
        config_report(p, &s->place, "who sees the translation? write \"at PEER\" too");
}

/* Steps at the console, the screen or the keyboard. */
static void check_hands(struct config_parser *p, const struct config_step *s)
{
    const struct config_vm *vm = need_vm(p, s->who, &s->place);
    bool screen = vm && (says(vm, "gpu") || says(vm, "display"));

    if (!vm || screen)
        return;
    if (s->kind == CONFIG_STEP_WAIT && s->screen)
        config_report(p, &s->place, "\"%s\" has no screen; write \"gpu 1024x768\" in it", s->who);
    else if ((s->kind == CONFIG_STEP_KEY || s->screen) && !says(vm, "input"))
        config_report(p, &s->place,
                      "\"%s\" has no keyboard; write \"gpu 1024x768\" or \"input usb\" in it",
                      s->who);
}

static void check_frame(struct config_parser *p, const struct config_step *s)
{
    const struct config_peer *peer = config_peer_find(p->config, s->who);
    size_t longest = peer ? config_peer_mtu(p->config, peer) + CONFIG_OVERHEAD : 0;

    if (need_peer(p, s->who, &s->place) && s->length > longest)
        config_report(
            p, &s->place,
            "a frame of %zu bytes is too long for \"%s\", which sends up to %zu; it or its "
            "switch can have a larger \"mtu\"",
            s->length, s->who, longest);
}

static void check_step(struct config_parser *p, const struct config_step *s)
{
    switch (s->kind) {
    case CONFIG_STEP_WAIT:
    case CONFIG_STEP_TYPE:
    case CONFIG_STEP_KEY: check_hands(p, s); return;
    case CONFIG_STEP_SHELL:
    case CONFIG_STEP_STOP: need_vm(p, s->who, &s->place); return;
    case CONFIG_STEP_CONNECT:
    case CONFIG_STEP_SEND:
    case CONFIG_STEP_PING: check_probe(p, s); return;
    case CONFIG_STEP_FRAME: check_frame(p, s); return;
    case CONFIG_STEP_SEE: need_switch(p, s->who, &s->place); return;
    case CONFIG_STEP_LINK: check_link_target(p, s); return;
    case CONFIG_STEP_SLEEP: return;
    }
}

void config_check_whole(struct config_parser *p)
{
    struct config *c = p->config;

    for (size_t i = 0; i < c->switch_count; i++)
        check_forwards(p, &c->switches[i].uplink, true);
    for (size_t i = 0; i < c->vm_count && !p->failed; i++) {
        inherit(p, &c->vms[i]);
        check_interfaces(p, &c->vms[i]);
        check_disks(p, &c->vms[i]);
    }
    for (size_t i = 0; i < c->peer_count; i++)
        check_peer(p, &c->peers[i]);
    check_addresses(p);
    for (size_t i = 0; i < c->test_count; i++)
        for (size_t j = 0; j < c->tests[i].step_count && !p->failed; j++)
            check_step(p, &c->tests[i].steps[j]);
}
