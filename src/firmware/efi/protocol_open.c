/* SPDX-License-Identifier: ISC */
/*
 * Who has which protocol open, and how (UEFI 2.10, 7.3: OpenProtocol and its like).
 */
#include <stdlib.h>

#include "firmware/efi/handle.h"

#define MAX_OPENS     256u   /* of one protocol on a handle */
#define MAX_ALL_OPENS 16384u /* of all */

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
struct efi_open {
    uint64_t agent, controller;
    uint32_t attributes, count;
};

static bool is_exclusive(const struct efi_open *o)
{
    return o->attributes & OPEN_EXCLUSIVE;
}

/* Whether somebody's hold on it forbids another open of this kind (7.3.9). */
static efi_status may_open(const struct efi_binding *b, uint64_t agent, uint64_t controller,
                           uint32_t attributes)
{
    for (size_t i = 0; i < b->open_count; i++) {
        const struct efi_open *o = &b->opens[i];

        if (!(attributes & (OPEN_BY_DRIVER | OPEN_EXCLUSIVE)))
            return EFI_SUCCESS;
        if (o->agent == agent && o->controller == controller && o->attributes == attributes)
            return attributes & OPEN_BY_DRIVER ? EFI_ALREADY_STARTED : EFI_SUCCESS;
        if (is_exclusive(o) || (o->attributes & OPEN_BY_DRIVER && attributes & OPEN_BY_DRIVER))
            return EFI_ACCESS_DENIED;
    }
    return EFI_SUCCESS;
}

static efi_status remember_open(struct efi *efi, struct efi_binding *b, uint64_t agent,
                                uint64_t controller, uint32_t attributes)
{
    struct efi_open *grown;

    for (size_t i = 0; i < b->open_count; i++) {
        struct efi_open *o = &b->opens[i];

        if (o->agent == agent && o->controller == controller && o->attributes == attributes) {
            o->count++;
            return EFI_SUCCESS;
        }
    }
    grown = b->open_count < MAX_OPENS && efi->open_count < MAX_ALL_OPENS
                ? realloc(b->opens, (b->open_count + 1) * sizeof(*b->opens))
                : NULL;
    if (!grown)
        return EFI_OUT_OF_RESOURCES;
    b->opens = grown;
    b->opens[b->open_count++] = (struct efi_open){agent, controller, attributes, 1};
    efi->open_count++;
    return EFI_SUCCESS;
}

void efi_opens_forget(struct efi *efi, uint64_t agent)
{
    for (struct efi_handle *h = efi->handles; h; h = h->next)
        for (struct efi_binding *b = h->bindings; b; b = b->next) {
            size_t kept = 0;

            for (size_t i = 0; i < b->open_count; i++)
                if (b->opens[i].agent != agent)
                    b->opens[kept++] = b->opens[i];
            efi->open_count -= b->open_count - kept;
            b->open_count = kept;
        }
}

/* OpenProtocol(Handle, *Protocol, **Interface, AgentHandle, ControllerHandle, Attributes) */
efi_status efi_open_protocol(struct efi_call *call)
{
    uint32_t attributes = (uint32_t)call->arg[5];
    struct efi_handle *h = efi_handle_find(call->efi, call->arg[0]);
    struct efi_guid guid;
    struct efi_binding *b;
    efi_status status;

    if (!h || attributes == 0 || attributes > (OPEN_EXCLUSIVE | OPEN_BY_DRIVER) ||
        efi_read_guid(call, call->arg[1], &guid) ||
        (attributes != OPEN_TEST_PROTOCOL && !call->arg[2]))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(h, &guid);
    if (!b)
        return EFI_UNSUPPORTED;
    status = may_open(b, call->arg[3], call->arg[4], attributes);
    if (status == EFI_SUCCESS && attributes != OPEN_TEST_PROTOCOL && call->arg[3])
        status = remember_open(call->efi, b, call->arg[3], call->arg[4], attributes);
    if ((status == EFI_SUCCESS || status == EFI_ALREADY_STARTED) &&
        attributes != OPEN_TEST_PROTOCOL && efi_write_u64(call, call->arg[2], b->interface))
        return EFI_INVALID_PARAMETER;
    return status;
}

/* CloseProtocol(Handle, *Protocol, AgentHandle, ControllerHandle) */
efi_status efi_close_protocol(struct efi_call *call)
{
    struct efi_guid guid;
    struct efi_binding *b;
    size_t kept = 0;
    bool found;

    if (efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(efi_handle_find(call->efi, call->arg[0]), &guid);
    if (!b)
        return EFI_NOT_FOUND;
    for (size_t i = 0; i < b->open_count; i++)
        if (b->opens[i].agent != call->arg[2] || b->opens[i].controller != call->arg[3])
            b->opens[kept++] = b->opens[i];
    found = kept != b->open_count;
    call->efi->open_count -= b->open_count - kept;
    b->open_count = kept;
    return found ? EFI_SUCCESS : EFI_NOT_FOUND;
}

/* OpenProtocolInformation(Handle, *Protocol, **Entries, *Count) */
efi_status efi_open_protocol_information(struct efi_call *call)
{
    struct efi_guid guid;
    const struct efi_binding *b;

    if (efi_read_guid(call, call->arg[1], &guid))
        return EFI_INVALID_PARAMETER;
    b = efi_binding_of(efi_handle_find(call->efi, call->arg[0]), &guid);
    if (!b)
        return EFI_NOT_FOUND;
    return efi_give_array(call, b->opens, sizeof(*b->opens), b->open_count, call->arg[3],
                          call->arg[2]);
}
