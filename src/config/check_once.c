/* SPDX-License-Identifier: ISC */
/*
 * What there can be one of in a lab: an Ethernet or IP address on a switch, a port of the host that
 * is forwarded, a disk that a machine writes to itself, a file of a capture's. Each thing that has
 * one is a claim; claims are sorted, and those that are the same lie side by side.
 */
#include <stdlib.h>
#include <string.h>

#include "config/private.h"

#define CLAIMS_MAX 65536 /* a lab with more is no lab; nothing is said of it then */
#define LOOPBACK   UINT32_C(0x7f000001)

enum kind { CLAIM_MAC, CLAIM_ADDRESS, CLAIM_FORWARD, CLAIM_DISK, CLAIM_CAPTURE };

struct claim {
    enum kind kind;
    const char *where;  /* the switch, or the file's path */
    uint8_t number[16]; /* the address, or the forward's protocol, address and port */
    bool shared;        /* with others that share it too */
    size_t order;
    const char *who;
    const struct config_place *place;
};

struct claims {
    struct claim *claims; /* NULL: they are only counted */
    size_t count;
};

static void add(struct claims *c, struct claim claim)
{
    claim.order = c->count;
    if (c->claims)
        c->claims[c->count] = claim;
    c->count++;
}

static void add_forwards(struct claims *c, const char *who, const struct config_user *user)
{
    for (size_t i = 0; i < user->forward_count; i++) {
        const struct config_forward *f = &user->forwards[i];
        struct claim claim = {
            .kind = CLAIM_FORWARD, .where = f->udp ? "UDP" : "TCP", .who = who, .place = &f->place};
        uint32_t address = f->host_address ? f->host_address : LOOPBACK;

        memcpy(claim.number, &address, sizeof(address));
        memcpy(claim.number + sizeof(address), &f->host_port, sizeof(f->host_port));
        add(c, claim);
    }
}

static void add_mac(struct claims *c, const char *wire, const uint8_t mac[6], const char *who,
                    const struct config_place *place)
{
    struct claim claim = {.kind = CLAIM_MAC, .where = wire, .who = who, .place = place};

    memcpy(claim.number, mac, 6);
    add(c, claim);
}

static void add_capture(struct claims *c, const char *path, const char *who,
                        const struct config_place *place)
{
    if (path)
        add(c, (struct claim){.kind = CLAIM_CAPTURE, .where = path, .who = who, .place = place});
}

static void add_vm(struct claims *c, const struct config_vm *vm)
{
    for (size_t i = 0; i < vm->interface_count; i++) {
        const struct config_interface *in = &vm->interfaces[i];

        if (in->wire && in->has_mac)
            add_mac(c, in->wire, in->mac, vm->name, &in->place);
        if (!in->wire)
            add_forwards(c, vm->name, &in->user);
        add_capture(c, in->port.capture, vm->name, &in->place);
    }
    for (size_t i = 0; i < vm->disk_count; i++)
        if (vm->disks[i].path)
            add(c, (struct claim){.kind = CLAIM_DISK,
                                  .where = vm->disks[i].path,
                                  .shared = !vm->disks[i].direct,
                                  .who = vm->name,
                                  .place = &vm->disks[i].place});
}

static void add_peer(struct claims *c, const struct config_peer *peer)
{
    if (!peer->wire)
        return;
    add_capture(c, peer->port.capture, peer->name, &peer->place);
    if (peer->has_mac)
        add_mac(c, peer->wire, peer->mac, peer->name, &peer->place);
    for (size_t i = 0; i < IP_FAMILIES; i++) {
        struct claim claim = {
            .kind = CLAIM_ADDRESS, .where = peer->wire, .who = peer->name, .place = &peer->place};

        if (ip_is_none(&peer->networks[i].address))
            continue;
        memcpy(claim.number, peer->networks[i].address.bytes, sizeof(claim.number));
        add(c, claim);
    }
}

static void add_all(struct claims *c, const struct config *config)
{
    for (size_t i = 0; i < config->switch_count && c->count <= CLAIMS_MAX; i++) {
        const struct config_switch *wire = &config->switches[i];

        add_forwards(c, wire->name, &wire->uplink);
        add_capture(c, wire->capture, wire->name, &wire->place);
    }
    for (size_t i = 0; i < config->vm_count && c->count <= CLAIMS_MAX; i++)
        add_vm(c, &config->vms[i]);
    for (size_t i = 0; i < config->peer_count && c->count <= CLAIMS_MAX; i++)
        add_peer(c, &config->peers[i]);
}

/* By what they claim. */
static int compare_claimed(const struct claim *a, const struct claim *b)
{
    int order = a->kind != b->kind ? (a->kind > b->kind ? 1 : -1) : strcmp(a->where, b->where);

    return order ? order : memcmp(a->number, b->number, sizeof(a->number));
}

/* Then who wants it alone, and then as they stand. */
static int compare(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = compare_claimed(a, b);

    if (order)
        return order;
    if (a->shared != b->shared)
        return a->shared ? 1 : -1;
    return a->order > b->order ? 1 : -1;
}

static void report(struct config_parser *p, const struct claim *first, const struct claim *other)
{
    const char *names[] = {other->who, first->who};

    switch (first->kind) {
    case CLAIM_MAC:
        config_report(
            p, other->place,
            "\"%s\" has the Ethernet address of \"%s\" on the switch \"%s\"; each has one of "
            "its own",
            names[0], names[1], first->where);
        return;
    case CLAIM_ADDRESS:
        config_report(p, other->place, "\"%s\" has the address of \"%s\" on the same switch",
                      names[0], names[1]);
        return;
    case CLAIM_FORWARD:
        config_report(p, other->place,
                      "this %s port of the host is forwarded for \"%s\" already, at %s:%u; give "
                      "another",
                      first->where, names[1], first->place->file, first->place->line);
        return;
    case CLAIM_DISK:
        config_report(
            p, other->place,
            "\"%s\" has a disk that \"%s\" writes to itself (\"persistent\"), at %s:%u; it "
            "can be one machine's only",
            names[0], names[1], first->place->file, first->place->line);
        return;
    case CLAIM_CAPTURE:
        config_report(p, other->place,
                      "\"%s\" is captured to the file of \"%s\", at %s:%u; give each its own",
                      names[0], names[1], first->place->file, first->place->line);
        return;
    }
}

void config_check_once(struct config_parser *p)
{
    struct claims c = {.count = 0};
    size_t count, first = 0;

    add_all(&c, p->config);
    count = c.count;
    if (count == 0 || count > CLAIMS_MAX)
        return;
    c = (struct claims){.claims = calloc(count, sizeof(*c.claims))};
    if (!c.claims) {
        config_no_memory(p);
        return;
    }
    add_all(&c, p->config);
    qsort(c.claims, count, sizeof(*c.claims), compare);
    for (size_t i = 1; i < count && !p->failed; i++) {
        if (compare_claimed(&c.claims[first], &c.claims[i]) != 0)
            first = i;
        else if (!c.claims[first].shared)
            report(p, &c.claims[first], &c.claims[i]);
    }
    free(c.claims);
}
