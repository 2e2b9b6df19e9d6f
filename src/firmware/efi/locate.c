/* SPDX-License-Identifier: ISC */
/*
 * Searches of the handle database (UEFI 2.10, 7.3: LocateHandle and its like), and who is told of
 * new handles.
 */
#include <stdlib.h>

#include "firmware/efi/handle.h"

#define MAX_NOTIFIES 256u

/* RegisterProtocolNotify(*Protocol, Event, **Registration) */
efi_status efi_register_protocol_notify(struct efi_call *call)
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
        return efi_binding_of(h, &search->guid) != NULL;
    return h->id > search->notify->after && efi_binding_of(h, &search->notify->guid);
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
efi_status efi_locate_handle(struct efi_call *call)
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
efi_status efi_locate_handle_buffer(struct efi_call *call)
{
    struct search search;
    uint64_t *found;
    size_t count;
    efi_status status = read_search(call, &search);

    if (status == EFI_SUCCESS)
        status = search_handles(call->efi, &search, &found, &count);
    if (status != EFI_SUCCESS)
        return status;
    status = efi_give_array(call, found, sizeof(*found), count, call->arg[3], call->arg[4]);
    if (status == EFI_SUCCESS && search.notify)
        search.notify->after = found[0];
    free(found);
    return status;
}

/* LocateProtocol(*Protocol, *Registration, **Interface) */
efi_status efi_locate_protocol(struct efi_call *call)
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

/* Whether a handle's own device path is a beginning of `path`; *covered is its length. */
static bool covers(struct efi *efi, uint64_t own, const uint8_t *path, size_t length,
                   size_t *covered)
{
    struct device_path prefix = {.length = 0};

    prefix.length = efi_path_read(efi, own, prefix.bytes, sizeof(prefix.bytes));
    return prefix.length && device_path_begins(path, length, &prefix, covered);
}

uint64_t efi_handle_on_path(struct efi *efi, const struct efi_guid *guid, const uint8_t *path,
                            size_t length, size_t *covered)
{
    uint64_t found = 0;
    size_t n;

    *covered = 0;
    for (struct efi_handle *h = efi->handles; h; h = h->next) {
        const struct efi_binding *b = efi_binding_of(h, &efi_device_path_guid);

        if (!b || !efi_binding_of(h, guid) || !covers(efi, b->interface, path, length, &n))
            continue;
        if (!found || n > *covered) {
            *covered = n;
            found = h->id;
        }
    }
    return found;
}

/* LocateDevicePath(*Protocol, **DevicePath, *Device) */
efi_status efi_locate_device_path(struct efi_call *call)
{
    uint8_t path[DEVICE_PATH_MAX];
    struct efi_guid guid;
    uint64_t at, found;
    size_t length, best;

    if (efi_read_guid(call, call->arg[0], &guid) || efi_read_u64(call, call->arg[1], &at) ||
        !call->arg[2])
        return EFI_INVALID_PARAMETER;
    length = efi_path_read(call->efi, at, path, sizeof(path));
    if (length == 0)
        return EFI_INVALID_PARAMETER;
    found = efi_handle_on_path(call->efi, &guid, path, length, &best);
    if (!found)
        return EFI_NOT_FOUND;
    if (efi_write_u64(call, call->arg[1], at + best) || efi_write_u64(call, call->arg[2], found))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}
