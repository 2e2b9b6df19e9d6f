/* SPDX-License-Identifier: ISC */
/*
 * The handle database (UEFI 2.10, 7.3): handles, the protocols on them, and who has them open.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/core.h"

#define SERVICE(n) (EFI_TABLE_HEADER + 8 * (n))

#define MAX_HANDLES   16384u
#define MAX_PROTOCOLS 256u /* on one handle */
#define MAX_OPENS     256u /* of one protocol on a handle */
#define MAX_NOTIFIES  256u
#define FIRST_HANDLE  UINT64_C(0xa7011000)
#define HANDLE_STEP   16u

/* OpenProtocol's attributes */
enum {
    OPEN_BY_HANDLE_PROTOCOL = 0x01,
    OPEN_GET_PROTOCOL = 0x02,
    OPEN_TEST_PROTOCOL = 0x04,
    OPEN_BY_CHILD_CONTROLLER = 0x08,
    OPEN_BY_DRIVER = 0x10,
    OPEN_EXCLUSIVE = 0x20,
};

/* As OpenProtocolInformation gives them. */
struct open {
    uint64_t agent, controller;
    uint32_t attributes, count;
};

struct binding {
    struct binding *next;
    struct efi_guid guid;
    uint64_t interface;
    struct open *opens;
    size_t open_count;
};

struct efi_handle {
    struct efi_handle *next;
    uint64_t id;
    struct binding *bindings;
    size_t binding_count;
};

/* RegisterProtocolNotify: its key is the address of a byte that a program cannot see, a number
 * here; handles that came since are found from `after` on. */
struct efi_notify {
    struct efi_notify *next;
    struct efi_guid guid;
    uint64_t event, key, after;
};

