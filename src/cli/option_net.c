/* SPDX-License-Identifier: ISC */
/* --net: what a network card is plugged into. */
#include "cli/option_lists.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "cli/parse.h"

static int parse_forward(struct atoll_net *net, const char *value, struct error *err)
{
    if (net->forward_count == ATOLL_FORWARDS_MAX)
        return error_set(err, EINVAL, "more than %d forwards are not possible", ATOLL_FORWARDS_MAX);
    if (parse_forward_rule(value, &net->forwards[net->forward_count]) < 0)
        return error_set(err, EINVAL,
                         "--net forward=\"%s\" is not understood; give tcp:HOSTPORT:GUESTPORT, "
                         "such as tcp:2222:22 (udp: "
                         "and tcp:ADDRESS:HOSTPORT:GUESTPORT, with one address of the host's, are "
                         "possible)",
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
    const char *value = option_piece_value(piece);

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

int option_net(struct options *o, const char *value, struct error *err)
{
    struct atoll_net *net;
    char *kind, *piece;
    int ret;

    if (!o->net_given) /* the first replaces the default */
        o->config.net_count = 0;
    o->net_given = true;
    kind = option_piece(o, &value);
    if (strcmp(kind, "none") == 0)
        return value ? error_set(err, EINVAL, "--net none takes nothing after it") : 0;
    if (o->config.net_count == ATOLL_NETS_MAX)
        return error_set(err, EINVAL, "more than %d networks are not possible", ATOLL_NETS_MAX);
    net = &o->config.nets[o->config.net_count++];
    ret = parse_net_kind(net, kind, err);
    while (!ret && (piece = option_piece(o, &value)))
        ret = parse_net_key(net, piece, err);
    return ret;
}
