/* SPDX-License-Identifier: ISC */
/*
 * `atoll switch` and `atoll link`: the wires between machines (atoll-switch(1)).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "switch/client.h"

#define LOOPBACK UINT32_C(0x7f000001)

static int fail_with(const struct error *err)
{
    return fail(err->code == EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILURE, "%s", err->text);
}

/* --- atoll switch --- */

static long long count_of(json_t *counters, const char *name)
{
    return json_integer_value(json_object_get(counters, name));
}

/* Everything that a direction has lost, by whatever. */
static long long lost_of(json_t *direction)
{
    static const char *const names[] = {"malformed", "too_long", "forged", "limited", "queue_full"};
    json_t *link = json_object_get(direction, "link");
    long long lost = count_of(link, "lost") + count_of(link, "queue_full");

    for (size_t i = 0; i < nitems(names); i++)
        lost += count_of(direction, names[i]);
    return lost;
}

static void print_ports(json_t *status)
{
    json_t *port;
    size_t i;

    printf("%-20s %-8s %6s %12s %8s %12s %8s\n", "PORT", "KIND", "MTU", "FROM IT", "LOST", "TO IT",
           "LOST");
    json_array_foreach(json_object_get(status, "ports"), i, port)
    {
        json_t *from = json_object_get(port, "from"), *to = json_object_get(port, "to");

        printf("%-20s %-8s %6lld %12lld %8lld %12lld %8lld\n",
               json_string_value(json_object_get(port, "port")),
               json_is_true(json_object_get(port, "uplink"))
                   ? "uplink"
                   : json_string_value(json_object_get(port, "kind")),
               count_of(port, "mtu"), count_of(from, "frames"),
               lost_of(from) + count_of(port, "unsent"), count_of(to, "frames"), lost_of(to));
    }
}

static int list_switches(void)
{
    struct error err;
    char **names;

    if (switch_list(&names, &err))
        return fail_with(&err);
    for (char **at = names; *at; at++) {
        puts(*at);
        free(*at);
    }
    free(names);
    return 0;
}

static int user_uplink(struct switch_client *client, const struct atoll_net *net, struct error *err)
{
    struct net_user_config config = {.host = net->host, .isolated = net->isolated, .mtu = net->mtu};

    for (size_t i = 0; i < net->forward_count; i++) {
        const struct atoll_forward *f = &net->forwards[i];

        config.forwards[config.forward_count++] =
            (struct net_forward){.udp = f->udp,
                                 .host_address = f->host_address ? f->host_address : LOOPBACK,
                                 .host_port = f->host_port,
                                 .guest_port = f->guest_port};
    }
    return switch_uplink_user(client, &config, err);
}

static int tap_uplink(struct switch_client *client, const struct atoll_net *net, struct error *err)
{
    int fd = net_tap_descriptor(net->target, err), ret;

    if (fd < 0)
        return fd;
    ret = switch_attach(client, "uplink", SWITCH_TAP, fd, net->mtu ? net->mtu : 1500, true, err);
    close(fd);
    return ret;
}

static int socket_uplink(struct switch_client *client, const struct atoll_net *net,
                         struct error *err)
{
    static const enum net_socket_protocol protocols[] = {[ATOLL_NET_ANY] = NET_SOCKET_ANY,
                                                         [ATOLL_NET_QEMU] = NET_SOCKET_QEMU,
                                                         [ATOLL_NET_VFKIT] = NET_SOCKET_VFKIT};
    const struct net_socket_config config = {
        .path = net->target, .protocol = protocols[net->protocol], .mtu = net->mtu};

    return switch_uplink_socket(client, &config, err);
}

/* The value is one of --net, of the kinds that lead out. */
static int add_uplink(struct switch_client *client, const char *value, struct error *err)
{
    static int (*const kinds[])(struct switch_client *, const struct atoll_net *,
                                struct error *) = {[ATOLL_NET_USER] = user_uplink,
                                                   [ATOLL_NET_TAP] = tap_uplink,
                                                   [ATOLL_NET_SOCKET] = socket_uplink};
    char folder[PATH_MAX];
    struct options options;
    const struct atoll_net *net;
    int ret;

    if (!getcwd(folder, sizeof(folder)))
        return error_set(err, errno, "where is this? %s", strerror(errno));
    options_init(&options);
    ret = options_parse_line(&options, "net", value, folder, err);
    net = &options.config.nets[0];
    if (!ret && options.config.net_count == 1 && (size_t)net->kind < nitems(kinds) &&
        kinds[net->kind])
        ret = kinds[net->kind](client, net, err);
    else if (!ret)
        ret =
            error_set(err, EINVAL,
                      "--uplink \"%s\" leads nowhere; give user, socket:PATH or tap:DEVICE", value);
    options_free(&options);
    return ret;
}

static int change_switch(struct switch_client *client, const struct ask_flag *flags,
                         struct error *err)
{
    int ret = flags[0].given ? switch_keep(client, true, err) : 0;

