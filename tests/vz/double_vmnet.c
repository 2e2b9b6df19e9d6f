/* SPDX-License-Identifier: ISC */
#include "double_vmnet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "double_private.h"

#define PACKETS 256

const char *vmnet_operation_mode_key = "mode";
const char *vmnet_allocate_mac_address_key = "allocate";
const char *vmnet_mtu_key = "mtu";
const char *vmnet_max_packet_size_key = "max";

struct dictionary {
    struct {
        const char *key;
        uint64_t value;
    } entries[8];
    size_t count;
};

struct vmnet_interface {
    dispatch_queue_t queue;
    struct block *event; /* a copy */
    bool stopped;
};

static struct {
    uint32_t status;
    uint64_t mtu, packet_max, mode;
    bool allocates;
    unsigned dictionaries, interfaces;
    struct vmnet_interface *interface;
    struct {
        uint8_t bytes[2048];
        size_t length;
    } packets[PACKETS], written;
    size_t first, count;
} net;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- XPC --- */

xpc_object_t xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
                                   size_t count)
{
    __atomic_add_fetch(&net.dictionaries, 1, __ATOMIC_RELAXED);
    return calloc(1, sizeof(struct dictionary));
}

void xpc_dictionary_set_uint64(xpc_object_t object, const char *key, uint64_t value)
{
    struct dictionary *d = object;

    d->entries[d->count].key = key;
    d->entries[d->count++].value = value;
}

void xpc_dictionary_set_bool(xpc_object_t object, const char *key, bool value)
{
    xpc_dictionary_set_uint64(object, key, value);
}

uint64_t xpc_dictionary_get_uint64(xpc_object_t object, const char *key)
{
    struct dictionary *d = object;

    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->entries[i].key, key) == 0)
            return d->entries[i].value;
    return 0;
}

void xpc_release(xpc_object_t object)
{
    __atomic_sub_fetch(&net.dictionaries, 1, __ATOMIC_RELAXED);
    free(object);
}

/* --- blocks --- */

static struct block *copy(const struct block *block, const char *signature)
{
    struct block *copied = malloc(sizeof(*copied));

    if (block->isa != _NSConcreteStackBlock || !(block->flags & BLOCK_HAS_SIGNATURE) ||
        block->descriptor->size != sizeof(*block) ||
        strcmp(block->descriptor->signature, signature) != 0)
        double_fault("a handler of vmnet's is no block");
    *copied = *block;
    return copied;
}

struct start {
    struct block *block;
    uint32_t status;
};

static void tell_started(void *ctx)
{
    struct start *start = ctx;
    xpc_object_t parameters = NULL;

    if (start->status == VMNET_SUCCESS) {
        parameters = xpc_dictionary_create(NULL, NULL, 0);
        xpc_dictionary_set_uint64(parameters, vmnet_mtu_key, net.mtu);
        xpc_dictionary_set_uint64(parameters, vmnet_max_packet_size_key, net.packet_max);
    }
    ((void (*)(struct block *, uint32_t, xpc_object_t))start->block->invoke)(
        start->block, start->status, parameters);
    if (parameters)
        xpc_release(parameters);
    free(start->block);
    free(start);
}

static void tell_stopped(void *ctx)
{
    struct start *start = ctx;

    ((void (*)(struct block *, uint32_t))start->block->invoke)(start->block, start->status);
    free(start->block);
    free(start);
}

static void tell(dispatch_queue_t queue, const struct block *block, const char *signature,
                 uint32_t status, void (*how)(void *ctx))
{
    struct start *start = malloc(sizeof(*start));

    *start = (struct start){copy(block, signature), status};
    dispatch_async_f(queue, start, how);
}

/* --- interfaces --- */

interface_ref vmnet_start_interface(xpc_object_t description, dispatch_queue_t queue,
                                    struct block *started)
{
    net.mode = xpc_dictionary_get_uint64(description, vmnet_operation_mode_key);
    net.allocates = xpc_dictionary_get_uint64(description, vmnet_allocate_mac_address_key);
    if (!net.status)
        return NULL;
    net.interface = calloc(1, sizeof(*net.interface));
    net.interface->queue = queue;
    if (net.status == VMNET_SUCCESS)
        net.interfaces++;
    tell(queue, started, "v20@?0I8^v12", net.status, tell_started);
    return net.interface;
}

static bool is_ours(interface_ref interface)
{
    if (interface == net.interface && !interface->stopped && net.interfaces)
        return true;
    double_fault("vmnet's interface is used outside of its life");
    return false;
}

