/* SPDX-License-Identifier: ISC */
/*
 * Protocols that the host implements: which there are, the stub's entries for their methods, and
 * the interfaces in guest memory that lead to objects of the host's.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/core.h"

#define MAX_INTERFACES 65536u

const struct efi_protocol *const efi_protocols[] = {
    &efi_block_io,
    &efi_disk_io,
    &efi_simple_file_system,
    &efi_file,
    &efi_text_in,
    &efi_text_in_ex,
    &efi_text_out,
    &efi_rng,
    &efi_load_file2,
    &efi_device_path_to_text,
    &efi_device_path_utilities,
    &efi_graphics_output,
    &efi_unicode_collation,
    NULL,
};

/* --- services: what entry of the stub is which function --- */

/* The stub's own (stub.S): boot, tick and fault are no functions that a program could call. */
#define OWN_SERVICES 3u

static void add_services(struct efi *efi, const struct efi_method *methods, size_t count,
                         bool runtime)
{
    for (size_t i = 0; i < count; i++)
        efi->services[efi->service_count++] =
            (struct efi_stub_service){methods[i].name, methods[i].service, runtime};
}

static size_t count_services(void)
{
    size_t count = OWN_SERVICES + efi_boot_service_count + efi_handle_service_count +
                   efi_event_service_count + efi_image_service_count + efi_runtime_service_count;

    for (size_t i = 0; efi_protocols[i]; i++)
        count += efi_protocols[i]->method_count;
    return count;
}

efi_status efi_services_start(struct efi *efi)
{
    efi->services = calloc(count_services(), sizeof(*efi->services));
    if (!efi->services)
        return EFI_OUT_OF_RESOURCES;
    efi->service_count = OWN_SERVICES;
    add_services(efi, efi_boot_services, efi_boot_service_count, false);
    add_services(efi, efi_handle_services, efi_handle_service_count, false);
    add_services(efi, efi_event_services, efi_event_service_count, false);
    add_services(efi, efi_image_services, efi_image_service_count, false);
    add_services(efi, efi_runtime_services, efi_runtime_service_count, true);
    for (size_t i = 0; efi_protocols[i]; i++)
        add_services(efi, efi_protocols[i]->methods, efi_protocols[i]->method_count, false);
    return EFI_SUCCESS;
}

size_t efi_service_of(const struct efi *efi, const struct efi_method *methods)
{
    for (size_t i = OWN_SERVICES; i < efi->service_count; i++)
        if (efi->services[i].service == methods[0].service)
            return i;
    return 0;
}

/* --- interfaces --- */

static struct efi_interface *free_slot(struct efi *efi)
{
    struct efi_interface *grown;
    size_t room = efi->interface_room ? efi->interface_room * 2 : 64;

    for (size_t i = 0; i < efi->interface_count; i++)
        if (efi->interfaces[i].freed)
            return &efi->interfaces[i];
    if (efi->interface_count < efi->interface_room)
        return &efi->interfaces[efi->interface_count++];
    grown = room <= MAX_INTERFACES ? realloc(efi->interfaces, room * sizeof(*grown)) : NULL;
    if (!grown)
        return NULL;
    efi->interfaces = grown;
    efi->interface_room = room;
    return &efi->interfaces[efi->interface_count++];
}

static void fill_interface(struct efi *efi, const struct efi_protocol *type, size_t length,
                           uint64_t guest)
{
    size_t first = type->method_count ? efi_service_of(efi, type->methods) : 0;

    mem_fill(efi->config.mem, guest, 0, length);
    for (unsigned i = 0; i < type->method_count; i++)
        efi_poke64(efi, guest + type->methods[i].offset, efi_stub_entry(efi, first + i));
}

efi_status efi_interface_new(struct efi *efi, const struct efi_protocol *type, void *object,
                             size_t extra, uint64_t *guest)
{
    struct efi_interface *slot;
    efi_status status = efi_pool_new(efi, type->size + extra, guest);

    if (status != EFI_SUCCESS)
        return status;
    slot = free_slot(efi);
    if (!slot) {
        efi_pool_free(efi, *guest);
        return EFI_OUT_OF_RESOURCES;
    }
    *slot = (struct efi_interface){*guest, type, object, false};
    fill_interface(efi, type, type->size + extra, *guest);
    return EFI_SUCCESS;
}

void efi_interface_free(struct efi *efi, uint64_t guest, const void *object)
{
    for (size_t i = 0; i < efi->interface_count; i++) {
        struct efi_interface *slot = &efi->interfaces[i];

        if (slot->freed || slot->guest != guest || slot->object != object)
            continue;
        *slot = (struct efi_interface){.freed = true};
        efi_pool_free(efi, guest);
        return;
    }
}

void *efi_object_at(struct efi *efi, uint64_t guest, const struct efi_protocol *type)
{
    for (size_t i = 0; i < efi->interface_count; i++) {
        const struct efi_interface *slot = &efi->interfaces[i];

        if (!slot->freed && slot->guest == guest && slot->type == type)
            return slot->object;
    }
    return NULL;
}

void *efi_this(struct efi_call *call, const struct efi_protocol *type)
{
    return efi_object_at(call->efi, call->arg[0], type);
}

void *efi_object_on(struct efi *efi, uint64_t handle, const struct efi_protocol *type)
{
    uint64_t guest = efi_interface_on(efi, handle, &type->guid);

    return guest ? efi_object_at(efi, guest, type) : NULL;
}

void efi_interfaces_stop(struct efi *efi)
{
    free(efi->interfaces);
    efi->interfaces = NULL;
    efi->interface_count = efi->interface_room = 0;
}