    if (flags[3].given)
        ret = ret ? ret : add_uplink(client, flags[3].given, err);
    if (flags[4].given)
        ret = ret ? ret : switch_detach(client, flags[4].given, err);
    if (flags[1].given)
        ret = ret ? ret : switch_stop(client, err);
    return ret;
}

int command_switch(int argc, char **argv)
{
    struct ask_flag flags[] = {{.name = "--keep"},
                               {.name = "--stop"},
                               {.name = "--json"},
                               {.name = "--uplink", .value = true},
                               {.name = "--detach", .value = true}};
    const struct ask_usage usage = {"[NAME [--keep] [--uplink user[,...]|tap:DEVICE] "
                                    "[--detach PORT] [--stop] [--json]]",
                                    0, 1, flags, nitems(flags)};
    struct switch_client *client;
    json_t *status = NULL;
    struct error err;
    const char *name;
    int result = 0, count = ask_arguments(argc, argv, &usage, &name, &result);

    if (count <= 0)
        return count < 0 ? result : list_switches();
    if (switch_connect(&client, name, flags[0].given != NULL, &err))
        return err.code == ENOENT ? fail(EXIT_STATUS_FAILURE, "%s; --keep starts it", err.text)
                                  : fail_with(&err);
    if (change_switch(client, flags, &err) ||
        (!flags[1].given && switch_status(client, &status, &err)))
        result = fail_with(&err);
    else if (flags[2].given && status)
        ask_print_json(status);
    else if (status)
        print_ports(status);
    json_decref(status);
    switch_disconnect(client);
    return result;
}

/* --- atoll link --- */

static void print_settings(const char *direction, const struct link_settings *s)
{
    printf("%-5s%s", direction, s->down ? " down" : " up");
    if (s->delay_ns)
        printf(" delay=%gms", (double)s->delay_ns / 1e6);
    if (s->jitter_ns)
        printf(" jitter=%gms", (double)s->jitter_ns / 1e6);
    if (s->rate_bps)
        printf(" rate=%gMbps", (double)s->rate_bps / 1e6);
    if (s->queue_bytes)
        printf(" queue=%u", s->queue_bytes);
    if (s->loss > 0)
        printf(" loss=%g%%", s->loss * 100);
    if (s->reorder > 0)
        printf(" reorder=%g%%", s->reorder * 100);
    if (s->duplicate > 0)
        printf(" duplicate=%g%%", s->duplicate * 100);
    if (s->corrupt > 0)
        printf(" corrupt=%g%%", s->corrupt * 100);
    if (s->seed)
        printf(" seed=%llu", (unsigned long long)s->seed);
    putchar('\n');
}

static int show_link(struct switch_client *client, const char *port, struct error *err)
{
    struct link_settings from, to;
    int ret = switch_link_get(client, port, SWITCH_FROM, &from, err);

    ret = ret ? ret : switch_link_get(client, port, SWITCH_TO, &to, err);
    if (ret)
        return ret;
    print_settings("from", &from);
    print_settings("to", &to);
    return 0;
}

/* What is not named stays as it is in that direction. */
static int set_link(struct switch_client *client, const char *port, enum switch_direction direction,
                    const char *const *words, int count, struct error *err)
{
    struct link_settings settings;
    int ret = switch_link_get(client, port, direction, &settings, err);

    for (int i = 0; i < count && !ret; i++)
        ret = switch_link_parse(words[i], &settings, err);
    ret = ret ? ret : link_settings_check(&settings, err);
    return ret ? ret : switch_link_set(client, port, direction, &settings, err);
}

static int change_link(struct switch_client *client, const char *port, const char *const *words,
                       int count, struct error *err)
{
    bool from = count && strcmp(words[0], "from") == 0, to = count && strcmp(words[0], "to") == 0;
    int named = from || to, ret = 0;

    if (count == named)
        return show_link(client, port, err);
    if (!to)
        ret = set_link(client, port, SWITCH_FROM, words + named, count - named, err);
    if (!from && !ret)
        ret = set_link(client, port, SWITCH_TO, words + named, count - named, err);
    return ret;
}

int command_link(int argc, char **argv)
{
    const struct ask_usage usage = {
        "SWITCH PORT [from|to] [up|down|clear] [delay=TIME] [jitter=TIME] [loss=SHARE] [rate=BITS] "
        "[queue=BYTES] [reorder=SHARE] [duplicate=SHARE] [corrupt=SHARE] [seed=N]",
        2, 16, NULL, 0};
    struct switch_client *client;
    const char *words[16];
    struct error err;
    int status, count = ask_arguments(argc, argv, &usage, words, &status), ret;

    if (count < 0)
        return status;
    if (switch_connect(&client, words[0], false, &err))
        return fail_with(&err);
    ret = change_link(client, words[1], words + 2, count - 2, &err);
    switch_disconnect(client);
    return ret ? fail_with(&err) : 0;
}
