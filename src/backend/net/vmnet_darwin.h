/* SPDX-License-Identifier: ISC */
/*
 * macOS's vmnet.framework, as far as it is used here (vmnet/vmnet.h; xpc/xpc.h), declared here so
 * that what stands on it compiles, and is tested over a double, on every host; and the two halves
 * of net_vmnet_open.
 */
#ifndef BACKEND_NET_VMNET_DARWIN_H
#define BACKEND_NET_VMNET_DARWIN_H

#include <sys/uio.h>

#include "backend/net.h"
#include "host/darwin/dispatch.h"

typedef void *xpc_object_t;
typedef struct vmnet_interface *interface_ref;

enum vmnet_return {
    VMNET_SUCCESS = 1000,
    VMNET_FAILURE,
    VMNET_MEM_FAILURE,
    VMNET_INVALID_ARGUMENT,
    VMNET_SETUP_INCOMPLETE,
    VMNET_INVALID_ACCESS,
    VMNET_PACKET_TOO_BIG,
    VMNET_BUFFER_EXHAUSTED,
    VMNET_TOO_MANY_PACKETS,
    VMNET_SHARING_SERVICE_BUSY,
    VMNET_NOT_AUTHORIZED,
};

enum { VMNET_HOST_MODE = 1000, VMNET_SHARED_MODE = 1001 };
enum { VMNET_INTERFACE_PACKETS_AVAILABLE = 1 };

struct vmpktdesc {
    size_t vm_pkt_size;
    struct iovec *vm_pkt_iov;
    uint32_t vm_pkt_iovcnt;
    uint32_t vm_flags;
};

extern const char *vmnet_operation_mode_key;       /* uint64 */
extern const char *vmnet_allocate_mac_address_key; /* bool */
extern const char *vmnet_mtu_key;                  /* uint64 */
extern const char *vmnet_max_packet_size_key;      /* uint64 */

/* `started`: void (^)(vmnet_return_t, xpc_object_t), on the queue; NULL is returned for a
 * description that cannot be, and then it is not called. */
interface_ref vmnet_start_interface(xpc_object_t description, dispatch_queue_t queue,
                                    struct block *started);
/* `event`: void (^)(interface_event_t, xpc_object_t), on the queue; with neither none comes. */
uint32_t vmnet_interface_set_event_callback(interface_ref interface, uint32_t events,
                                            dispatch_queue_t queue, struct block *event);
/* *count packets of one I/O vector each, in and out. */
uint32_t vmnet_read(interface_ref interface, struct vmpktdesc *packets, int *count);
uint32_t vmnet_write(interface_ref interface, struct vmpktdesc *packets, int *count);
/* `stopped`: void (^)(vmnet_return_t), on the queue. */
uint32_t vmnet_stop_interface(interface_ref interface, dispatch_queue_t queue,
                              struct block *stopped);

xpc_object_t xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
                                   size_t count);
void xpc_dictionary_set_uint64(xpc_object_t dictionary, const char *key, uint64_t value);
void xpc_dictionary_set_bool(xpc_object_t dictionary, const char *key, bool value);
uint64_t xpc_dictionary_get_uint64(xpc_object_t dictionary, const char *key);
void xpc_release(xpc_object_t object);

/* The framework itself (vmnet_darwin.c). -EPERM: this program may not use it. */
int net_vmnet_direct(struct net **net, const struct net_vmnet_config *config, const struct log *log,
                     struct error *err);

/* Sockets at which programs that may use vmnet listen, NULL-terminated each: those that speak
 * socket_vmnet's protocol, and vfkit's. */
struct net_vmnet_places {
    const char *const *streams, *const *messages;
};

/* vmnet itself, or who is at the first place where somebody is (vmnet_places_darwin.c). */
int net_vmnet_open_at(struct net **net, const struct net_vmnet_config *config,
                      const struct net_vmnet_places *places, const struct log *log,
                      struct error *err);

#endif