uint32_t vmnet_interface_set_event_callback(interface_ref interface, uint32_t events,
                                            dispatch_queue_t queue, struct block *event)
{
    struct block *old;

    if (!is_ours(interface))
        return VMNET_INVALID_ARGUMENT;
    pthread_mutex_lock(&lock);
    old = interface->event;
    interface->event = event ? copy(event, "v20@?0I8^v12") : NULL;
    pthread_mutex_unlock(&lock);
    free(old);
    return VMNET_SUCCESS;
}

uint32_t vmnet_stop_interface(interface_ref interface, dispatch_queue_t queue,
                              struct block *stopped)
{
    if (!is_ours(interface))
        return VMNET_INVALID_ARGUMENT;
    if (interface->event)
        double_fault("vmnet's interface is stopped while its events are wanted");
    interface->stopped = true;
    net.interfaces--;
    tell(queue, stopped, "v12@?0I8", VMNET_SUCCESS, tell_stopped);
    return VMNET_SUCCESS;
}

uint32_t vmnet_read(interface_ref interface, struct vmpktdesc *packets, int *count)
{
    int got = 0;

    if (!is_ours(interface))
        return VMNET_INVALID_ARGUMENT;
    pthread_mutex_lock(&lock);
    for (; got < *count && net.count; got++, net.first++, net.count--) {
        struct vmpktdesc *packet = &packets[got];
        size_t at = net.first % PACKETS;

        if (packet->vm_pkt_iovcnt != 1 || packet->vm_pkt_iov->iov_len < net.packets[at].length)
            double_fault("a packet has no room for what comes");
        memcpy(packet->vm_pkt_iov->iov_base, net.packets[at].bytes, net.packets[at].length);
        packet->vm_pkt_size = net.packets[at].length;
    }
    pthread_mutex_unlock(&lock);
    *count = got;
    return VMNET_SUCCESS;
}

uint32_t vmnet_write(interface_ref interface, struct vmpktdesc *packets, int *count)
{
    if (!is_ours(interface))
        return VMNET_INVALID_ARGUMENT;
    if (*count != 1 || packets->vm_pkt_iovcnt != 1 ||
        packets->vm_pkt_size != packets->vm_pkt_iov->iov_len)
        return VMNET_INVALID_ARGUMENT;
    if (packets->vm_pkt_size > net.packet_max)
        return VMNET_PACKET_TOO_BIG;
    pthread_mutex_lock(&lock);
    net.written.length = packets->vm_pkt_size;
    memcpy(net.written.bytes, packets->vm_pkt_iov->iov_base,
           MIN(net.written.length, sizeof(net.written.bytes)));
    pthread_mutex_unlock(&lock);
    return VMNET_SUCCESS;
}

/* --- what tests ask --- */

void double_vmnet_begin(uint32_t status, uint64_t mtu, uint64_t packet_max)
{
    memset(&net, 0, sizeof(net));
    net.status = status;
    net.mtu = mtu;
    net.packet_max = packet_max;
}

void double_vmnet_end(void)
{
    if (net.dictionaries)
        double_fault("%u XPC objects are left behind", net.dictionaries);
    if (net.interfaces)
        double_fault("%u interfaces of vmnet's are left behind", net.interfaces);
    free(net.interface);
    net.interface = NULL;
}

uint64_t double_vmnet_mode(void)
{
    return net.mode;
}

bool double_vmnet_allocates_address(void)
{
    return net.allocates;
}

static void tell_packets(void *ctx)
{
    struct block *event = net.interface->event;

    if (event)
        ((void (*)(struct block *, uint32_t, xpc_object_t))event->invoke)(
            event, VMNET_INTERFACE_PACKETS_AVAILABLE, NULL);
}

void double_vmnet_packet(const void *bytes, size_t length, bool silent)
{
    size_t at;

    pthread_mutex_lock(&lock);
    at = (net.first + net.count) % PACKETS;
    memcpy(net.packets[at].bytes, bytes, length);
    net.packets[at].length = length;
    net.count++;
    pthread_mutex_unlock(&lock);
    if (!silent)
        dispatch_sync_f(net.interface->queue, NULL, tell_packets);
}

size_t double_vmnet_written(void *bytes, size_t room)
{
    size_t length;

    pthread_mutex_lock(&lock);
    length = net.written.length;
    memcpy(bytes, net.written.bytes, MIN(length, room));
    net.written.length = 0;
    pthread_mutex_unlock(&lock);
    return length;
}
