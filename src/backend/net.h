/* SPDX-License-Identifier: ISC */
/*
 * The host's side of a network card: whole Ethernet frames in and out.
 *
 * A backend lives on the device's loop. Frames are plain: no virtio header, no FCS, checksums
 * filled in, at most `mtu` + 14 bytes (plus 4 with a VLAN tag). What a device's driver leaves to it
 * the device undoes itself before it sends (net_offload.h), unless the backend carries it: then
 * frames go and come with a header that says what is left to be done.
 */
#ifndef BACKEND_NET_H
#define BACKEND_NET_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "backend/net_offload.h"
#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"
#include "host/loop.h"

#define NET_MAC_LENGTH   6
#define NET_MAX_FRAME    (65435 + 18)
#define NET_MAX_FORWARDS 32

struct net;

struct net_client {
    /* A frame for the guest, on the loop's thread. Returns false when the guest has no buffer now:
     * then the backend holds the frame (and reads no more) until net_resume. */
    bool (*receive)(void *ctx, const void *frame, size_t length);
    void *ctx;
    /* Likewise, of a backend that carries offloads: only those that net_accept_offloads has said,
     * but for frames that were under way. NULL: the client takes none. */
    bool (*receive_offload)(void *ctx, const struct net_header *header, const void *frame,
                            size_t length);
    /* The cable was unplugged, or is plugged in again; it is when the client is attached. On the
     * loop's thread. NULL: the client does not look at it. */
    void (*link)(void *ctx, bool up);
};

struct net_ops {
    int (*attach)(struct net *net, struct host_loop *loop);
    int (*send)(struct net *net, const struct iovec *iov, int count);
    void (*resume)(struct net *net);
    void (*close)(struct net *net);
    /* Of a backend that carries offloads; the others leave both out. */
    int (*send_offload)(struct net *net, const struct net_header *header, const struct iovec *iov,
                        int count);
    void (*accept)(struct net *net, unsigned offloads);
};

struct net {
    const struct net_ops *ops;
    struct net_client client;    /* set by net_attach */
    _Atomic bool unplugged;      /* set by net_link */
    struct net_capture *capture; /* NULL: none */
    const struct log *log;
    uint16_t mtu;
};

struct net_forward {
    bool udp;
    uint32_t host_address; /* host byte order; 127.0.0.1 unless the user says otherwise */
    uint16_t host_port, guest_port;
    uint32_t guest_address; /* host byte order, in 10.0.2.0/24; 0: the first guest's, 10.0.2.15 */
};

struct net_user_config {
    struct net_forward forwards[NET_MAX_FORWARDS];
    size_t forward_count;
    bool host;     /* the guest may reach the host's loopback as the gateway's address */
    bool isolated; /* no way out at all: only forwards in, DHCP and DNS refused upstream */
    uint16_t mtu;
    const char *capture; /* a pcapng file to create, or NULL */
};

/* User-mode network by libslirp in a confined process of its own (backend/net/user.c).
 * Guest 10.0.2.15, gateway and host 10.0.2.2, DNS 10.0.2.3. Started before confinement; -errno with
 * `err` when a forwarded port is taken (naming it). */
int net_user_open(struct net **net, const struct net_user_config *config, const struct log *log,
                  struct error *err);

/* The same network without a card: *socket, the caller's to close, keeps messages apart, each a
 * frame; the network ends with it. `config->capture` is not looked at. Returns 0 or -errno. */
int net_user_start(const struct net_user_config *config, int *socket, struct error *err);

enum net_socket_protocol {
    NET_SOCKET_ANY,   /* what the socket's type says */
    NET_SOCKET_QEMU,  /* SOCK_STREAM: passt, socket_vmnet, gvproxy -listen-qemu */
    NET_SOCKET_VFKIT, /* SOCK_DGRAM: gvproxy -listen-vfkit */
};

struct net_socket_config {
    const char *path;
    enum net_socket_protocol protocol;
    uint16_t mtu; /* 0: 1500 */
    const char *capture;
};

/* A network that another program is, at a Unix socket (backend/net/socket.c). Before confinement.
 */
int net_socket_open(struct net **net, const struct net_socket_config *config, const struct log *log,
                    struct error *err);

/* The connection alone, to be a switch's port: frames in messages, or after their lengths
 * (config->capture is not looked at). Returns a descriptor or -errno. */
int net_socket_descriptor(const struct net_socket_config *config, bool *messages,
                          struct error *err);

struct net_tap_config {
    const char *device; /* there already, and this user's */
    uint16_t mtu;       /* 0: the device's */
    const char *capture;
};

/* A tap device, on Linux (backend/net/tap_linux.c). -ENOTSUP elsewhere. Before confinement. */
int net_tap_open(struct net **net, const struct net_tap_config *config, const struct log *log,
                 struct error *err);

/* The device alone, to be a switch's port: plain frames. Returns a descriptor or -errno. */
int net_tap_descriptor(const char *device, struct error *err);

struct net_vmnet_config {
    bool host;    /* machines and their host alone; otherwise also the way out */
    uint16_t mtu; /* 0: 1500 */
    const char *capture;
};

/* macOS's own network, by vmnet or a program that may use it (backend/net/vmnet_places_darwin.c).
 * -ENOTSUP elsewhere; -EPERM: the line says what each way to it lacks. Before confinement. */
int net_vmnet_open(struct net **net, const struct net_vmnet_config *config, const struct log *log,
                   struct error *err);

/* Gives the backend its client and its loop; frames flow from then on. */
int net_attach(struct net *net, struct host_loop *loop, const struct net_client *client);

/* Sends one frame from the guest, on the loop's thread. Never blocks; a frame that cannot be sent
 * is dropped, as on a wire. */
int net_send(struct net *net, const struct iovec *iov, int count);

/* Whether there is anything at the other end of the cable. Any thread. */
static inline bool net_is_up(const struct net *net)
{
    return !atomic_load(&net->unplugged);
}

/* Whether frames may be sent with a header. Any thread. */
static inline bool net_carries_offloads(const struct net *net)
{
    return net->ops->send_offload != NULL;
}

/* As net_send, of a backend that carries offloads. The header is the driver's own and unchecked:
 * whoever acts on it checks it. */
int net_send_offload(struct net *net, const struct net_header *header, const struct iovec *iov,
                     int count);

/* Which offloads (NET_OFFLOAD_*) the guest takes from now on. On the loop's thread. */
void net_accept_offloads(struct net *net, unsigned offloads);

/* The guest has buffers again (after receive returned false). On the loop's thread. */
void net_resume(struct net *net);

void net_close(struct net *net);

#endif