bool efi_guid_equal(const struct efi_guid *a, const struct efi_guid *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static struct efi_handle *find(struct efi *efi, uint64_t id)
{
    struct efi_handle *h = efi->handles;

    while (h && h->id != id)
        h = h->next;
    return h;
}

static struct binding *binding_of(struct efi_handle *h, const struct efi_guid *guid)
{
    struct binding *b = h ? h->bindings : NULL;

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

static void free_binding(struct binding *b)
{
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
            struct binding *b = h->bindings;

            h->bindings = b->next;
            free_binding(b);
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
    struct efi_handle *h = *handle ? find(efi, *handle) : new_handle(efi);
    struct binding *b, **end;

    if (!h)
        return *handle ? EFI_INVALID_PARAMETER : EFI_OUT_OF_RESOURCES;
    if (binding_of(h, guid))
        return EFI_INVALID_PARAMETER;
    b = h->binding_count < MAX_PROTOCOLS ? calloc(1, sizeof(*b)) : NULL;
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
    *handle = h->id;
    tell(efi, guid);
    return EFI_SUCCESS;
}

efi_status efi_uninstall(struct efi *efi, uint64_t handle, const struct efi_guid *guid)
{
    struct efi_handle *h = find(efi, handle);
    struct binding **at = h ? &h->bindings : NULL, *gone;

    while (at && *at && !efi_guid_equal(&(*at)->guid, guid))
        at = &(*at)->next;
    if (!at || !*at)
        return EFI_NOT_FOUND;
    gone = *at;
    *at = gone->next;
    free_binding(gone);
    if (--h->binding_count == 0)
        drop_handle(efi, h);
    return EFI_SUCCESS;
}

uint64_t efi_interface_on(struct efi *efi, uint64_t handle, const struct efi_guid *guid)
{
    const struct binding *b = binding_of(find(efi, handle), guid);

    return b ? b->interface : 0;
}

uint64_t efi_handle_with(struct efi *efi, const struct efi_guid *guid)
{
    struct efi_handle *h = efi->handles;

    while (h && !binding_of(h, guid))
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
    struct binding *b;

    if (efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = binding_of(find(call->efi, call->arg[0]), &guid);
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
    const struct binding *b;

    if (efi_read_guid(call, guid_at, &guid))
        return EFI_INVALID_PARAMETER;
    b = binding_of(find(call->efi, handle), &guid);
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

/* UninstallMultipleProtocolInterfaces(Handle, ...) */
static efi_status uninstall_multiple(struct efi_call *call)
{
    uint64_t handle = call->arg[0];
    efi_status status = each_pair(call, &handle, uninstall_pair, install_pair);

    return status == EFI_NOT_FOUND ? EFI_INVALID_PARAMETER : status;
}

/* HandleProtocol(Handle, *Protocol, **Interface) */
static efi_status handle_protocol(struct efi_call *call)
{
    struct efi_handle *h = find(call->efi, call->arg[0]);
    struct efi_guid guid;
    const struct binding *b;

    if (!h || !call->arg[2] || efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = binding_of(h, &guid);
    if (efi_write_u64(call, call->arg[2], b ? b->interface : 0))
        return EFI_INVALID_PARAMETER;
    return b ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

static bool is_exclusive(const struct open *o)
{
    return o->attributes & OPEN_EXCLUSIVE;
}

/* Whether somebody's hold on it forbids another open of this kind (7.3.9). */
static efi_status may_open(const struct binding *b, uint64_t agent, uint64_t controller,
                           uint32_t attributes)
{
    for (size_t i = 0; i < b->open_count; i++) {
        const struct open *o = &b->opens[i];

        if (!(attributes & (OPEN_BY_DRIVER | OPEN_EXCLUSIVE)))
            return EFI_SUCCESS;
        if (o->agent == agent && o->controller == controller && o->attributes == attributes)
            return attributes & OPEN_BY_DRIVER ? EFI_ALREADY_STARTED : EFI_SUCCESS;
        if (is_exclusive(o) || (o->attributes & OPEN_BY_DRIVER && attributes & OPEN_BY_DRIVER))
            return EFI_ACCESS_DENIED;
    }
    return EFI_SUCCESS;
}

static efi_status remember_open(struct binding *b, uint64_t agent, uint64_t controller,
                                uint32_t attributes)
{
    struct open *grown;

    for (size_t i = 0; i < b->open_count; i++) {
        struct open *o = &b->opens[i];

        if (o->agent == agent && o->controller == controller && o->attributes == attributes) {
            o->count++;
            return EFI_SUCCESS;
        }
    }
    grown = b->open_count < MAX_OPENS ? realloc(b->opens, (b->open_count + 1) * sizeof(*b->opens))
                                      : NULL;
    if (!grown)
        return EFI_OUT_OF_RESOURCES;
    b->opens = grown;
    b->opens[b->open_count++] = (struct open){agent, controller, attributes, 1};
    return EFI_SUCCESS;
}

/* OpenProtocol(Handle, *Protocol, **Interface, AgentHandle, ControllerHandle, Attributes) */
static efi_status open_protocol(struct efi_call *call)
{
    uint32_t attributes = (uint32_t)call->arg[5];
    struct efi_handle *h = find(call->efi, call->arg[0]);
    struct efi_guid guid;
    struct binding *b;
    efi_status status;

    if (!h || attributes == 0 || attributes > (OPEN_EXCLUSIVE | OPEN_BY_DRIVER) ||
        efi_read_guid(call, call->arg[1], &guid) ||
        (attributes != OPEN_TEST_PROTOCOL && !call->arg[2]))
        return EFI_INVALID_PARAMETER;
    b = binding_of(h, &guid);
    if (!b)
        return EFI_UNSUPPORTED;
    status = may_open(b, call->arg[3], call->arg[4], attributes);
    if (status == EFI_SUCCESS && attributes != OPEN_TEST_PROTOCOL && call->arg[3])
        status = remember_open(b, call->arg[3], call->arg[4], attributes);
    if ((status == EFI_SUCCESS || status == EFI_ALREADY_STARTED) &&
        attributes != OPEN_TEST_PROTOCOL && efi_write_u64(call, call->arg[2], b->interface))
        return EFI_INVALID_PARAMETER;
    return status;
}

/* CloseProtocol(Handle, *Protocol, AgentHandle, ControllerHandle) */
static efi_status close_protocol(struct efi_call *call)
{
    struct efi_guid guid;
    struct binding *b;
    size_t kept = 0;
    bool found;

    if (efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = binding_of(find(call->efi, call->arg[0]), &guid);
    if (!b)
        return EFI_NOT_FOUND;
    for (size_t i = 0; i < b->open_count; i++)
        if (b->opens[i].agent != call->arg[2] || b->opens[i].controller != call->arg[3])
            b->opens[kept++] = b->opens[i];
    found = kept != b->open_count;
    b->open_count = kept;
    return found ? EFI_SUCCESS : EFI_NOT_FOUND;
}

/* Copies an array into new pool memory, and where it is and how many it holds into the caller's. */
static efi_status give(struct efi_call *call, const void *from, size_t size, size_t count,
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

/* OpenProtocolInformation(Handle, *Protocol, **Entries, *Count) */
static efi_status open_information(struct efi_call *call)
{
    struct efi_guid guid;
    const struct binding *b;

    if (efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = binding_of(find(call->efi, call->arg[0]), &guid);
    if (!b)
        return EFI_NOT_FOUND;
    return give(call, b->opens, sizeof(*b->opens), b->open_count, call->arg[3], call->arg[2]);
}

/* ProtocolsPerHandle(Handle, ***ProtocolBuffer, *Count): GUIDs, and pointers to them before. */
static efi_status protocols_per_handle(struct efi_call *call)
{
    struct efi_handle *h = find(call->efi, call->arg[0]);
    uint64_t pointers[MAX_PROTOCOLS], array, at;
    efi_status status;
    size_t i = 0;

    if (!h)
        return EFI_INVALID_PARAMETER;
    status = efi_pool_new(call->efi, h->binding_count * (8 + sizeof(struct efi_guid)), &array);
    if (status != EFI_SUCCESS)
        return status;
    at = array + h->binding_count * 8;
    for (const struct binding *b = h->bindings; b; b = b->next, at += sizeof(b->guid)) {
        efi_poke(call->efi, at, &b->guid, sizeof(b->guid));
        pointers[i++] = at;
    }
    efi_poke(call->efi, array, pointers, i * 8);
    if (efi_write_u64(call, call->arg[1], array) || efi_write_u64(call, call->arg[2], i))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* RegisterProtocolNotify(*Protocol, Event, **Registration) */
static efi_status register_notify(struct efi_call *call)
{
    struct efi_notify *n;
    struct efi_guid guid;
    size_t count = 0;

    for (n = call->efi->notifies; n; n = n->next)
        count++;
    if (efi_read_guid(call, call->arg[0], &guid) || !call->arg[1] || !call->arg[2])
        return EFI_INVALID_PARAMETER;
    n = count < MAX_NOTIFIES ? calloc(1, sizeof(*n)) : NULL;
    if (!n)
        return EFI_OUT_OF_RESOURCES;
    *n = (struct efi_notify){call->efi->notifies, guid, call->arg[1], count + 1, 0};
    call->efi->notifies = n;
    return efi_write_u64(call, call->arg[2], n->key) ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

/* --- searches --- */

enum { LOCATE_ALL, LOCATE_BY_NOTIFY, LOCATE_BY_PROTOCOL };

/* What a LocateHandle asks for. */
struct search {
    uint32_t how;
    struct efi_guid guid;
    struct efi_notify *notify;
};

static efi_status read_search(struct efi_call *call, struct search *search)
{
    search->how = (uint32_t)call->arg[0];
    search->notify = NULL;
    if (search->how == LOCATE_BY_PROTOCOL)
        return efi_read_guid(call, call->arg[1], &search->guid) ? EFI_INVALID_PARAMETER
                                                                : EFI_SUCCESS;
    if (search->how != LOCATE_BY_NOTIFY)
        return search->how == LOCATE_ALL ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
    search->notify = call->efi->notifies;
    while (search->notify && search->notify->key != call->arg[2])
        search->notify = search->notify->next;
    return search->notify ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

static bool matches(struct efi_handle *h, const struct search *search)
{
    if (search->how == LOCATE_ALL)
        return true;
    if (search->how == LOCATE_BY_PROTOCOL)
        return binding_of(h, &search->guid) != NULL;
    return h->id > search->notify->after && binding_of(h, &search->notify->guid);
}

/* The handles found, malloc'ed. By notification it is one at a time (7.3.8). */
static efi_status search_handles(struct efi *efi, const struct search *search, uint64_t **found,
                                 size_t *count)
{
    size_t all = 0;

    for (struct efi_handle *h = efi->handles; h; h = h->next)
        all++;
    *count = 0;
    *found = malloc((all + 1) * sizeof(**found));
    if (!*found)
        return EFI_OUT_OF_RESOURCES;
    for (struct efi_handle *h = efi->handles; h; h = h->next)
        if (matches(h, search) && !(search->notify && *count))
            (*found)[(*count)++] = h->id;
    if (*count)
        return EFI_SUCCESS;
    free(*found);
    return EFI_NOT_FOUND;
}

/* LocateHandle(SearchType, *Protocol, *SearchKey, *BufferSize, *Buffer) */
static efi_status locate_handle(struct efi_call *call)
{
    struct search search;
    uint64_t *found, room, need;
    size_t count;
    efi_status status = read_search(call, &search);

    if (status == EFI_SUCCESS && efi_read_u64(call, call->arg[3], &room))
        status = EFI_INVALID_PARAMETER;
    if (status == EFI_SUCCESS)
        status = search_handles(call->efi, &search, &found, &count);
    if (status != EFI_SUCCESS)
        return status;
    need = count * sizeof(*found);
    if (efi_write_u64(call, call->arg[3], need))
        status = EFI_INVALID_PARAMETER;
    else if (room < need)
        status = EFI_BUFFER_TOO_SMALL;
    else if (efi_write(call, call->arg[4], found, need))
        status = EFI_INVALID_PARAMETER;
    else if (search.notify)
        search.notify->after = found[0];
    free(found);
    return status;
}

/* LocateHandleBuffer(SearchType, *Protocol, *SearchKey, *NoHandles, **Buffer) */
static efi_status locate_handle_buffer(struct efi_call *call)
{
    struct search search;
    uint64_t *found;
    size_t count;
    efi_status status = read_search(call, &search);

    if (status == EFI_SUCCESS)
        status = search_handles(call->efi, &search, &found, &count);
    if (status != EFI_SUCCESS)
        return status;
    status = give(call, found, sizeof(*found), count, call->arg[3], call->arg[4]);
    if (status == EFI_SUCCESS && search.notify)
        search.notify->after = found[0];
    free(found);
    return status;
}

/* LocateProtocol(*Protocol, *Registration, **Interface) */
static efi_status locate_protocol(struct efi_call *call)
{
    struct efi_guid guid;
    uint64_t handle;

    if (!call->arg[2] || efi_read_guid(call, call->arg[0], &guid))
        return EFI_INVALID_PARAMETER;
    handle = efi_handle_with(call->efi, &guid);
    if (efi_write_u64(call, call->arg[2], handle ? efi_interface_on(call->efi, handle, &guid) : 0))
        return EFI_INVALID_PARAMETER;
    return handle ? EFI_SUCCESS : EFI_NOT_FOUND;
}

/* How many bytes of `path` a handle's own device path covers; 0: not a beginning of it. */
static size_t covers(struct efi_call *call, uint64_t own, const uint8_t *path, size_t length)
{
    struct device_path prefix = {.length = 0};
    size_t rest;

    prefix.length = efi_path_read(call->efi, own, prefix.bytes, sizeof(prefix.bytes));
    return prefix.length && device_path_begins(path, length, &prefix, &rest) ? MAX(rest, 1) : 0;
}

/* LocateDevicePath(*Protocol, **DevicePath, *Device) */
static efi_status locate_device_path(struct efi_call *call)
{
    uint8_t path[DEVICE_PATH_MAX];
    struct efi_guid guid;
    uint64_t at, found = 0;
    size_t length, best = 0;

    if (efi_read_guid(call, call->arg[0], &guid) || efi_read_u64(call, call->arg[1], &at) ||
        !call->arg[2])
        return EFI_INVALID_PARAMETER;
    length = efi_path_read(call->efi, at, path, sizeof(path));
    if (length == 0)
        return EFI_INVALID_PARAMETER;
    for (struct efi_handle *h = call->efi->handles; h; h = h->next) {
        const struct binding *b = binding_of(h, &efi_device_path_guid);
        size_t n = b && binding_of(h, &guid) ? covers(call, b->interface, path, length) : 0;

        if (n > best) {
            best = n;
            found = h->id;
        }
    }
    if (!found)
        return EFI_NOT_FOUND;
    if (efi_write_u64(call, call->arg[1], at + best) || efi_write_u64(call, call->arg[2], found))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* ConnectController, DisconnectController: there are no drivers to connect; every device is. */
static efi_status connect_controller(struct efi_call *call)
{
    return find(call->efi, call->arg[0]) ? EFI_NOT_FOUND : EFI_INVALID_PARAMETER;
}

static efi_status disconnect_controller(struct efi_call *call)
{
    return find(call->efi, call->arg[0]) ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

const struct efi_method efi_handle_services[] = {
    {SERVICE(13), "InstallProtocolInterface", install_protocol},
    {SERVICE(14), "ReinstallProtocolInterface", reinstall_protocol},
    {SERVICE(15), "UninstallProtocolInterface", uninstall_protocol},
    {SERVICE(16), "HandleProtocol", handle_protocol},
    {SERVICE(18), "RegisterProtocolNotify", register_notify},
    {SERVICE(19), "LocateHandle", locate_handle},
    {SERVICE(20), "LocateDevicePath", locate_device_path},
    {SERVICE(30), "ConnectController", connect_controller},
    {SERVICE(31), "DisconnectController", disconnect_controller},
    {SERVICE(32), "OpenProtocol", open_protocol},
    {SERVICE(33), "CloseProtocol", close_protocol},
    {SERVICE(34), "OpenProtocolInformation", open_information},
    {SERVICE(35), "ProtocolsPerHandle", protocols_per_handle},
    {SERVICE(36), "LocateHandleBuffer", locate_handle_buffer},
    {SERVICE(37), "LocateProtocol", locate_protocol},
    {SERVICE(38), "InstallMultipleProtocolInterfaces", install_multiple},
    {SERVICE(39), "UninstallMultipleProtocolInterfaces", uninstall_multiple},
};
const size_t efi_handle_service_count = nitems(efi_handle_services);
