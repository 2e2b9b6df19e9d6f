/* SPDX-License-Identifier: ISC */
/*
 * The handle database (UEFI 2.10, 7.3): handles, and the protocols on them.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/handle.h"

#define SERVICE(n) (EFI_TABLE_HEADER + 8 * (n))

#define MAX_HANDLES  16384u
#define MAX_BINDINGS 32768u /* on all handles */
#define FIRST_HANDLE UINT64_C(0xa7011000)
#define HANDLE_STEP  16u

bool efi_guid_equal(const struct efi_guid *a, const struct efi_guid *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

struct efi_handle *efi_handle_find(struct efi *efi, uint64_t id)
{
    struct efi_handle *h = efi->handles;

    while (h && h->id != id)
        h = h->next;
    return h;
}

struct efi_binding *efi_binding_of(struct efi_handle *h, const struct efi_guid *guid)
{
    struct efi_binding *b = h ? h->bindings : NULL;

    while (b && !efi_guid_equal(&b->guid, guid))
        b = b->next;
    return b;
}

static struct efi_handle *new_handle(struct efi *efi)
{
    struct efi_handle *h;

    if (efi->next_handle == FIRST_HANDLE + MAX_HANDLES * HANDLE_STEP)
        return NULL;
    if (!efi->handles) {
        efi->handles_end = &efi->handles;
        efi->next_handle = MAX(efi->next_handle, FIRST_HANDLE);
    }
    h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->id = efi->next_handle;
    efi->next_handle += HANDLE_STEP;
    *efi->handles_end = h;
    efi->handles_end = &h->next;
    return h;
}

static void free_binding(struct efi *efi, struct efi_binding *b)
{
    efi->binding_count--;
    efi->open_count -= b->open_count;
    free(b->opens);
    free(b);
}

static void drop_handle(struct efi *efi, struct efi_handle *h)
{
    struct efi_handle **at = &efi->handles;

    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    free(h);
    efi->handles_end = &efi->handles;
    while (*efi->handles_end)
        efi->handles_end = &(*efi->handles_end)->next;
}

void efi_handles_stop(struct efi *efi)
{
    while (efi->handles) {
        struct efi_handle *h = efi->handles;

        efi->handles = h->next;
        while (h->bindings) {
            struct efi_binding *b = h->bindings;

            h->bindings = b->next;
            free_binding(efi, b);
        }
        free(h);
    }
    while (efi->notifies) {
        struct efi_notify *n = efi->notifies;

        efi->notifies = n->next;
        free(n);
    }
    efi->next_handle = 0;
}

static void tell(struct efi *efi, const struct efi_guid *guid)
{
    for (struct efi_notify *n = efi->notifies; n; n = n->next)
        if (efi_guid_equal(&n->guid, guid))
            efi_event_signal(efi, n->event);
}

efi_status efi_install(struct efi *efi, uint64_t *handle, const struct efi_guid *guid,
                       uint64_t interface)
{
    struct efi_handle *h = *handle ? efi_handle_find(efi, *handle) : new_handle(efi);
    struct efi_binding *b, **end;

    if (!h)
        return *handle ? EFI_INVALID_PARAMETER : EFI_OUT_OF_RESOURCES;
    if (efi_binding_of(h, guid))
        return EFI_INVALID_PARAMETER;
    b = h->binding_count < EFI_MAX_PROTOCOLS && efi->binding_count < MAX_BINDINGS
            ? calloc(1, sizeof(*b))
            : NULL;
    if (!b) {
        if (!h->bindings)
            drop_handle(efi, h);
        return EFI_OUT_OF_RESOURCES;
    }
    b->guid = *guid;
    b->interface = interface;
    for (end = &h->bindings; *end; end = &(*end)->next)
        ;
    *end = b;
    h->binding_count++;
    efi->binding_count++;
    *handle = h->id;
    tell(efi, guid);
    return EFI_SUCCESS;
}

efi_status efi_uninstall(struct efi *efi, uint64_t handle, const struct efi_guid *guid)
{
    struct efi_handle *h = efi_handle_find(efi, handle);
    struct efi_binding **at = h ? &h->bindings : NULL, *gone;

    while (at && *at && !efi_guid_equal(&(*at)->guid, guid))
        at = &(*at)->next;
    if (!at || !*at)
        return EFI_NOT_FOUND;
    gone = *at;
    *at = gone->next;
    free_binding(efi, gone);
    if (--h->binding_count == 0)
        drop_handle(efi, h);
    return EFI_SUCCESS;
}

uint64_t efi_interface_on(struct efi *efi, uint64_t handle, const struct efi_guid *guid)
{
    const struct efi_binding *b = efi_binding_of(efi_handle_find(efi, handle), guid);

    return b ? b->interface : 0;
}

uint64_t efi_handle_with(struct efi *efi, const struct efi_guid *guid)
{
    struct efi_handle *h = efi->handles;

    while (h && !efi_binding_of(h, guid))
        h = h->next;
    return h ? h->id : 0;
}

/* --- services --- */

/* InstallProtocolInterface(*Handle, *Protocol, InterfaceType, *Interface) */
static efi_status install_protocol(struct efi_call *call)
{
    struct efi_guid guid;
    uint64_t handle;
    efi_status status;

    if (efi_read_u64(call, call->arg[0], &handle) || efi_read_guid(call, call->arg[1], &guid) ||
        call->arg[2] != 0)
        return EFI_INVALID_PARAMETER;
    status = efi_install(call->efi, &handle, &guid, call->arg[3]);
    if (status == EFI_SUCCESS && efi_write_u64(call, call->arg[0], handle))
        return EFI_INVALID_PARAMETER;
    return status;
}

/* ReinstallProtocolInterface(Handle, *Protocol, *Old, *New) */
static efi_status reinstall_protocol(struct efi_call *call)
{
    struct efi_guid guid;
    struct efi_binding *b;

    if (efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(efi_handle_find(call->efi, call->arg[0]), &guid);
    if (!b || b->interface != call->arg[2])
        return EFI_NOT_FOUND;
    b->interface = call->arg[3];
    tell(call->efi, &guid);
    return EFI_SUCCESS;
}

static efi_status uninstall_one(struct efi_call *call, uint64_t handle, uint64_t guid_at,
                                uint64_t interface)
{
    struct efi_guid guid;
    const struct efi_binding *b;

    if (efi_read_guid(call, guid_at, &guid))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(efi_handle_find(call->efi, handle), &guid);
    if (!b || b->interface != interface)
        return EFI_NOT_FOUND;
    return efi_uninstall(call->efi, handle, &guid);
}

/* UninstallProtocolInterface(Handle, *Protocol, *Interface) */
static efi_status uninstall_protocol(struct efi_call *call)
{
    return uninstall_one(call, call->arg[0], call->arg[1], call->arg[2]);
}

#define MAX_MULTIPLE 64u

/* (Handle or *Handle, *Protocol, *Interface, ..., NULL): `each` for every pair, and when one fails
 * `undo` for those before it. */
static efi_status each_pair(struct efi_call *call, uint64_t *handle,
                            efi_status (*each)(struct efi_call *, uint64_t *, uint64_t, uint64_t),
                            efi_status (*undo)(struct efi_call *, uint64_t *, uint64_t, uint64_t))
{
    efi_status status = EFI_SUCCESS;
    unsigned i;

    for (i = 0; i < MAX_MULTIPLE && efi_argument(call, 1 + 2 * i) && status == EFI_SUCCESS; i++)
        status = each(call, handle, efi_argument(call, 1 + 2 * i), efi_argument(call, 2 + 2 * i));
    if (status == EFI_SUCCESS)
        return status;
    for (i--; i-- > 0;)
        undo(call, handle, efi_argument(call, 1 + 2 * i), efi_argument(call, 2 + 2 * i));
    return status;
}

static efi_status install_pair(struct efi_call *call, uint64_t *handle, uint64_t guid_at,
                               uint64_t interface)
{
    struct efi_guid guid;

    return efi_read_guid(call, guid_at, &guid) ? EFI_INVALID_PARAMETER
                                               : efi_install(call->efi, handle, &guid, interface);
}

static efi_status uninstall_pair(struct efi_call *call, uint64_t *handle, uint64_t guid_at,
                                 uint64_t interface)
{
    return uninstall_one(call, *handle, guid_at, interface);
}

/* Whether there is such a pair. */
static efi_status check_pair(struct efi_call *call, uint64_t *handle, uint64_t guid_at,
                             uint64_t interface)
{
    struct efi_guid guid;
    const struct efi_binding *b;

    if (efi_read_guid(call, guid_at, &guid))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(efi_handle_find(call->efi, *handle), &guid);
    return b && b->interface == interface ? EFI_SUCCESS : EFI_NOT_FOUND;
}

static efi_status leave_pair(struct efi_call *call, uint64_t *handle, uint64_t guid_at,
                             uint64_t interface)
{
    return EFI_SUCCESS;
}

/* InstallMultipleProtocolInterfaces(*Handle, ...) */
static efi_status install_multiple(struct efi_call *call)
{
    uint64_t handle;
    efi_status status;

    if (efi_read_u64(call, call->arg[0], &handle))
        return EFI_INVALID_PARAMETER;
    status = each_pair(call, &handle, install_pair, uninstall_pair);
    if (status == EFI_SUCCESS && efi_write_u64(call, call->arg[0], handle))
        return EFI_INVALID_PARAMETER;
    return status;
}

/* UninstallMultipleProtocolInterfaces(Handle, ...): looked at first, since a handle that has lost
 * its last protocol is gone, and nothing could be put back on it. */
static efi_status uninstall_multiple(struct efi_call *call)
{
    uint64_t handle = call->arg[0];
    efi_status status = each_pair(call, &handle, check_pair, leave_pair);

    if (status == EFI_SUCCESS)
        status = each_pair(call, &handle, uninstall_pair, install_pair);
    return status == EFI_NOT_FOUND ? EFI_INVALID_PARAMETER : status;
}

/* HandleProtocol(Handle, *Protocol, **Interface) */
static efi_status handle_protocol(struct efi_call *call)
{
    struct efi_handle *h = efi_handle_find(call->efi, call->arg[0]);
    struct efi_guid guid;
    const struct efi_binding *b;

    if (!h || !call->arg[2] || efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(h, &guid);
    if (efi_write_u64(call, call->arg[2], b ? b->interface : 0))
        return EFI_INVALID_PARAMETER;
    return b ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

efi_status efi_give_array(struct efi_call *call, const void *from, size_t size, size_t count,
                          uint64_t count_at, uint64_t array_at)
{
    uint64_t array;
    efi_status status = efi_pool_new(call->efi, count * size, &array);

    if (status != EFI_SUCCESS)
        return status;
    efi_poke(call->efi, array, from, count * size);
    if (efi_write_u64(call, count_at, count) || efi_write_u64(call, array_at, array)) {
        efi_pool_free(call->efi, array);
        return EFI_INVALID_PARAMETER;
    }
    return EFI_SUCCESS;
}

/* ProtocolsPerHandle(Handle, ***ProtocolBuffer, *Count): GUIDs, and pointers to them before. */
static efi_status protocols_per_handle(struct efi_call *call)
{
    struct efi_handle *h = efi_handle_find(call->efi, call->arg[0]);
    uint64_t pointers[EFI_MAX_PROTOCOLS], array, at;
    efi_status status;
    size_t i = 0;

    if (!h)
        return EFI_INVALID_PARAMETER;
    status = efi_pool_new(call->efi, h->binding_count * (8 + sizeof(struct efi_guid)), &array);
    if (status != EFI_SUCCESS)
        return status;
    at = array + h->binding_count * 8;
    for (const struct efi_binding *b = h->bindings; b; b = b->next, at += sizeof(b->guid)) {
        efi_poke(call->efi, at, &b->guid, sizeof(b->guid));
        pointers[i++] = at;
    }
    efi_poke(call->efi, array, pointers, i * 8);
    if (efi_write_u64(call, call->arg[1], array) || efi_write_u64(call, call->arg[2], i)) {
        efi_pool_free(call->efi, array);
        return EFI_INVALID_PARAMETER;
    }
    return EFI_SUCCESS;
}

/* ConnectController, DisconnectController: there are no drivers to connect; every device is. */
static efi_status connect_controller(struct efi_call *call)
{
    return efi_handle_find(call->efi, call->arg[0]) ? EFI_NOT_FOUND : EFI_INVALID_PARAMETER;
}

static efi_status disconnect_controller(struct efi_call *call)
{
    return efi_handle_find(call->efi, call->arg[0]) ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

const struct efi_method efi_handle_services[] = {
    {SERVICE(13), "InstallProtocolInterface", install_protocol},
    {SERVICE(14), "ReinstallProtocolInterface", reinstall_protocol},
    {SERVICE(15), "UninstallProtocolInterface", uninstall_protocol},
    {SERVICE(16), "HandleProtocol", handle_protocol},
    {SERVICE(18), "RegisterProtocolNotify", efi_register_protocol_notify},
    {SERVICE(19), "LocateHandle", efi_locate_handle},
    {SERVICE(20), "LocateDevicePath", efi_locate_device_path},
    {SERVICE(30), "ConnectController", connect_controller},
    {SERVICE(31), "DisconnectController", disconnect_controller},
    {SERVICE(32), "OpenProtocol", efi_open_protocol},
    {SERVICE(33), "CloseProtocol", efi_close_protocol},
    {SERVICE(34), "OpenProtocolInformation", efi_open_protocol_information},
    {SERVICE(35), "ProtocolsPerHandle", protocols_per_handle},
    {SERVICE(36), "LocateHandleBuffer", efi_locate_handle_buffer},
    {SERVICE(37), "LocateProtocol", efi_locate_protocol},
    {SERVICE(38), "InstallMultipleProtocolInterfaces", install_multiple},
    {SERVICE(39), "UninstallMultipleProtocolInterfaces", uninstall_multiple},
};
const size_t efi_handle_service_count = nitems(efi_handle_services);
