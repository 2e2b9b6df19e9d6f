/* SPDX-License-Identifier: ISC */
/*
 * A tap device of the host's (Linux: Documentation/networking/tuntap.rst), which carries offloads:
 * frames come and go with virtio-net's header. Its checksums and segments are the kernel's to
 * check.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net/capture.h"
#include "backend/net/private.h"

#define BATCH       64
#define TAP_VECTORS 1024 /* IOV_MAX */

struct net_tap {
    struct net net;
    int fd;
    struct host_watch *watch;
    size_t held; /* bytes at hand, with the header */
    uint8_t bytes[NET_HEADER_SIZE + NET_OFFLOAD_MAX_FRAME];
};

static struct net_tap *tap_of(struct net *net)
{
    return container_of(net, struct net_tap, net);
}

static bool hand_over(struct net_tap *tap)
{
    struct net_header header;

    if (tap->held > NET_HEADER_SIZE) {
        net_header_read(&header, tap->bytes);
        if (!net_deliver_offload(&tap->net, &header, tap->bytes + NET_HEADER_SIZE,
                                 tap->held - NET_HEADER_SIZE))
            return false;
    }
    tap->held = 0;
    return true;
}

static void on_ready(void *ctx, unsigned events)
{
    struct net_tap *tap = ctx;

    for (unsigned i = 0; i < BATCH; i++) {
        ssize_t length;

        if (!hand_over(tap)) {
            host_watch_want(tap->watch, 0);
            return;
        }
        length = read(tap->fd, tap->bytes, sizeof(tap->bytes));
        if (length < 0 && errno != EAGAIN && errno != EINTR) {
            host_watch_want(tap->watch, 0);
            net_link(&tap->net, false);
            log_warn(tap->net.log, "network: the tap device is gone; the guest is cut off");
        }
        if (length <= 0)
            return;
        tap->held = (size_t)length;
    }
}

static int tap_attach(struct net *net, struct host_loop *loop)
{
    struct net_tap *tap = tap_of(net);

    return host_watch_create(loop, tap->fd, HOST_READABLE, on_ready, tap, &tap->watch);
}

static int tap_send_offload(struct net *net, const struct net_header *header,
                            const struct iovec *iov, int count)
{
    struct net_header own = *header;
    uint8_t bytes[NET_HEADER_SIZE];
    struct iovec all[TAP_VECTORS] = {{bytes, sizeof(bytes)}};

    if (count >= TAP_VECTORS)
        return -EMSGSIZE;
    own.num_buffers = 0;
    net_header_write(&own, bytes);
    memcpy(all + 1, iov, (size_t)count * sizeof(*iov));
    return writev(tap_of(net)->fd, all, count + 1) < 0 ? -errno : 0;
}

static int tap_send(struct net *net, const struct iovec *iov, int count)
{
    const struct net_header plain = {0};

    return tap_send_offload(net, &plain, iov, count);
}

static void tap_resume(struct net *net)
{
    struct net_tap *tap = tap_of(net);

    if (tap->held && hand_over(tap))
        host_watch_want(tap->watch, HOST_READABLE);
}

/* No more comes with these left undone; a kernel that refuses gives plain frames. */
static void tap_accept(struct net *net, unsigned offloads)
{
    unsigned long flags = (offloads & NET_OFFLOAD_CSUM ? TUN_F_CSUM : 0) |
                          (offloads & NET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0) |
                          (offloads & NET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0);

    if (ioctl(tap_of(net)->fd, TUNSETOFFLOAD, flags))
        log_debug(net->log, "network: the tap device keeps its offloads");
}

static void tap_close(struct net *net)
{
    struct net_tap *tap = tap_of(net);

    if (tap->watch)
        host_watch_destroy(tap->watch);
    if (tap->fd >= 0)
        close(tap->fd);
    free(tap);
}

static const struct net_ops tap_ops = {
    .attach = tap_attach,
    .send = tap_send,
    .resume = tap_resume,
    .close = tap_close,
    .send_offload = tap_send_offload,
    .accept = tap_accept,
};

static int open_device(const char *name, int flags, struct error *err)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};
    int fd, number;

    if (!*name || strlen(name) >= sizeof(request.ifr_name))
        return error_set(err, EINVAL, "network: \"%s\" is no name of a tap device", name);
    if (!if_nametoindex(name))
        return error_set(err, ENODEV,
                         "network: there is no device %s; \"ip tuntap add dev %s mode tap user "
                         "NAME\" as root makes one",
                         name, name);
    strcpy(request.ifr_name, name);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno, "network: /dev/net/tun: %s", strerror(errno));
    if (ioctl(fd, TUNSETIFF, &request) == 0)
        return fd;
    number = errno;
    close(fd);
    return error_set(err, number, "network: the tap device %s: %s%s", name, strerror(number),
                     number == EPERM ? "; it must belong to you (ip tuntap add dev NAME mode tap "
                                       "user YOU)"
                                     : "");
}

static uint16_t device_mtu(const char *name)
{
    struct ifreq request = {.ifr_mtu = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
    if (fd < 0 || ioctl(fd, SIOCGIFMTU, &request))
        request.ifr_mtu = 1500;
    if (fd >= 0)
        close(fd);
    return (uint16_t)MIN(request.ifr_mtu, 65435);
}

int net_tap_descriptor(const char *device, struct error *err)
{
    return open_device(device, 0, err);
}

int net_tap_open(struct net **net, const struct net_tap_config *config, const struct log *log,
                 struct error *err)
{
    struct net_tap *tap = calloc(1, sizeof(*tap));
    int size = NET_HEADER_SIZE, ret;

    if (!tap)
        return error_set(err, ENOMEM, "network: out of memory");
    tap->net.ops = &tap_ops;
    tap->net.log = log;
    tap->fd = open_device(config->device, IFF_VNET_HDR, err);
    ret = MIN(tap->fd, 0);
    if (!ret && ioctl(tap->fd, TUNSETVNETHDRSZ, &size))
        ret = error_set(err, errno, "network: the tap device %s: %s", config->device,
                        strerror(errno));
    tap->net.mtu = config->mtu ? config->mtu : device_mtu(config->device);
    if (!ret && config->capture)
        ret = net_capture_open(&tap->net.capture, config->capture, log, err);
    if (ret) {
        net_close(&tap->net);
        return ret;
    }
    *net = &tap->net;
    return 0;
}
