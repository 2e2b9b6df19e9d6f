/* SPDX-License-Identifier: ISC */
/*
 * The network is macOS's own, by vmnet.framework: an interface of the host's bridge. Frames come on
 * the framework's queue as an event that there are some; they are read on the device's loop. What
 * the guest cannot take yet waits in the last batch that was read, and the rest in the framework.
 *
 * The framework takes one I/O vector a packet, whatever its structures say (QEMU,
 * net/vmnet-common.m), so a frame is gathered before it is written.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/net/capture.h"
#include "backend/net/private.h"
#include "backend/net/vmnet_darwin.h"

#define BATCH 32 /* packets read at once, of the 200 that vmnet allows */
#define TURNS 4  /* batches before others have their turn on the loop */

#define MTU_DEFAULT 1500

struct vmnet {
    struct net net;
    interface_ref interface;
    dispatch_queue_t queue;
    struct host_work *work;

    /* What the start said, under `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    uint32_t status;
    uint64_t mtu, packet_max;

    uint8_t *bytes; /* BATCH packets, and one to be sent */
    size_t lengths[BATCH];
    int next, count; /* packets of the batch at hand */
};

static struct vmnet *vmnet_of(struct net *net)
{
    return container_of(net, struct vmnet, net);
}

static uint8_t *packet(struct vmnet *v, int index)
{
    return v->bytes + (size_t)index * v->packet_max;
}

/* --- from the network --- */

/* Returns whether there are packets. */
static bool read_batch(struct vmnet *v)
{
    struct vmpktdesc packets[BATCH];
    struct iovec iov[BATCH];
    int count = BATCH;

    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){packet(v, i), v->packet_max};
        packets[i] = (struct vmpktdesc){v->packet_max, &iov[i], 1, 0};
    }
    if (vmnet_read(v->interface, packets, &count) != VMNET_SUCCESS)
        count = 0;
    for (int i = 0; i < count; i++)
        v->lengths[i] = MIN(packets[i].vm_pkt_size, v->packet_max);
    v->next = 0;
    v->count = count;
    return count > 0;
}

static void receive(void *ctx)
{
    struct vmnet *v = ctx;

    for (int turn = 0; turn < TURNS; turn++) {
        for (; v->next < v->count; v->next++)
            if (!net_deliver(&v->net, packet(v, v->next), v->lengths[v->next]))
                return; /* vmnet_resume goes on */
        if (!read_batch(v))
            return;
    }
    host_work_post(v->work);
}

/* On the queue. */
static void on_packets(struct block *block, uint32_t events, xpc_object_t what)
{
    struct vmnet *v = block->ctx;

    host_work_post(v->work);
}

static void vmnet_resume(struct net *net)
{
    host_work_post(vmnet_of(net)->work);
}

/* --- to the network --- */

static int vmnet_send(struct net *net, const struct iovec *iov, int count)
{
    struct vmnet *v = vmnet_of(net);
    uint8_t *frame = packet(v, BATCH);
    struct iovec whole = {.iov_base = frame};
    struct vmpktdesc out = {.vm_pkt_iov = &whole, .vm_pkt_iovcnt = 1};
    int packets = 1;

    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > v->packet_max - whole.iov_len)
            return -EMSGSIZE;
        memcpy(frame + whole.iov_len, iov[i].iov_base, iov[i].iov_len);
        whole.iov_len += iov[i].iov_len;
    }
    out.vm_pkt_size = whole.iov_len;
    return vmnet_write(v->interface, &out, &packets) == VMNET_SUCCESS ? 0 : -EIO;
}

/* --- start and end --- */

static void say_done(struct vmnet *v, uint32_t status)
{
    pthread_mutex_lock(&v->lock);
    v->status = status;
    v->done = true;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
}

static void wait_until_done(struct vmnet *v)
{
    pthread_mutex_lock(&v->lock);
    while (!v->done)
        pthread_cond_wait(&v->changed, &v->lock);
    v->done = false;
    pthread_mutex_unlock(&v->lock);
}

static void on_started(struct block *block, uint32_t status, xpc_object_t parameters)
{
    struct vmnet *v = block->ctx;

    if (status == VMNET_SUCCESS && parameters) {
        v->mtu = xpc_dictionary_get_uint64(parameters, vmnet_mtu_key);
        v->packet_max = xpc_dictionary_get_uint64(parameters, vmnet_max_packet_size_key);
    }
    say_done(v, status);
}

static void on_stopped(struct block *block, uint32_t status)
{
    say_done(block->ctx, status);
}

static void nothing(void *ctx)
{
}

static int vmnet_attach(struct net *net, struct host_loop *loop)
{
    static const struct block_descriptor descriptor = {.size = sizeof(struct block),
                                                       .signature = "v20@?0I8^v12"};
    struct vmnet *v = vmnet_of(net);
    struct block block = block_make((void (*)(void))on_packets, &descriptor, v);
    int ret = host_work_create(loop, receive, v, &v->work);

    if (ret)
        return ret;
    return vmnet_interface_set_event_callback(v->interface, VMNET_INTERFACE_PACKETS_AVAILABLE,
                                              v->queue, &block) == VMNET_SUCCESS
               ? 0
               : -EIO;
}

