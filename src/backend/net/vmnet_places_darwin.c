/* SPDX-License-Identifier: ISC */
/*
 * Ways to macOS's vmnet, the best first: the framework itself, which is root's, and that of
 * programs with an entitlement which Apple rarely gives; socket_vmnet, a daemon that is root and
 * hands frames on; and a vfkit-style socket that the user's own program (vmnet-helper, gvproxy)
 * listens on. Who gets none is told what each of them lacks.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/net/vmnet_darwin.h"
#include "host/runtime.h"

/* The first of these places where there is anything: connects to it. -ENOENT: there is none. */
static int try_places(struct net **net, const struct net_vmnet_config *config,
                      const char *const *places, enum net_socket_protocol protocol,
                      const struct log *log, struct error *err)
{
    for (; *places; places++) {
        const struct net_socket_config socket = {
            .path = *places, .protocol = protocol, .mtu = config->mtu, .capture = config->capture};

        if (access(*places, F_OK))
            continue;
        if (net_socket_open(net, &socket, log, err))
            return -err->code;
        log_info(log, "network: vmnet by the program at %s", *places);
        return 0;
    }
    return error_set(err, ENOENT, "nothing listens");
}

int net_vmnet_open_at(struct net **net, const struct net_vmnet_config *config,
                      const struct net_vmnet_places *places, const struct log *log,
                      struct error *err)
{
    const char *const stream = *places->streams ? *places->streams : "its socket";
    const char *const message = *places->messages ? *places->messages : "its socket";
    struct error direct, by_stream, by_messages;

    if (net_vmnet_direct(net, config, log, &direct) == 0)
        return 0;
    if (direct.code != EPERM)
        return error_set(err, direct.code, "network: vmnet: %s", direct.text);
    if (try_places(net, config, places->streams, NET_SOCKET_QEMU, log, &by_stream) == 0)
        return 0;
    if (try_places(net, config, places->messages, NET_SOCKET_VFKIT, log, &by_messages) == 0)
        return 0;
    return error_set(err, EPERM,
                     "network: no way to vmnet: vmnet itself: %s; socket_vmnet at %s: %s; a "
                     "vfkit-style socket at %s: %s",
                     direct.text, stream, by_stream.text, message, by_messages.text);
}

int net_vmnet_open(struct net **net, const struct net_vmnet_config *config, const struct log *log,
                   struct error *err)
{
    /* Homebrew's on Apple silicon; from source; lima's. */
    static const char *const shared[] = {"/opt/homebrew/var/run/socket_vmnet",
                                         "/var/run/socket_vmnet",
                                         "/private/var/run/lima/socket_vmnet.shared", NULL};
    static const char *const host[] = {"/opt/homebrew/var/run/socket_vmnet.host",
                                       "/var/run/socket_vmnet.host",
                                       "/private/var/run/lima/socket_vmnet.host", NULL};
    char folder[PATH_MAX / 2], own[PATH_MAX];
    const char *const messages[] = {own, NULL};
    const struct net_vmnet_places places = {config->host ? host : shared, messages};
    int ret = host_runtime_folder(folder, sizeof(folder), err);

    if (ret)
        return ret;
    snprintf(own, sizeof(own), "%s/vmnet-%s.sock", folder, config->host ? "host" : "shared");
    return net_vmnet_open_at(net, config, &places, log, err);
}
