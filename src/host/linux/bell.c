/* SPDX-License-Identifier: ISC */
/* Bells are eventfds, which is what KVM rings (KVM 4.59, KVM_IOEVENTFD). */
#include "host/bell.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct host_bell {
    int fd;
    void (*rung)(void *ctx, uint64_t count);
    void *ctx;
    struct host_watch *watch;
};

static void on_ready(void *ctx, unsigned events)
{
    struct host_bell *bell = ctx;
    uint64_t count;

    if (read(bell->fd, &count, sizeof(count)) == sizeof(count))
        bell->rung(bell->ctx, count);
}

int host_bell_create(struct host_loop *loop, void (*rung)(void *ctx, uint64_t count), void *ctx,
                     struct host_bell **out)
{
    struct host_bell *bell = malloc(sizeof(*bell));
    int ret;

    if (!bell)
        return -ENOMEM;
    bell->rung = rung;
    bell->ctx = ctx;
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ret = bell->fd < 0 ? -errno : 0;
    if (!ret)
        ret = host_watch_create(loop, bell->fd, HOST_READABLE, on_ready, bell, &bell->watch);
    if (ret) {
        if (bell->fd >= 0)
            close(bell->fd);
        free(bell);
        return ret;
    }
    *out = bell;
    return 0;
}

int host_bell_fd(const struct host_bell *bell)
{
    return bell->fd;
}

void host_bell_destroy(struct host_bell *bell)
{
    if (!bell)
        return;
    host_watch_destroy(bell->watch);
    close(bell->fd);
    free(bell);
}