static void stop(struct vmnet *v)
{
    static const struct block_descriptor descriptor = {.size = sizeof(struct block),
                                                       .signature = "v12@?0I8"};
    struct block block = block_make((void (*)(void))on_stopped, &descriptor, v);

    if (vmnet_stop_interface(v->interface, v->queue, &block) == VMNET_SUCCESS)
        wait_until_done(v);
}

static void vmnet_close(struct net *net)
{
    struct vmnet *v = vmnet_of(net);

    /* Who reads from the interface is gone before it is. */
    if (v->interface)
        vmnet_interface_set_event_callback(v->interface, VMNET_INTERFACE_PACKETS_AVAILABLE, NULL,
                                           NULL);
    if (v->queue)
        dispatch_sync_f(v->queue, NULL, nothing); /* no event is on its way any more */
    if (v->work)
        host_work_destroy(v->work);
    if (v->interface)
        stop(v);
    if (v->queue)
        dispatch_release(v->queue);
    pthread_cond_destroy(&v->changed);
    pthread_mutex_destroy(&v->lock);
    free(v->bytes);
    free(v);
}

static const struct net_ops vmnet_ops = {
    .attach = vmnet_attach,
    .send = vmnet_send,
    .resume = vmnet_resume,
    .close = vmnet_close,
};

/* What a refusal means; in the words of a person who can do something about it. */
static int refused(uint32_t status, struct error *err)
{
    switch (status) {
    case VMNET_FAILURE: /* what programs without the right to it get */
    case VMNET_INVALID_ACCESS:
    case VMNET_NOT_AUTHORIZED:
        return error_set(err, EPERM,
                         "this program may not use it, being neither root nor signed with the "
                         "entitlement com.apple.vm.networking");
    case VMNET_SHARING_SERVICE_BUSY:
        return error_set(err, EBUSY,
                         "it is in use: Internet Sharing, or another program's network with the "
                         "same addresses");
    case VMNET_MEM_FAILURE:
    case VMNET_BUFFER_EXHAUSTED: return error_set(err, ENOMEM, "it has no memory left");
    default: return error_set(err, EIO, "it failed with status %u", status);
    }
}

static int start(struct vmnet *v, const struct net_vmnet_config *config, struct error *err)
{
    static const struct block_descriptor descriptor = {.size = sizeof(struct block),
                                                       .signature = "v20@?0I8^v12"};
    struct block block = block_make((void (*)(void))on_started, &descriptor, v);
    xpc_object_t description = xpc_dictionary_create(NULL, NULL, 0);

    xpc_dictionary_set_uint64(description, vmnet_operation_mode_key,
                              config->host ? VMNET_HOST_MODE : VMNET_SHARED_MODE);
    xpc_dictionary_set_bool(description, vmnet_allocate_mac_address_key, false);
    v->interface = vmnet_start_interface(description, v->queue, &block);
    xpc_release(description);
    if (!v->interface)
        return refused(VMNET_FAILURE, err);
    wait_until_done(v);
    if (v->status == VMNET_SUCCESS)
        return 0;
    v->interface = NULL; /* there is none to be stopped */
    return refused(v->status, err);
}

/* The card's MTU is the guest's to keep to: the network's is given, and cannot be less. */
static int check_sizes(struct vmnet *v, const struct net_vmnet_config *config, struct error *err)
{
    const unsigned mtu = config->mtu ? config->mtu : MTU_DEFAULT;

    if (v->mtu < mtu)
        return error_set(err, EINVAL, "its MTU is %u, and the card's is to be %u", (unsigned)v->mtu,
                         mtu);
    if (v->packet_max < mtu + NET_HEADER || v->packet_max > NET_MAX_FRAME)
        v->packet_max = NET_MAX_FRAME;
    v->net.mtu = (uint16_t)mtu;
    v->bytes = malloc((BATCH + 1) * v->packet_max);
    return v->bytes ? 0 : error_set(err, ENOMEM, "out of memory");
}

int net_vmnet_direct(struct net **net, const struct net_vmnet_config *config, const struct log *log,
                     struct error *err)
{
    struct vmnet *v = calloc(1, sizeof(*v));
    int ret;

    if (!v)
        return error_set(err, ENOMEM, "out of memory");
    v->net = (struct net){.ops = &vmnet_ops, .log = log};
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->changed, NULL);
    v->queue = dispatch_queue_create("atoll.vmnet", NULL);
    ret = v->queue ? start(v, config, err) : error_set(err, ENOMEM, "it has no queue");
    ret = ret ? ret : check_sizes(v, config, err);
    if (!ret && config->capture)
        ret = net_capture_open(&v->net.capture, config->capture, log, err);
    if (ret) {
        net_close(&v->net);
        return ret;
    }
    *net = &v->net;
    return 0;
}
